package bootstrap

import (
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/orders"
	"orderflow/application/query"
	"orderflow/application/snapshot"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// openSnapshots makes the keeper of the snapshots of orders, if there are to be any.
func (a *App) openSnapshots() {
	if a.config.SnapshotEvery == 0 {
		return
	}
	a.snapshots = a.newSnapshots(a.config.SnapshotEvery)
}

// newSnapshots returns a keeper of the snapshots of orders.
func (a *App) newSnapshots(every int) *snapshot.Keeper {
	return snapshot.NewKeeper(snapshot.Config{
		Store: a.store, History: a.store, Every: every, Logger: a.log,
	}, orders.Aggregate(orderjson.New().Sealed(a.seal)).Snapshot(a.store.finder), query.Snapshot(order.Type, views.OrderReadModel(), a.codec))
}

// anySnapshots returns the keeper of the snapshots that there are. Without new ones, there may be
// some of an earlier start.
func (a *App) anySnapshots() *snapshot.Keeper {
	if a.snapshots != nil {
		return a.snapshots
	}
	return a.newSnapshots(1)
}

// withSnapshots adds the snapshots to a verification.
func (a *App) withSnapshots(next ports.Verifier) ports.Verifier {
	if a.snapshots == nil {
		return next
	}
	return snapshot.Verifier{Next: next, Keeper: a.snapshots, Heads: a.store}
}
