package fault_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
)

// This file shows that a round notices services that do not do what operators ask for.

func TestRun_CatchesRowsThatAResetLoses(t *testing.T) {
	t.Parallel()
	reset := plan.Step{After: 20, What: plan.Reset, Consumer: views.OrdersByStatus().Name}
	expectCaught(t, brief(reset), onViews(func(v outside.ViewStore) outside.ViewStore { return halfhearted{v, 2} }), "P4")
}

// neglectful is a view store that loses rows of the first generation as soon as there is another
// one.
type neglectful struct {
	outside.ViewStore
	seen *sync.Map // consumers with another generation
}

// Apply implements ports.ViewStore.
func (n neglectful) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if view.Generation > 1 {
		n.seen.Store(view.Consumer, true)
	}
	if _, seen := n.seen.Load(view.Consumer); seen && view.Generation == 1 {
		for i := range changes {
			changes[i].Put = nil
		}
	}
	return n.ViewStore.Apply(ctx, view, changes...)
}

// The generation that was live before is not kept up to date. Nobody reads it until a rollback.
func TestRun_CatchesARollbackToWhatIsBehind(t *testing.T) {
	t.Parallel()
	name := views.OrdersByStatus().Name
	rebuild := plan.Step{What: plan.Rebuild, Consumer: name, Rebuild: ports.RebuildRequest{SkipVerification: true}}
	seen := &sync.Map{}
	b := onViews(func(v outside.ViewStore) outside.ViewStore { return neglectful{v, seen} })
	expectCaughtWith(t, brief(), options{broken: b, patience: 3 * time.Second}, func(r *round, ctx context.Context) {
		r.must(ctx, rebuild)
		r.awaitLive(ctx, name, func(number int) bool { return number > 1 })
		r.trouble(ctx)
		r.must(ctx, plan.Step{What: plan.Rollback, Consumer: name})
		r.awaitLive(ctx, name, func(number int) bool { return number == 1 })
	}, "P4")
}

// hoarding is a view store that drops nothing.
type hoarding struct {
	outside.ViewStore
	filled *atomic.Bool // something is in another generation than the first one
}

// Apply implements ports.ViewStore.
func (h hoarding) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	err := h.ViewStore.Apply(ctx, view, changes...)
	if err == nil && view.Generation > 1 {
		h.filled.Store(true)
	}
	return err
}

// DropView implements ports.ViewDropper.
func (hoarding) DropView(context.Context, ports.ViewID, *projection.Table) error { return nil }

// A rebuild is aborted, and what it has filled is left behind.
func TestRun_CatchesWhatAnAbortLeaves(t *testing.T) {
	t.Parallel()
	name := views.OrdersByStatus().Name
	slow := plan.Step{What: plan.Rebuild, Consumer: name, Rebuild: ports.RebuildRequest{AggregatesPerSecond: 1}}
	filled := &atomic.Bool{}
	b := onViews(func(v outside.ViewStore) outside.ViewStore { return hoarding{v, filled} })
	expectCaughtWith(t, brief(), options{broken: b, patience: 3 * time.Second}, func(r *round, ctx context.Context) {
		r.trouble(ctx)
		r.must(ctx, slow)
		r.awaits(ctx, "something is filled", func() bool { return filled.Load() })
		r.must(ctx, plan.Step{What: plan.Abort, Consumer: name})
	}, "P10")
}

// thrifty is a publisher that publishes nothing twice.
type thrifty struct {
	ports.Publisher
	published *sync.Map
}

// Publish implements ports.Publisher.
func (t thrifty) Publish(ctx context.Context, record eventsourcing.Record) error {
	if _, published := t.published.Load(record.EventID); published {
		return nil
	}
	err := t.Publisher.Publish(ctx, record)
	if err == nil {
		t.published.Store(record.EventID, true)
	}
	return err
}

// After a reset, nothing is published again.
func TestRun_CatchesAResetThatPublishesNothing(t *testing.T) {
	t.Parallel()
	published := &sync.Map{}
	b := broken{onPublisher: func(p ports.Publisher) ports.Publisher { return thrifty{p, published} }}
	expectCaughtWith(t, brief(), options{broken: b, patience: *patienceFlag}, func(r *round, ctx context.Context) {
		r.trouble(ctx)
		r.awaits(ctx, "something is published", func() bool { return r.sinks.Sink(1).Count() > 0 })
		r.must(ctx, plan.Step{What: plan.Reset, Consumer: plan.AnyPublisher})
	}, "P2")
}
