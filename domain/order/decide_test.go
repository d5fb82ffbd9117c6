package order_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/tests/handling"
)

type scenarios = *eventtest.Scenarios[order.Command, order.Order, order.Event]

// The codes of refusals by the state of the order.
const (
	notFound       = string(order.CodeOrderNotFound)
	exists         = string(order.CodeOrderExists)
	notActive      = string(order.CodeOrderNotActive)
	notConfirmed   = string(order.CodeOrderNotConfirmed)
	notShipped     = string(order.CodeOrderNotShipped)
	notCancellable = string(order.CodeOrderNotCancellable)
)

// The specification: every command in every status.
func TestDecide(t *testing.T) {
	t.Parallel()
	aggregate := handling.Of(orders.Aggregate(orderjson.New()), []order.Event{
		created(),
		order.OrderItemsUpdated{Items: pens()},
		order.OrderConfirmed{PaymentReference: "pay-1"},
		shipped(),
		order.OrderDelivered{},
		order.OrderCancelled{Reason: "changed my mind"},
	}...)
	aggregate.CheckRefusal = func(c order.Command, err error) error {
		var rule *order.RuleError
		if !errors.As(err, &rule) || rule.AggregateID != orderID || rule.Field != "" || rule.Malformed() {
			return fmt.Errorf("%+v, want a rule error of order %s, no field, and that another state would accept it", rule, orderID)
		}
		return nil
	}
	s := eventtest.New(t, aggregate)
	for _, specify := range []func(scenarios){creating, updating, confirming, shipping, delivering, cancelling} {
		specify(s)
	}

	specified := map[string]bool{}
	for _, ran := range s.Ran() {
		specified[fmt.Sprintf("%s in status %q", ran.Command.Name(), ran.State.Status)] = true
	}
	for _, c := range oneOfEach() {
		for _, status := range append(order.Statuses(), "") {
			if pair := fmt.Sprintf("%s in status %q", c.Name(), status); !specified[pair] {
				t.Errorf("no scenario for %s", pair)
			}
		}
	}
}

func creating(s scenarios) {
	same := createBooks()
	s.Scenario("create_order/starts an order").When(same).Then(created())
	s.Scenario("create_order/again with the same content changes nothing").Given(activeOrder()...).When(same).ThenNothing()
	s.Scenario("create_order/for another customer is refused").Given(activeOrder()...).
		When(create("bob", "EUR", books())).ThenRefused(exists)
	s.Scenario("create_order/in another currency is refused").Given(activeOrder()...).
		When(create("ada", "USD", books())).ThenRefused(exists)
	s.Scenario("create_order/with other items is refused").Given(activeOrder()...).
		When(create("ada", "EUR", pens())).ThenRefused(exists)
	s.Scenario("create_order/with the items in another order is refused").Given(activeOrder()...).
		When(create("ada", "EUR", reversed(books()))).ThenRefused(exists)
	s.Scenario("create_order/again after the items changed is refused").Given(changedOrder()...).When(same).ThenRefused(exists)
	s.Scenario("create_order/again after confirmation is refused").Given(confirmedOrder()...).When(same).ThenRefused(exists)
	s.Scenario("create_order/again after shipping is refused").Given(shippedOrder()...).When(same).ThenRefused(exists)
	s.Scenario("create_order/again after delivery is refused").Given(deliveredOrder()...).When(same).ThenRefused(exists)
	s.Scenario("create_order/again after cancellation is refused").Given(cancelledOrder()...).When(same).ThenRefused(exists)
}

func updating(s scenarios) {
	update := func(items []order.Item) order.UpdateItems { return order.UpdateItems{OrderID: orderID, Items: items} }
	dearer := books()
	dearer[1].UnitPrice++
	s.Scenario("update_items/an order that does not exist is refused").When(update(pens())).ThenRefused(notFound)
	s.Scenario("update_items/replaces the whole list").Given(activeOrder()...).
		When(update(pens())).Then(order.OrderItemsUpdated{Items: pens()})
	s.Scenario("update_items/may change one price").Given(activeOrder()...).
		When(update(dearer)).Then(order.OrderItemsUpdated{Items: dearer})
	s.Scenario("update_items/may change the order of the lines").Given(activeOrder()...).
		When(update(reversed(books()))).Then(order.OrderItemsUpdated{Items: reversed(books())})
	s.Scenario("update_items/to the same list changes nothing").Given(activeOrder()...).When(update(books())).ThenNothing()
	s.Scenario("update_items/back to the first list is a change").Given(changedOrder()...).
		When(update(books())).Then(order.OrderItemsUpdated{Items: books()})
	s.Scenario("update_items/a confirmed order is refused").Given(confirmedOrder()...).
		When(update(pens())).ThenRefused(notActive)
	s.Scenario("update_items/a confirmed order to the same list is refused").Given(confirmedOrder()...).
		When(update(books())).ThenRefused(notActive)
	s.Scenario("update_items/a shipped order is refused").Given(shippedOrder()...).When(update(pens())).ThenRefused(notActive)
	s.Scenario("update_items/a delivered order is refused").Given(deliveredOrder()...).
		When(update(pens())).ThenRefused(notActive)
	s.Scenario("update_items/a cancelled order is refused").Given(cancelledOrder()...).
		When(update(pens())).ThenRefused(notActive)
}

