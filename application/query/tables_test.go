package query_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/application/query"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func newTables(w *world) *query.Tables {
	return query.NewTables(query.TablesConfig{Records: w.store, Store: w.store, Views: w.store, Live: live{}, Projections: views.All()})
}

func TestTables_Names(t *testing.T) {
	t.Parallel()
	want := []string{"event_store", "outbox_messages", "order_read_model", "orders_by_customer", "orders_by_status", "orders_by_sku"}
	if diff := cmp.Diff(want, newTables(newWorld(t)).Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestTables_Table(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, cancelled)
	w.project(t, views.OrdersByStatus(), id(1, 0), 2)
	tables := newTables(w)
	const (
		aggregate = "01000000-0000-7000-8000-000000000000"
		first     = "01000000-0000-7000-8000-000000000001"
		second    = "01000000-0000-7000-8000-000000000002"
		command1  = "01000000-0000-7000-8000-000000000065"
		command2  = "01000000-0000-7000-8000-000000000066"
		creation  = `{"CustomerID":"ann","Currency":"EUR","Items":[{"SKU":"A-1","Quantity":2,"UnitPrice":1250}]}`
	)
	for name, want := range map[string]ports.TablePage{
		"event_store": {
			Columns: []string{
				"aggregate_id", "sequence_number", "head", "aggregate_type", "event_id", "event_type", "event_version", "payload",
				"command_id", "correlation_id", "causation_id", "metadata", "created_at",
			},
			Rows: [][]string{
				{
					aggregate, "1", "2", "order", first, "order.OrderCreated", "1", creation,
					command1, command1, command1, `{"from":"web","user":"ann"}`, "2026-03-01T12:00:01.000Z",
				},
				{
					aggregate, "2", "2", "order", second, "order.OrderCancelled", "1", `{"Reason":"changed my mind"}`,
					command2, command2, command2, "{}", "2026-03-01T12:00:02.000Z",
				},
			},
		},
		"outbox_messages": {
			Columns: []string{
				"aggregate_id", "sequence_number", "id", "aggregate_type", "event_id", "event_type", "event_version", "payload",
				"command_id", "correlation_id", "causation_id", "metadata", "created_at",
			},
			Rows: [][]string{
				{
					aggregate, "1", first, "order", first, "order.OrderCreated", "1", creation,
					command1, command1, command1, `{"from":"web","user":"ann"}`, "2026-03-01T12:00:01.000Z",
				},
				{
					aggregate, "2", second, "order", second, "order.OrderCancelled", "1", `{"Reason":"changed my mind"}`,
					command2, command2, command2, "{}", "2026-03-01T12:00:02.000Z",
				},
			},
		},
		"orders_by_status": {
			Columns: []string{
				"status", "created_at", "order_id", "customer_id", "currency", "total", "sequence_number", "updated_at",
			},
			Rows: [][]string{{
				"CANCELLED", "2026-03-01T12:00:01.000Z", aggregate, "ann", "EUR", "2500", "2", "2026-03-01T12:00:02.000Z",
			}},
		},
		"orders_by_sku": {
			Columns: []string{
				"sku", "created_at", "order_id", "customer_id", "status", "quantity", "unit_price", "currency", "sequence_number",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tables.Table(t.Context(), name, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("an unknown table is not found", func(t *testing.T) {
		t.Parallel()
		_, err := tables.Table(t.Context(), "sqlite_master", "", 10)
		wantError(t, err, ports.ErrNotFound)
	})
	for _, name := range tables.Names() {
		t.Run(name+" refuses a foreign cursor", func(t *testing.T) {
			t.Parallel()
			_, err := tables.Table(t.Context(), name, "elsewhere", 10)
			wantError(t, err, ports.ErrBadCursor)
		})
	}
}

// The head is that of the whole history, no matter where a page begins and ends.
func TestTables_head_isTheSameOnEveryPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, updated, confirmed)
	w.happens(t, id(2, 0), created)
	w.happens(t, id(3, 0), created, cancelled)
	tables := newTables(w)
	want := []string{"3", "3", "3", "1", "2", "2"}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []string
		for after := ports.Cursor(""); ; {
			page, err := tables.Table(t.Context(), "event_store", after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Rows {
				got = append(got, row[2])
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("heads in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func TestTables_errorsPassThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	config := func(reader rows) query.TablesConfig {
		return query.TablesConfig{Records: lister{broken}, Views: reader, Live: live{}, Projections: views.All()}
	}
	failing := rows(func(context.Context, ports.RowQuery) (ports.RowPage, error) { return ports.RowPage{}, broken })
	for _, name := range []string{"event_store", "outbox_messages", "order_read_model"} {
		_, err := query.NewTables(config(failing)).Table(t.Context(), name, "", 1)
		wantError(t, err, broken)
	}

	misfit := rows(func(context.Context, ports.RowQuery) (ports.RowPage, error) {
		return ports.RowPage{Rows: []projection.Row{{"one value"}}}, nil
	})
	_, err := query.NewTables(config(misfit)).Table(t.Context(), "orders_by_sku", "", 1)
	wantError(t, err, ports.ErrCorrupt)
}

type lister struct{ err error }

func (l lister) ListEvents(context.Context, ports.Cursor, int) (ports.RecordPage, error) {
	return ports.RecordPage{}, l.err
}

func (l lister) ListOutbox(context.Context, ports.Cursor, int) (ports.RecordPage, error) {
	return ports.RecordPage{}, l.err
}
