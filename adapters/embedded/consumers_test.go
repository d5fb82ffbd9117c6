package embedded_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// What a program wrote that knew format 1 is read, and the store continues from there in the newest
// format.
func TestOpen_UpgradesTheFirstFormat(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	for name, value := range map[string][]byte{
		"idle":        {1, 2 * 3, 0}, // generation 3, in zigzag
		"catching-up": {1, 2 * 1, 1},
	} {
		if err := o.PutConsumer(name, value); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, o.Store)
	version := filepath.Join(o.options.Dir, "VERSION")
	write(t, version, "orderflow embedded store\nformat 1\n")

	o = open(t, o.shift, o.options)
	if got, err := os.ReadFile(version); err != nil || string(got) != "orderflow embedded store\nformat 4\n" {
		t.Errorf("VERSION holds %q, %v; an older program would open the directory", got, err)
	}
	for _, want := range []ports.ConsumerRecord{
		{Name: "idle", Revision: 1, Live: ports.Generation{Number: 3, Version: 3}},
		{Name: "catching-up", Revision: 1, Live: ports.Generation{Number: 1, Version: 1}, CatchingUp: true},
	} {
		got, err := o.Consumer(t.Context(), want.Name)
		if err != nil || got != want {
			t.Fatalf("consumer %+v, %v; want %+v", got, err, want)
		}
		if _, err := o.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: want.Name}); !errors.Is(err, ports.ErrVersionConflict) {
			t.Errorf("a first save of %s: error %v, want %v", want.Name, err, ports.ErrVersionConflict)
		}
		got.Paused = true
		saved, err := o.SaveConsumer(t.Context(), got)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.Consumer(t.Context(), want.Name); err != nil || got != saved || !got.Paused {
			t.Errorf("consumer %+v, %v; want %+v", got, err, saved)
		}
	}
	o.reopen(t)
}

func TestConsumer_RefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	for name, value := range map[string][]byte{
		"unknown format": {3, 1, 0}, "unknown flag": {1, 2, 4}, "too short": {2, 1, 0}, "empty": {}, "too long": {1, 2, 0, 0},
	} {
		if err := o.PutConsumer(name, value); err != nil {
			t.Fatal(err)
		}
		if got, err := o.Consumer(t.Context(), name); !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("%s: %+v, error %v, want %v", name, got, err, ports.ErrCorrupt)
		}
		if _, err := o.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: name}); !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("%s: save: error %v, want %v", name, err, ports.ErrCorrupt)
		}
	}
}

// After a power cut no offset is after parked orders that are lost, and decisions of an operator or
// the manager are there.
func TestStore_WhatIsParkedAndDecidedSurvivesPowerLoss(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		order := newID()
		const last = 20
		cut := rng.IntN(last)
		var decided ports.ConsumerRecord
		var crashed *vfs.MemFS
		mustSeekEnd(t, store, view.Consumer)
		mustAppend(t, store, command(order, 0, last))
		sub := mustSubscribe(t, store, view.Consumer)
		for n := range last {
			delivery := mustNext(t, sub)
			parked := ports.ParkedAggregate{Consumer: view.Consumer, AggregateID: delivery.Record.EventID, SequenceNumber: uint64(n) + 1}
			if err := errors.Join(store.Park(t.Context(), parked), sub.Commit(t.Context(), delivery.Position)); err != nil {
				t.Fatal(err)
			}
			if n != cut {
				continue
			}
			if rng.IntN(2) == 0 { // else nothing was synced since the append
				decided, err = store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: view.Consumer, Paused: true})
				if err := errors.Join(err, store.RecordSkip(t.Context(), ports.Skip{Consumer: view.Consumer, AggregateID: order, SequenceNumber: 1})); err != nil {
					t.Fatal(err)
				}
			}
			crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 100}[rng.IntN(3)], RNG: rng})
		}
		mustClose(t, store)
		expectParkedBeforeCommitted(t, crashed, last, decided)
	}
}

func expectParkedBeforeCommitted(t *testing.T, fs vfs.FS, last int, decided ports.ConsumerRecord) {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, store)
	lag, err := store.Lag(t.Context(), view.Consumer)
	if err != nil || !lag.Known {
		t.Fatalf("lag %+v, %v", lag, err)
	}
	page, err := store.Parked(t.Context(), view.Consumer, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	if committed := last - int(lag.Events); len(page.Aggregates) < committed {
		t.Errorf("%d events are committed, and %d orders parked, want one an event", committed, len(page.Aggregates))
	}
	if decided.Name == "" {
		return
	}
	if got, err := store.Consumer(t.Context(), view.Consumer); err != nil || got != decided {
		t.Errorf("consumer (-want +got):\n%s\n%v", cmp.Diff(decided, got), err)
	}
	skips, err := store.Skips(t.Context(), ports.SkipQuery{Consumer: view.Consumer, Limit: 10})
	if err != nil || len(skips.Skips) != 1 {
		t.Errorf("%d skips, %v; want the one that was recorded", len(skips.Skips), err)
	}
}

// A view is dropped in one step, together with the tables of others that it may have had.
func TestDropView_TakesAllTablesOfTheView(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	a := command(uuid.New(), 0, 1)
	other := *table
	other.Name = "other"
	change := progress(a.Records[0])
	if err := o.Apply(t.Context(), view, change); err != nil {
		t.Fatal(err)
	}
	change.State.SequenceNumber++
	change.Table = &other
	if err := o.Apply(t.Context(), view, change); err != nil {
		t.Fatal(err)
	}
	if err := o.DropView(context.Background(), view, table); err != nil {
		t.Fatal(err)
	}
	page, err := o.Rows(t.Context(), ports.RowQuery{View: view, Table: &other, Limit: 10})
	if err != nil || len(page.Rows) != 0 {
		t.Errorf("rows %v, %v; want none", page.Rows, err)
	}
}

func TestPark_KeepsTheTypeOfTheAggregate(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	want := ports.ParkedAggregate{
		Consumer: "consumer", AggregateID: newID(), AggregateType: "stock_item", SequenceNumber: 3, EventID: newID(), EventType: "a",
		Kind: ports.FailureBug, Error: "e", Attempts: 2, FailedAt: time.UnixMilli(1).UTC(), ParkedAt: time.UnixMilli(2).UTC(),
	}
	if err := o.Park(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := o.reopen(t).Parked(t.Context(), "consumer", "", 2)
	if d := diff([]ports.ParkedAggregate{want}, got.Aggregates); d != "" || err != nil {
		t.Errorf("error %v: %s", err, d)
	}
}
