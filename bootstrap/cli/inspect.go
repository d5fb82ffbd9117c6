package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/shell"
)

// inspectOptions are the flags of inspect.
type inspectOptions struct {
	limit                  int
	order, customer, after string
	output                 *shell.Output
}

func (sh tools) inspectCommand() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [TABLE...]",
		Short: "Print the stored tables",
		Long: `Print the first rows of the given tables, or of all tables: event_store, outbox_messages and those of the read models.
The columns have the names of the schema of the production store.

With --order or --customer it prints the rows with that order or customer, of all tables that have such a column. The
tables are read from their beginning for that, so it takes longer the more is stored.`,
		Example: `  orderflow inspect event_store --order ID              # the history of an order, as it is stored
  orderflow inspect orders_by_status --limit 5 --after CURSOR
  orderflow inspect order_read_model -o json | jq '.tables[0].rows'`,
		ValidArgsFunction: sh.Tables,
		RunE: func(cmd *cobra.Command, tables []string) error {
			if err := o.check(tables); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.inspect(ctx, c, tables, o)
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.limit, "limit", 20, "rows of each table")
	flags.StringVar(&o.order, "order", "", "only the rows of this order")
	flags.StringVar(&o.customer, "customer", "", "only the rows of this customer")
	flags.StringVar(&o.after, "after", "", "continue one table after the place that an earlier output has named")
	o.output = shell.OutputFlag(cmd, `{"tables": […]}, each as GET /v1/tables/{name} answers it, with its name`)
	return shell.OnlyReads.Declare(cmd)
}

func (o *inspectOptions) check(tables []string) error {
	switch {
	case o.limit < 1:
		return shell.Bad("limit", "%d is below 1", o.limit)
	case o.after != "" && len(tables) != 1:
		return shell.Bad("after", "it is a place in one table: name that table")
	case o.order != "" && o.customer != "":
		return shell.Bad("order and customer", "an order has one customer, so one of them is enough")
	}
	if o.order == "" {
		return nil
	}
	id, err := uuid.Parse(o.order)
	if err != nil || id == uuid.Nil {
		return shell.Bad("order", "%q is not the id of an order", o.order)
	}
	o.order = id.String()
	return nil
}

// filter returns the column of a table that is looked at, and the value that is looked for. Without
// a filter the value is empty. The column is empty when the table has none for the filter.
func (o *inspectOptions) filter(columns []string) (column, value string) {
	names, value := []string{"aggregate_id", "order_id"}, o.order
	if o.customer != "" {
		names, value = []string{"customer_id"}, o.customer
	}
	for _, name := range names {
		if slices.Contains(columns, name) {
			return name, value
		}
	}
	return "", value
}

// filterFlag names the flag of the filter.
func (o *inspectOptions) filterFlag() string {
	if o.customer != "" {
		return "--customer"
	}
	return "--order"
}

func (sh tools) inspect(ctx context.Context, c *client.Client, names []string, o inspectOptions) error {
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
	asked := len(names) > 0
	if !asked {
		names = all.Tables
	}
	tables := []tableRows{}
	for _, name := range names {
		table, err := sh.readTable(ctx, c, name, o)
		var without *noColumnError
		switch {
		case errors.As(err, &without) && !asked:
			continue
		case err != nil:
			return err
		case o.output.JSON():
			tables = append(tables, table)
			continue
		}
		if len(tables) > 0 {
			fmt.Fprintln(sh.Out)
		}
		tables = append(tables, table)
		if err := table.print(sh.Out); err != nil {
			return err
		}
	}
	if !o.output.JSON() {
		return nil
	}
	return sh.PrintJSON(map[string][]tableRows{"tables": tables})
}

// noColumnError says that a table has no column for a filter.
type noColumnError struct{ table, filter string }

func (e *noColumnError) Error() string {
	return fmt.Sprintf("table %s has no column for %s", e.table, e.filter)
}

// tableRows is a part of a table.
type tableRows struct {
	Name    string     `json:"name"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	client.Next
}

func (sh tools) readTable(ctx context.Context, c *client.Client, name string, o inspectOptions) (tableRows, error) {
	whole := tableRows{Name: name, Rows: [][]string{}}
	path, query := "/v1/tables/"+url.PathEscape(name), url.Values{}
	if o.after != "" {
		query.Set("cursor", o.after)
	}
	if o.order != "" || o.customer != "" {
		var first tableRows
		if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: path + "?limit=1"}, &first); err != nil {
			return whole, err
		}
		column, value := o.filter(first.Columns)
		if column == "" {
			return whole, &noColumnError{name, o.filterFlag()}
		}
		query.Set("column", column)
		query.Set("value", value)
	}
	meter := sh.Progress("reading "+name, "rows")
	defer meter.Stop()
	_, err := client.PagesOf(ctx, c, path, query, o.limit, whole.add(meter))
	return whole, err
}

// add returns the function that adds a page.
func (t *tableRows) add(meter *progress.Meter) func(tableRows) int {
	return func(p tableRows) int {
		t.Columns, t.Next = p.Columns, p.Next
		t.Rows = append(t.Rows, p.Rows...)
		meter.Add(len(p.Rows))
		return len(p.Rows)
	}
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
		fmt.Fprintf(out, "  … more: --limit shows them, or inspect %s --after=%s\n", t.Name, t.Cursor)
	}
	return nil
}
