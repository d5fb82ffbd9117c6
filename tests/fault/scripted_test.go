package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

// send sends commands that create orders to one process after the other, and waits for the answers.
func (r *round) send(ctx context.Context, random *rand.Rand, n int) {
	for i := range n {
		create := order.CreateOrder{
			OrderID: drawUUID(random), CustomerID: "customer", Currency: "EUR",
			Items: []order.Item{{SKU: "sku", Quantity: 1, UnitPrice: 1}},
		}
		e := &entry{request: orders.Request{Command: create, CommandID: drawUUID(random)}}
		r.awaits(ctx, "a command", func() bool {
			p, err := r.pick(ctx, i%plan.Processes)
			if err == nil {
				e.result, err = r.handle(ctx, p, e.request)
			}
			return err == nil
		})
		r.ledger.add(e)
	}
}

// The target changes and changes back, and nothing fails. Each target gets everything once: a
// target that comes back continues where it was.
func TestRun_GoesOnAtATargetThatComesBack(t *testing.T) {
	t.Parallel()
	skipWithRaceDetector(t)
	s := brief()
	s.Targets = 2
	r := runWith(t.Context(), s, options{patience: *patienceFlag}, func(r *round, ctx context.Context) {
		random := rand.New(rand.NewPCG(1, 1))
		for _, target := range []int{1, 2, 1, 2} {
			for i := range r.slots {
				r.slots[i].replace(plan.Program{Target: target})
			}
			for i := range r.slots {
				r.awaits(ctx, "the other target", func() bool {
					p, err := r.pickOf(ctx, i)
					return err == nil && p.program.Target == target
				})
			}
			r.send(ctx, random, 5)
			r.awaits(ctx, "everything to be published", func() bool { return r.hasPublished(ctx) })
		}
	})
	t.Log(r)
	if len(r.violations) > 0 || r.published != 2*r.events {
		t.Errorf("%d events were published %d times to 2 targets", r.events, r.published)
	}
}

// hasPublished reports whether it is stored that the current target has everything. So a process
// that stops now leaves nothing that would be published twice.
func (r *round) hasPublished(ctx context.Context) bool {
	p, err := r.pick(ctx, 0)
	if err != nil {
		return false
	}
	view := ports.ViewID{Consumer: p.publisher, Generation: 1}
	for _, e := range r.ledger.entries {
		state, err := p.store.State(ctx, view, e.request.Command.AggregateID())
		if err != nil || state.SequenceNumber == 0 {
			return false
		}
	}
	return true
}

// Others write to the feed, and nothing fails. Each consumer counts what is of unknown orders, and
// no more than what is not in the event store.
func TestRun_CountsForeignRecords(t *testing.T) {
	t.Parallel()
	skipWithRaceDetector(t)
	s := brief()
	s.Forged = 1
	r := runWith(t.Context(), s, options{patience: *patienceFlag}, func(r *round, ctx context.Context) {
		r.awaitConsumers(ctx)
		r.send(ctx, rand.New(rand.NewPCG(1, 1)), 20)
		r.awaits(ctx, "the forged records to be counted", func() bool {
			return r.forged.Unknown.Load() > 0 && r.foreign(ctx) >= uint64(r.forged.Unknown.Load())
		})
	})
	t.Log(r)
	if len(r.violations) > 0 || r.counters.foreign > uint64(r.forged) {
		t.Errorf("%d foreign records were counted, of %d", r.counters.foreign, r.forged)
	}
}

// foreign is how many foreign records the running processes have counted.
func (r *round) foreign(ctx context.Context) (n uint64) {
	for i := range r.slots {
		for _, one := range r.slots[i].running.Load().consumers {
			n += one.Status(ctx).Foreign
		}
	}
	return n
}
