package fault_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
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

// Two versions of the service run on one keyspace, of which the older one does not know the present
// layout of a list. Each takes over from the other, by stops in order and by kills, while a
// generation in the present layout is filled, and when it is live. No event is lost, and no row is
// missing in the end. Nothing is left of generations that are over, where every program knows it.
func TestRun_TwoLayoutsAtOnce(t *testing.T) {
	t.Parallel()
	skipWithRaceDetector(t)
	view := views.OrdersByStatus().Name
	s := brief()
	s.NewerView, s.NewerShare = view, 5
	r := runWith(t.Context(), s, options{patience: *patienceFlag}, func(r *round, ctx context.Context) {
		random := rand.New(rand.NewPCG(1, 2))
		be := func(slot int, newer bool) {
			r.slots[slot].replace(plan.Program{Newer: newer, Target: 1})
			r.awaitProgram(ctx, slot, newer)
		}
		r.awaitConsumers(ctx) // older ones, in the former layout
		r.send(ctx, random, 10)
		be(1, true)
		r.send(ctx, random, 5)
		r.kill(0) // the newer one may take over, and fill a generation
		r.send(ctx, random, 5)
		be(0, false)
		for range 3 {
			r.kill(1 - r.holder(view)) // and then the one that has it
			r.send(ctx, random, 3)
			r.kill(r.holder(view))
			r.send(ctx, random, 3)
		}
		be(0, true) // only newer ones: the present layout becomes live
		r.awaitLive(ctx, view, func(number int) bool { return number > 1 })
		r.send(ctx, random, 5)
		be(1, false)
		r.kill(0)
		r.send(ctx, random, 5)
		be(0, false) // everything is rolled back
		r.send(ctx, random, 5)
	})
	t.Log(r)
	for _, violation := range r.violations {
		t.Error(violation)
	}
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
