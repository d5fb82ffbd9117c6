package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/operate"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare every read model with the fold of the events",
		Long: `Read and fold the history of every order, and compare it with each consumer: every event must be handled, every row
must exist, and there must be no other row. Live traffic may go on: a difference counts only if it lasts.

With --repair, orders that are behind or whose rows are wrong are repaired and verified again. On ScyllaDB wrong rows
cannot be replaced one by one: rebuild the view. If no service runs, --repair starts one for as long as it needs it, with
the settings that the data directory was last served with.

Exit status: 0 when there is no difference at the end, 3 when there are some.`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkPatience(o.patience); err != nil {
				return err
			}
			n := shell.OnlyReads
			if o.repair {
				n = shell.Works
			}
			return sh.Attached(cmd, n, func(ctx context.Context, c *client.Client) error {
				return sh.verify(ctx, c, o)
			})
		},
	}
	cmd.Flags().DurationVar(&o.patience, "patience", 10*time.Second, "how long a difference may last because of live traffic")
	cmd.Flags().BoolVar(&o.repair, "repair", false, "repair what differs")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why it is repaired, for the log of operations")
	o.output = shell.OutputFlag(cmd, "the answer of POST /v1/verify")
	shell.OnlyReads.Declare(cmd)
	cmd.AddCommand(sh.verifyTopicCommand())
	return cmd
}

// verifyOptions are the flags of verify.
type verifyOptions struct {
	patience time.Duration
	repair   bool
	reason   string
	output   *shell.Output
}

// maxPatience is the longest time that the API accepts.
const maxPatience = 10 * time.Minute

func checkPatience(patience time.Duration) error {
	if patience < 0 || patience > maxPatience {
		return shell.Bad("patience", "%s is not 0s to %s", patience, maxPatience)
	}
	return nil
}

func (sh tools) verify(ctx context.Context, c *client.Client, o verifyOptions) error {
	statuses, err := operate.Settle(ctx, sh.Shell, c)
	if err != nil {
		return err
	}
	if c.Passive {
		operate.PrintIdle(sh.Err, statuses)
	} else {
		operate.PrintObstacles(sh.Err, statuses)
	}
	ask := client.Request{Method: http.MethodPost, Path: "/v1/verify", Slow: true}
	if o.repair {
		ask.Path, ask.Reason = "/v1/verify/repair", o.reason
	}
	ask.Path += "?patience=" + o.patience.String()
	var report client.Document[client.Verification]
	watched := operate.WatchVerification(ctx, sh.Shell, c)
	err = c.Do(ctx, ask, &report)
	watched()
	if err != nil {
		return err
	}
	if o.output.JSON() {
		if err := sh.PrintJSON(report); err != nil {
			return err
		}
	} else {
		printVerification(sh.Out, &report.Known)
	}
	if n := report.Known.Differences; n > 0 {
		return &shell.BadAnswer{Text: fmt.Sprintf("%d differences", n)}
	}
	return nil
}

func printVerification(out io.Writer, report *client.Verification) {
	fmt.Fprintf(out, "%d orders, %d events, %d rows of read models\n", report.Orders, report.Events, report.Rows)
	if report.Repaired > 0 {
		fmt.Fprintf(out, "%d orders were repaired\n", report.Repaired)
	}
	if report.Skipped > 0 {
		fmt.Fprintf(out, "%d events are skipped, as operators decided\n", report.Skipped)
	}
	if report.Differences == 0 {
		fmt.Fprintln(out, "every consumer has handled every event, and every view equals the fold of its events")
		return
	}
	operate.PrintDifferences(out, report)
}

func (sh tools) versionCommand() *cobra.Command {
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  shell.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if output.JSON() {
				return sh.PrintJSON(struct {
					Version string `json:"version"`
				}{bootstrap.Version()})
			}
			_, err := fmt.Fprintln(sh.Out, "orderflow", bootstrap.Version())
			return err
		},
	}
	output = shell.OutputFlag(cmd, `{"version": "…"}, as GET /v1/system has it`)
	return shell.NeedsNothing.Declare(cmd)
}
