package fault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
)

// This file shows that a round notices services that are broken where the world outside changes.

// onViews breaks the view store of a service.
func onViews(breaks func(v outside.ViewStore) outside.ViewStore) broken {
	return broken{onViews: breaks}
}

// onNotes breaks what a service stores about its consumers.
func onNotes(breaks func(n outside.Notebook) outside.Notebook) broken { return broken{onNotes: breaks} }

// An old process takes an event that it does not know for one that nobody can read. After the
// upgrade the order is still parked.
func TestRun_CatchesNewerEventsThatArePoison(t *testing.T) {
	t.Parallel()
	s := brief()
	s.NewerShare = 1
	o := options{
		broken:   broken{onDecoder: func(d ports.Decoder) ports.Decoder { return narrow{d} }},
		patience: 3 * time.Second,
	}
	expectCaughtWith(t, s, o, func(r *round, ctx context.Context) {
		// The process that does not run this consumer is replaced. So the one that does stays old.
		other := 1 - r.holder(views.OrdersByStatus().Name)
		r.slots[other].replace(plan.Program{Newer: true, Target: 1})
		r.awaitProgram(ctx, other, true)
		r.trouble(ctx)
	}, "P11")
}

// narrow is a decoder that never says that a newer program has written an event.
type narrow struct{ ports.Decoder }

// Decode implements ports.Decoder.
func (n narrow) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	e, err := n.Decoder.Decode(r)
	if newer := (*ports.DecodeError)(nil); errors.As(err, &newer) {
		newer.Newer = false
	}
	return e, err
}

// The second target gets what is left of the first one.
func TestRun_CatchesTargetsThatShareAConsumer(t *testing.T) {
	t.Parallel()
	s := brief(plan.Step{After: 30, What: plan.Replace, Process: plan.AllProcesses, Target: 2})
	s.Targets = 2
	expectCaught(t, s, broken{onBind: func(plain, _ string) string { return plain }}, "P11", "P2")
}

// A target that comes back starts from the beginning.
func TestRun_CatchesTargetsWithSeveralConsumers(t *testing.T) {
	t.Parallel()
	s := brief(plan.Step{After: 30, What: plan.Replace, Process: plan.AllProcesses})
	expectCaught(t, s, broken{onBind: func(plain, _ string) string { return plain + uuid.NewString() }}, "P11")
}

// The service takes everything that the feed delivers for an event.
func TestRun_CatchesForgedRecordsThatAreBelieved(t *testing.T) {
	t.Parallel()
	s := brief()
	s.Forged = 1
	expectCaught(t, s, broken{trusting: true}, "P11", "P4")
}

// boastful is an event store that stores some events and then says that the disk is full.
type boastful struct{ ports.EventStore }

// Append implements ports.EventStore.
func (b boastful) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := b.EventStore.Append(ctx, a)
	// A repetition is told the truth, so that the writer learns what happened.
	if err == nil && !appended.Duplicate && unlucky(a.AggregateID) {
		err = ports.ErrFull
	}
	return appended, err
}

func TestRun_CatchesAppendsThatAFullDiskDenies(t *testing.T) {
	t.Parallel()
	o := options{broken: broken{onStore: func(s ports.EventStore) ports.EventStore { return boastful{s} }}, patience: *patienceFlag}
	expectCaughtWith(t, brief(), o, (*round).trouble, "P1")
}

// cheerful is a view store that does not tell when the disk is full.
type cheerful struct{ outside.ViewStore }

// Apply implements ports.ViewStore.
func (c cheerful) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	err := c.ViewStore.Apply(ctx, view, changes...)
	if errors.Is(err, ports.ErrFull) {
		return nil
	}
	return err
}

func TestRun_CatchesEffectsThatAFullDiskLoses(t *testing.T) {
	t.Parallel()
	full := plan.Step{After: 10, What: plan.Fill, Writes: plan.Effects, Times: 40}
	expectCaught(t, brief(full), onViews(func(v outside.ViewStore) outside.ViewStore { return cheerful{v} }), "P4")
}

// The lanes hold more than they should.
func TestRun_CatchesLanesThatAreTooLong(t *testing.T) {
	t.Parallel()
	o := options{broken: broken{laneBuffer: 20}, patience: 3 * time.Second}
	expectCaughtWith(t, brief(), o, func(r *round, ctx context.Context) {
		r.sinks.SetDown(true) // so that what is to be published waits
		r.trouble(ctx)
	}, "P8")
}

// poisoned is a round in which a consumer fails on some events.
func poisoned(consumer string, steps ...plan.Step) plan.Schedule {
	s := brief(steps...)
	s.Poison = plan.Poison{Consumer: consumer, Share: 4}
	return s
}

// An event that fails is tried for ever. So nothing behind it in its lane is published.
func TestRun_CatchesPoisonThatStopsOthers(t *testing.T) {
	t.Parallel()
	expectCaught(t, poisoned(plan.AnyPublisher), broken{parkAfter: 1 << 30}, "P7")
}

// forgetting is a notebook that stores neither which events are skipped nor that an order is not
// parked any more.
type forgetting struct {
	outside.Notebook
	skips, releases bool
}

// RecordSkip implements ports.SkipLog.
func (f forgetting) RecordSkip(ctx context.Context, s ports.Skip) error {
	if f.skips {
		return nil
	}
	return f.Notebook.RecordSkip(ctx, s)
}

// Unpark implements ports.ParkingLot.
func (f forgetting) Unpark(ctx context.Context, consumer string, id uuid.UUID) error {
	if f.releases {
		return nil
	}
	return f.Notebook.Unpark(ctx, consumer, id)
}

func TestRun_CatchesSkipsThatAreForgotten(t *testing.T) {
	t.Parallel()
	b := onNotes(func(n outside.Notebook) outside.Notebook { return forgetting{Notebook: n, skips: true} })
	expectCaught(t, poisoned(plan.AnyPublisher), b, "P7", "P2")
}

func TestRun_CatchesOrdersThatStayParked(t *testing.T) {
	t.Parallel()
	b := onNotes(func(n outside.Notebook) outside.Notebook { return forgetting{Notebook: n, releases: true} })
	expectCaught(t, poisoned(views.OrdersByStatus().Name), b, "P7")
}

// ignorant is a notebook that does not say which events are skipped. So they are applied when they
// do not fail any more.
type ignorant struct{ outside.Notebook }

// Skips implements ports.SkipLog.
func (ignorant) Skips(context.Context, ports.SkipQuery) (ports.SkipPage, error) {
	return ports.SkipPage{}, nil
}

// The poison is removed, and the view is reset. What was skipped is to be skipped again.
func TestRun_CatchesSkipsThatEnd(t *testing.T) {
	t.Parallel()
	name := views.OrdersByStatus().Name
	o := options{
		broken:   onNotes(func(n outside.Notebook) outside.Notebook { return ignorant{n} }),
		patience: 3 * time.Second,
	}
	expectCaughtWith(t, poisoned(name), o, func(r *round, ctx context.Context) {
		r.trouble(ctx)
		r.must(ctx, plan.Step{What: plan.Skip, Consumer: name})
		r.poison.Mend()
		r.must(ctx, plan.Step{What: plan.Reset, Consumer: name})
	}, "P2")
}
