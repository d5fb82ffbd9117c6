package scylla_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// conditionalFaults are the ways in which a conditional write fails, and what becomes of it.
var conditionalFaults = []struct {
	name    string
	effect  scyllasim.Effect
	times   int
	want    error // nil when the call succeeds
	written bool
}{
	{"timeout before it is applied", scyllasim.TimeoutBefore, 1, nil, true},
	{"timeout after it is applied", scyllasim.TimeoutAfter, 1, nil, true},
	{"connection lost before it is applied", scyllasim.DropBefore, 1, nil, true},
	{"connection lost after it is applied", scyllasim.DropAfter, 1, nil, true},
	{"proposal not accepted", scyllasim.PaxosNotAccepted, 1, nil, true},
	{"proposal accepted and not learned", scyllasim.PaxosNotLearned, 1, nil, true},
	{"failure while it is learned", scyllasim.PaxosLearnFailed, 1, nil, true},
	{"timeout while it is learned", scyllasim.PaxosLearnTimeout, 1, nil, true},
	{"server overloaded", scyllasim.Overloaded, 1, nil, true},
	{"too few replicas to begin", scyllasim.Unavailable, 1, ports.ErrUnavailable, false},
	{"it always times out and is never applied", scyllasim.TimeoutBefore, -1, ports.ErrUnavailable, false},
	{"the connection is always lost before it is applied", scyllasim.DropBefore, -1, ports.ErrOutcomeUnknown, false},
}

// eachFault makes a call whose conditional writes to a table fail, in every way.
func eachFault(t *testing.T, table string, prepare, call func(ctx context.Context, store *scylla.Store) error, check func(t *testing.T, store *scylla.Store, written bool)) {
	for _, tt := range conditionalFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, scyllasim.Options{})
			store, config := openNew(t, sim.Hosts())
			if err := prepare(t.Context(), store); err != nil {
				t.Fatal(err)
			}
			remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + "." + table, Kind: scyllasim.KindLWT, Effect: tt.effect, Times: tt.times})
			err := call(t.Context(), store)
			remove()
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			check(t, store, tt.written)
		})
	}
}

func nothing(context.Context, *scylla.Store) error { return nil }

func TestSaveConsumer_FindsOutWhatHappened(t *testing.T) {
	t.Parallel()
	for _, expected := range []uint64{0, 1} {
		before := ports.ConsumerRecord{Name: "a", Live: ports.Generation{Number: 1, Version: 1}}
		prepare := nothing
		if expected > 0 {
			prepare = func(ctx context.Context, store *scylla.Store) error {
				_, err := store.SaveConsumer(ctx, before)
				return err
			}
		}
		record := ports.ConsumerRecord{Name: "a", Revision: expected, Paused: true, From: time.UnixMilli(1).UTC()}
		eachFault(t, "view_generations", prepare,
			func(ctx context.Context, store *scylla.Store) error {
				saved, err := store.SaveConsumer(ctx, record)
				if err == nil && saved.Revision != expected+1 {
					t.Errorf("saved as revision %d, want %d", saved.Revision, expected+1)
				}
				return err
			},
			func(t *testing.T, store *scylla.Store, written bool) {
				got, err := store.Consumer(t.Context(), "a")
				if written && (err != nil || got.Revision != expected+1 || !got.Paused) {
					t.Errorf("consumer %+v, %v; want revision %d", got, err, expected+1)
				}
				if !written && got.Revision != expected && !errors.Is(err, ports.ErrNotFound) {
					t.Errorf("consumer %+v, %v; want revision %d", got, err, expected)
				}
			})
	}
}

// The servers are silent during the read of the outcome. The caller is told that the outcome is
// unknown, and a later read shows it.
func TestSaveConsumer_DoesNotKnow(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	table := config.Keyspace + ".view_generations"
	sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosNotLearned})
	revive := sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable, Times: -1})
	record := ports.ConsumerRecord{Name: "a", Paused: true}
	if _, err := store.SaveConsumer(t.Context(), record); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	revive()
	record.Revision = 1
	if got, err := store.Consumer(t.Context(), "a"); err != nil || got != record {
		t.Fatalf("consumer %+v, %v; want %+v: the read must finish the round", got, err, record)
	}
}

// The outcome is unknown, and a save of another process is there. That says nothing about this save
// any more, unless the other one has the very revision that this one was to get.
func TestSaveConsumer_OthersHaveSaved(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]error{1: ports.ErrVersionConflict, 2: ports.ErrOutcomeUnknown} {
		sim := start(t, scyllasim.Options{})
		store, config := openNew(t, sim.Hosts())
		record := ports.ConsumerRecord{Name: "a", Paused: true}
		for range others {
			var err error
			if record, err = store.SaveConsumer(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".view_generations", Kind: scyllasim.KindLWT, Effect: scyllasim.TimeoutBefore})
		if _, err := store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: "a"}); !errors.Is(err, want) {
			t.Errorf("%d saves by others: error %v, want %v", others, err, want)
		}
		if got, err := store.Consumer(t.Context(), "a"); err != nil || got != record {
			t.Errorf("consumer %+v, %v; want %+v", got, err, record)
		}
	}
}

var me, you = ports.LeaseOwner{ID: uuid.UUID{1}, Address: "http://me"}, ports.LeaseOwner{ID: uuid.UUID{2}, Address: "http://you"}

