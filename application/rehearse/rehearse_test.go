package rehearse_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/orders"
	"orderflow/application/rehearse"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// sold is the history of one order: five commands of one event each.
func sold(t *testing.T, id uuid.UUID) (records []eventsourcing.Record) {
	t.Helper()
	items := func(n int64) []order.Item { return []order.Item{{SKU: "TEA", Quantity: n, UnitPrice: 890}} }
	state, codec := order.Order{}, orderjson.New()
	for _, c := range []order.Command{
		order.CreateOrder{OrderID: id, CustomerID: "ada", Currency: "EUR", Items: items(1)},
		order.UpdateItems{OrderID: id, Items: items(2)},
		order.ConfirmOrder{OrderID: id, PaymentReference: "PAY-1"},
		order.ShipOrder{OrderID: id, Carrier: "DHL", TrackingNumber: "1"},
		order.DeliverOrder{OrderID: id},
	} {
		events, err := order.Decide(state, c)
		if err != nil {
			t.Fatal(err)
		}
		cause := eventsourcing.Cause{
			AggregateType: order.Type, AggregateID: id, CommandID: uuid.New(), CorrelationID: uuid.New(), CausationID: uuid.New(),
			At: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		}
		for _, e := range eventsourcing.Stamp(cause, uint64(len(records)), events, uuid.New) {
			record, err := codec.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record)
			state = order.Evolve(state, e.Event)
		}
	}
	return records
}

// ordersKind is the order aggregate with another decision, unless it is nil.
func ordersKind(decide func(order.Order, order.Command) ([]order.Event, error)) rehearse.Kind {
	a := orders.Aggregate(orderjson.New())
	if decide != nil {
		a.Decider.Decide = decide
	}
	return rehearse.For(a, order.CommandOf)
}

func rehearsed(kind rehearse.Kind, histories ...[]eventsourcing.Record) rehearse.Report {
	r := rehearse.New(kind)
	for _, history := range histories {
		for _, record := range history {
			r.Record(record)
		}
	}
	return r.Report()
}

// summary is a report in one line.
func summary(r rehearse.Report) string {
	text := fmt.Sprintf("%d aggregates, %d events, %d commands", r.Aggregates, r.Events, r.Commands)
	for _, sort := range []struct {
		name string
		all  []rehearse.Finding
	}{{"unreadable", r.Unreadable}, {"refused", r.Refused}, {"changed", r.Changed}, {"unknown", r.Unknown}} {
		for _, f := range sort.all {
			text += fmt.Sprintf("; %s %s ×%d at %d", sort.name, f.What, f.Count, f.SequenceNumber)
		}
	}
	return text
}

