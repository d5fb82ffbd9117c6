package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) inspectCommand() *cobra.Command {
	var limit int
	var output *shell.Output
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
				return sh.inspect(ctx, c, tables, limit, output)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "rows of each table")
	output = shell.OutputFlag(cmd, `{"tables": […]}, each as GET /v1/tables/{name} answers it, with its name`)
	return shell.OnlyReads.Declare(cmd)
}

func (sh tools) inspect(ctx context.Context, c *client.Client, names []string, limit int, output *shell.Output) error {
	var all struct {
		Tables []string `json:"tables"`
	}
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/tables"}, &all); err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(all.Tables, name) {
			return &client.NoSuchError{
				Text: fmt.Sprintf("there is no table %s; there are: %s", name, strings.Join(all.Tables, ", ")),
			}
		}
	}
	if len(names) == 0 {
		names = all.Tables
	}
	var tables []tableRows
	for _, name := range names {
		table, err := readTable(ctx, c, name, limit)
		if err != nil {
			return err
		}
		if output.JSON() {
			tables = append(tables, table)
			continue
		}
		if name != names[0] {
			fmt.Fprintln(sh.Out)
		}
		if err := table.print(sh.Out); err != nil {
			return err
		}
	}
	if !output.JSON() {
		return nil
	}
	return sh.PrintJSON(map[string][]tableRows{"tables": tables})
}

// tableRows is the beginning of a table.
type tableRows struct {
	Name    string     `json:"name"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	client.Next
}

func readTable(ctx context.Context, c *client.Client, name string, limit int) (tableRows, error) {
	whole := tableRows{Name: name, Rows: [][]string{}}
	_, err := client.Pages(ctx, c, "/v1/tables/"+url.PathEscape(name), limit, func(p tableRows) int {
		whole.Columns, whole.Next = p.Columns, p.Next
		whole.Rows = append(whole.Rows, p.Rows...)
		return len(p.Rows)
	})
	return whole, err
}

func (t tableRows) print(out io.Writer) error {
	fmt.Fprintln(out, t.Name)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  "+strings.Join(t.Columns, "\t"))
	for _, row := range t.Rows {
		fmt.Fprintln(table, "  "+strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if t.Cursor != "" {
		fmt.Fprintln(out, "  … more: --limit shows them")
	}
	return nil
}
