package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/memory"
	"orderflow/application/query"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// id returns a readable UUID: id(1, 2) is the id of event 2 of order 1.
func id(order, n byte) uuid.UUID {
	return uuid.UUID{0: order, 6: 0x70, 8: 0x80, 15: n}
}

// codec keeps events as plain JSON under their Go names. That is enough for values that live as
// long as one test.
type codec struct{}

func (codec) Encode(e projection.Event) (eventsourcing.Record, error) {
	payload, err := json.Marshal(e.Event)
	return eventsourcing.Record{Header: e.Header, EventType: fmt.Sprintf("%T", e.Event), EventVersion: 1, Payload: payload}, err
}

func (codec) Decode(r eventsourcing.Record) (projection.Event, error) {
	var event order.Event
	var err error
	switch r.EventType {
	case "order.OrderCreated":
		event, err = decoded[order.OrderCreated](r.Payload)
	case "order.OrderItemsUpdated":
		event, err = decoded[order.OrderItemsUpdated](r.Payload)
	case "order.OrderConfirmed":
		event, err = decoded[order.OrderConfirmed](r.Payload)
	case "order.OrderCancelled":
		event, err = decoded[order.OrderCancelled](r.Payload)
	default:
		err = errors.New("unknown event type")
	}
	if err != nil {
		return projection.Event{}, &ports.DecodeError{EventID: r.EventID, AggregateID: r.AggregateID, EventType: r.EventType, Err: err}
	}
	return projection.Event{Header: r.Header, Event: event}, nil
}

func decoded[E order.Event](payload []byte) (order.Event, error) {
	var event E
	err := json.Unmarshal(payload, &event)
	return event, err
}

// world is a store with a history, and the projections that are fed from it.
type world struct {
	store   *memory.Store
	orders  *query.Aggregates
	history map[uuid.UUID][]projection.Event
}

func newWorld(t testing.TB) *world {
	t.Helper()
	store := memory.New(memory.Options{})
	t.Cleanup(func() { _ = store.Close() })
	return &world{
		store: store,
		orders: query.NewAggregates(query.AggregatesConfig{
			Type:  order.Type,
			Live:  live{},
			Views: store, Store: store, Codec: codec{}, Projection: views.OrderReadModel(),
		}),
		history: map[uuid.UUID][]projection.Event{},
	}
}

// happens appends events to an order, one a second, each by its own command.
func (w *world) happens(t testing.TB, aggregateID uuid.UUID, events ...order.Event) {
	t.Helper()
	for _, event := range events {
		n := len(w.history[aggregateID]) + 1
		command := id(aggregateID[0], byte(100+n))
		envelope := projection.Event{Event: event, Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       id(aggregateID[0], byte(n)), AggregateID: aggregateID, SequenceNumber: uint64(n),
			CommandID: command, CorrelationID: command, CausationID: command,
			CreatedAt: noon.Add(time.Duration(n) * time.Second),
		}}
		if n == 1 {
			envelope.Metadata = map[string]string{"user": "ann", "from": "web"}
		}
		record, err := codec{}.Encode(envelope)
		if err != nil {
			t.Fatal(err)
		}
		w.append(t, record)
		w.history[aggregateID] = append(w.history[aggregateID], envelope)
	}
}

func (w *world) append(t testing.TB, r eventsourcing.Record) {
	t.Helper()
	if _, err := w.store.Append(context.Background(), ports.Append{
		AggregateID: r.AggregateID, Expected: r.SequenceNumber - 1, CommandID: r.CommandID, Records: []eventsourcing.Record{r},
	}); err != nil {
		t.Fatal(err)
	}
}

// project brings the view of p up to event n of an order.
func (w *world) project(t testing.TB, p *projection.Projection, aggregateID uuid.UUID, n int) {
	t.Helper()
	step, err := p.Advance(nil, w.history[aggregateID][:n])
	if err != nil {
		t.Fatal(err)
	}
	view := ports.ViewID{Consumer: p.Name, Generation: 1}
	if err := w.store.Apply(context.Background(), view, ports.Change{
		AggregateID: aggregateID, State: ports.ViewState{SequenceNumber: uint64(n), Data: step.State},
		Table: p.Table, Put: step.Put, Delete: step.Delete,
	}); err != nil {
		t.Fatal(err)
	}
}

var (
	created   = order.OrderCreated{CustomerID: "ann", Currency: "EUR", Items: []order.Item{{SKU: "A-1", Quantity: 2, UnitPrice: 1250}}}
	updated   = order.OrderItemsUpdated{Items: []order.Item{{SKU: "B-2", Quantity: 1, UnitPrice: 99}}}
	confirmed = order.OrderConfirmed{PaymentReference: "pay-1"}
	cancelled = order.OrderCancelled{Reason: "changed my mind"}
)

// rows is a function as a ports.ViewReader.
type rows func(context.Context, ports.RowQuery) (ports.RowPage, error)

func (f rows) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) { return f(ctx, q) }

// history is a function as an event store.
type history func() ([]eventsourcing.Record, error)

func (f history) LoadPage(context.Context, uuid.UUID, uint64, int) ([]eventsourcing.Record, error) {
	return f()
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// live makes the first generation of every view the live one.
type live struct{}

func (live) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: 1}
}

// VersionOf implements ports.LiveViews.
func (live) VersionOf(ports.ViewID) int { return 0 }
