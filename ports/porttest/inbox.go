package porttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// inbox reads one subscription and checks each delivery.
type inbox struct {
	test
	consumer string
	repeats  bool
	sub      ports.Subscription

	// wanted holds the records that may come, and seen those that came. deliveries holds those that
	// came for the first time.
	wanted     map[place]eventsourcing.Record
	seen       map[place]bool
	streams    map[uuid.UUID]string
	deliveries []ports.Delivery

	// mayBeat holds the heartbeats that may come, by their milliseconds, each with what must come
	// before it. beats holds those that came.
	mayBeat map[int64][]place
	beats   []ports.Delivery
}

// subscribe opens a subscription. The context of the call ends right after it, but the subscription
// must not end.
func (t test) subscribe(h ChangeFeedHarness, consumer string) *inbox {
	t.Helper()
	sub, err := t.trySubscribe(h, consumer)
	t.must("subscribe "+consumer, err)
	t.Cleanup(func() { // where the error matters, the scenario has already closed
		t.within("the subscription of "+consumer+" to close", func(context.Context) { _ = sub.Close() })
	})
	return &inbox{
		test: t, consumer: consumer, repeats: h.Repeats, sub: sub,
		wanted: map[place]eventsourcing.Record{}, seen: map[place]bool{}, streams: map[uuid.UUID]string{},
		mayBeat: map[int64][]place{},
	}
}

func (t test) trySubscribe(h ChangeFeedHarness, consumer string) (sub ports.Subscription, err error) {
	t.Helper()
	t.within("subscribe "+consumer, func(ctx context.Context) { sub, err = h.Feed.Subscribe(ctx, consumer) })
	return sub, err
}

func (t test) seekEnd(h ChangeFeedHarness, consumers ...string) {
	t.Helper()
	for _, consumer := range consumers {
		var err error
		t.within("seek end for "+consumer, func(ctx context.Context) { err = h.Feed.SeekEnd(ctx, consumer) })
		t.must("seek end for "+consumer, err)
	}
}

// expect adds records to those that must come, and reads until all have come.
func (b *inbox) expect(records []eventsourcing.Record) {
	b.Helper()
	b.may(records)
	b.take(len(b.wanted) - len(b.deliveries))
}

// may allows records to come.
func (b *inbox) may(records []eventsourcing.Record) {
	for _, r := range records {
		b.wanted[placeOf(r)] = r.Clone()
	}
}

// take reads until n more records have come for the first time.
func (b *inbox) take(n int) {
	b.Helper()
	for n > 0 {
		d, err := b.next()
		b.must("next of "+b.consumer, err)
		if b.receive(d) {
			n--
		}
	}
}

// next waits for a delivery.
func (b *inbox) next() (d ports.Delivery, err error) {
	b.Helper()
	what := fmt.Sprintf("a delivery to %s, which got %d of %d records", b.consumer, len(b.deliveries), len(b.wanted))
	b.within(what, func(ctx context.Context) { d, err = b.sub.Next(ctx) })
	return d, err
}

// receive checks a delivery and reports whether it is the first one of a record.
func (b *inbox) receive(d ports.Delivery) bool {
	b.Helper()
	if !d.Beat.IsZero() {
		b.receiveBeat(d)
		return false
	}
	at := placeOf(d.Record)
	want, wanted := b.wanted[at]
	if !wanted || b.seen[at] {
		if !b.repeats {
			b.Fatalf("%s was given %s, which must not come (it came before: %t)", b.consumer, at, b.seen[at])
		}
		return false
	}
	b.expectRecords("delivery to "+b.consumer, []eventsourcing.Record{d.Record}, []eventsourcing.Record{want})
	before := place{at.aggregateID, at.sequence - 1}
	if _, wanted := b.wanted[before]; wanted && !b.seen[before] {
		b.Fatalf("%s was given %s before its predecessor", b.consumer, at)
	}
	if stream, known := b.streams[at.aggregateID]; known && stream != d.Position.Stream {
		b.Fatalf("%s was given %s in stream %q, and an earlier event in stream %q",
			b.consumer, at, d.Position.Stream, stream)
	}
	b.streams[at.aggregateID] = d.Position.Stream
	b.seen[at] = true
	b.deliveries = append(b.deliveries, d)
	return true
}

