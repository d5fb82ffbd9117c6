package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/application/query"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestOrders_Order(t *testing.T) {
	t.Parallel()
	readModel := views.OrderReadModel()

	t.Run("the row of the view", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.happens(t, id(1, 0), created, confirmed)
		w.project(t, readModel, id(1, 0), 2)
		row, err := w.orders.Row(t.Context(), id(1, 0), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := projection.Row{
			id(1, 0), "ann", "CONFIRMED", "EUR", int64(2500), `[{"sku":"A-1","quantity":2,"unit_price":1250}]`,
			"pay-1", "", "", "", int64(2), noon.Add(time.Second), noon.Add(2 * time.Second),
		}
		if diff := cmp.Diff(want, row); diff != "" {
			t.Errorf("row (-want +got):\n%s", diff)
		}
	})

	t.Run("an order that the view does not have is not found", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.happens(t, id(1, 0), created)
		_, err := w.orders.Row(t.Context(), id(1, 0), 0, time.Hour)
		wantError(t, err, ports.ErrNotFound)
	})

	t.Run("a view that has got far enough answers at once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.happens(t, id(1, 0), created)
		w.project(t, readModel, id(1, 0), 1)
		if _, err := w.orders.Row(t.Context(), id(1, 0), 1, 0); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a row without a sequence number is corrupt", func(t *testing.T) {
		t.Parallel()
		orders := query.NewAggregates(query.AggregatesConfig{Type: order.Type, Projection: readModel, Live: live{}, Views: rows(
			func(context.Context, ports.RowQuery) (ports.RowPage, error) {
				row := make(projection.Row, len(readModel.Table.Columns))
				return ports.RowPage{Rows: []projection.Row{row}}, nil
			},
		)})
		_, err := orders.Row(t.Context(), id(1, 0), 0, 0)
		wantError(t, err, ports.ErrCorrupt)
	})
}

func TestOrders_Order_waits(t *testing.T) {
	t.Parallel()
	readModel := views.OrderReadModel()

	t.Run("until the view has caught up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.happens(t, id(1, 0), created, confirmed)
			w.project(t, readModel, id(1, 0), 1)
			time.AfterFunc(300*time.Millisecond, func() { w.project(t, readModel, id(1, 0), 2) })
			waiting := make(chan int, 1)
			time.AfterFunc(200*time.Millisecond, func() { waiting <- w.orders.Waiting() })
			start := time.Now()
			row, err := w.orders.Row(t.Context(), id(1, 0), 2, 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if waited, left := <-waiting, w.orders.Waiting(); waited != 1 || left != 0 {
				t.Errorf("%d reads waited, and %d wait still", waited, left)
			}
			if got := readModel.Table.Get(row, "sequence_number"); got != int64(2) {
				t.Errorf("sequence number %v, want 2", got)
			}
			if took := time.Since(start); took < 300*time.Millisecond || took > 350*time.Millisecond {
				t.Errorf("took %s, want at most 50ms more than 300ms", took)
			}
		})
	})

	t.Run("until an order exists that was just created", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.happens(t, id(1, 0), created)
			time.AfterFunc(2*time.Millisecond, func() { w.project(t, readModel, id(1, 0), 1) })
			start := time.Now()
			if _, err := w.orders.Row(t.Context(), id(1, 0), 1, time.Second); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 3*time.Millisecond {
				t.Errorf("took %s; the first looks are a millisecond or two apart", took)
			}
		})
	})

	t.Run("no longer than it was told, and says where the view stands", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.happens(t, id(1, 0), created, confirmed)
			w.project(t, readModel, id(1, 0), 2)
			start := time.Now()
			_, err := w.orders.Row(t.Context(), id(1, 0), 7, 2*time.Second)
			wantError(t, err, ports.ErrUnavailable)
			if want := "order_read_model is at sequence number 2, not yet at 7"; !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
			if took := time.Since(start); took != 2*time.Second {
				t.Errorf("took %s, want 2s", took)
			}
		})
	})

	t.Run("and looks once more when the time is up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.happens(t, id(1, 0), created)
			time.AfterFunc(79*time.Millisecond, func() { w.project(t, readModel, id(1, 0), 1) })
			if _, err := w.orders.Row(t.Context(), id(1, 0), 1, 80*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		})
	})

	t.Run("without asking too often", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			orders := query.NewAggregates(query.AggregatesConfig{Type: order.Type, Projection: readModel, Live: live{}, Views: rows(
				func(context.Context, ports.RowQuery) (ports.RowPage, error) { asked++; return ports.RowPage{}, nil },
			)})
			_, err := orders.Row(t.Context(), id(1, 0), 1, time.Second)
			wantError(t, err, ports.ErrUnavailable)
			if asked < 20 || asked > 30 {
				t.Errorf("asked %d times in a second, want 1 s / 50 ms and a few more at the start", asked)
			}
		})
	})

	t.Run("unless the caller leaves", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err := w.orders.Row(ctx, id(1, 0), 1, time.Hour)
			wantError(t, err, context.DeadlineExceeded)
		})
	})

	t.Run("unless the view cannot be read", func(t *testing.T) {
		t.Parallel()
		orders := query.NewAggregates(query.AggregatesConfig{Type: order.Type, Projection: readModel, Live: live{}, Views: rows(
			func(context.Context, ports.RowQuery) (ports.RowPage, error) { return ports.RowPage{}, ports.ErrClosed },
		)})
		_, err := orders.Row(t.Context(), id(1, 0), 1, time.Hour)
		wantError(t, err, ports.ErrClosed)
	})
}

