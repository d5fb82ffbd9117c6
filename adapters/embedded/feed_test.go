package embedded_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// readAll delivers n records.
func readAll(t *testing.T, sub ports.Subscription, n int) (records []eventsourcing.Record, last ports.Position) {
	t.Helper()
	for range n {
		d := mustNext(t, sub)
		records, last = append(records, d.Record), d.Position
	}
	return records, last
}

func TestSubscription_ReadsFromDiskWhatTheRingDropped(t *testing.T) {
	t.Parallel()
	o := open(t, nil, embedded.Options{Dir: "data", FS: vfs.NewMem(), FeedBytes: 2000})
	mustSeekEnd(t, o.Store, "slow")
	mustSeekEnd(t, o.Store, "fast")
	slow, fast := mustSubscribe(t, o.Store, "slow"), mustSubscribe(t, o.Store, "fast")
	var want, fastGot []eventsourcing.Record
	for range 600 { // more than a page, and far more than the ring
		want = append(want, mustAppend(t, o.Store, command(newID(), 0, 1))...)
		fastGot = append(fastGot, mustNext(t, fast).Record)
	}
	slowGot, last := readAll(t, slow, len(want))
	if d := diff(want, slowGot); d != "" {
		t.Errorf("slow: %s", d)
	}
	if d := diff(want, fastGot); d != "" {
		t.Errorf("fast: %s", d)
	}
	if want := (ports.Position{Offset: "600"}); last != want {
		t.Errorf("last position %+v, want %+v", last, want)
	}
	more := mustAppend(t, o.Store, command(newID(), 0, 3))
	got, _ := readAll(t, slow, 3)
	if d := diff(more, got); d != "" {
		t.Errorf("behind the page: %s", d)
	}
}

