package operate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// consumerCheck says what 'consumers' must check.
type consumerCheck struct {
	// what is checked: nothing, checkReady or checkAll.
	what string
	// only holds the names of the consumers to check. Empty means all.
	only []string
	// maxLag bounds the age of an unhandled event. 0 means no bound.
	maxLag    time.Duration
	maxParked int
}

const (
	checkReady = "ready"
	checkAll   = "all"
)

func (sh tools) consumersCommand() *cobra.Command {
	var o consumersOptions
	cmd := &cobra.Command{
		Use:   "consumers",
		Short: "Show the consumers; pause, resume, reset or rebuild one",
		Long: `Show each consumer: its state, its lag, its headroom, how many orders it has parked and since when, the generation of
its view that queries read (and the version of the reducer that fills it), and the process that runs it.

  catching-up  being brought up to date from the event store
  running      following the change feed
  parked(n)    running, with n parked orders: see 'orderflow parked'
  failing      something fails and is retried
  paused       consuming nothing until it is resumed
  expired      like catching-up, because it was away for longer than the change feed keeps events
  rebuilding   another version of the program has filled the view; queries read it until a new one is ready
  failed       has stopped itself and waits to be resumed
  standby      another process runs this consumer
  stopped      not running

Exit status: 0 when the service has answered. With --check it is 3 when something is wrong:

  --check        the service is not ready, or a consumer is failing, failed, stopped, without a generation that it can fill,
                 has more parked orders than --max-parked, or is further behind than --max-lag. For alerts and scripts.
  --check=ready  the service is not ready (/readyz). For orchestrators and health checks, which restart a service. A
                 publisher whose target refuses events, and a parked order, do not count: a restart does not help them.
                 It needs no token.

--max-lag is an age, because an age means the same at any rate of events. --only=NAME,... looks at some consumers only, such
as the publisher, or all except the publisher.

--watch shows them again and again until Ctrl-C: as a table that changes on a terminal, and as one JSON document a line
elsewhere, with the time in at. While the service does not answer, a line has the reason in error.`,
		Example: `  orderflow consumers --check --max-lag=30s --max-parked=5 # for an alert
  orderflow consumers -o json | jq '.consumers[].lag'
  orderflow consumers --watch                              # until Ctrl-C`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				if o.watch {
					return sh.watchConsumers(ctx, c, o)
				}
				return sh.consumers(ctx, c, o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.check.what, "check", "", "exit status 3 when something is wrong: all, or ready")
	flags.Lookup("check").NoOptDefVal = checkAll
	flags.StringSliceVar(&o.check.only, "only", nil, "names of the consumers to look at (default all)")
	flags.DurationVar(&o.check.maxLag, "max-lag", 0,
		"with --check, the highest age of an event that a consumer has not handled (default: any)")
	flags.IntVar(&o.check.maxParked, "max-parked", 0, "with --check, the highest number of parked orders of a consumer")
	flags.BoolVar(&o.watch, "watch", false, "show them again and again, until Ctrl-C")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "with --watch, the time between two looks")
	shell.Values(cmd, "check", checkAll, checkReady)
	_ = cmd.RegisterFlagCompletionFunc("only", sh.Consumers) // the flag exists
	o.output = shell.OutputFlag(cmd, "the answer of GET /v1/consumers; with --check also wrong, a list of texts")
	shell.OnlyReads.Declare(cmd)
	cmd.AddCommand(sh.pauseCommand(), sh.resumeCommand(), sh.resetCommand(), sh.rebuildCommand())
	return cmd
}

// consumersOptions are the flags of 'consumers'.
type consumersOptions struct {
	check    consumerCheck
	output   *shell.Output
	watch    bool
	interval time.Duration
}

const shortestInterval = 100 * time.Millisecond

func (o consumersOptions) validate(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("interval") && !o.watch:
		return shell.Bad("interval", "it is for --watch")
	case o.interval < shortestInterval:
		return shell.Bad("interval", "%s is below %s", o.interval, shortestInterval)
	}
	return o.check.validate(cmd)
}

func (c consumerCheck) validate(cmd *cobra.Command) error {
	switch {
	case !slices.Contains([]string{"", checkReady, checkAll}, c.what):
		return shell.Bad("check", "%q is neither %s nor %s", c.what, checkAll, checkReady)
	case c.what != checkAll && (cmd.Flags().Changed("max-lag") || cmd.Flags().Changed("max-parked")):
		return shell.Bad("max-lag and max-parked", "they are for --check")
	case c.maxLag < 0:
		return shell.Bad("max-lag", "%s is negative", c.maxLag)
	case c.maxParked < 0:
		return shell.Bad("max-parked", "%d is negative", c.maxParked)
	}
	return nil
}

