package model

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// Orders draws a few orders, for [Domain].Aggregates.
func Orders(rt *rapid.T, config command.Config) func(rt *rapid.T) (uuid.UUID, error) {
	handler := orders.NewCommands(orderjson.New(), config)
	ids := DrawIDs(rt, "orders")
	return func(rt *rapid.T) (uuid.UUID, error) {
		id := rapid.SampledFrom(ids).Draw(rt, "order")
		_, err := handler.Handle(context.Background(), orders.Request{Command: drawCommand(rt, id)})
		return id, UnlessRefused(err)
	}
}

// DrawIDs returns one to four new ids.
func DrawIDs(rt *rapid.T, label string) []uuid.UUID {
	ids := make([]uuid.UUID, rapid.IntRange(1, 4).Draw(rt, label))
	for i := range ids {
		ids[i] = uuid.New()
	}
	return ids
}

// UnlessRefused returns err, or nil when a rule has refused the command.
func UnlessRefused(err error) error {
	var refused eventsourcing.Refused
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

func drawCommand(t *rapid.T, id uuid.UUID) order.Command {
	items := rapid.Custom(func(t *rapid.T) []order.Item {
		var items []order.Item
		for _, sku := range rapid.Permutation([]string{"A", "B", "C"}).Draw(t, "skus")[:rapid.IntRange(1, 3).Draw(t,
			"lines")] {
			items = append(items, order.Item{SKU: sku, Quantity: rapid.Int64Range(1, 3).Draw(t, "quantity"), UnitPrice: 100})
		}
		return items
	})
	switch rapid.IntRange(0, 7).Draw(t, "command") {
	case 0, 1:
		customer := fmt.Sprint("c", rapid.IntRange(1, 2).Draw(t, "customer"))
		return order.CreateOrder{OrderID: id, CustomerID: customer, Currency: "EUR", Items: items.Draw(t, "items")}
	case 2, 3:
		return order.UpdateItems{OrderID: id, Items: items.Draw(t, "items")}
	case 4:
		return order.ConfirmOrder{OrderID: id, PaymentReference: "P"}
	case 5:
		return order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: "T"}
	case 6:
		return order.DeliverOrder{OrderID: id}
	default:
		return order.CancelOrder{OrderID: id, Reason: "R"}
	}
}
