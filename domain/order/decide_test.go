package order_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/domain/order"
)

// scenario reads: given these events, when this command comes, then these events follow, or the command is refused.
// Neither means that the command succeeds and changes nothing.
type scenario struct {
	name    string
	given   []order.Event
	when    order.Command
	then    []order.Event
	refused order.Code
}

// The specification: every command in every status.

func creating() []scenario {
	same := createBooks()
	refused := func(name string, given []order.Event, when order.Command) scenario {
		return scenario{name: name, given: given, when: when, refused: order.CodeOrderExists}
	}
	return []scenario{
		{name: "starts an order", given: noOrder(), when: same, then: []order.Event{created()}},
		{name: "again with the same content changes nothing", given: activeOrder(), when: same},
		refused("for another customer is refused", activeOrder(), create("bob", "EUR", books())),
		refused("in another currency is refused", activeOrder(), create("ada", "USD", books())),
		refused("with other items is refused", activeOrder(), create("ada", "EUR", pens())),
		refused("with the items in another order is refused", activeOrder(), create("ada", "EUR", reversed(books()))),
		refused("again after the items changed is refused", append(activeOrder(), order.OrderItemsUpdated{Items: pens()}), same),
		refused("again after confirmation is refused", confirmedOrder(), same),
		refused("again after shipping is refused", shippedOrder(), same),
		refused("again after delivery is refused", deliveredOrder(), same),
		refused("again after cancellation is refused", cancelledOrder(), same),
	}
}

func updating() []scenario {
	update := func(items []order.Item) order.UpdateItems { return order.UpdateItems{OrderID: orderID, Items: items} }
	dearer := books()
	dearer[1].UnitPrice++
	return []scenario{
		{name: "an order that does not exist is refused", given: noOrder(), when: update(pens()), refused: order.CodeOrderNotFound},
		{name: "replaces the whole list", given: activeOrder(), when: update(pens()), then: []order.Event{order.OrderItemsUpdated{Items: pens()}}},
		{name: "may change one price", given: activeOrder(), when: update(dearer), then: []order.Event{order.OrderItemsUpdated{Items: dearer}}},
		{name: "may change the order of the lines", given: activeOrder(), when: update(reversed(books())), then: []order.Event{order.OrderItemsUpdated{Items: reversed(books())}}},
		{name: "to the same list changes nothing", given: activeOrder(), when: update(books())},
		{name: "back to the first list is a change", given: append(activeOrder(), order.OrderItemsUpdated{Items: pens()}), when: update(books()), then: []order.Event{order.OrderItemsUpdated{Items: books()}}},
		{name: "a confirmed order is refused", given: confirmedOrder(), when: update(pens()), refused: order.CodeOrderNotActive},
		{name: "a confirmed order to the same list is refused", given: confirmedOrder(), when: update(books()), refused: order.CodeOrderNotActive},
		{name: "a shipped order is refused", given: shippedOrder(), when: update(pens()), refused: order.CodeOrderNotActive},
		{name: "a delivered order is refused", given: deliveredOrder(), when: update(pens()), refused: order.CodeOrderNotActive},
		{name: "a cancelled order is refused", given: cancelledOrder(), when: update(pens()), refused: order.CodeOrderNotActive},
	}
}

func confirming() []scenario {
	confirm := func(reference string) order.ConfirmOrder {
		return order.ConfirmOrder{OrderID: orderID, PaymentReference: reference}
	}
	return []scenario{
		{name: "an order that does not exist is refused", given: noOrder(), when: confirm("pay-1"), refused: order.CodeOrderNotFound},
		{name: "an active order confirms it", given: activeOrder(), when: confirm("pay-1"), then: []order.Event{order.OrderConfirmed{PaymentReference: "pay-1"}}},
		{name: "again with the same payment changes nothing", given: confirmedOrder(), when: confirm("pay-1")},
		{name: "again with another payment is refused", given: confirmedOrder(), when: confirm("pay-2"), refused: order.CodeOrderNotActive},
		{name: "a shipped order is refused, whatever the payment", given: shippedOrder(), when: confirm("pay-1"), refused: order.CodeOrderNotActive},
		{name: "a delivered order is refused", given: deliveredOrder(), when: confirm("pay-1"), refused: order.CodeOrderNotActive},
		{name: "a cancelled order is refused", given: cancelledOrder(), when: confirm("pay-1"), refused: order.CodeOrderNotActive},
	}
}

