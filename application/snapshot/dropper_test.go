package snapshot_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/snapshot"
	"orderflow/ports"
)

func TestDropper(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	k := keeper(store, sums("past"), sums("state"))
	long, other, short := account(t, store, 120), account(t, store, 130), account(t, store, 5)
	for _, id := range []uuid.UUID{long, other} {
		if err := k.Write(t.Context(), "account", id, 100); err != nil {
			t.Fatal(err)
		}
	}
	left := func(id uuid.UUID) (n int) {
		t.Helper()
		for _, kind := range []string{"past", "state"} {
			found, err := store.LoadSnapshot(t.Context(), id, kind, math.MaxUint64)
			if err != nil {
				t.Fatal(err)
			}
			if found.SequenceNumber > 0 {
				n++
			}
		}
		return n
	}
	if left(long) != 2 || left(other) != 2 {
		t.Fatal("there are no snapshots to drop")
	}
	d := snapshot.Dropper{Keeper: k, Heads: store}
	drop := func(id uuid.UUID, want uint64) {
		t.Helper()
		if n, err := d.DropSnapshotsOf(t.Context(), id); n != want || err != nil {
			t.Errorf("dropped %d, %v, want %d", n, err, want)
		}
	}
	drop(short, 0)
	drop(long, 1)
	if left(long) != 0 || left(other) != 2 {
		t.Errorf("left are %d of the one and %d of the other", left(long), left(other))
	}
	drop(uuid.Nil, 1)
	drop(uuid.Nil, 0)
	if left(other) != 0 {
		t.Error("some are left")
	}

	// What cannot be read is deleted, too, and trouble of the store is no success.
	damaged := &unreadable{Store: store, err: ports.ErrCorrupt}
	d.Keeper = snapshot.NewKeeper(snapshot.Config{Store: damaged, History: store, Every: 100}, sums("past"))
	drop(long, 1)
	damaged.err = ports.ErrUnavailable
	for _, id := range []uuid.UUID{long, uuid.Nil} {
		if _, err := d.DropSnapshotsOf(t.Context(), id); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
}

// unreadable has snapshots that cannot be read.
type unreadable struct {
	*memory.Store
	err error
}

func (u *unreadable) LoadSnapshot(context.Context, uuid.UUID, string, uint64) (ports.Snapshot, error) {
	return ports.Snapshot{}, u.err
}
