package scylla_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

func TestBeat_IsARowOfAMinuteThatNoListingShows(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	mustAppend(t, store, command(newID(), 0, 2))
	before := outbox(t, store)
	for n := range 10 {
		if err := store.Beat(t.Context(), time.UnixMilli(int64(n))); err != nil {
			t.Fatal(err)
		}
	}
	s := session(t, sim.Hosts())
	rows := func() (n int) {
		t.Helper()
		if err := s.Query("SELECT COUNT(*) FROM " + config.Keyspace + ".outbox_messages").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := rows(); n != len(before)+10 {
		t.Errorf("the outbox has %d rows, want %d and 10 heartbeats", n, len(before))
	}
	if after := outbox(t, store); len(after) != len(before) {
		t.Errorf("%d records are listed, want %d", len(after), len(before))
	}
	page, err := store.ListOutbox(t.Context(), "", 1)
	if err != nil || len(page.Records) != 1 || page.Next == "" {
		t.Errorf("the first page is %+v, error %v, want one record of two", page, err)
	}
	sim.Advance(2 * time.Minute)
	if n := rows(); n != len(before) {
		t.Errorf("two minutes later the outbox has %d rows, want %d", n, len(before))
	}
}

func TestBeat_TakesTurnsInPartitionsOfNoOrder(t *testing.T) {
	t.Parallel()
	seen := map[uuid.UUID]bool{}
	for turn := range uint32(2 * scylla.BeatKeys) {
		id := scylla.BeatID(turn)
		if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is of version %d, variant %s", id, id.Version(), id.Variant())
		}
		seen[id] = true
	}
	if len(seen) != scylla.BeatKeys {
		t.Errorf("%d partitions, want %d", len(seen), scylla.BeatKeys)
	}
}

func TestBeat_SaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	for effect, want := range map[scyllasim.Effect]error{
		scyllasim.Unavailable: ports.ErrUnavailable, scyllasim.TimeoutAfter: ports.ErrOutcomeUnknown,
	} {
		sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Effect: effect})
		if err := store.Beat(t.Context(), time.Now()); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Beat(ended, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: error %v, want %v", err, context.Canceled)
	}
	mustClose(t, store)
	if err := store.Beat(t.Context(), time.Now()); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("after close: error %v, want %v", err, ports.ErrClosed)
	}
}
