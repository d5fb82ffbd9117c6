package fault_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/scylla"
	"orderflow/application/orders"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// options say how to run a round, apart from its schedule.
type options struct {
	broken broken
	// patience is how long the round waits for the service to recover.
	patience time.Duration
}

// report is the result of a round.
type report struct {
	schedule   schedule
	violations []string

	commands, tries, orders, events int
	answers                         map[string]int
	published, rebuilt              int
	hits, kills                     int64
	took                            time.Duration
	counters
}

// String returns one line, and one more for each violation.
func (r report) String() string {
	var answers []string
	for _, name := range slices.Sorted(maps.Keys(r.answers)) {
		answers = append(answers, fmt.Sprintf("%d %s", r.answers[name], name))
	}
	text := fmt.Sprintf("seed %d: %d commands in %d tries (%s), %d events of %d orders, published %d times; %d requests hit, %d processes killed; "+
		"%d events healed, %d holes, %d late rows, %d caught up, %d views rebuilt; took %s",
		r.schedule.seed, r.commands, r.tries, strings.Join(answers, ", "), r.events, r.orders, r.published, r.hits, r.kills,
		r.healed, r.holes, r.late, r.caughtUp, r.rebuilt, r.took.Round(time.Millisecond))
	for _, v := range r.violations {
		text += "\n\t" + v
	}
	return text
}

// round is a schedule that is being run.
type round struct {
	*cluster
	ledger   *ledger
	patience time.Duration
	report   report
	// observer reads what is stored when the faults are over. The live generations do not change
	// any more then.
	observer *scylla.Store
	live     generations
}

// run runs a schedule and returns its result. It leaves nothing behind.
func run(ctx context.Context, s schedule, o options) report {
	return runWith(ctx, s, o, (*round).trouble)
}

// runWith is run with another load than writers.
func runWith(ctx context.Context, s schedule, o options, trouble func(*round, context.Context)) report {
	started := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := startCluster(ctx, s, o.broken)
	if err != nil {
		return report{schedule: s, violations: []string{fmt.Sprintf("the round did not start: %v", err)}}
	}
	r := &round{
		cluster: c, patience: o.patience, ledger: &ledger{entries: map[uuid.UUID]*entry{}, answers: map[string]int{}},
		report: report{schedule: s},
	}
	defer c.sim.Close()
	trouble(r, ctx)
	r.calm()
	if err := r.settle(ctx); err != nil {
		c.violated("the round", "%v", err)
	}
	r.finish(cancel)
	r.report.took = time.Since(started)
	return r.report
}

// trouble runs the writers. Their progress triggers the steps.
func (r *round) trouble(ctx context.Context) {
	most := 3 * max(r.patience, shortPatience) // a slow machine needs time for all commands
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	random := rand.New(rand.NewPCG(r.schedule.seed, 2))
	orders := make([]uuid.UUID, r.schedule.orders)
	for i := range orders {
		orders[i] = drawUUID(random)
	}
	var group sync.WaitGroup
	for range r.schedule.writers {
		w := &writer{Rand: rand.New(rand.NewPCG(random.Uint64(), 0)), cluster: r.cluster, ledger: r.ledger, orders: orders, created: map[uuid.UUID]bool{}}
		group.Go(func() { w.write(ctx) })
	}
	group.Wait()
	if ctx.Err() != nil {
		r.violated("P2", "the writers did not get through within %s", most)
	}
}

// goesOn checks that each process accepts a command again.
func (r *round) goesOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	random := rand.New(rand.NewPCG(r.schedule.seed, 3))
	for i := range processes {
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

// calm ends all faults. Requests that a fault delays end with their connections, so that none takes
// effect hours later.
func (r *round) calm() {
	r.published.setDown(true)
	r.mu.Lock()
	for _, remove := range r.removals {
		remove()
	}
	for node := 1; node <= nodes; node++ {
		r.startNode(node)
	}
	r.mu.Unlock()
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
	r.resumeAll(ctx)
	r.goesOn(ctx)
	if r.live, err = r.awaitRebuilds(ctx); err != nil {
		return err
	}
	if err := r.verify(ctx, "P4"); err != nil {
		return err
	}
	r.published.setDown(false)
	if err := r.verify(ctx, "P2", publisherName); err != nil {
		return err
	}
	r.sim.Advance(2 * time.Hour) // at this age they look for the last time
	if err := r.awaitNoIntents(ctx); err != nil {
		return err
	}
	if err := r.verify(ctx, "P3", publisherName); err != nil {
		return err
	}
	histories, err := r.histories(ctx)
	if err != nil {
		return err
	}
	r.checkHistories(histories)
	r.checkLedger(histories)
	r.checkPublished(histories)
	return nil
}

// calmConfig is the configuration of an observer.
func (r *round) calmConfig() scylla.Config {
	config := r.config
	config.Timeout, config.ConnectTimeout = time.Minute, time.Minute
	return config
}

// verify compares the views, and others, with the fold of each order.
func (r *round) verify(ctx context.Context, promise string, others ...string) error {
	v := verify.New(verify.Config{
		Store: r.observer, Codec: orderjson.NewMux(), States: r.observer, Rows: r.observer, Live: r.live, Skips: r.observer,
		Projections: views.All(), Others: others,
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

// awaitNoIntents waits until the sweepers have decided every append that was ever started.
func (r *round) awaitNoIntents(ctx context.Context) error {
	session, err := scylla.Connect(ctx, r.calmConfig())
	if err != nil {
		return err
	}
	defer session.Close()
	deadline := time.NewTimer(r.patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var left int
		if err := session.Query("SELECT COUNT(*) FROM append_intents").WithContext(ctx).Scan(&left); err != nil || left == 0 {
			return err
		}
		select {
		case <-again.C:
		case <-deadline.C:
			if !r.broken.noSweeper {
				r.violated("P2", "%d intents are left", left)
			}
			return nil
		}
	}
}

// histories reads all histories.
func (r *round) histories(ctx context.Context) (map[uuid.UUID][]eventsourcing.Record, error) {
	all := map[uuid.UUID][]eventsourcing.Record{}
	for cursor := ports.Cursor(""); ; {
		page, err := r.observer.ScanHeads(ctx, cursor, 100)
		if err != nil {
			return nil, err
		}
		for _, head := range page.Heads {
			if all[head.AggregateID], err = r.observer.Load(ctx, head.AggregateID, 0); err != nil {
				return nil, err
			}
		}
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
	}
}

// finish stops the processes in order, and completes the report.
func (r *round) finish(cancel func()) {
	r.stopping.Store(true)
	for i := range processes {
		if p := r.running[i].Load(); p != nil {
			p.stop()
		}
	}
	r.left.Wait()
	cancel()
	r.report.commands, r.report.tries, r.report.answers = len(r.ledger.entries), r.ledger.tries, r.ledger.answers
	r.report.hits, r.report.kills, r.report.counters = r.hits.Load(), r.kills.Load(), r.counted
	r.report.violations = r.violations
}
