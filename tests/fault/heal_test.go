package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
	"orderflow/tests/scyllasim"
)

// A row that reaches the log too late for every reader leaves a gap. Each consumer fills it when it
// gets the next event of the order, and counts it (P5).
func TestRun_HealsWhatTheLogLost(t *testing.T) {
	t.Parallel()
	skipWithRaceDetector(t)
	r := runWith(t.Context(), brief(), options{patience: *patienceFlag}, func(r *round, ctx context.Context) {
		r.awaitConsumers(ctx)
		random := rand.New(rand.NewPCG(1, 1))
		id := drawUUID(random)
		items := func(n int64) []order.Item { return []order.Item{{SKU: "sku", Quantity: n, UnitPrice: 1}} }
		send := func(command order.Command) {
			p, err := r.pick(ctx, 0)
			if err != nil {
				r.violated("the round", "%v", err)
				return
			}
			request := orders.Request{Command: command, CommandID: drawUUID(random)}
			result, err := r.handle(ctx, p, request)
			if err != nil {
				r.violated("P2", "%s: %v", command.Name(), err)
			}
			r.ledger.add(&entry{request: request, result: result})
		}
		send(order.CreateOrder{OrderID: id, CustomerID: "customer", Currency: "EUR", Items: items(1)})
		lost := r.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Kind: scyllasim.KindBatch, Effect: scyllasim.HeldLog, Late: time.Hour})
		send(order.UpdateItems{OrderID: id, Items: items(2)})
		lost()
		send(order.UpdateItems{OrderID: id, Items: items(3)})
	})
	t.Log(r)
	if len(r.violations) > 0 {
		t.Fail()
	}
	if want := uint64(len(views.All()) + 1); r.healed < want || r.events != 3+plan.Processes {
		t.Errorf("%d events healed, of %d; want at least %d", r.healed, r.events, want)
	}
}

// awaitConsumers waits until all consumers follow the feed, each in one process.
func (r *round) awaitConsumers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, *patienceFlag)
	defer cancel()
	for i := range plan.Processes {
		p, err := r.pick(ctx, i)
		if err != nil {
			r.violated("the round", "no process: %v", err)
			return
		}
		for _, c := range p.consumers {
			for status := (ports.ConsumerStatus{}); status.State != ports.ConsumerRunning && status.State != ports.ConsumerStandby && ctx.Err() == nil; {
				status = c.Status(ctx)
				pause(ctx, time.Millisecond)
			}
		}
	}
}