func acquire(owner ports.LeaseOwner) func(context.Context, *scylla.Store) error {
	return func(ctx context.Context, store *scylla.Store) error {
		_, err := store.AcquireLease(ctx, "a", owner, time.Hour)
		return err
	}
}

func release(owner ports.LeaseOwner) func(context.Context, *scylla.Store) error {
	return func(ctx context.Context, store *scylla.Store) error { return store.ReleaseLease(ctx, "a", owner) }
}

func then(calls ...func(context.Context, *scylla.Store) error) func(context.Context, *scylla.Store) error {
	return func(ctx context.Context, store *scylla.Store) error {
		var errs []error
		for _, call := range calls {
			errs = append(errs, call(ctx, store))
		}
		return errors.Join(errs...)
	}
}

// expectHeld expects a lease to be held by me, or to be free. Its holder has, or gets, that epoch.
func expectHeld(t *testing.T, store *scylla.Store, held bool, epoch uint64) {
	t.Helper()
	_, err := store.AcquireLease(t.Context(), "a", you, time.Hour)
	refusal, refused := errors.AsType[*ports.LeaseHeldError](err)
	if refused != held || refused && refusal.Owner != me {
		t.Fatalf("acquire by somebody else: error %v; held: want %t", err, held)
	}
	holder := me
	if !held {
		holder = you
	}
	if got, err := store.AcquireLease(t.Context(), "a", holder, time.Hour); err != nil || got != epoch {
		t.Errorf("epoch %d, %v; want %d", got, err, epoch)
	}
}

func TestAcquireLease_FindsOutWhatHappened(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(context.Context, *scylla.Store) error{
		"first": nothing, "later": then(acquire(you), release(you)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachFault(t, "consumer_leases", prepare, acquire(me), func(t *testing.T, store *scylla.Store, written bool) {
				epoch := uint64(1)
				if name == "later" {
					epoch = 2
				}
				expectHeld(t, store, written, epoch)
			})
		})
	}
}

func TestAcquireLease_RenewsAlthoughTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	eachFault(t, "consumer_leases", acquire(me), acquire(me), func(t *testing.T, store *scylla.Store, _ bool) { expectHeld(t, store, true, 1) })
}

func TestReleaseLease_FindsOutWhatHappened(t *testing.T) {
	t.Parallel()
	eachFault(t, "consumer_leases", acquire(me), release(me), func(t *testing.T, store *scylla.Store, released bool) {
		epoch := uint64(1)
		if released {
			epoch = 2
		}
		expectHeld(t, store, !released, epoch)
	})
}

// The server counts in whole seconds from the beginning of one, so a lease that is taken late in a
// second must not be short.
func TestAcquireLease_LastsAtLeastAsLongAsAsked(t *testing.T) {
	t.Parallel()
	at := time.Now().Truncate(time.Second).Add(999 * time.Millisecond)
	sim := start(t, scyllasim.Options{Clock: func() time.Time { return at }})
	store, _ := openNew(t, sim.Hosts())
	epoch, err := store.AcquireLease(t.Context(), "a", me, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	sim.Advance(1900 * time.Millisecond)
	if _, err := store.AcquireLease(t.Context(), "a", you, time.Hour); err == nil {
		t.Fatal("somebody else has it before its time was over")
	}
	sim.Advance(1101 * time.Millisecond)
	if next, err := store.AcquireLease(t.Context(), "a", you, time.Hour); err != nil || next != epoch+1 {
		t.Fatalf("epoch %d, %v; want %d", next, err, epoch+1)
	}
}

// A holder that was paused for longer than its lease lasted wakes up and saves. Its offsets do not
// count, whenever they arrive.
func TestOffsets_OfFormerHoldersDoNotCount(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	zombie, config := openNew(t, sim.Hosts())
	holder := open(t, config)
	save := func(store *scylla.Store, epoch uint64, stream string, at uuid.UUID) {
		t.Helper()
		if err := store.SaveOffsets(t.Context(), "a", epoch, map[string]uuid.UUID{stream: at}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want map[string]uuid.UUID) {
		t.Helper()
		got, err := holder.LoadOffsets(t.Context(), "a")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("offsets (-want +got):\n%s\n%v", diff, err)
		}
	}
	at := make([]uuid.UUID, 6)
	for i := range at {
		at[i] = position()
	}
	save(zombie, 0, "log", at[5]) // without a lease
	expect(map[string]uuid.UUID{"log": at[5]})
	save(zombie, 7, "log", at[0])
	save(zombie, 7, "other", at[1])
	expect(map[string]uuid.UUID{"log": at[0], "other": at[1]})
	save(zombie, 7, "log", at[2])
	expect(map[string]uuid.UUID{"log": at[2], "other": at[1]}) // later saves win within an epoch

	save(holder, 8, "log", at[1]) // continues from its own offset, although the zombie was further
	expect(map[string]uuid.UUID{"log": at[1], "other": at[1]})
	save(zombie, 7, "log", at[5])
	save(zombie, 0, "log", at[5])
	expect(map[string]uuid.UUID{"log": at[1], "other": at[1]})
	save(holder, 8, "log", at[0]) // back again, after a reset
	expect(map[string]uuid.UUID{"log": at[0], "other": at[1]})

	sim.Advance(4 * 24 * time.Hour)
	save(holder, 300, "log", at[3])
	save(zombie, 7, "other", at[4])
	sim.Advance(4 * 24 * time.Hour)
	expect(map[string]uuid.UUID{"log": at[3], "other": at[4]})
}
