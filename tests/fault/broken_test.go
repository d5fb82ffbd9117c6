package fault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
	"orderflow/tests/scyllasim"
)

// broken says how a service is broken on purpose, to show that a round finds it. The zero value is
// a service that is not broken.
type broken struct {
	noSweeper   bool
	oneReader   bool // of the log: the fast one
	trusting    bool // trusts a feed that others write to
	laneBuffer  int  // how many more records wait in each lane than configured
	parkAfter   int  // how many attempts an event gets
	onStore     func(ports.EventStore) ports.EventStore
	onViews     func(outside.ViewStore) outside.ViewStore
	onNotes     func(outside.Notebook) outside.Notebook
	onConsumer  func(fanout.Consumer) fanout.Consumer
	onCodec     func(ports.Codec[order.Event]) ports.Codec[order.Event]
	onDecoder   func(ports.Decoder) ports.Decoder
	onPublisher func(ports.Publisher) ports.Publisher
	onBind      func(plain, target string) string
}

// confidence is how long the safe reader waits.
func (b broken) confidence() time.Duration {
	if b.oneReader {
		return time.Hour
	}
	return plan.Confidence
}

func (b broken) store(s ports.EventStore) ports.EventStore { return with(b.onStore, s) }

func (b broken) views(v outside.ViewStore) outside.ViewStore { return with(b.onViews, v) }

func (b broken) notes(n outside.Notebook) outside.Notebook { return with(b.onNotes, n) }

func (b broken) consumer(c *consumer.Consumer) fanout.Consumer {
	return with(b.onConsumer, fanout.Consumer(c))
}

func (b broken) codec(c ports.Codec[order.Event]) ports.Codec[order.Event] { return with(b.onCodec, c) }

func (b broken) decoder(d ports.Decoder) ports.Decoder { return with(b.onDecoder, d) }

func (b broken) publisher(p ports.Publisher) ports.Publisher { return with(b.onPublisher, p) }

// bind returns the name of the consumer that publishes to a target, and binds it to that.
func (b broken) bind(ctx context.Context, binder filling.Binder, plain, target string) (string, error) {
	if b.onBind != nil {
		return b.onBind(plain, target), nil
	}
	binder.Same = func(bound, target string) bool { return bound == target }
	name, _, err := binder.Bind(ctx, plain, target)
	return name, err
}

// with wraps a part in something broken, if there is something.
func with[T any](breaks func(T) T, part T) T {
	if breaks == nil {
		return part
	}
	return breaks(part)
}

// brief is a round with a few commands, one for each of many orders. So no later event heals what
// was lost.
func brief(steps ...plan.Step) plan.Schedule {
	return plan.Schedule{
		Seed: 5, Nodes: 3, Replication: 3, Orders: 400, Writers: 2, Commands: 30, Patience: 20 * time.Millisecond, Tail: 1024, Remembered: 65536,
		Retention: 24 * time.Hour, Lanes: 4, LaneBuffer: 2, Batch: 2, MaxParked: 1000,
		Start: [plan.Processes]plan.Program{{Target: 1}, {Target: 1}}, Targets: 1, Steps: steps,
	}
}

// expectCaught fails unless the round reports that each of some promises is broken. A broken
// service never recovers, so little patience is enough. The faults start when the consumers follow
// the feed. Before that they catch up from the event store, where nothing is missing.
func expectCaught(t *testing.T, s plan.Schedule, b broken, promises ...string) {
	t.Helper()
	expectCaughtWith(t, s, options{broken: b, patience: 3 * time.Second}, (*round).trouble, promises...)
}

// expectCaughtWith is expectCaught with another load than writers.
func expectCaughtWith(t *testing.T, s plan.Schedule, o options, trouble func(*round, context.Context), promises ...string) {
	t.Helper()
	skipWithRaceDetector(t)
	r := runWith(t.Context(), s, o, func(r *round, ctx context.Context) {
		r.awaitConsumers(ctx)
		trouble(r, ctx)
	})
	t.Log(r)
	for _, promise := range promises {
		if !slices.ContainsFunc(r.violations, func(v string) bool { return strings.HasPrefix(v, promise+":") }) {
			t.Errorf("nobody noticed that %s does not hold", promise)
		}
	}
}

// dies ends the processes between a commit and its outbox rows.
func dies(after int) plan.Step {
	return plan.Step{After: after, What: plan.Crash, Process: plan.AllProcesses, Fault: scyllasim.Fault{
		Table: "outbox_messages", Pattern: plan.OutboxRows, Nth: 1, Effect: scyllasim.DropBefore,
	}}
}

func TestRun_CatchesThatNobodySweeps(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(dies(5), dies(20), dies(35), dies(50)), broken{noSweeper: true}, "P4")
}

