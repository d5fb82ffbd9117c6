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

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/tests/fault/plan"
)

// options say how to run a round, apart from its plan.Schedule.
type options struct {
	broken broken
	// patience is how long the round waits for the service to recover.
	patience time.Duration
}

// report is the result of a round.
type report struct {
	schedule   plan.Schedule
	violations []string

	commands, tries, orders, events int
	answers                         map[string]int
	published, rebuilt              int
	done                            map[plan.Trouble]int
	hits, kills, forged             int64
	refused                         int // by a full disk
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
		"%d events healed, %d holes, %d late rows, %d caught up, %d views anew; operators: %v; %d foreign records of %d forged ones; %d writes refused; took %s",
		r.schedule.Seed, r.commands, r.tries, strings.Join(answers, ", "), r.events, r.orders, r.published, r.hits, r.kills,
		r.healed, r.holes, r.late, r.caughtUp, r.rebuilt, r.done, r.foreign, r.forged, r.refused, r.took.Round(time.Millisecond))
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
	// observer reads what is stored when the faults are over. Then the live generations do not
	// change any more.
	observer *scylla.Store
	session  *gocql.Session
	live     generations
}

// run runs a schedule and returns its result. It leaves nothing behind.
func run(ctx context.Context, s plan.Schedule, o options) report {
	return runWith(ctx, s, o, (*round).trouble)
}

// runWith is run with another load than writers.
func runWith(ctx context.Context, s plan.Schedule, o options, trouble func(*round, context.Context)) report {
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
	random := rand.New(rand.NewPCG(r.schedule.Seed, 2))
	orders := make([]uuid.UUID, r.schedule.Orders)
	for i := range orders {
		orders[i] = drawUUID(random)
	}
	var group sync.WaitGroup
	for range r.schedule.Writers {
		w := &writer{Rand: rand.New(rand.NewPCG(random.Uint64(), 0)), cluster: r.cluster, ledger: r.ledger, orders: orders, created: map[uuid.UUID]bool{}}
		group.Go(func() { w.write(ctx) })
	}
	group.Wait()
	if ctx.Err() != nil {
		r.violated("P2", "the writers did not get through within %s", most)
	}
}

// finish stops the processes in order, and completes the report.
func (r *round) finish(cancel func()) {
	r.stopping.Store(true)
	for i := range r.slots {
		if p := r.slots[i].running.Load(); p != nil {
			p.stop()
		}
	}
	r.left.Wait()
	cancel()
	r.report.commands, r.report.tries, r.report.answers = len(r.ledger.entries), r.ledger.tries, r.ledger.answers
	r.report.hits, r.report.kills, r.report.counters = r.hits.Load(), r.kills.Load(), r.counted
	r.report.done, r.report.forged, r.report.refused = r.people.done, r.forged.Foreign.Load(), r.disk.Refused()
	r.report.violations = r.violations
}
