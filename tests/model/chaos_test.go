package model_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// P3: whatever the feed does, short of hiding the last event of an order for ever, a view equals the fold of its order.
func TestViews_PropEqualTheFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, t)
		for _, p := range views.All() {
			deliver(rt, t, h, p)
		}
		report, err := verify.New(verify.Config{
			Store: h.store, Codec: orderjson.NewMux(), States: h.store, Rows: h.store,
			Live: firstGeneration{}, Skips: h.store, Projections: views.All(),
		}).Verify(t.Context(), 0)
		if err != nil {
			rt.Fatal(err)
		}
		if report.Differences > 0 {
			rt.Fatalf("%d differences: %+v", report.Differences, report.Shown)
		}
		if int(report.Events) != len(h.records) {
			rt.Fatalf("%d events verified, %d written", report.Events, len(h.records))
		}
	})
}

// deliver hands the records to a consumer of p as a bad feed would, and at last the newest one of every order.
func deliver(rt *rapid.T, t *testing.T, h history, p *projection.Projection) {
	views := &crashingViews{Store: h.store}
	// It has caught up before: what it is to know now comes through the feed.
	live := ports.Generation{Number: 1, Version: p.Version}
	if _, err := h.store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: p.Name, Live: live}); err != nil {
		rt.Fatal(err)
	}
	start := func() (*consumer.Consumer, func()) {
		c := consumer.New(consumer.Config{
			Name: p.Name, Version: p.Version, Effect: filling.Project(p, orderjson.NewMux()), Table: p.Table,
			Store: h.store, Feed: silentFeed{h.store, make(chan struct{})}, Views: views, Registry: h.store, Parking: h.store, Skips: h.store,
			Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Backoff: failure.Backoff{First: 1, Max: 1}, DrainTimeout: 1,
		})
		return c, run(t, c)
	}
	process, kill := start()
	defer func() { kill() }()
	handle := func(r eventsourcing.Record) {
		if err := process.Handle(t.Context(), r); err != nil {
			rt.Fatal(err)
		}
	}
	newest := map[uuid.UUID]eventsourcing.Record{}
	for _, r := range h.records {
		newest[r.AggregateID] = r
	}
	if len(h.records) > 0 {
		for range rapid.IntRange(0, 3*len(h.records)).Draw(rt, "deliveries") {
			switch rapid.IntRange(0, 9).Draw(rt, "fault") {
			case 0: // the process dies, and its memory with it
				kill()
				process, kill = start()
			case 1:
				views.fail = before
			case 2:
				views.fail = after
			}
			handle(rapid.SampledFrom(h.records).Draw(rt, "record")) // in any order, any number of times, with holes
		}
	}
	for _, id := range h.orders {
		if r, ok := newest[id]; ok {
			handle(r)
		}
	}
}

// run lets c take deliveries until the returned function is called.
func run(t *testing.T, c *consumer.Consumer) (kill func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	running := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Pull(ctx, func(context.Context, eventsourcing.Record, func()) error { // it always returns nil
			close(running)
			return nil
		})
	}()
	<-running
	return func() {
		cancel()
		<-ended
	}
}

// silentFeed delivers one record that everybody knows already, and then nothing: what is handled is what a test hands over.
type silentFeed struct {
	*memory.Store
	asked chan struct{}
}

func (f silentFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return f, nil }

func (f silentFeed) Next(ctx context.Context) (ports.Delivery, error) {
	select {
	case <-f.asked:
		<-ctx.Done()
		return ports.Delivery{}, ctx.Err()
	default:
		close(f.asked)
		return ports.Delivery{}, nil
	}
}

func (silentFeed) Commit(context.Context, ports.Position) error { return nil }

func (silentFeed) Close() error { return nil }

// firstGeneration makes the first generation of every view the one that is read.
type firstGeneration struct{}

func (firstGeneration) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: 1}
}

// crashingViews fails one Apply, without or with its effect.
type crashingViews struct {
	*memory.Store
	fail failing
}

type failing int

const (
	never failing = iota
	before
	after
)

var errCrash = errors.New("the connection broke")

func (v *crashingViews) Apply(ctx context.Context, view ports.ViewID, change ports.Change) error {
	fail := v.fail
	v.fail = never
	if fail == before {
		return errCrash
	}
	if err := v.Store.Apply(ctx, view, change); err != nil {
		return err
	}
	if fail == after {
		return errCrash
	}
	return nil
}