// consumersView is what 'consumers' shows: the answer of GET /v1/consumers, and what a check has
// found.
type consumersView struct {
	Consumers []client.Document[client.Status] `json:"consumers"`
	// Wrong is nil without a check, and empty when nothing is wrong.
	Wrong []string `json:"wrong,omitzero"`
	// hidden says why there are no consumers, for clients that may only ask whether the service is
	// ready.
	hidden error
}

func (sh tools) consumers(ctx context.Context, c *client.Client, o consumersOptions) error {
	view, err := look(ctx, c, o.check)
	if err != nil {
		return err
	}
	if c.Passive {
		fmt.Fprintln(sh.Err, "no service runs on", sh.Config.Data+": its consumers do nothing until one does")
	}
	switch {
	case o.output.JSON():
		err = sh.PrintJSON(view)
	case view.hidden != nil:
		fmt.Fprintln(sh.Err, "the consumers are not shown:", view.hidden)
	default:
		err = PrintConsumers(sh.Out, client.KnownOf(view.Consumers), time.Now())
	}
	if err == nil && len(view.Wrong) > 0 {
		err = &shell.BadAnswer{Text: strings.Join(view.Wrong, "; ")}
	}
	return err
}

// look asks for the consumers, and checks them.
func look(ctx context.Context, c *client.Client, check consumerCheck) (view consumersView, err error) {
	view.Consumers, err = c.ConsumerDocuments(ctx)
	if refusal := (*client.Problem)(nil); check.what == checkReady && errors.As(err, &refusal) && refusal.Status < 500 {
		view.hidden, err = refusal, nil
	}
	if err != nil {
		return view, err
	}
	statuses := client.KnownOf(view.Consumers)
	for _, name := range check.only {
		if _, err := client.Find(statuses, name); err != nil && view.hidden == nil {
			return view, err
		}
	}
	if len(check.only) > 0 {
		view.Consumers = slices.DeleteFunc(view.Consumers, func(d client.Document[client.Status]) bool {
			return !slices.Contains(check.only, d.Known.Name)
		})
	}
	if check.what != "" {
		view.Wrong, err = wrong(ctx, c, client.KnownOf(view.Consumers), check)
	}
	return view, err
}

// wrong returns what is wrong with the service and its consumers.
func wrong(
	ctx context.Context, c *client.Client, statuses []client.Status, check consumerCheck,
) (texts []string, err error) {
	texts = []string{}
	if c.Passive {
		return []string{"no service runs"}, nil
	}
	var refusal *client.Problem
	switch err := c.Once(ctx, client.Request{Method: http.MethodGet, Path: "/readyz"}, nil); {
	case errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable:
		texts = append(texts, refusal.Error())
	case err != nil:
		return nil, err
	}
	if check.what == checkAll {
		for _, s := range statuses {
			if text := trouble(s, check); text != "" {
				texts = append(texts, "consumer "+s.Name+" "+text)
			}
		}
	}
	return texts, nil
}

// trouble returns what is wrong with a consumer, or "". A decision of an operator, such as a pause,
// is not wrong.
func trouble(s client.Status, check consumerCheck) string {
	age := time.Duration(s.Lag.AgeSeconds * float64(time.Second))
	switch {
	case s.State == "failed":
		return "has stopped itself"
	case s.State == "failing" && s.Failure != nil:
		return "is failing since " + s.Failure.Since.Format(time.RFC3339) + ": " + client.OneLine(s.Failure.Error)
	case s.State == "failing" || s.State == "stopped":
		return "is " + s.State
	case s.State == "rebuilding" && s.Rebuild != nil && s.Rebuild.Phase == "refused":
		return "has no generation that this version of the program can fill"
	case s.Parked > check.maxParked:
		return fmt.Sprintf("has parked %d orders", s.Parked)
	case check.maxLag == 0 || s.State == "standby": // another process knows the lag
		return ""
	case !s.Lag.Known:
		return "does not know how far it is behind"
	case age > check.maxLag:
		return fmt.Sprintf("is %s behind", age.Round(time.Millisecond))
	default:
		return ""
	}
}