func shipping() []scenario {
	ship := func(carrier, number string) order.ShipOrder {
		return order.ShipOrder{OrderID: orderID, Carrier: carrier, TrackingNumber: number}
	}
	same := ship("DHL", "JD01")
	return []scenario{
		{name: "an order that does not exist is refused", given: noOrder(), when: same, refused: order.CodeOrderNotFound},
		{name: "an unpaid order is refused", given: activeOrder(), when: same, refused: order.CodeOrderNotConfirmed},
		{name: "a confirmed order ships it", given: confirmedOrder(), when: same, then: []order.Event{shipped()}},
		{name: "again under the same number changes nothing", given: shippedOrder(), when: same},
		{name: "again with another carrier is refused", given: shippedOrder(), when: ship("UPS", "JD01"), refused: order.CodeOrderNotConfirmed},
		{name: "again under another number is refused", given: shippedOrder(), when: ship("DHL", "JD02"), refused: order.CodeOrderNotConfirmed},
		{name: "a delivered order is refused", given: deliveredOrder(), when: same, refused: order.CodeOrderNotConfirmed},
		{name: "a cancelled order is refused", given: cancelledOrder(), when: same, refused: order.CodeOrderNotConfirmed},
	}
}

func delivering() []scenario {
	deliver := order.DeliverOrder{OrderID: orderID}
	return []scenario{
		{name: "an order that does not exist is refused", given: noOrder(), when: deliver, refused: order.CodeOrderNotFound},
		{name: "an active order is refused", given: activeOrder(), when: deliver, refused: order.CodeOrderNotShipped},
		{name: "a confirmed order is refused", given: confirmedOrder(), when: deliver, refused: order.CodeOrderNotShipped},
		{name: "a shipped order delivers it", given: shippedOrder(), when: deliver, then: []order.Event{order.OrderDelivered{}}},
		{name: "again changes nothing", given: deliveredOrder(), when: deliver},
		{name: "a cancelled order is refused", given: cancelledOrder(), when: deliver, refused: order.CodeOrderNotShipped},
	}
}

func cancelling() []scenario {
	cancel := func(reason string) order.CancelOrder { return order.CancelOrder{OrderID: orderID, Reason: reason} }
	same := cancel("changed my mind")
	then := []order.Event{order.OrderCancelled{Reason: "changed my mind"}}
	return []scenario{
		{name: "an order that does not exist is refused", given: noOrder(), when: same, refused: order.CodeOrderNotFound},
		{name: "an active order cancels it", given: activeOrder(), when: same, then: then},
		{name: "a confirmed order cancels it", given: confirmedOrder(), when: same, then: then},
		{name: "a shipped order is refused", given: shippedOrder(), when: same, refused: order.CodeOrderNotCancellable},
		{name: "a delivered order is refused", given: deliveredOrder(), when: same, refused: order.CodeOrderNotCancellable},
		{name: "again for the same reason changes nothing", given: cancelledOrder(), when: same},
		{name: "again for another reason is refused", given: cancelledOrder(), when: cancel("too late"), refused: order.CodeOrderNotCancellable},
	}
}

