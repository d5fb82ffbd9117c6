package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

// system is a new, empty store with its command path. What it opened is closed when the test ends.
type system struct {
	handle workload.Handle
	// write prepares the write of the first event of an order, at the current head.
	write func(tb testing.TB, orderID uuid.UUID) func() error
	// events returns how many events of an order are stored, and how many of them are in the
	// outbox.
	events func(tb testing.TB, orderID string) (stored, outbox int)
	// hasOutbox is false for a system that has none.
	hasOutbox bool
}

// systems lists the systems that are compared, and how to open each.
var systems = []struct {
	name string
	open func(tb testing.TB) system
}{
	{"orderflow", openOrderflow},
	{"postgres", openPostgres},
	{"watermill-sql", openWatermill},
	{"hallgren", openHallgren},
}

// writer prepares the first append to an order.
func writer(store ports.EventStore) func(testing.TB, uuid.UUID) func() error {
	return func(tb testing.TB, orderID uuid.UUID) func() error {
		tb.Helper()
		cause := eventsourcing.Cause{AggregateType: "order", AggregateID: orderID, CommandID: workload.NewID(), At: time.Now()}
		envelopes := eventsourcing.Stamp(cause, 0, []order.Event{order.OrderDelivered{}}, workload.NewID)
		record, err := orderjson.New().Encode(envelopes[0])
		if err != nil {
			tb.Fatal(err)
		}
		return func() error {
			_, err := store.Append(tb.Context(), ports.Append{
				AggregateID: orderID, CommandID: cause.CommandID, Records: []eventsourcing.Record{record},
			})
			return err
		}
	}
}

// handler puts Orderflow's command handler in front of a store.
func handler(store ports.EventStore) workload.Handle {
	h := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: workload.NewID})
	return func(ctx context.Context, c order.Command) error {
		_, err := h.Handle(ctx, orders.Request{Command: c})
		return err
	}
}
