package operate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// needs checks that a command gets these arguments. Those in brackets are optional. One named ORDER
// is the id of an order.
func needs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		required := 0
		for _, name := range names {
			if !strings.HasPrefix(name, "[") {
				required++
			}
		}
		if len(args) < required || len(args) > len(names) {
			return &shell.UsageError{Err: fmt.Errorf("%s: needs %s", cmd.CommandPath(), strings.Join(names, " "))}
		}
		for i, arg := range args {
			if _, err := uuid.Parse(arg); err != nil && strings.Trim(names[i], "[]") == "ORDER" {
				return &shell.UsageError{Err: fmt.Errorf("%s: %q is not the id of an order", cmd.CommandPath(), arg)}
			}
		}
		return nil
	}
}

func (sh tools) pauseCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "pause NAME",
		Short: "Stop a consumer until it is resumed",
		Long: `Let a consumer finish the records in flight, and stop it. It stays paused after restarts of the service, until it is
resumed. Then it continues where it was. Other consumers are not affected.`,
		Args:              needs("NAME"),
		ValidArgsFunction: sh.AConsumer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return shell.Bad("stop-timeout", "%s is negative", wait)
			}
			return sh.Attached(cmd, shell.Works, func(ctx context.Context, c *client.Client) error {
				return sh.pause(ctx, c, args[0], wait)
			})
		},
	}
	cmd.Flags().DurationVar(&wait, "stop-timeout", 15*time.Second, "how long to wait until the consumer has stopped")
	return shell.Works.Declare(cmd)
}

func (sh tools) pause(ctx context.Context, c *client.Client, name string, atMost time.Duration) error {
	if err := c.Do(ctx, client.Request{
		Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(name) + "/pause",
	}, nil); err != nil {
		return c.Known(ctx, name, err)
	}
	status, err := sh.awaitPause(ctx, c, name, atMost)
	switch {
	case err != nil:
		return err
	case status.State == "standby":
		fmt.Fprintf(sh.Out, "%s will be paused by the process that runs it\n", name)
	default:
		fmt.Fprintf(sh.Out, "%s is paused\n", name)
	}
	return nil
}

// awaitPause waits until a consumer is paused, or runs in another process, which pauses it.
func (sh tools) awaitPause(ctx context.Context, c *client.Client, name string, atMost time.Duration) (client.Status, error) {
	meter := sh.Progress("waiting until "+name+" has stopped", "")
	defer meter.Stop()
	deadline := time.Now().Add(atMost)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		status, err := c.Consumer(ctx, name)
		switch {
		case err != nil || status.State == "paused" || status.State == "standby":
			return status, err
		case time.Now().After(deadline):
			return status, fmt.Errorf("the decision to pause %s is stored, but after %s it is still %s", name, atMost, status.State)
		}
		select {
		case <-ctx.Done():
			return status, &shell.Interruption{Means: "the decision to pause it is stored", Err: context.Cause(ctx)}
		case <-time.After(pause):
		}
	}
}

func (sh tools) resumeCommand() *cobra.Command {
	return shell.Works.Declare(&cobra.Command{
		Use:               "resume NAME",
		Short:             "Start a consumer that is paused or has failed",
		Args:              needs("NAME"),
		ValidArgsFunction: sh.AConsumer,
		RunE: sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.Do(ctx, client.Request{
				Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(args[0]) + "/resume",
			}, nil); err != nil {
				return c.Known(ctx, args[0], err)
			}
			_, err := fmt.Fprintf(sh.Out, "%s is resumed\n", args[0])
			return err
		}),
	})
}

// resetBody is the body of POST /v1/consumers/{name}/reset.
type resetBody struct {
	From   string `json:"from"`
	Force  bool   `json:"force"`
	DryRun bool   `json:"dry_run"`
}

func (sh tools) resetCommand() *cobra.Command {
	var body resetBody
	cmd := &cobra.Command{
		Use:   "reset NAME --to=begin|now|TIME",
		Short: "Move a consumer to another place in the history",
		Long: `Make a consumer continue from the beginning of the history, from now, or from an RFC 3339 time such as
2026-03-01T12:00:00Z. The reset is refused when something would be lost or happen twice, and the refusal says what.
--force resets anyway. To fill a read model again, use 'orderflow consumers rebuild': queries keep working.`,
		Args:              needs("NAME"),
		ValidArgsFunction: sh.AConsumer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := body.check(); err != nil {
				return err
			}
			n := shell.Works
			if body.DryRun {
				n = shell.OnlyReads
			}
			return sh.Attached(cmd, n, func(ctx context.Context, c *client.Client) error {
				return sh.reset(ctx, c, args[0], body)
			})
		},
	}
	cmd.Flags().StringVar(&body.From, "to", "", "begin, now, or an RFC 3339 time")
	shell.Values(cmd, "to", "begin", "now")
	cmd.Flags().BoolVar(&body.Force, "force", false, "reset although something is lost or happens twice")
	cmd.Flags().BoolVar(&body.DryRun, "dry-run", false, "only say what would happen")
	return shell.Works.Declare(cmd)
}

func (b resetBody) check() error {
	if b.From == "begin" || b.From == "now" {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, b.From); err != nil {
		return shell.Bad("to", "%q is neither begin, nor now, nor a time such as 2026-03-01T12:00:00Z", b.From)
	}
	return nil
}

func (sh tools) reset(ctx context.Context, c *client.Client, name string, body resetBody) error {
	var answer struct {
		Consequence string `json:"consequence"`
	}
	if err := c.Do(ctx, client.Request{
		Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(name) + "/reset", Body: body,
	}, &answer); err != nil {
		return c.Known(ctx, name, err)
	}
	done := name + " is reset"
	if body.DryRun {
		done = "nothing is done, because this is a dry run"
	}
	_, err := fmt.Fprintf(sh.Out, "%s\n%s\n", answer.Consequence, done)
	return err
}