// All processes sweep intents, but there are none.
func TestRun_CatchesAppendsWithoutIntent(t *testing.T) {
	t.Parallel()
	none := plan.Step{What: plan.Inject, Fault: scyllasim.Fault{
		Table: "append_intents", Kind: scyllasim.KindInsert, Nth: 1, Times: 1000, Effect: scyllasim.Ignored,
	}}
	expectCaught(t, brief(none, dies(5), dies(20), dies(35), dies(50)), broken{}, "P4")
}

// overconfident is an event store that reports an append with an unknown outcome as not applied.
type overconfident struct{ ports.EventStore }

// Append implements ports.EventStore.
func (o overconfident) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := o.EventStore.Append(ctx, a)
	if errors.Is(err, ports.ErrOutcomeUnknown) {
		err = fmt.Errorf("%w: %v", ports.ErrUnavailable, err)
	}
	return appended, err
}

// A commit takes effect without an answer. The store cannot be read until the client has given up
// or asks again.
func TestRun_CatchesUnknownOutcomesThatAreDenied(t *testing.T) {
	t.Parallel()
	for name, insists := range map[string]bool{"of a client that gives up": false, "of a client that asks again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The checks before that of the ledger are correct, and may take their time.
			o := options{broken: broken{onStore: func(s ports.EventStore) ports.EventStore { return overconfident{s} }}, patience: *patienceFlag}
			expectCaughtWith(t, brief(), o, func(r *round, ctx context.Context) {
				committed := false
				r.removals = append(r.removals, r.sim.Inject(scyllasim.Fault{
					Table: "event_store", Kind: scyllasim.KindLWT, Effect: scyllasim.TimeoutAfter,
					When: func() bool { committed = true; return true },
				}))
				readable := r.sim.Inject(scyllasim.Fault{
					Table: "event_store", Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable, Times: -1, When: func() bool { return committed },
				})
				r.removals = append(r.removals, readable)
				random := rand.New(rand.NewPCG(1, 1))
				w := &writer{Rand: random, cluster: r.cluster, ledger: r.ledger, orders: []uuid.UUID{drawUUID(random)}}
				client := client{alone: true, insists: insists, answered: readable}
				r.ledger.add(w.ask(ctx, random, orders.Request{Command: w.command(), CommandID: w.uuid()}, client))
			}, "P1")
		})
	}
}

// Every row is late for the fast reader, and there is no other reader.
func TestRun_CatchesThatTheLogIsReadOnce(t *testing.T) {
	t.Parallel()
	late := brief(plan.Step{What: plan.Inject, Fault: scyllasim.Fault{
		Table: "outbox_messages", Pattern: plan.OutboxRows, Nth: 1, Times: 1000, Effect: scyllasim.HeldLog, Late: plan.Confidence / 2,
	}})
	expectCaught(t, late, broken{oneReader: true}, "P4")
}

// unlucky selects the orders of which something is lost, in every process.
func unlucky(id uuid.UUID) bool { return id[0]%2 == 0 }

// halfhearted is a view store that loses rows of the generations from a given one.
type halfhearted struct {
	outside.ViewStore
	from int
}

// Apply implements ports.ViewStore.
func (h halfhearted) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	for i := range changes {
		if unlucky(changes[i].AggregateID) && view.Generation >= h.from {
			changes[i].Put = nil
		}
	}
	return h.ViewStore.Apply(ctx, view, changes...)
}

func TestRun_CatchesLostRows(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(), broken{onViews: func(v outside.ViewStore) outside.ViewStore { return halfhearted{v, 1} }}, "P4")
}

// The round checks the generation that is live at the end.
func TestRun_CatchesRowsThatARebuildLoses(t *testing.T) {
	t.Parallel()
	again := plan.Step{After: 20, What: plan.Rebuild, Consumer: views.OrdersByStatus().Name, Rebuild: ports.RebuildRequest{SkipVerification: true}}
	expectCaught(t, brief(again), broken{onViews: func(v outside.ViewStore) outside.ViewStore { return halfhearted{v, 2} }}, "P4")
}

// forgetful is an event store that reports a command which is already stored as a lost race. So the
// command is decided again and happens twice.
type forgetful struct{ ports.EventStore }

// Load implements ports.EventStore. It hides the command ids of the events.
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

// careless reports records as handled that it has not handled. The same happens when an offset is
// committed before the effect and the process dies in between.
type careless struct{ fanout.Consumer }

// Handle implements fanout.Consumer.
func (c careless) Handle(ctx context.Context, records ...eventsourcing.Record) error {
	lucky := slices.DeleteFunc(slices.Clone(records), func(r eventsourcing.Record) bool { return unlucky(r.AggregateID) })
	if len(lucky) == 0 {
		return nil
	}
	return c.Consumer.Handle(ctx, lucky...)
}

func TestRun_CatchesOffsetsThatPassTheEffect(t *testing.T) {
	t.Parallel()
	expectCaught(t, brief(), broken{onConsumer: func(c fanout.Consumer) fanout.Consumer { return careless{c} }}, "P4")
}
