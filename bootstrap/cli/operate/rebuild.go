package operate

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

type rebuildOptions struct {
	verify, rollback, abort, noWait bool
	rate                            float64
	output                          *shell.Output
}

func (o rebuildOptions) check() error {
	switch {
	case o.rollback && o.abort:
		return shell.Bad("rollback and abort", "they cannot go together")
	case (o.rollback || o.abort) && (!o.verify || o.rate != 0):
		return shell.Bad("verify and rate", "they are for a rebuild, not for --rollback and --abort")
	}
	return checkRate(o.rate)
}

// checkRate refuses an invalid number of orders a second.
func checkRate(rate float64) error {
	if !(rate >= 0 && rate <= math.MaxInt32) { // this also refuses NaN
		return shell.Bad("rate", "%g is not 0 to %d", rate, math.MaxInt32)
	}
	return nil
}

func (sh tools) rebuildCommand() *cobra.Command {
	var options rebuildOptions
	cmd := &cobra.Command{
		Use:   "rebuild NAME",
		Short: "Fill a new generation of a read model beside the live one, and switch to it",
		Long: `Fill a new generation of a read model from the event store while live traffic goes on, compare every row with the events
and with the live generation, and switch to it atomically. Queries keep working. When there are differences, the live
generation stays live and the differences are shown; the same command starts again. A rebuild continues after a restart of
the service, and without this command: an interrupt ends only the waiting. Nothing is published again.

The previous generation is kept for a while; --rollback brings it up to date and makes it live again.

Exit status: 1 when the rebuild was refused or aborted.`,
		Args:              needs("NAME"),
		ValidArgsFunction: sh.AConsumer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.check(); err != nil {
				return err
			}
			return sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
				return sh.rebuild(ctx, c, args[0], options)
			})(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.verify, "verify", true, "switch only when no row differs from what the events say")
	flags.Float64Var(&options.rate, "rate", 0, "orders a second; 0 for no limit")
	flags.BoolVar(&options.rollback, "rollback", false, "make the previous generation live again")
	flags.BoolVar(&options.abort, "abort", false, "end the rebuild that is in progress or refused")
	flags.BoolVar(&options.noWait, "no-wait", false, "return when the rebuild has started")
	options.output = shell.OutputFlag(cmd, "the consumer afterwards, as GET /v1/consumers has it")
	return shell.Works.Declare(cmd)
}

func (sh tools) rebuild(ctx context.Context, c *client.Client, name string, options rebuildOptions) error {
	before, err := c.Consumer(ctx, name)
	if err != nil {
		return err
	}
	ask := client.Request{Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(name) + "/rebuild"}
	switch {
	case options.abort:
		ask.Path += "/abort"
		if err := c.Do(ctx, ask, nil); err != nil {
			return err
		}
		return sh.afterRebuild(ctx, c, name, options.output,
			fmt.Sprintf("the rebuild of %s is ended, generation %d stays live", name, before.Live.Number))
	case options.rollback:
		ask.Path = client.ConsumerPath(name) + "/rollback"
	default:
		ask.Body = map[string]any{"skip_verification": !options.verify, "orders_per_second": int(math.Ceil(options.rate))}
	}
	if err := c.Do(ctx, ask, nil); err != nil {
		return err
	}
	if options.noWait {
		return sh.afterRebuild(ctx, c, name, options.output,
			"the rebuild is in progress, 'orderflow consumers' shows how far it is")
	}
	status, err := sh.watchRebuild(ctx, c, name, before.Rebuild)
	if ctx.Err() != nil {
		return &shell.Interruption{
			Means: "the rebuild of " + name + " continues, in the running service or in the next one",
			Err:   context.Cause(ctx),
		}
	}
	if err != nil {
		return err
	}
	if options.output.JSON() {
		if err := sh.PrintJSON(status); err != nil {
			return err
		}
	}
	return sh.rebuilt(name, status.Known, options.output)
}

// afterRebuild prints a text, or the consumer as it is now.
func (sh tools) afterRebuild(ctx context.Context, c *client.Client, name string, output *shell.Output, text string) error {
	if !output.JSON() {
		_, err := fmt.Fprintln(sh.Out, text)
		return err
	}
	document, err := c.ConsumerDocument(ctx, name)
	if err != nil {
		return err
	}
	return sh.PrintJSON(document)
}

// watchRebuild waits for the end of the rebuild after the one in before. before is nil when there
// was none.
func (sh tools) watchRebuild(
	ctx context.Context, c *client.Client, name string, before *client.RebuildStatus,
) (client.Document[client.Status], error) {
	meter := sh.Progress("waiting for the rebuild", "orders")
	defer meter.Stop()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		document, err := c.ConsumerDocument(ctx, name)
		if err != nil {
			return document, err
		}
		status := document.Known
		if now := status.Rebuild; now.After(before) {
			if now.Phase == "switched" || now.Phase == "refused" || now.Phase == "aborted" {
				return document, nil
			}
			meter.Phase(now.Phase, "orders")
			meter.Set(now.Done, now.Total)
			meter.Note(obstacle(now.Error))
		}
		switch status.State {
		case "paused", "failed", "standby":
			return document, fmt.Errorf("%s is %s: the rebuild continues when that is over", name, status.State)
		}
		select {
		case <-ctx.Done():
			return document, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// obstacle says that an error stops the progress.
func obstacle(failure string) string {
	if failure == "" {
		return ""
	}
	return "makes no progress: " + failure
}

// rebuilt reports how a rebuild ended. It prints nothing beside JSON.
func (sh tools) rebuilt(name string, status client.Status, output *shell.Output) error {
	r := status.Rebuild
	switch r.Phase {
	case "switched":
		if output.JSON() {
			return nil
		}
		text := fmt.Sprintf("generation %d of %s is live", r.Generation.Number, name)
		switch {
		case r.Report == nil:
		case r.Report.Events > 0:
			text += fmt.Sprintf(": %d orders, and %d events and %d rows compared",
				r.Report.Orders, r.Report.Events, r.Report.Rows)
		default:
			text += fmt.Sprintf(": %d orders, not compared with anything", r.Report.Orders)
		}
		_, err := fmt.Fprintln(sh.Out, text)
		return err
	case "refused":
		if r.Report == nil {
			r.Report = &client.Verification{}
		}
		if !output.JSON() {
			PrintDifferences(sh.Out, r.Report)
		}
		return fmt.Errorf("generation %d of %s is refused, as there are %d differences; generation %d stays live",
			r.Generation.Number, name, r.Report.Differences, status.Live.Number)
	default:
		return fmt.Errorf("the rebuild of %s was aborted", name)
	}
}
