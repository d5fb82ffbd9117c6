package order_test

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/order"
)

// A command is decided, and its events are applied to the state for the next command.
func Example() {
	id := uuid.MustParse("018f4e9a-0000-7000-8000-000000000001")
	commands := []order.Command{
		order.CreateOrder{OrderID: id, CustomerID: "ada", Currency: "EUR", Items: []order.Item{
			{SKU: "BOOK-1", Quantity: 2, UnitPrice: 1250},
		}},
		order.ConfirmOrder{OrderID: id, PaymentReference: "pay-1"},
		// a client that did not get the answer
		order.ConfirmOrder{OrderID: id, PaymentReference: "pay-1"},
		order.DeliverOrder{OrderID: id},
	}

	var state order.Order
	for _, c := range commands {
		events, err := order.Decide(state, c)
		var rule *order.RuleError
		if errors.As(err, &rule) {
			fmt.Printf("%s: refused, %s\n", c.Name(), rule.Code)
			continue
		}
		for _, e := range events {
			state = order.Evolve(state, e)
		}
		fmt.Printf("%s: %d event(s), now %s\n", c.Name(), len(events), state.Status)
	}

	// Output:
	// create_order: 1 event(s), now ACTIVE
	// confirm_order: 1 event(s), now CONFIRMED
	// confirm_order: 0 event(s), now CONFIRMED
	// deliver_order: refused, order_not_shipped
}

// Check refuses a malformed command before any order is loaded.
func ExampleCheck() {
	err := order.Check(order.UpdateItems{
		OrderID: uuid.MustParse("018f4e9a-0000-7000-8000-000000000001"),
		Items:   []order.Item{{SKU: "BOOK-1", Quantity: 1, UnitPrice: 1250}, {SKU: "BOOK-2"}},
	})

	var rule *order.RuleError
	if errors.As(err, &rule) {
		fmt.Println(rule.Code, rule.Field, rule.Malformed())
	}
	// Output: invalid_quantity items[1].quantity true
}
