package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/application/query"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// changes returns a history of that many events.
func changes(events int) []order.Event {
	history := []order.Event{created}
	for i := range events - 1 {
		history = append(history, order.OrderItemsUpdated{Items: []order.Item{{SKU: fmt.Sprint("A-", i), Quantity: int64(i + 1), UnitPrice: 1}}})
	}
	return history
}

// P10: a history is read in parts, and the parts make the whole.
func TestOrders_Events_inParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), changes(250)...)
	whole := w.history[id(1, 0)]
	for _, limit := range []int{1, 99, 100, 101, 249, 250, 251, 1_000} {
		var got []projection.Event
		for {
			page, err := w.orders.Events(t.Context(), id(1, 0), uint64(len(got)), limit)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Events...)
			if len(page.Events) > limit || page.More != (len(got) < len(whole)) || page.More && len(page.Events) < limit {
				t.Fatalf("limit %d: %d events, more %t, after %d", limit, len(page.Events), page.More, len(got))
			}
			if !page.More {
				break
			}
		}
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	for _, after := range []uint64{250, 251, 1 << 40} {
		if page, err := w.orders.Events(t.Context(), id(1, 0), after, 10); err != nil || len(page.Events) > 0 || page.More {
			t.Errorf("after %d: %+v, %v", after, page, err)
		}
	}
	_, err := w.orders.Events(t.Context(), id(9, 0), 5, 10)
	wantError(t, err, ports.ErrNotFound)
}

// P8: large events end a part early, so that its size has a bound.
func TestOrders_Events_endsAPartOfLargeEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := order.OrderCancelled{Reason: strings.Repeat("x", 64<<10)}
	events := []order.Event{created}
	for range 250 {
		events = append(events, large)
	}
	w.happens(t, id(1, 0), events...)
	read := 0
	for more := true; more; {
		page, err := w.orders.Events(t.Context(), id(1, 0), uint64(read), 1_000)
		if err != nil || len(page.Events) == 0 || len(page.Events) > 200 {
			t.Fatalf("%d events, %v", len(page.Events), err)
		}
		read, more = read+len(page.Events), page.More
	}
	if read != 251 {
		t.Errorf("%d events in all", read)
	}
}

// The past of a long history is that of a short one: wherever a moment is in the parts that are
// folded.
func TestOrders_RowAt_ofALongHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), changes(1_050)...)
	for _, n := range []uint64{1, 2, 499, 500, 501, 999, 1_000, 1_001, 1_050} {
		for name, moment := range map[string]ports.Moment{
			"sequence number": {SequenceNumber: n}, "time": {Time: noon.Add(time.Duration(n)*time.Second + time.Millisecond)},
		} {
			row, err := w.orders.RowAt(t.Context(), id(1, 0), moment)
			if err != nil {
				t.Fatal(err)
			}
			if at := views.OrderReadModel().Table.Get(row, "sequence_number"); at != int64(n) {
				t.Errorf("by %s: the row is at %v, want %d", name, at, n)
			}
		}
	}
	_, err := w.orders.RowAt(t.Context(), id(1, 0), ports.Moment{SequenceNumber: 1_051})
	var beyond *ports.BeyondHeadError
	if !errors.As(err, &beyond) || beyond.Head != 1_050 {
		t.Errorf("after the end: %v", err)
	}
	_, err = w.orders.RowAt(t.Context(), id(1, 0), ports.Moment{Time: noon})
	wantError(t, err, ports.ErrNotFound)
}

// reads notes how many records were read.
type reads struct {
	ports.HistoryPager
	records, largest int
}

func (r *reads) LoadPage(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	records, err := r.HistoryPager.LoadPage(ctx, id, after, limit)
	r.records += len(records)
	r.largest = max(r.largest, len(records))
	return records, err
}

// P10: the past costs what is before it, and never holds more than one part of the history.
func TestOrders_RowAt_readsNothingAfterTheMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), changes(1_050)...)
	for _, n := range []int{1, 499, 500, 501, 1_000, 1_050} {
		counted := &reads{HistoryPager: w.store}
		orders := query.NewAggregates(query.AggregatesConfig{
			Type: order.Type, Live: live{}, Views: w.store, Store: counted, Codec: codec{}, Projection: views.OrderReadModel(),
		})
		if _, err := orders.RowAt(t.Context(), id(1, 0), ports.Moment{SequenceNumber: uint64(n)}); err != nil {
			t.Fatal(err)
		}
		if counted.records != n || counted.largest > 500 {
			t.Errorf("event %d: %d records were read, at most %d at once", n, counted.records, counted.largest)
		}
	}
}