func TestRehearsal(t *testing.T) {
	t.Parallel()
	a, b := sold(t, uuid.New()), sold(t, uuid.New())
	damaged := append([]eventsourcing.Record(nil), a...)
	damaged[1].Payload = []byte(`{"items": 7}`)
	newer := append([]eventsourcing.Record(nil), a...)
	newer[4].EventVersion = 99
	foreign := append([]eventsourcing.Record(nil), a...)
	for i := range foreign {
		foreign[i].AggregateType = "parcel"
	}
	sealed := append([]eventsourcing.Record(nil), a...)
	sealed[0].Metadata = map[string]string{ports.MetadataSubject: "5ea1"}
	together := append([]eventsourcing.Record(nil), a...)
	together[3].CommandID = together[2].CommandID

	for _, test := range []struct {
		name      string
		kind      rehearse.Kind
		histories [][]eventsourcing.Record
		want      string
	}{
		{"nothing", ordersKind(nil), nil, "0 aggregates, 0 events, 0 commands"},
		{"the same program", ordersKind(nil), [][]eventsourcing.Record{a, b}, "2 aggregates, 10 events, 10 commands"},
		{
			"a rule that is new", ordersKind(func(o order.Order, c order.Command) ([]order.Event, error) {
				if ship, ok := c.(order.ShipOrder); ok && len(ship.TrackingNumber) < 5 {
					return nil, &order.RuleError{Code: order.CodeInvalidText, AggregateID: ship.OrderID, Detail: "too short"}
				}
				return order.Decide(o, c)
			}), [][]eventsourcing.Record{a, b}, "2 aggregates, 10 events, 10 commands; refused invalid_text ×2 at 4",
		},
		{
			"a decision that is another one", ordersKind(func(o order.Order, c order.Command) ([]order.Event, error) {
				if confirm, ok := c.(order.ConfirmOrder); ok {
					return []order.Event{order.OrderConfirmed{PaymentReference: strings.ToLower(confirm.PaymentReference)}}, nil
				}
				return order.Decide(o, c)
			}), [][]eventsourcing.Record{a, b}, "2 aggregates, 10 events, 10 commands; changed confirm_order ×2 at 3",
		},
		{
			"a command that changes nothing any more", ordersKind(func(o order.Order, c order.Command) ([]order.Event, error) {
				if _, ok := c.(order.UpdateItems); ok {
					return nil, nil
				}
				return order.Decide(o, c)
			}), [][]eventsourcing.Record{a}, "1 aggregates, 5 events, 5 commands; changed update_items ×1 at 2",
		},
		{
			"a decider that panics", ordersKind(func(o order.Order, c order.Command) ([]order.Event, error) {
				if _, ok := c.(order.ConfirmOrder); ok {
					panic("no such payment")
				}
				return order.Decide(o, c)
			}), [][]eventsourcing.Record{a, b}, "2 aggregates, 10 events, 10 commands; refused panic ×2 at 3",
		},
		{
			"an error that is no rule", ordersKind(func(o order.Order, c order.Command) ([]order.Event, error) {
				if _, ok := c.(order.ConfirmOrder); ok {
					return nil, errors.New("no")
				}
				return order.Decide(o, c)
			}), [][]eventsourcing.Record{a}, "1 aggregates, 5 events, 5 commands; refused error ×1 at 3",
		},
		{
			// its later commands are not decided on a state that is not known
			"a payload that cannot be read", ordersKind(nil),
			[][]eventsourcing.Record{damaged, b},
			"2 aggregates, 10 events, 10 commands; unreadable order.items_updated v1 ×1 at 2",
		},
		{
			"a version of the future", ordersKind(nil),
			[][]eventsourcing.Record{newer},
			"1 aggregates, 5 events, 5 commands; unreadable order.delivered v99 ×1 at 5",
		},
		{
			"a type that is not known", ordersKind(nil),
			[][]eventsourcing.Record{foreign},
			"1 aggregates, 5 events, 5 commands; unreadable order.created v3 ×1 at 1; unreadable order.items_updated v1 ×1 at 2; " +
				"unreadable order.confirmed v1 ×1 at 3; unreadable order.shipped v1 ×1 at 4; unreadable order.delivered v1 ×1 at 5",
		},
		{
			"sealed data", ordersKind(func(order.Order, order.Command) ([]order.Event, error) { return nil, errors.New("no") }),
			[][]eventsourcing.Record{sealed},
			"1 aggregates, 5 events, 5 commands; refused error ×4 at 2",
		},
		{
			"events that no command causes together", ordersKind(nil),
			[][]eventsourcing.Record{together},
			"1 aggregates, 5 events, 4 commands; unknown order.confirmed v1 ×1 at 3",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := summary(rehearsed(test.kind, test.histories...)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A codec that panics must not end the rehearsal.
func TestRehearsal_codecPanics(t *testing.T) {
	t.Parallel()
	a := orders.Aggregate(panics{orderjson.New()})
	want := "1 aggregates, 5 events, 5 commands; unreadable order.confirmed v1 ×1 at 3"
	if got := summary(rehearsed(rehearse.For(a, order.CommandOf), sold(t, uuid.New()))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

type panics struct{ ports.Codec[order.Event] }

func (p panics) Decode(r eventsourcing.Record) (eventsourcing.Envelope[order.Event], error) {
	if r.SequenceNumber == 3 {
		panic("what is this?")
	}
	return p.Codec.Decode(r)
}

func TestRehearsal_boundsItsFindings(t *testing.T) {
	t.Parallel()
	r := rehearse.New(ordersKind(nil))
	id := uuid.New()
	r.Lost(id, "event 2 cannot be read")
	for i := range 1_000 {
		r.Record(eventsourcing.Record{Header: eventsourcing.Header{
			AggregateID: id, AggregateType: "other", SequenceNumber: uint64(i) + 1, CommandID: uuid.New(),
		}, EventType: fmt.Sprint("odd", i), EventVersion: 1})
	}
	got := r.Report()
	if n := len(got.Unreadable); n != 101 {
		t.Errorf("%d kinds of findings", n)
	}
	first, last := got.Unreadable[0], got.Unreadable[len(got.Unreadable)-1]
	if first.What != "history" || first.AggregateID != id || first.Detail != "event 2 cannot be read" {
		t.Errorf("first: %+v", first)
	}
	if last.What != "others" || last.Count != 901 {
		t.Errorf("last: %+v", last)
	}
}