func TestSubscription_CommitRefusesWhatWasNotDelivered(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	mustSeekEnd(t, o.Store, "consumer")
	mustAppend(t, o.Store, command(newID(), 0, 3))
	sub := mustSubscribe(t, o.Store, "consumer")
	_, last := readAll(t, sub, 2)
	for _, p := range []ports.Position{{Offset: "3"}, {Offset: "x"}, {Offset: ""}, {Stream: "s", Offset: "1"}, {Offset: "-1"}} {
		if err := sub.Commit(t.Context(), p); err == nil {
			t.Errorf("commit at %+v was accepted", p)
		}
	}
	for _, p := range []ports.Position{last, {Offset: "1"}} { // the older one changes nothing
		if err := sub.Commit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if lag, err := o.Lag(t.Context(), "consumer"); err != nil || lag.Events != 1 {
		t.Errorf("lag %+v, error %v, want 1 event", lag, err)
	}
}

func TestLag_IsExact(t *testing.T) {
	t.Parallel()
	now := new(atomic.Int64)
	now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	o := open(t, nil, embedded.Options{Dir: t.TempDir(), Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	lag := func(want ports.Lag) {
		t.Helper()
		if got, err := o.Lag(t.Context(), "consumer"); err != nil || got != want {
			t.Fatalf("lag %+v, error %v, want %+v", got, err, want)
		}
	}
	lag(ports.Lag{})
	mustAppend(t, o.Store, command(newID(), 0, 2))
	mustSeekEnd(t, o.Store, "consumer")
	lag(ports.Lag{Known: true})
	mustAppend(t, o.Store, command(newID(), 0, 2))
	now.Add(1500)
	mustAppend(t, o.Store, command(newID(), 0, 1))
	now.Add(2000)
	lag(ports.Lag{Known: true, Events: 3, Age: 3500 * time.Millisecond})
	sub := mustSubscribe(t, o.Store, "consumer")
	_, second := readAll(t, sub, 2)
	lag(ports.Lag{Known: true, Events: 3, Age: 3500 * time.Millisecond})
	if err := sub.Commit(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	lag(ports.Lag{Known: true, Events: 1, Age: 2 * time.Second})
	now.Add(-1_000_000) // a clock that was set back
	lag(ports.Lag{Known: true, Events: 1})
	now.Add(1_000_000 + int64(48*time.Hour/time.Millisecond))
	if err := o.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	lag(ports.Lag{})
}

func TestExpire_DropsWhatIsOlderThanTheRetention(t *testing.T) {
	t.Parallel()
	now := new(atomic.Int64)
	options := embedded.Options{
		Dir: t.TempDir(), Retention: time.Hour,
		Now: func() time.Time { return time.UnixMilli(1_900_000_000_000 + now.Load()) },
	}
	o := open(t, nil, options)
	for _, consumer := range []string{"behind", "in time", "at the end"} {
		mustSeekEnd(t, o.Store, consumer)
	}
	old := mustAppend(t, o.Store, command(newID(), 0, 3))
	behind, inTime := mustSubscribe(t, o.Store, "behind"), mustSubscribe(t, o.Store, "in time")
	readAll(t, behind, 1) // the rest of the page is in its memory
	_, last := readAll(t, inTime, 3)
	if err := inTime.Commit(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	now.Store(time.Minute.Milliseconds())
	young := mustAppend(t, o.Store, command(newID(), 0, 2))
	mustSeekEnd(t, o.Store, "at the end")
	now.Store((time.Hour + 30*time.Second).Milliseconds())
	if err := o.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}

	if _, err := behind.Next(t.Context()); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("next of a consumer behind: error %v", err)
	}
	if err := behind.Close(); err != nil {
		t.Error(err)
	}
	if _, err := o.Subscribe(t.Context(), "behind"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe of a consumer behind: error %v", err)
	}
	got, _ := readAll(t, inTime, 2)
	if d := diff(young, got); d != "" {
		t.Error(d)
	}
	if d := diff(old, mustLoad(t, o.Store, old[0].AggregateID)); d != "" {
		t.Errorf("the event store: %s", d)
	}

	// everything goes, and positions still count on, also after a restart
	now.Store(3 * time.Hour.Milliseconds())
	if err := o.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := readList(o.ListOutbox); err != nil || len(got) != 0 {
		t.Fatalf("outbox %v, error %v", got, err)
	}
	o = o.reopen(t)
	sub := mustSubscribe(t, o.Store, "at the end")
	mustAppend(t, o.Store, command(newID(), 0, 1))
	if _, last := readAll(t, sub, 1); last.Offset != "6" {
		t.Errorf("position %s, want 6", last.Offset)
	}
}

func TestExpire_NeverWithANegativeRetention(t *testing.T) {
	t.Parallel()
	o := open(t, nil, embedded.Options{Dir: t.TempDir(), Retention: -1})
	want := mustAppend(t, o.Store, command(newID(), 0, 1))
	if err := o.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := readList(o.ListOutbox); err != nil || diff(want, got) != "" {
		t.Fatalf("outbox %v, error %v", got, err)
	}
}

// TestExpire_UnderLoad lets sweeps run against writers and a reader. What the reader gets has no
// gap. In the end it has everything, or is told that it is too late.
func TestExpire_UnderLoad(t *testing.T) {
	t.Parallel()
	now := new(atomic.Int64)
	o := open(t, nil, embedded.Options{
		Dir: "data", FS: vfs.NewMem(), Retention: time.Second, FeedBytes: 1000,
		Now: func() time.Time { return time.UnixMilli(1_900_000_000_000 + now.Load()) },
	})
	mustSeekEnd(t, o.Store, "reader")
	sub := mustSubscribe(t, o.Store, "reader")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			now.Add(100)
			if _, err := o.Append(ctx, command(newID(), 0, 3)); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			if err := o.Expire(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}()
	for last, expired := uint64(0), 0; last < 1500 && expired < 20; {
		d, err := sub.Next(t.Context())
		for ; errors.Is(err, ports.ErrOffsetExpired); expired++ {
			_ = sub.Close()
			mustSeekEnd(t, o.Store, "reader")
			var next ports.Subscription
			// else it was too slow again
			if next, err = o.Subscribe(t.Context(), "reader"); err == nil {
				sub = next
				d, err = sub.Next(t.Context())
			}
			last = 0
		}
		if err != nil {
			t.Fatal(err)
		}
		position, err := strconv.ParseUint(d.Position.Offset, 10, 64)
		if err != nil || (last != 0 && position != last+1) {
			t.Fatalf("position %s after %d", d.Position.Offset, last)
		}
		last = position
	}
	cancel()
	<-stopped
}