func specification() []scenario {
	return slices.Concat(creating(), updating(), confirming(), shipping(), delivering(), cancelling())
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, s := range specification() {
		t.Run(s.when.Name()+"/"+s.name, func(t *testing.T) {
			t.Parallel()
			state := after(s.given...)

			events, err := order.Decide(state, s.when)

			if diff := cmp.Diff(s.then, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(after(s.given...), state); diff != "" {
				t.Errorf("Decide changed the state it was given (-before +after):\n%s", diff)
			}
			if s.refused == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			rule := refusal(t, err)
			if rule.Code != s.refused || rule.AggregateID != orderID || rule.Field != "" || rule.Detail == "" {
				t.Errorf("got %+v, want code %s of order %s, no field and a detail", rule, s.refused, orderID)
			}
			if rule.Malformed() {
				t.Errorf("%s is reported as malformed, but another state would have accepted the command", rule.Code)
			}
		})
	}
}

// The specification is worth its name only if it leaves nothing out.
func TestDecide_EveryCommandIsSpecifiedInEveryStatus(t *testing.T) {
	t.Parallel()
	specified := map[string]bool{}
	for _, s := range specification() {
		specified[fmt.Sprintf("%s in status %q", s.when.Name(), after(s.given...).Status)] = true
	}
	for _, c := range oneOfEach() {
		for _, status := range append(order.Statuses(), "") {
			if pair := fmt.Sprintf("%s in status %q", c.Name(), status); !specified[pair] {
				t.Errorf("no scenario for %s", pair)
			}
		}
	}
}

func TestDecide_RefusesMalformedCommandsInEveryState(t *testing.T) {
	t.Parallel()
	malformed := order.ConfirmOrder{OrderID: orderID}
	for _, given := range [][]order.Event{noOrder(), activeOrder(), confirmedOrder(), shippedOrder(), deliveredOrder(), cancelledOrder()} {
		events, err := order.Decide(after(given...), malformed)
		if rule := refusal(t, err); rule.Code != order.CodeInvalidText || len(events) != 0 {
			t.Errorf("after %d events: got %v and %v, want %s", len(given), events, err, order.CodeInvalidText)
		}
	}
}

// A caller that reuses its slice of items must not reach into the event.
func TestDecide_EventsDoNotShareTheCommandsItems(t *testing.T) {
	t.Parallel()
	items := books()
	for _, tc := range []struct {
		given   []order.Event
		command order.Command
	}{
		{noOrder(), create("ada", "EUR", items)},
		{append(noOrder(), order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: pens()}), order.UpdateItems{OrderID: orderID, Items: items}},
	} {
		events, err := order.Decide(after(tc.given...), tc.command)
		if err != nil {
			t.Fatal(err)
		}
		items[0].Quantity = 999
		if got := after(append(tc.given, events...)...).Items; !slices.Equal(got, books()) {
			t.Errorf("%s: the event changed with the command: %v", tc.command.Name(), got)
		}
		items[0] = books()[0]
	}
}

func TestCommand_Names(t *testing.T) {
	t.Parallel()
	var got []string
	for _, c := range oneOfEach() {
		got = append(got, c.Name())
		if c.AggregateID() != orderID {
			t.Errorf("%s: Order() = %s, want %s", c.Name(), c.AggregateID(), orderID)
		}
	}
	want := []string{"create_order", "update_items", "confirm_order", "ship_order", "deliver_order", "cancel_order"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stable names (-want +got):\n%s", diff)
	}
}

func TestDecider_IsDecideAndEvolveFromNoOrder(t *testing.T) {
	t.Parallel()
	decider := order.Decider()
	if diff := cmp.Diff(order.Order{}, decider.Initial); diff != "" {
		t.Errorf("initial state (-want +got):\n%s", diff)
	}
	events, err := decider.Decide(decider.Initial, createBooks())
	if err != nil || len(events) != 1 {
		t.Fatalf("got %v and %v, want one event", events, err)
	}
	if got := decider.Evolve(decider.Initial, events[0]).Status; got != order.Active {
		t.Errorf("got status %q, want %q", got, order.Active)
	}
}

func TestRuleError_ReadsWellAndIsFound(t *testing.T) {
	t.Parallel()
	_, err := order.Decide(after(shippedOrder()...), order.CancelOrder{OrderID: orderID, Reason: "late"})
	if want := "order_not_cancellable: only an ACTIVE or CONFIRMED order can be cancelled; this one is SHIPPED"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	err = order.Check(order.UpdateItems{OrderID: orderID, Items: []order.Item{{SKU: "A", Quantity: 0}}})
	if want := "invalid_quantity: items[0].quantity: must be 1 to 10000, is 0"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if rule := new(*order.RuleError); !errors.As(fmt.Errorf("handle: %w", err), rule) {
		t.Error("a wrapped rule error is not found")
	}
}

// oneOfEach returns one well-formed command of each type.
func oneOfEach() []order.Command {
	return []order.Command{
		createBooks(),
		order.UpdateItems{OrderID: orderID, Items: pens()},
		order.ConfirmOrder{OrderID: orderID, PaymentReference: "pay-1"},
		order.ShipOrder{OrderID: orderID, Carrier: "DHL", TrackingNumber: "JD01"},
		order.DeliverOrder{OrderID: orderID},
		order.CancelOrder{OrderID: orderID, Reason: "changed my mind"},
	}
}

func reversed(items []order.Item) []order.Item {
	slices.Reverse(items)
	return items
}
