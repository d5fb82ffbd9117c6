package fault_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// broken is how a service is broken on purpose, to see that a round notices. The zero value is the service as it is.
type broken struct {
	noSweeper  bool
	oneReader  bool // of the log: the fast one
	onStore    func(ports.EventStore) ports.EventStore
	onViews    func(consumer.Views) consumer.Views
	onConsumer func(fanout.Consumer) fanout.Consumer
}

// confidence is how long the safe reader waits.
func (b broken) confidence() time.Duration {
	if b.oneReader {
		return time.Hour
	}
	return confidence
}

func (b broken) store(s ports.EventStore) ports.EventStore {
	if b.onStore == nil {
		return s
	}
	return b.onStore(s)
}

func (b broken) views(v consumer.Views) consumer.Views {
	if b.onViews == nil {
		return v
	}
	return b.onViews(v)
}

func (b broken) consumer(c *consumer.Consumer) fanout.Consumer {
	if b.onConsumer == nil {
		return c
	}
	return b.onConsumer(c)
}

// brief is a round of a few commands, one for each of many orders, so that no later event heals what was lost.
func brief(steps ...step) schedule {
	return schedule{
		seed: 5, orders: 400, writers: 2, commands: 30, patience: 20 * time.Millisecond, tail: 1024, remembered: 65536,
		retention: 24 * time.Hour, steps: steps,
	}
}

// expectCaught wants a promise to be found broken. What is broken never mends, so little patience is enough.
func expectCaught(t *testing.T, s schedule, b broken, promise string) {
	t.Helper()
	skipWithRaceDetector(t)
	r := run(t.Context(), s, options{broken: b, patience: 3 * time.Second})
	t.Log(r)
	for _, v := range r.violations {
		if strings.HasPrefix(v, promise) {
			return
		}
	}
	t.Errorf("nobody noticed that %s does not hold", promise)
}

// The processes die between the commit and the outbox, and nobody sweeps.
func TestRun_CatchesThatNobodySweeps(t *testing.T) {
	t.Parallel()
	dies := func(after int) step {
		return step{after: after, what: crash, process: bothProcesses, fault: scyllasim.Fault{
			Table: "outbox_messages", Kind: scyllasim.KindBatch, Nth: 1, Effect: scyllasim.DropBefore,
		}}
	}
	expectCaught(t, brief(dies(5), dies(20), dies(35), dies(50)), broken{noSweeper: true}, "P4")
}

// Every row is late for the fast reader, and nobody else reads.
func TestRun_CatchesThatTheLogIsReadOnce(t *testing.T) {
	t.Parallel()
	late := brief(step{what: inject, fault: scyllasim.Fault{
		Table: "outbox_messages", Kind: scyllasim.KindBatch, Nth: 1, Times: 1000, Effect: scyllasim.HeldLog, Late: confidence / 2,
	}})
	expectCaught(t, late, broken{oneReader: true}, "P4")
}

// unlucky are the orders that something is lost of, in every process.
func unlucky(id uuid.UUID) bool { return id[0]%2 == 0 }

// halfhearted is a view store that loses rows.
type halfhearted struct{ consumer.Views }

// Apply implements ports.ViewStore.
func (h halfhearted) Apply(ctx context.Context, view ports.ViewID, change ports.Change) error {
	if unlucky(change.OrderID) {
		change.Put = nil
	}
	return h.Views.Apply(ctx, view, change)
}

func TestRun_CatchesLostRows(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(), broken{onViews: func(v consumer.Views) consumer.Views { return halfhearted{v} }}, "P4")
}

// forgetful is an event store that takes a command which is there already for one that lost the race: so it is decided anew,
// and happens twice.
type forgetful struct{ ports.EventStore }

// Load implements ports.EventStore: it does not show which commands the events came from.
func (f forgetful) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := f.EventStore.Load(ctx, id, after)
	for i := range records {
		records[i].CommandID = uuid.UUID{1}
	}
	return records, err
}

func TestRun_CatchesCommandsThatHappenTwice(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(), broken{onStore: func(s ports.EventStore) ports.EventStore { return forgetful{s} }}, "P6")
}

// careless says that it has handled what it has not: what an offset that is committed before the effect amounts to, when the
// process dies in between.
type careless struct{ fanout.Consumer }

// Handle implements fanout.Consumer.
func (c careless) Handle(ctx context.Context, record eventsourcing.Record) error {
	if unlucky(record.AggregateID) {
		return nil
	}
	return c.Consumer.Handle(ctx, record)
}

func TestRun_CatchesOffsetsThatPassTheEffect(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(), broken{onConsumer: func(c fanout.Consumer) fanout.Consumer { return careless{c} }}, "P4")
}
