package scylla_test

import (
	"context"
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// sweepUntil makes passes, five seconds apart, until so many appends were delivered. That must be
// so within the given time.
func (s *sweeping) sweepUntil(t *testing.T, delivered int, within time.Duration) {
	t.Helper()
	for got, waited := 0, time.Duration(0); got < delivered; waited += 5 * time.Second {
		if waited > within {
			t.Fatalf("%d of %d appends were delivered within %s", got, delivered, within)
		}
		s.hands.advance(5 * time.Second)
		swept, _ := s.pass(t.Context()) // a part of it may fail
		got += swept.Delivered
	}
}

// One order cannot be read for hours. Those of the same slot, and of later ones, are delivered as
// if it could.
func TestSweeper_OrderThatCannotBeReadDelaysOnlyItself(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	sick := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
	history := regexp.MustCompile(`FROM event_store WHERE aggregate_id = \?`)
	remove := s.sim.Inject(scyllasim.Fault{
		Table: s.config.Keyspace + ".event_store", Pattern: history, Bound: sick.AggregateID[:], Effect: scyllasim.Unavailable, Times: -1,
	})
	s.hands.advance(25 * time.Second)
	if _, err := s.pass(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v of a pass that cannot read an order, want %v", err, ports.ErrUnavailable)
	}
	for range 3 {
		healthy := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
		s.sweepUntil(t, 1, 30*time.Second)
		expectDelivered(t, s.Store, healthy.AggregateID)
		s.hands.advance(10 * time.Minute)
	}
	remove()
	s.sweepUntil(t, 1, 2*time.Minute)
	expectDelivered(t, s.Store, sick.AggregateID)
}

// Some intents cannot be read: those of one bucket, and a read of all intents.
func TestSweeper_BucketThatCannotBeReadDelaysOnlyItself(t *testing.T) {
	t.Parallel()
	s := &sweeping{hands: &clock{stopped: time.Now()}}
	s.sim = start(t, scyllasim.Options{Clock: s.hands.now})
	s.config = on(s.sim.Hosts())
	s.config.Now = s.hands.now
	prepare(t, s.config)
	s.Store = open(t, s.config)
	s.pass = scylla.SweeperOf(s.Store)
	table := s.config.Keyspace + ".append_intents"
	all := s.sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Pattern: regexp.MustCompile(`FROM append_intents$`), Effect: scyllasim.Unavailable, Times: -1})
	if _, err := s.pass(t.Context()); err == nil {
		t.Error("the pass does not say that not all intents can be read")
	}
	sick, healthy := command(newID(), 0, 1), command(newID(), 0, 1)
	sick.AggregateID[15], healthy.AggregateID[15] = 1, 2 // the last byte is the shard
	for _, a := range []ports.Append{sick, healthy} {
		a.Records[0].AggregateID = a.AggregateID
		s.half(t, a, "outbox_messages", nil)
	}
	bucket := scylla.BucketOf(s.hands.now(), sick.AggregateID)
	one := s.sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Bound: binary.BigEndian.AppendUint64(nil, uint64(bucket)), Effect: scyllasim.Unavailable, Times: -1})
	s.sweepUntil(t, 1, 30*time.Second)
	expectDelivered(t, s.Store, healthy.AggregateID)
	if n := len(outbox(t, s.Store)); n != 1 {
		t.Errorf("%d events in the outbox, want that of the order in a bucket that can be read", n)
	}
	one()
	s.sweepUntil(t, 1, 30*time.Second)
	expectDelivered(t, s.Store, sick.AggregateID)
	all()
	expectNoIntents(t, s.sim, s.config)
}

// The clock of a process that sweeps is hours ahead or behind. The sweeper must not give up an
// append that may still commit, neither in its first pass over everything, nor slot by slot.
func TestSweeper_ClockOfAProcessDropsNothing(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{time.Hour, 30 * 24 * time.Hour, -time.Hour} {
		s := newSweeping(t)
		wrong := s.config
		wrong.Now = func() time.Time { return s.hands.now().Add(off) }
		other := scylla.SweeperOf(open(t, wrong))
		s.half(t, command(newID(), 0, 1), "event_store", ports.ErrOutcomeUnknown)
		s.hands.advance(25 * time.Second)
		for range 59 * 3 { // an hour, less a bit
			swept, err := other(t.Context())
			if err != nil || swept.Dropped > 0 {
				t.Fatalf("a clock that is off by %s: swept %+v, %v", off, swept, err)
			}
			s.hands.advance(20 * time.Second)
		}
	}
}

// The clock of a process that writes jumps. What it leaves behind is in the slot of another time.
// It is delivered when its bucket is read, or by the hourly pass over everything.
func TestSweeper_ClockOfAWriterThatJumpsDelaysForAnHourAtMost(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{40 * time.Minute, 30 * 24 * time.Hour, -40 * time.Minute, -30 * 24 * time.Hour} {
		s := newSweeping(t)
		wrong := s.config
		var jump atomic.Int64
		wrong.Now = func() time.Time { return s.hands.now().Add(time.Duration(jump.Load())) }
		writer := *s
		writer.Store = open(t, wrong)
		jump.Store(int64(off))
		a := writer.half(t, command(newID(), 0, 1), "outbox_messages", nil)
		s.sweepUntil(t, 1, time.Hour+time.Minute)
		expectDelivered(t, s.Store, a.AggregateID)
		expectNoIntents(t, s.sim, s.config)
	}
}

