package otherdomain_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	orderviews "orderflow/domain/order/views"
	"orderflow/tests/model"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stock/views"
	"orderflow/tests/otherdomain/stockjson"
)

// modelStores are what the models of this package run on.
func modelStores() map[string]func(testing.TB) (model.Store, func()) {
	return map[string]func(testing.TB) (model.Store, func()){
		"memory": func(testing.TB) (model.Store, func()) {
			store := memory.New(memory.Options{})
			return store, func() { _ = store.Close() }
		},
		"embedded": func(t testing.TB) (model.Store, func()) {
			store, err := embedded.Open(context.Background(), embedded.Options{Dir: "data", FS: vfs.NewMem(), CacheBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			return store, func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}
		},
	}
}

// someItems draws a few stock items, and orders that they are reserved for.
func someItems(rt *rapid.T, config command.Config) func(rt *rapid.T) (uuid.UUID, error) {
	handler := inventory.NewCommands(stockjson.New(), config)
	items, orderIDs := model.DrawIDs(rt, "items"), model.DrawIDs(rt, "orders to reserve for")
	return func(rt *rapid.T) (uuid.UUID, error) {
		id := rapid.SampledFrom(items).Draw(rt, "item")
		_, err := handler.Handle(context.Background(), inventory.Request{Command: drawStock(rt, id, orderIDs)})
		return id, model.UnlessRefused(err)
	}
}

func drawStock(rt *rapid.T, id uuid.UUID, orderIDs []uuid.UUID) stock.Command {
	orderID, quantity := rapid.SampledFrom(orderIDs), rapid.Int64Range(1, 4)
	switch rapid.IntRange(0, 5).Draw(rt, "stock command") {
	case 0, 1:
		return receive(id, rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "article"), quantity.Draw(rt, "quantity"))
	case 2, 3, 4:
		return reserve(id, orderID.Draw(rt, "order"), quantity.Draw(rt, "quantity"))
	default:
		return stock.Release{ItemID: id, OrderID: orderID.Draw(rt, "order")}
	}
}

// ordersAndItems draws aggregates of both types, whose commands come in turns.
func ordersAndItems(rt *rapid.T, config command.Config) func(rt *rapid.T) (uuid.UUID, error) {
	toOrder, toItem := model.Orders(rt, config), someItems(rt, config)
	return func(rt *rapid.T) (uuid.UUID, error) {
		if rapid.Bool().Draw(rt, "to an order") {
			return toOrder(rt)
		}
		return toItem(rt)
	}
}

// domains are what is modelled: the second aggregate alone, and together with the orders.
func domains() map[string]model.Domain {
	var stockOnly eventjson.Mux
	eventjson.Register(&stockOnly, stockjson.New())
	both := orderjson.NewMux()
	eventjson.Register(both, stockjson.New())
	return map[string]model.Domain{
		"stock": {Aggregates: someItems, Projections: views.All(), Codec: &stockOnly},
		"both":  {Aggregates: ordersAndItems, Projections: append(orderviews.All(), views.All()...), Codec: both},
	}
}

func TestViews_PropEqualTheFold(t *testing.T) {
	t.Parallel()
	for name, d := range domains() {
		for on, open := range modelStores() {
			t.Run(name+" on "+on, func(t *testing.T) {
				t.Parallel()
				d.Open = open
				model.ViewsEqualTheFold(t, d)
			})
		}
	}
}

func TestViews_PropSurviveSeveralProcessesWithoutTransactions(t *testing.T) {
	t.Parallel()
	for name, d := range domains() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.Open = modelStores()["memory"]
			model.ViewsSurviveSeveralProcesses(t, d)
		})
	}
}