func confirming(s scenarios) {
	confirm := func(reference string) order.ConfirmOrder {
		return order.ConfirmOrder{OrderID: orderID, PaymentReference: reference}
	}
	s.Scenario("confirm_order/an order that does not exist is refused").When(confirm("pay-1")).ThenRefused(notFound)
	s.Scenario("confirm_order/an active order confirms it").Given(activeOrder()...).
		When(confirm("pay-1")).Then(order.OrderConfirmed{PaymentReference: "pay-1"})
	s.Scenario("confirm_order/again with the same payment changes nothing").Given(confirmedOrder()...).
		When(confirm("pay-1")).ThenNothing()
	s.Scenario("confirm_order/again with another payment is refused").Given(confirmedOrder()...).
		When(confirm("pay-2")).ThenRefused(notActive)
	s.Scenario("confirm_order/a shipped order is refused, whatever the payment").Given(shippedOrder()...).
		When(confirm("pay-1")).ThenRefused(notActive)
	s.Scenario("confirm_order/a delivered order is refused").Given(deliveredOrder()...).
		When(confirm("pay-1")).ThenRefused(notActive)
	s.Scenario("confirm_order/a cancelled order is refused").Given(cancelledOrder()...).
		When(confirm("pay-1")).ThenRefused(notActive)
}

func shipping(s scenarios) {
	ship := func(carrier, number string) order.ShipOrder {
		return order.ShipOrder{OrderID: orderID, Carrier: carrier, TrackingNumber: number}
	}
	same := ship("DHL", "JD01")
	s.Scenario("ship_order/an order that does not exist is refused").When(same).ThenRefused(notFound)
	s.Scenario("ship_order/an unpaid order is refused").Given(activeOrder()...).When(same).ThenRefused(notConfirmed)
	s.Scenario("ship_order/a confirmed order ships it").Given(confirmedOrder()...).When(same).Then(shipped())
	s.Scenario("ship_order/again under the same number changes nothing").Given(shippedOrder()...).When(same).ThenNothing()
	s.Scenario("ship_order/again with another carrier is refused").Given(shippedOrder()...).
		When(ship("UPS", "JD01")).ThenRefused(notConfirmed)
	s.Scenario("ship_order/again under another number is refused").Given(shippedOrder()...).
		When(ship("DHL", "JD02")).ThenRefused(notConfirmed)
	s.Scenario("ship_order/a delivered order is refused").Given(deliveredOrder()...).When(same).ThenRefused(notConfirmed)
	s.Scenario("ship_order/a cancelled order is refused").Given(cancelledOrder()...).When(same).ThenRefused(notConfirmed)
}

func delivering(s scenarios) {
	deliver := order.DeliverOrder{OrderID: orderID}
	s.Scenario("deliver_order/an order that does not exist is refused").When(deliver).ThenRefused(notFound)
	s.Scenario("deliver_order/an active order is refused").Given(activeOrder()...).When(deliver).ThenRefused(notShipped)
	s.Scenario("deliver_order/a confirmed order is refused").Given(confirmedOrder()...).When(deliver).ThenRefused(notShipped)
	s.Scenario("deliver_order/a shipped order delivers it").Given(shippedOrder()...).When(deliver).Then(order.OrderDelivered{})
	s.Scenario("deliver_order/again changes nothing").Given(deliveredOrder()...).When(deliver).ThenNothing()
	s.Scenario("deliver_order/a cancelled order is refused").Given(cancelledOrder()...).When(deliver).ThenRefused(notShipped)
}

func cancelling(s scenarios) {
	cancel := func(reason string) order.CancelOrder { return order.CancelOrder{OrderID: orderID, Reason: reason} }
	same := cancel("changed my mind")
	then := order.OrderCancelled{Reason: "changed my mind"}
	s.Scenario("cancel_order/an order that does not exist is refused").When(same).ThenRefused(notFound)
	s.Scenario("cancel_order/an active order cancels it").Given(activeOrder()...).When(same).Then(then)
	s.Scenario("cancel_order/a confirmed order cancels it").Given(confirmedOrder()...).When(same).Then(then)
	s.Scenario("cancel_order/a shipped order is refused").Given(shippedOrder()...).When(same).ThenRefused(notCancellable)
	s.Scenario("cancel_order/a delivered order is refused").Given(deliveredOrder()...).When(same).ThenRefused(notCancellable)
	s.Scenario("cancel_order/again for the same reason changes nothing").Given(cancelledOrder()...).When(same).ThenNothing()
	s.Scenario("cancel_order/again for another reason is refused").Given(cancelledOrder()...).
		When(cancel("too late")).ThenRefused(notCancellable)
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