// expectNothing checks that Next waits, and that it ends with its context.
func (b *inbox) expectNothing() {
	b.Helper()
	var d ports.Delivery
	var err error
	for err == nil {
		b.within("Next to end with its context", func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, b.Quiet)
			defer cancel()
			d, err = b.sub.Next(ctx)
		})
		if err == nil && b.receive(d) {
			b.Fatalf("%s was given %s, where nothing is due", b.consumer, placeOf(d.Record))
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		b.Fatalf("next of %s, with nothing to deliver: error %v, want %v", b.consumer, err, context.DeadlineExceeded)
	}
}

// commit commits a delivery.
func (b *inbox) commit(d ports.Delivery) {
	b.Helper()
	var err error
	b.within("commit of "+b.consumer, func(ctx context.Context) { err = b.sub.Commit(ctx, d.Position) })
	b.must(fmt.Sprintf("commit of %s at %s", b.consumer, placeOf(d.Record)), err)
}

// commitAll commits the last delivery of every stream.
func (b *inbox) commitAll() {
	b.Helper()
	last := map[string]ports.Delivery{}
	for _, d := range b.deliveries {
		last[d.Position.Stream] = d
	}
	for _, stream := range slices.Sorted(maps.Keys(last)) {
		b.commit(last[stream])
	}
}

// uncommitted returns the records of all that are delivered again after a commit of d: all except
// for those of the same stream up to d.
func (b *inbox) uncommitted(all []eventsourcing.Record, d ports.Delivery) []eventsourcing.Record {
	done := map[place]bool{}
	for _, earlier := range b.deliveries {
		if earlier.Position.Stream == d.Position.Stream {
			done[placeOf(earlier.Record)] = true
		}
		if earlier.Position == d.Position {
			break
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(r eventsourcing.Record) bool { return done[placeOf(r)] })
}

// close ends the subscription.
func (b *inbox) close() {
	b.Helper()
	var err error
	b.within("the subscription of "+b.consumer+" to close", func(context.Context) { err = b.sub.Close() })
	b.must("close the subscription of "+b.consumer, err)
}

// blocked is a call of Next that is waiting.
type blocked struct {
	b        *inbox
	cancel   context.CancelFunc
	done     chan struct{}
	delivery ports.Delivery
	err      error
}

// block calls Next and checks that it waits.
func (b *inbox) block() *blocked {
	b.Helper()
	if b.repeats {
		b.expectNothing() // reads what is delivered again
	}
	ctx, cancel := context.WithCancel(b.Context())
	call := &blocked{b: b, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(call.done)
		call.delivery, call.err = b.sub.Next(ctx)
	}()
	quiet, stop := context.WithTimeout(b.Context(), b.Quiet)
	defer stop()
	select {
	case <-call.done:
		b.Fatalf("next of %s returned %v, %v instead of waiting", b.consumer, placeOf(call.delivery.Record), call.err)
	case <-quiet.Done():
	}
	return call
}

// expectError waits for the call to end with an error.
func (c *blocked) expectError(because string, want error) {
	c.b.Helper()
	defer c.cancel()
	c.b.await("a blocked Next to end because "+because, c.done)
	if !errors.Is(c.err, want) {
		c.b.Fatalf("blocked next of %s: error %v, want %v because %s", c.b.consumer, c.err, want, because)
	}
}

// expectDelivery waits until the call returns a delivery that may come.
func (c *blocked) expectDelivery() {
	c.b.Helper()
	defer c.cancel()
	c.b.await("a blocked Next to be woken by an append", c.done)
	c.b.must("blocked next of "+c.b.consumer, c.err)
	if !c.b.receive(c.delivery) {
		c.b.take(1)
	}
}