// What the view showed after each event equals what RowAt returns for that moment, by sequence
// number and by time.
func TestOrders_OrderAt_PropEqualsTheViewOfThen(t *testing.T) {
	t.Parallel()
	readModel := views.OrderReadModel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		aggregateID := id(1, 0)
		w.happens(t, aggregateID, created)
		w.happens(t, aggregateID, rapid.SliceOfN(rapid.SampledFrom([]order.Event{updated, confirmed, cancelled}), 0, 7).Draw(rt, "events")...)
		for n := range w.history[aggregateID] {
			then := newWorld(t)
			then.history = w.history
			then.project(t, readModel, aggregateID, n+1)
			want, err := then.orders.Row(t.Context(), aggregateID, 0, 0)
			if err != nil {
				rt.Fatal(err)
			}
			at := w.history[aggregateID][n].CreatedAt
			for _, moment := range []ports.Moment{
				{SequenceNumber: uint64(n + 1)}, {Time: at}, {Time: at.Add(999 * time.Millisecond)},
			} {
				got, err := w.orders.RowAt(t.Context(), aggregateID, moment)
				if err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					rt.Fatalf("at %+v (-want +got):\n%s", moment, diff)
				}
			}
		}
	})
}

func TestOrders_OrderAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, confirmed)
	for name, test := range map[string]struct {
		order  uuid.UUID
		moment ports.Moment
	}{
		"an unknown order":         {id(9, 0), ports.Moment{SequenceNumber: 1}},
		"more events than it has":  {id(1, 0), ports.Moment{SequenceNumber: 3}},
		"a time before it existed": {id(1, 0), ports.Moment{Time: noon.Add(999 * time.Millisecond)}},
		"the zero moment":          {id(1, 0), ports.Moment{}},
	} {
		t.Run(name+" is not found", func(t *testing.T) {
			t.Parallel()
			_, err := w.orders.RowAt(t.Context(), test.order, test.moment)
			wantError(t, err, ports.ErrNotFound)
		})
	}
}

func TestOrders_OrderAt_beyondTheHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, confirmed)
	_, err := w.orders.RowAt(t.Context(), id(1, 0), ports.Moment{SequenceNumber: 3})
	var beyond *ports.BeyondHeadError
	if !errors.As(err, &beyond) || *beyond != (ports.BeyondHeadError{AggregateID: id(1, 0), SequenceNumber: 3, Head: 2}) {
		t.Errorf("got %v, want that 2 is the last event of %s", err, id(1, 0))
	}
}

func TestOrders_Events(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, updated, cancelled)

	t.Run("the whole history", func(t *testing.T) {
		t.Parallel()
		events, err := w.orders.Events(t.Context(), id(1, 0), 0, 1_000)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ports.EventPage{Events: w.history[id(1, 0)]}, events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})

	t.Run("of an unknown order is not found", func(t *testing.T) {
		t.Parallel()
		_, err := w.orders.Events(t.Context(), id(9, 0), 0, 1_000)
		wantError(t, err, ports.ErrNotFound)
	})
}

func TestOrders_damagedHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, confirmed, cancelled)
	whole, err := w.store.Load(t.Context(), id(1, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	unreadable := whole[1].Clone()
	unreadable.EventType = "order.Teleported"
	creationLost := whole[1].Clone()
	creationLost.SequenceNumber = 1

	for name, records := range map[string][]eventsourcing.Record{
		"a hole":              {whole[0], whole[2]},
		"an unreadable event": {whole[0], unreadable},
		"no creation":         {creationLost},
	} {
		t.Run(name+" is corrupt", func(t *testing.T) {
			t.Parallel()
			orders := query.NewAggregates(query.AggregatesConfig{
				Type:  order.Type,
				Live:  live{},
				Store: history(func() ([]eventsourcing.Record, error) { return records, nil }),
				Codec: codec{}, Projection: views.OrderReadModel(),
			})
			_, err := orders.RowAt(t.Context(), id(1, 0), ports.Moment{Time: noon.Add(time.Hour)})
			wantError(t, err, ports.ErrCorrupt)
		})
	}

	t.Run("damage behind the moment does not matter", func(t *testing.T) {
		t.Parallel()
		orders := query.NewAggregates(query.AggregatesConfig{
			Type:  order.Type,
			Live:  live{},
			Store: history(func() ([]eventsourcing.Record, error) { return []eventsourcing.Record{whole[0], unreadable}, nil }),
			Codec: codec{}, Projection: views.OrderReadModel(),
		})
		if _, err := orders.RowAt(t.Context(), id(1, 0), ports.Moment{SequenceNumber: 1}); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("the store's own error passes through", func(t *testing.T) {
		t.Parallel()
		cause := fmt.Errorf("load: %w", ports.ErrUnavailable)
		orders := query.NewAggregates(query.AggregatesConfig{
			Type:  order.Type,
			Live:  live{},
			Store: history(func() ([]eventsourcing.Record, error) { return nil, cause }), Projection: views.OrderReadModel(),
		})
		_, err := orders.Events(t.Context(), id(1, 0), 0, 1_000)
		if !errors.Is(err, cause) {
			t.Errorf("got %v, want %v inside", err, cause)
		}
	})
}
