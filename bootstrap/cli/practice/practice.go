// Package practice has the command that makes faults on purpose, for people who want to see what
// a fault looks like before they meet one.
package practice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
	"orderflow/ports"
)

// lesson says about a kind of fault what happens, what is to be seen, and what to do. The texts
// name the command lines that help.
type lesson struct {
	kind                  ports.FaultKind
	usage, what, see, act string
}

func lessons() []lesson {
	return []lesson{
		{
			ports.FaultPoison, "poison CONSUMER ORDER", "One consumer cannot decode the events of one order.",
			`At the next event of the order the consumer retries, and then parks the order: 'orderflow consumers' shows parked(1).
The view keeps the last state of the order. All other orders go on, and so do all other consumers.`,
			`See why: 'orderflow parked', 'orderflow explain ORDER'. Take the cause away: 'orderflow chaos end'; in earnest, run a
version of the program that can read the event. Then 'orderflow parked retry CONSUMER'.`,
		},
		{
			ports.FaultSlow, "slow CONSUMER", "One consumer needs a fifth of a second for each event.",
			`Under load its lag grows, in events and in age, and its headroom shrinks. The other consumers are up to date: nobody
waits for it. With --max-lag-before-pushback, commands are refused in the end.`,
			`See who is behind: 'orderflow consumers --watch'. Nothing is lost while headroom is above 0, and not even then: the
consumer catches up from the event store. Find what is slow in it, or give it more lanes. 'orderflow chaos end'.`,
		},
		{
			ports.FaultSilence, "silence CONSUMER", "One consumer gets nothing from the change feed.",
			`After some seconds without a heartbeat /readyz answers 503 and names the consumer, and 'orderflow consumers
--check=ready' has exit status 3. /livez stays 200: a restart is not what everybody needs.`,
			`In earnest, look for the cause in the log, and restart the process if its reader is stuck: it goes on where it was.
'orderflow chaos end'.`,
		},
		{
			ports.FaultFullDisk, "full-disk", "The event store has no room for events.",
			`Commands get 507 storage_full, and nothing of them is written. Reads, lists and consumers work.`,
			`Make room on the disk of the data directory; 'df' says how much there is. Clients repeat their commands with the same
Idempotency-Key. 'orderflow chaos end'.`,
		},
	}
}

// tools has the commands as methods.
type tools struct{ *shell.Shell }

// Commands returns the commands, for the root of the command line.
func Commands(sh *shell.Shell) []*cobra.Command {
	t := tools{sh}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Make a fault on purpose, to practise",
		Long: `Make a fault on purpose in a service that was started with --chaos, and say what you will see and what to do. Such a
service is for practice: it runs on the embedded store and on a loopback address only. Nothing is lost by a fault. Each
ends by itself, after ten minutes unless --for says otherwise, and with the process.

Without a fault the command lists those that go on.`,
		Example: `  orderflow serve --chaos --data=practice
  orderflow demo --follow --data=practice               # in another terminal: some life
  orderflow chaos slow orders-by-sku --data=practice    # and in a third one`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.Attached(cmd, shell.OnlyReads, t.list) },
	}
	for _, l := range lessons() {
		cmd.AddCommand(t.faultCommand(l))
	}
	cmd.AddCommand(shell.OnlyReads.Declare(&cobra.Command{
		Use: "end", Short: "End all faults", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return practice(c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/v1/chaos"}, nil))
			})
		},
	}))
	return []*cobra.Command{shell.OnlyReads.Declare(cmd)}
}

func (t tools) faultCommand(l lesson) *cobra.Command {
	var lasts time.Duration
	names := []string{"consumer", "order"}
	wanted := map[ports.FaultKind]int{ports.FaultPoison: 2, ports.FaultFullDisk: 0}
	n, ok := wanted[l.kind]
	if !ok {
		n = 1
	}
	cmd := &cobra.Command{
		Use:   l.usage,
		Short: l.what[:len(l.what)-1],
		Long:  l.what + "\n\nWhat you will see:\n" + l.see + "\n\nWhat to do:\n" + l.act,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != n {
				return &shell.UsageError{Err: fmt.Errorf("it is 'orderflow chaos %s'", l.usage)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"fault": {string(l.kind)}, "seconds": {strconv.Itoa(max(int(lasts/time.Second), 1))}}
			for i, arg := range args {
				query.Set(names[i], arg)
			}
			return t.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return t.begin(ctx, c, l, query)
			})
		},
	}
	cmd.Flags().DurationVar(&lasts, "for", 10*time.Minute, "how long it lasts, at most an hour")
	return shell.OnlyReads.Declare(cmd)
}

// fault is a fault as the API has it.
type fault struct {
	Fault    string `json:"fault"`
	Consumer string `json:"consumer"`
	OrderID  string `json:"order_id"`
	Until    string `json:"until"`
}

func (t tools) begin(ctx context.Context, c *client.Client, l lesson, query url.Values) error {
	var begun fault
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/chaos?" + query.Encode()}, &begun)
	if err != nil {
		return practice(err)
	}
	fmt.Fprintf(t.Out, "%s It lasts until %s.\n\nWhat you will see:\n%s\n\nWhat to do:\n%s\n", l.what, begun.Until, l.see, l.act)
	return nil
}

func (t tools) list(ctx context.Context, c *client.Client) error {
	var answer struct {
		Faults []fault `json:"faults"`
	}
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/chaos"}, &answer); err != nil {
		return practice(err)
	}
	if len(answer.Faults) == 0 {
		fmt.Fprintln(t.Out, "no fault goes on; see 'orderflow chaos --help' for those that can be made")
	}
	for _, f := range answer.Faults {
		fmt.Fprintf(t.Out, "%s %s %s until %s\n", f.Fault, f.Consumer, f.OrderID, f.Until)
	}
	return nil
}

// practice explains why a service makes no faults.
func practice(err error) error {
	if refusal := (*client.Problem)(nil); errors.As(err, &refusal) && refusal.Code == "route_not_found" {
		return errors.New("this service makes no faults: start one for practice, 'orderflow serve --chaos --data=practice'")
	}
	return err
}
