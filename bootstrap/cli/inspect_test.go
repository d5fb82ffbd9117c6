package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// inspected runs inspect and returns its tables.
func inspected(t *testing.T, args ...string) map[string]tableRows {
	t.Helper()
	out, errs, status := command(t, append([]string{"inspect", "-o=json"}, args...)...)
	var document struct{ Tables []tableRows }
	if err := json.Unmarshal([]byte(out), &document); status != 0 || err != nil {
		t.Fatalf("inspect %v: exit status %d, %v\n%s%s", args, status, err, out, errs)
	}
	tables := map[string]tableRows{}
	for _, table := range document.Tables {
		tables[table.Name] = table
	}
	return tables
}

func TestInspect_filters(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveHere(t, "--sink=none", "--data="+data)
	url := "--url=" + urlOf(t, s)
	want(t, 0, "20 orders", "demo", "--orders=20", "--seed=1", url)
	all := inspected(t, "order_read_model", "event_store", "--limit=1000", url)
	column := func(table tableRows, name string) (values []string) {
		at := slices.Index(table.Columns, name)
		for _, row := range table.Rows {
			values = append(values, row[at])
		}
		return values
	}
	count := func(values []string, one string) (n int) {
		for _, value := range values {
			if value == one {
				n++
			}
		}
		return n
	}
	order, customer := column(all["order_read_model"], "order_id")[3], column(all["order_read_model"], "customer_id")[3]

	of := inspected(t, "--order="+strings.ToUpper(order), url)
	for name, table := range of {
		ids := column(table, map[bool]string{true: "aggregate_id", false: "order_id"}[slices.Contains(table.Columns, "aggregate_id")])
		if len(ids) == 0 || count(ids, order) != len(ids) {
			t.Errorf("%s has the orders %v", name, ids)
		}
	}
	if got, want := len(of["event_store"].Rows), count(column(all["event_store"], "aggregate_id"), order); got != want || len(of) < 6 {
		t.Errorf("%d events in %d tables, want %d", got, len(of), want)
	}
	// tables without a column for it are left out
	of = inspected(t, "--customer="+customer, url)
	if _, has := of["event_store"]; has || len(of["order_read_model"].Rows) != count(column(all["order_read_model"], "customer_id"), customer) {
		t.Errorf("the tables of customer %s: %v", customer, of)
	}
	// part by part is the same as all
	var events []string
	for after := ""; ; {
		part := inspected(t, "event_store", "--limit=7", "--after="+after, url)["event_store"]
		events = append(events, column(part, "event_id")...)
		if after = part.Cursor; after == "" {
			break
		}
	}
	if !slices.Equal(events, column(all["event_store"], "event_id")) {
		t.Errorf("%d events part by part, %d at once", len(events), len(all["event_store"].Rows))
	}
	want(t, 0, "… more: --limit shows them, or inspect event_store --after=", "inspect", "event_store", "--limit=1", url)

	want(t, 1, "table event_store has no column for --customer", "inspect", "event_store", "--customer=ann", url)
	want(t, 2, "--after: it is a place in one table", "inspect", "--after=x", url)
	want(t, 2, "--order and --customer: ", "inspect", "--order="+order, "--customer=ann", url)
	want(t, 2, `--order: "7" is not the id of an order`, "inspect", "--order=7", url)
	want(t, 1, "bad_cursor", "inspect", "event_store", "--after=x", url)
	s.stop(t)
}
