package model_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// history is some orders in a store, and their records in an order in which they may have been committed.
type history struct {
	store   *memory.Store
	orders  []uuid.UUID
	records []eventsourcing.Record
}

// drawHistory takes a few orders through random commands.
func drawHistory(t *rapid.T, tb testing.TB) history {
	clock := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	h := history{store: memory.New(memory.Options{})}
	handler := orders.NewCommands(orderjson.New(), command.Config{
		Store: h.store,
		// Hours pass, so that orders fall into different days.
		Now:   func() time.Time { clock = clock.Add(37 * time.Minute); return clock },
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	})
	for range rapid.IntRange(1, 4).Draw(t, "orders") {
		h.orders = append(h.orders, uuid.New())
	}
	for range rapid.IntRange(1, 25).Draw(t, "commands") {
		id := rapid.SampledFrom(h.orders).Draw(t, "order")
		result, err := handler.Handle(tb.Context(), orders.Request{Command: drawCommand(t, id)})
		var rule *order.RuleError
		if err != nil && !errors.As(err, &rule) {
			t.Fatal(err)
		}
		if len(result.Events) == 0 {
			continue
		}
		records, err := h.store.Load(tb.Context(), id, result.Events[0].SequenceNumber-1)
		if err != nil {
			t.Fatal(err)
		}
		h.records = append(h.records, records...)
	}
	return h
}

func drawCommand(t *rapid.T, id uuid.UUID) order.Command {
	items := rapid.Custom(func(t *rapid.T) []order.Item {
		var items []order.Item
		for _, sku := range rapid.Permutation([]string{"A", "B", "C"}).Draw(t, "skus")[:rapid.IntRange(1, 3).Draw(t, "lines")] {
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
