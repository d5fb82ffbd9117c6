package query_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/query"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := byte(1); n <= 3; n++ {
		w.happens(t, id(n, 0), created)
	}
	w.happens(t, id(2, 0), confirmed)
	for _, p := range views.All() {
		for aggregateID, events := range w.history {
			w.project(t, p, aggregateID, len(events))
		}
	}
	lists := query.NewLists(w.store, w.store, live{}, views.All())

	for name, test := range map[string]struct {
		table, key string
		want       int
	}{
		"by customer":      {"orders_by_customer", "ann", 3},
		"by status":        {"orders_by_status", "ACTIVE", 2},
		"by sku":           {"orders_by_sku", "A-1", 3},
		"of a key unknown": {"orders_by_customer", "bob", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := lists.List(t.Context(), test.table, test.key, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Rows) != test.want || page.Next != "" {
				t.Errorf("%d rows, next %q; want %d and the end", len(page.Rows), page.Next, test.want)
			}
		})
	}

	t.Run("page by page", func(t *testing.T) {
		t.Parallel()
		var pages []int
		for after := ports.Cursor(""); ; {
			page, err := lists.List(t.Context(), "orders_by_customer", "ann", after, 2)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, len(page.Rows))
			if after = page.Next; after == "" {
				break
			}
		}
		if diff := cmp.Diff([]int{2, 1}, pages); diff != "" {
			t.Errorf("rows a page (-want +got):\n%s", diff)
		}
	})

	t.Run("a foreign cursor is refused", func(t *testing.T) {
		t.Parallel()
		_, err := lists.List(t.Context(), "orders_by_customer", "ann", "elsewhere", 2)
		wantError(t, err, ports.ErrBadCursor)
	})

	for _, table := range []string{"event_store", "order_read_model", ""} {
		t.Run("table "+table+" is no list", func(t *testing.T) {
			t.Parallel()
			_, err := lists.List(t.Context(), table, "ann", "", 2)
			wantError(t, err, ports.ErrNotFound)
		})
	}
}

func TestLists_limit(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{-1: 1, 0: 1, 7: 7, query.MaxLimit + 1: query.MaxLimit} {
		var got int
		lists := query.NewLists(rows(func(_ context.Context, q ports.RowQuery) (ports.RowPage, error) {
			got = q.Limit
			return ports.RowPage{}, nil
		}), nil, live{}, views.All())
		if _, err := lists.List(t.Context(), "orders_by_sku", "A-1", "", asked); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("limit %d became %d, want %d", asked, got, want)
		}
	}
}

func TestNewLists_keepsOutWhatOneTextCannotList(t *testing.T) {
	t.Parallel()
	twoKeys := &projection.Projection{Name: "two-keys", Version: 1, Table: &projection.Table{Name: "two_keys", Columns: []projection.Column{
		{Name: "a", Kind: projection.Text, Role: projection.Partition},
		{Name: "b", Kind: projection.Text, Role: projection.Partition},
	}}}
	lists := query.NewLists(rows(nil), nil, live{}, []*projection.Projection{twoKeys})
	_, err := lists.List(t.Context(), "two_keys", "x", "", 1)
	wantError(t, err, ports.ErrNotFound)
}

func TestLists_Await(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		lists := query.NewLists(store, store, live{}, views.All())
		handle := func(sequence uint64) {
			view := live{}.LiveView("orders-by-status")
			if err := store.Apply(t.Context(), view, ports.Change{AggregateID: id, State: ports.ViewState{SequenceNumber: sequence}}); err != nil {
				t.Error(err)
			}
		}
		handle(1)
		if err := lists.Await(t.Context(), "orders_by_status", id, 1, 0); err != nil {
			t.Errorf("what is there already: %v", err)
		}
		if err := lists.Await(t.Context(), "orders_by_status", id, 2, time.Second); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("what does not come in time: %v", err)
		}
		if err := lists.Await(t.Context(), "orders_by_moon", id, 1, time.Second); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("a table that there is not: %v", err)
		}
		go func() {
			<-time.After(3 * time.Second)
			handle(2)
		}()
		before := time.Now()
		if err := lists.Await(t.Context(), "orders_by_status", id, 2, time.Minute); err != nil || time.Since(before) > 4*time.Second {
			t.Errorf("what comes after three seconds: %v, after %s", err, time.Since(before))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := lists.Await(ctx, "orders_by_status", id, 3, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
	})
}
