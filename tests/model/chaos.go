package model

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/application/consumer"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// ViewsEqualTheFold checks P3: a view equals the fold of its aggregates, whatever the feed does,
// unless the feed hides the last event of an aggregate for ever. The view contains nothing of
// aggregates whose type it does not take.
func ViewsEqualTheFold(t *testing.T, d Domain) {
	rapid.Check(t, func(rt *rapid.T) {
		h := d.draw(rt, t)
		for _, p := range d.Projections {
			d.deliver(rt, t, h, p)
		}
		report, err := verify.New(verify.Config{
			Store: h.store, Codec: d.Codec, States: h.store, Rows: h.store,
			Live: firstGeneration{}, Skips: h.store, Projections: d.Projections,
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

// deliver delivers the records to a consumer of p as a bad feed would. At the end it delivers the
// newest record of every aggregate.
func (d Domain) deliver(rt *rapid.T, t *testing.T, h history, p *projection.Projection) {
	views := &crashingViews{Views: h.store}
	// The consumer has caught up before, so everything else reaches it through the feed.
	live := ports.Generation{Number: 1, Version: p.Version}
	if _, err := h.store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: p.Name, Live: live}); err != nil {
		rt.Fatal(err)
	}
	start := func() *process {
		feed := scriptedFeed{
			ChangeFeed: h.store, records: make(chan eventsourcing.Record), ready: make(chan struct{}),
			offset: &offset{changed: make(chan struct{}, 1)},
		}
		return run(t, feed, consumer.New(consumer.Config{
			Name: p.Name, Version: p.Version, Types: p.Types, Effect: filling.Project(p, d.Codec), Table: p.Table,
			Store: h.store, Feed: feed, Views: views, Registry: h.store, Parking: h.store, Skips: h.store,
			Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Backoff: failure.Backoff{First: 1, Max: 1}, DrainTimeout: 1,
		}))
	}
	working := start()
	defer func() { working.kill() }()
	if len(h.records) > 0 {
		for range rapid.IntRange(0, 3*len(h.records)).Draw(rt, "deliveries") {
			switch rapid.IntRange(0, 9).Draw(rt, "fault") {
			case 0: // the process dies and loses its memory
				working.kill()
				working = start()
			case 1:
				views.fail = before
			case 2:
				views.fail = after
			}
			working.batch.Store(rapid.Int64Range(1, 5).Draw(rt, "batch"))
			// in any order, any number of times, with gaps
			working.deliver(rapid.SampledFrom(h.records).Draw(rt, "record"))
		}
	}
	newest := map[uuid.UUID]eventsourcing.Record{}
	for _, r := range h.records {
		newest[r.AggregateID] = r
	}
	working.batch.Store(1)
	for _, id := range h.ids {
		working.deliver(newest[id])
		if p.Takes(newest[id].AggregateType) {
			continue
		}
		if state, err := h.store.State(t.Context(), firstGeneration{}.LiveView(p.Name), id); err != nil ||
			state.SequenceNumber > 0 {
			rt.Fatalf("%s has the state %+v of an aggregate that it does not take (error %v)", p.Name, state, err)
		}
	}
}

// process is a consumer that follows a feed which delivers what a test expects.
type process struct {
	feed scriptedFeed
	// batch is how many records are handed over together. Those that wait for it die with the
	// process.
	batch atomic.Int64
	stop  func()
	ended chan struct{}
}

// run starts a process. It returns when the process asks for its first record.
func run(t *testing.T, feed scriptedFeed, c *consumer.Consumer) *process {
	ctx, stop := context.WithCancel(t.Context())
	p := &process{feed: feed, stop: stop, ended: make(chan struct{})}
	p.batch.Store(1)
	go func() {
		defer close(p.ended)
		var waiting []eventsourcing.Record
		var dones []func()
		// it always returns nil
		_ = c.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
			waiting, dones = append(waiting, r), append(dones, done)
			if int64(len(waiting)) < p.batch.Load() {
				return nil
			}
			err := c.Handle(ctx, waiting...)
			for _, done := range dones {
				done()
			}
			p.feed.offset.await(ctx) // what has failed is tried again beside this
			waiting, dones = nil, nil
			return err
		})
	}()
	<-feed.ready
	return p
}

// deliver delivers one record. It returns when the consumer has finished the record.
func (p *process) deliver(r eventsourcing.Record) {
	p.feed.records <- r
	<-p.feed.ready
}

func (p *process) kill() {
	p.stop()
	<-p.ended
}

// scriptedFeed delivers what is sent to records. It sends to ready each time it is asked for a
// record.
type scriptedFeed struct {
	ports.ChangeFeed
	records chan eventsourcing.Record
	ready   chan struct{}
	offset  *offset
}

// offset is how many records were delivered, and how many of them are done.
type offset struct {
	delivered, done atomic.Int64
	// changed gets something when done has changed.
	changed chan struct{}
}

// await waits until everything that was delivered is done.
func (o *offset) await(ctx context.Context) {
	for o.done.Load() < o.delivered.Load() {
		select {
		case <-o.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (f scriptedFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return f, nil }

func (f scriptedFeed) Next(ctx context.Context) (ports.Delivery, error) {
	select {
	case f.ready <- struct{}{}:
	case <-ctx.Done():
		return ports.Delivery{}, ctx.Err()
	}
	select {
	case r := <-f.records:
		position := ports.Position{Offset: strconv.FormatInt(f.offset.delivered.Add(1), 10)}
		return ports.Delivery{Record: r, Position: position}, nil
	case <-ctx.Done():
		return ports.Delivery{}, ctx.Err()
	}
}

func (f scriptedFeed) Commit(_ context.Context, p ports.Position) error {
	done, err := strconv.ParseInt(p.Offset, 10, 64)
	for old := f.offset.done.Load(); old < done && !f.offset.done.CompareAndSwap(old, done); {
		old = f.offset.done.Load()
	}
	select {
	case f.offset.changed <- struct{}{}:
	default:
	}
	return err
}

func (scriptedFeed) Close() error { return nil }

// crashingViews fails one Apply, without or with its effect.
type crashingViews struct {
	consumer.Views
	fail failing
}

type failing int

const (
	never failing = iota
	before
	after
)

var errCrash = errors.New("the connection broke")

func (v *crashingViews) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	fail := v.fail
	v.fail = never
	if fail == before {
		return errCrash
	}
	if err := v.Views.Apply(ctx, view, changes...); err != nil {
		return err
	}
	if fail == after {
		return errCrash
	}
	return nil
}
