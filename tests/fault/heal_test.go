package fault_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
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
	want := uint64(len(views.All()) + 1)
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
		lost := r.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Pattern: plan.OutboxRows, Effect: scyllasim.HeldLog, Late: time.Hour})
		send(order.UpdateItems{OrderID: id, Items: items(2)})
		lost()
		send(order.UpdateItems{OrderID: id, Items: items(3)})
		// What follows takes the leases away. A consumer that loses its lease meanwhile does not
		// know whether its write had an effect, and does not count it.
		r.awaits(ctx, "every consumer heals", func() bool { return r.healedSoFar(ctx) >= want })
	})
	t.Log(r)
	if len(r.violations) > 0 {
		t.Fail()
	}
	if r.healed < want || r.events != 3+plan.Processes {
		t.Errorf("%d events healed, of %d; want at least %d", r.healed, r.events, want)
	}
}

// healedSoFar adds up what the consumers of all processes have healed.
func (r *round) healedSoFar(ctx context.Context) (events uint64) {
	for i := range r.slots {
		for _, c := range r.slots[i].running.Load().consumers {
			events += c.Status(ctx).Healed
		}
	}
	return events
}

// awaitConsumers waits until every consumer follows the feed in one of the processes. A consumer
// that is on standby in all of them, because its lease has just ended, may never have run. It would
// read the event store then, and heal nothing.
func (r *round) awaitConsumers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, *patienceFlag)
	defer cancel()
	for waiting := true; waiting; pause(ctx, time.Millisecond) {
		follows := map[string]bool{}
		for i := range plan.Processes {
			p, err := r.pick(ctx, i)
			if err != nil {
				r.violated("the round", "no process: %v", err)
				return
			}
			for _, c := range p.consumers {
				follows[c.Name()] = follows[c.Name()] || c.Status(ctx).State == ports.ConsumerRunning
			}
		}
		waiting = slices.Contains(slices.Collect(maps.Values(follows)), false) && ctx.Err() == nil
	}
}
