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
	var check consumerCheck
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

--only=NAME,... checks some consumers only, such as the publisher, or all except the publisher.`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := check.validate(cmd); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads,
				func(ctx context.Context, c *client.Client) error { return sh.consumers(ctx, c, check) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&check.what, "check", "", "exit status 3 when something is wrong: all, or ready")
	flags.Lookup("check").NoOptDefVal = checkAll
	flags.StringSliceVar(&check.only, "only", nil, "names of the consumers to look at (default all)")
	flags.DurationVar(&check.maxLag, "max-lag", 0,
		"with --check, the highest age of an event that a consumer has not handled (default: any)")
	flags.IntVar(&check.maxParked, "max-parked", 0, "with --check, the highest number of parked orders of a consumer")
	shell.OnlyReads.Declare(cmd)
	cmd.AddCommand(sh.pauseCommand(), sh.resumeCommand(), sh.resetCommand(), sh.rebuildCommand())
	return cmd
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

func (sh tools) consumers(ctx context.Context, c *client.Client, check consumerCheck) error {
	statuses, err := c.Consumers(ctx)
	if err != nil {
		return err
	}
	for _, name := range check.only {
		if _, err := client.Find(statuses, name); err != nil {
			return err
		}
	}
	if len(check.only) > 0 {
		statuses = slices.DeleteFunc(statuses, func(s client.Status) bool { return !slices.Contains(check.only, s.Name) })
	}
	if c.Passive {
		fmt.Fprintln(sh.Err, "no service runs on", sh.Config.Data+": its consumers do nothing until one does")
	}
	if err := PrintConsumers(sh.Out, statuses, time.Now()); err != nil || check.what == "" {
		return err
	}
	wrong, err := sh.wrong(ctx, c, statuses, check)
	if err == nil && len(wrong) > 0 {
		err = &shell.BadAnswer{Text: strings.Join(wrong, "; ")}
	}
	return err
}

// wrong returns what is wrong with the service and its consumers.
func (sh tools) wrong(
	ctx context.Context, c *client.Client, statuses []client.Status, check consumerCheck,
) (texts []string, err error) {
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
