package model_test

import (
	"testing"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/domain/order/views"
	"orderflow/tests/model"
)

// ofOrders is the domain of the service.
func ofOrders() model.Domain {
	return model.Domain{
		Open: func(testing.TB) (model.Store, func()) {
			store := memory.New(memory.Options{})
			return store, func() { _ = store.Close() }
		},
		Aggregates: model.Orders, Projections: views.All(), Codec: orderjson.NewMux(),
	}
}

func TestViews_PropEqualTheFold(t *testing.T) {
	t.Parallel()
	model.ViewsEqualTheFold(t, ofOrders())
}

func TestViews_PropSurviveSeveralProcessesWithoutTransactions(t *testing.T) {
	t.Parallel()
	model.ViewsSurviveSeveralProcesses(t, ofOrders())
}
