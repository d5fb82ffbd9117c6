package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/operate"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) inspectCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "inspect [TABLE...]",
		Short: "Print the stored tables",
		Long: `Print the first rows of the given tables, or of all tables: event_store, outbox_messages and those of the read models.
The columns have the names of the schema of the production store.`,
		RunE: func(cmd *cobra.Command, tables []string) error {
			if limit < 1 {
				return shell.Bad("limit", "%d is below 1", limit)
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.inspect(ctx, c, tables, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "rows of each table")
	return shell.OnlyReads.Declare(cmd)
}

func (sh tools) inspect(ctx context.Context, c *client.Client, tables []string, limit int) error {
	var all struct {
		Tables []string `json:"tables"`
	}
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/tables"}, &all); err != nil {
		return err
	}
	for _, name := range tables {
		if !slices.Contains(all.Tables, name) {
			return &client.NoSuchError{
				Text: fmt.Sprintf("there is no table %s; there are: %s", name, strings.Join(all.Tables, ", ")),
			}
		}
	}
	if len(tables) == 0 {
		tables = all.Tables
	}
	for i, name := range tables {
		if i > 0 {
			fmt.Fprintln(sh.Out)
		}
		if err := sh.inspectTable(ctx, c, name, limit); err != nil {
			return err
		}
	}
	return nil
}

func (sh tools) inspectTable(ctx context.Context, c *client.Client, name string, limit int) error {
	fmt.Fprintln(sh.Out, name)
	table := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	type page struct {
		client.Next
		Columns []string   `json:"columns"`
		Rows    [][]string `json:"rows"`
	}
	shown := 0
	more, err := client.Pages(ctx, c, "/v1/tables/"+url.PathEscape(name), limit, func(p page) int {
		if shown == 0 {
			fmt.Fprintln(table, "  "+strings.Join(p.Columns, "\t"))
		}
		for _, row := range p.Rows {
			fmt.Fprintln(table, "  "+strings.Join(row, "\t"))
		}
		shown += len(p.Rows)
		return len(p.Rows)
	})
	if err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(sh.Out, "  … more: --limit shows them")
	}
	return nil
}

func (sh tools) verifyCommand() *cobra.Command {
	var patience time.Duration
	var repair bool
	var reason string
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
			if err := checkPatience(patience); err != nil {
				return err
			}
			n := shell.OnlyReads
			if repair {
				n = shell.Works
			}
			return sh.Attached(cmd, n, func(ctx context.Context, c *client.Client) error {
				return sh.verify(ctx, c, patience, repair, reason)
			})
		},
	}
	cmd.Flags().DurationVar(&patience, "patience", 10*time.Second, "how long a difference may last because of live traffic")
	cmd.Flags().BoolVar(&repair, "repair", false, "repair what differs")
	cmd.Flags().StringVar(&reason, "reason", "", "why it is repaired, for the log of operations")
	shell.OnlyReads.Declare(cmd)
	cmd.AddCommand(sh.verifyTopicCommand())
	return cmd
}

// maxPatience is the longest time that the API accepts.
const maxPatience = 10 * time.Minute

func checkPatience(patience time.Duration) error {
	if patience < 0 || patience > maxPatience {
		return shell.Bad("patience", "%s is not 0s to %s", patience, maxPatience)
	}
	return nil
}

func (sh tools) verify(ctx context.Context, c *client.Client, patience time.Duration, repair bool, reason string) error {
	statuses, err := c.Settle(ctx)
	if err != nil {
		return err
	}
	if c.Passive {
		operate.PrintIdle(sh.Err, statuses)
	} else {
		operate.PrintObstacles(sh.Err, statuses)
	}
	var report client.Verification
	path := "/v1/verify"
	if repair {
		path += "/repair"
	} else {
		reason = "" // nothing is done
	}
	watched := operate.WatchVerification(ctx, sh.Err, c)
	err = c.Do(ctx, client.Request{
		Method: http.MethodPost, Path: path + "?patience=" + patience.String(), Slow: true, Reason: reason,
	}, &report)
	watched()
	if err != nil {
		return err
	}
	fmt.Fprintf(sh.Out, "%d orders, %d events, %d rows of read models\n", report.Orders, report.Events, report.Rows)
	if report.Repaired > 0 {
		fmt.Fprintf(sh.Out, "%d orders were repaired\n", report.Repaired)
	}
	if report.Skipped > 0 {
		fmt.Fprintf(sh.Out, "%d events are skipped, as operators decided\n", report.Skipped)
	}
	if report.Differences == 0 {
		fmt.Fprintln(sh.Out, "every consumer has handled every event, and every view equals the fold of its events")
		return nil
	}
	operate.PrintDifferences(sh.Out, &report)
	return &shell.BadAnswer{Text: fmt.Sprintf("%d differences", report.Differences)}
}

func (sh tools) versionCommand() *cobra.Command {
	return shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  shell.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(sh.Out, "orderflow", bootstrap.Version())
			return err
		},
	})
}