// A writer whose clock is set back while it is paused cannot know how long the pause was. So it
// renews its intent.
func TestAppend_RenewsAnIntentFromTheFuture(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := on(sim.Hosts())
	var calls atomic.Int32
	config.Now = func() time.Time { return time.Now().Add(-2 * time.Hour * time.Duration(calls.Add(1))) }
	store := open(t, prepare(t, config))
	mustAppend(t, store, command(newID(), 0, 1))
	if n := sim.QueryCount(config.Keyspace+".append_intents", scyllasim.KindInsert); n != 2 {
		t.Errorf("%d intents were written, want a second one before the commit", n)
	}
}

// The holder of a lease is suspended, with its clock, for longer than the lease lasts. It continues
// as if nothing had happened, and what it still writes as a consumer must not show.
func TestLease_HolderThatWasSuspendedDoesNoHarm(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	suspended, config := openNew(t, sim.Hosts())
	other := open(t, config)
	acquire := func(s *scylla.Store) uint64 {
		epoch, err := s.AcquireLease(t.Context(), "c", ports.LeaseOwner{ID: newID(), Address: "x"}, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return epoch
	}
	before := acquire(suspended)
	sim.Advance(time.Minute)
	after := acquire(other)
	view, id := ports.ViewID{Consumer: "c", Generation: 1}, newID()
	apply := func(s *scylla.Store, sequence uint64, data string) {
		err := s.Apply(context.Background(), view, ports.Change{AggregateID: id, State: ports.ViewState{SequenceNumber: sequence, Data: []byte(data)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	newer, older := position(), position()
	for _, save := range []func(){
		func() { mustSave(t, other, after, newer); apply(other, 5, "new") },
		func() { mustSave(t, suspended, before, older); apply(suspended, 4, "old") },
	} {
		save()
	}
	offsets, err := other.LoadOffsets(t.Context(), "c")
	state, stateErr := other.State(t.Context(), view, id)
	if err != nil || stateErr != nil || offsets["log"] != newer || string(state.Data) != "new" || after <= before {
		t.Errorf("epochs %d and %d: the offset is %s, want %s, and the state is %q; %v, %v",
			before, after, offsets["log"], newer, state.Data, err, stateErr)
	}
}

func TestSweeper_IsNotHeldUpByOneThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	sick := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
	var healthy []ports.Append
	for range 5 {
		healthy = append(healthy, s.half(t, command(newID(), 0, 1), "outbox_messages", nil))
	}
	release := make(chan struct{})
	s.sim.Inject(scyllasim.Fault{
		Table: s.config.Keyspace + ".event_store", Kind: scyllasim.KindSelect, Bound: sick.AggregateID[:],
		Effect: scyllasim.Unavailable, Hold: release,
	})
	delivered := make(chan struct{}, 10)
	s.sim.Inject(scyllasim.Fault{Table: s.config.Keyspace + ".append_intents", Kind: scyllasim.KindDelete, Times: -1, When: func() bool {
		delivered <- struct{}{}
		return false
	}})
	s.hands.advance(25 * time.Second)
	done := make(chan struct{})
	go func() { defer close(done); _, _ = s.pass(t.Context()) }()
	for range healthy { // while the first one waits
		select {
		case <-delivered:
		case <-time.After(s.config.Timeout / 2): // otherwise the first one has been given up
			t.Fatal("orders wait for one that does not answer")
		}
	}
	close(release)
	<-done
	if !slices.ContainsFunc(outbox(t, s.Store), func(r eventsourcing.Record) bool { return r.AggregateID == healthy[0].AggregateID }) {
		t.Error("an order that can be read was not delivered")
	}
}

func mustSave(t *testing.T, store *scylla.Store, epoch uint64, at uuid.UUID) {
	t.Helper()
	if err := store.SaveOffsets(t.Context(), "c", epoch, map[string]uuid.UUID{"log": at}); err != nil {
		t.Fatal(err)
	}
}

// The clock of the machine is wrong from the start. While the store is open, it is corrected, or
// becomes worse.
func TestStore_NowIsTheTimeOfTheServers(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	wrong := s.config
	var off atomic.Int64
	off.Store(int64(time.Hour))
	wrong.Now = func() time.Time { return s.hands.now().Add(time.Duration(off.Load())) }
	store := open(t, wrong)
	sweep := scylla.SweeperOf(store)
	for _, by := range []time.Duration{time.Hour, 0, -7 * 24 * time.Hour, time.Minute} {
		off.Store(int64(by))
		if _, err := sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.hands.advance(time.Second)
		// the clocks stand still meanwhile
		if diff := store.Now().Sub(s.sim.Now()).Abs(); diff > time.Millisecond {
			t.Errorf("with a clock that is %s ahead it is %s off", by, diff)
		}
	}
	off.Store(int64(-time.Hour))
	if diff := open(t, wrong).Now().Sub(s.sim.Now()).Abs(); diff > time.Millisecond {
		t.Errorf("a store that was just opened is %s off", diff)
	}
	a := command(newID(), 0, 1)
	other := *s
	other.Store = store
	if _, err := sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.half(t, a, "outbox_messages", nil)
	s.sweepUntil(t, 1, 30*time.Second)
	expectDelivered(t, s.Store, a.AggregateID)
}
