package query_test

import (
	"testing"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// The id of an aggregate of another type is not found by any query.
func TestAggregates_AnIDOfAnotherTypeIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), created, confirmed)
	w.project(t, views.OrderReadModel(), id(1, 0), 2)
	other := id(2, 0)
	for n := uint64(1); n <= 3; n++ {
		w.append(t, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "stock-item", EventID: id(2, byte(n)), AggregateID: other, SequenceNumber: n,
				CommandID: id(2, byte(100+n)), CreatedAt: noon,
			},
			EventType: "stock.received", EventVersion: 1, Payload: []byte(`{}`),
		})
	}

	_, err := w.orders.Row(t.Context(), other, 0, 0)
	wantError(t, err, ports.ErrNotFound)
	_, err = w.orders.RowAt(t.Context(), other, ports.Moment{Time: noon.Add(time.Hour)})
	wantError(t, err, ports.ErrNotFound)
	_, err = w.orders.RowAt(t.Context(), other, ports.Moment{SequenceNumber: 1})
	wantError(t, err, ports.ErrNotFound)
	_, err = w.orders.Events(t.Context(), other, 0, 1_000)
	wantError(t, err, ports.ErrNotFound)

	if events, err := w.orders.Events(t.Context(), id(1, 0), 0, 1_000); err != nil || len(events.Events) != 2 {
		t.Errorf("the order beside it: %d events, %v", len(events.Events), err)
	}
	// A wait for one of its events ends like every wait for an event that does not arrive.
	_, err = w.orders.Row(t.Context(), other, 1, 0)
	wantError(t, err, ports.ErrUnavailable)
}
