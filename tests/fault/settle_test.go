package fault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/application/orders"
	"orderflow/application/verify"
	"orderflow/domain/order"
	orderviews "orderflow/domain/order/views"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
)

// calm ends all faults, except for poison. Requests that a fault delays end with their connections,
// so that none takes effect hours later.
func (r *round) calm() {
	r.sinks.SetDown(true)
	r.disk.Free()
	r.mu.Lock()
	for _, remove := range r.removals {
		remove()
	}
	for node := 1; node <= r.schedule.Nodes; node++ {
		r.startNode(node)
		r.sim.LagNode(node, 0)
		r.sim.SkewNode(node, 0)
	}
	r.mu.Unlock()
	r.sim.DescribeLate(0)
	r.sim.DropConnections()
	r.operators.Wait()
	r.sim.Advance(30 * time.Second) // sweepers look at intents of this age
}

// settle waits until the service has recovered, and checks it: first without the publisher, which
// must delay no other consumer (P4), then with it.
func (r *round) settle(ctx context.Context) (err error) {
	if r.observer, err = scylla.Open(ctx, r.calmConfig()); err != nil {
		return err
	}
	defer r.observer.Close()
	if r.session, err = scylla.Connect(ctx, r.calmConfig()); err != nil {
		return err
	}
	defer r.session.Close()
	if err := r.upgradeAll(ctx); err != nil {
		return err
	}
	r.resumeAll(ctx)
	r.goesOn(ctx)
	if r.schedule.Poison.Consumer == "" {
		err = r.recover(ctx)
	} else {
		err = r.recoverFromPoison(ctx)
	}
	if err != nil {
		return err
	}
	r.sim.Advance(2 * time.Hour) // at this age they look for the last time
	if err := r.awaitNoIntents(ctx); err != nil {
		return err
	}
	if err := r.verify(ctx, "P3", r.publisherNames()...); err != nil {
		return err
	}
	return r.check(ctx)
}

// recover waits until everything is complete, without an operator.
func (r *round) recover(ctx context.Context) (err error) {
	r.awaitNothingParked(ctx)
	if r.live, err = r.awaitRebuilds(ctx, nil); err != nil {
		return err
	}
	if err := r.verify(ctx, "P4"); err != nil {
		return err
	}
	r.sinks.SetDown(false)
	return r.verify(ctx, "P2", r.publisherNames()...)
}

// recoverFromPoison waits until everything that is not parked is complete. Then operators skip some
// of the events that fail, the cause is removed, operators retry what is parked, and everything
// else becomes complete as well.
func (r *round) recoverFromPoison(ctx context.Context) (err error) {
	if err := r.awaitFlow(ctx, "P4", plan.Views()...); err != nil {
		return err
	}
	r.sinks.SetDown(false)
	if err := r.awaitFlow(ctx, "P7", r.publisherNames()...); err != nil {
		return err
	}
	r.skipSome(ctx)
	r.poison.Mend()
	r.retryParked(ctx)
	if r.live, err = r.awaitRebuilds(ctx, r.askAgain(ctx)); err != nil {
		return err
	}
	return r.verify(ctx, "P2", r.publisherNames()...)
}

// goesOn checks that each process accepts a command again.
func (r *round) goesOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	random := rand.New(rand.NewPCG(r.schedule.Seed, 3))
	for i := range plan.Processes {
		create := order.CreateOrder{OrderID: drawUUID(random), CustomerID: "last", Currency: "EUR", Items: []order.Item{{SKU: "sku", Quantity: 1, UnitPrice: 1}}}
		e := &entry{request: orders.Request{Command: create, CommandID: drawUUID(random)}, fate: unknown}
		r.ledger.add(e)
		for e.fate == unknown && ctx.Err() == nil {
			p, err := r.pick(ctx, i)
			if err == nil {
				e.result, err = r.handle(ctx, p, e.request)
			}
			if err == nil {
				e.fate = acknowledged
				continue
			}
			pause(ctx, 10*time.Millisecond)
		}
		if e.fate == unknown {
			r.violated("P2", "a process that nothing troubles any more takes no command within %s", r.patience)
		}
	}
}

// calmConfig returns the configuration of an observer.
func (r *round) calmConfig() scylla.Config {
	config := r.config
	config.Timeout, config.ConnectTimeout = time.Minute, time.Minute
	return config
}

// verify compares the views, and others, with the fold of each order.
func (r *round) verify(ctx context.Context, promise string, others ...string) error {
	v := verify.New(verify.Config{
		Store: r.observer, Codec: outside.NewerDecoder(), States: r.observer, Rows: r.observer, Live: r.live, Skips: r.observer,
		Projections: orderviews.All(), Others: others,
	})
	found, err := v.Verify(ctx, r.patience)
	for _, d := range found.Shown {
		r.violated(promise, "order %s, consumer %q: %s", d.AggregateID, d.Consumer, d.Detail)
	}
	if err == nil && found.Differences > 0 {
		err = fmt.Errorf("%d differences between %d orders and their views after %s", found.Differences, found.Aggregates, r.patience)
	}
	return err
}
