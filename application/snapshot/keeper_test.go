package snapshot_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/memory"
	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sums counts the events of an aggregate.
func sums(name string) snapshot.Kind {
	return snapshot.Kind{
		Name: name, AggregateType: "account", Version: 1,
		Fold: func(data []byte, records []eventsourcing.Record) ([]byte, error) {
			var n uint64
			if data != nil {
				n = binary.BigEndian.Uint64(data)
			}
			return binary.BigEndian.AppendUint64(nil, n+uint64(len(records))), nil
		},
	}
}

func keeper(store *memory.Store, kinds ...snapshot.Kind) *snapshot.Keeper {
	return snapshot.NewKeeper(snapshot.Config{
		Store: store, History: store, Every: 100, Logger: slog.New(slog.DiscardHandler),
	}, kinds...)
}

// account stores an aggregate with that many events.
func account(t *testing.T, store *memory.Store, events uint64) uuid.UUID {
	t.Helper()
	id := uuid.New()
	for n := range events {
		commandID := uuid.New()
		_, err := store.Append(t.Context(), ports.Append{AggregateID: id, Expected: n, CommandID: commandID, Records: []eventsourcing.Record{{
			Header:    eventsourcing.Header{AggregateType: "account", EventID: uuid.New(), AggregateID: id, SequenceNumber: n + 1, CommandID: commandID},
			EventType: "account.changed", EventVersion: 1, Payload: []byte("{}"),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func newest(t *testing.T, store *memory.Store, id uuid.UUID, kind string) uint64 {
	t.Helper()
	s, err := store.LoadSnapshot(t.Context(), id, kind, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	return s.SequenceNumber
}

func TestKeeper_WritesInTheBackgroundWhenAHistoryIsLongEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		k := keeper(store, sums("one"), sums("two"))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		short, long := account(t, store, 99), account(t, store, 1_234)
		k.Shelf("one").Note(short, 0, 99)
		k.Shelf("one").Note(long, 1_200, 1_234)
		synctest.Wait()
		if at := newest(t, store, short, "one") + newest(t, store, long, "one"); at != 0 {
			t.Errorf("a snapshot at %d, where none is due", at)
		}
		for _, head := range []uint64{300, 1_234} {
			k.Shelf("one").Note(long, head-150, head)
			synctest.Wait()
			for _, kind := range []string{"one", "two"} {
				found := k.Shelf(kind).Newest(t.Context(), long)
				if found.SequenceNumber != head || binary.BigEndian.Uint64(found.Data) != head {
					t.Errorf("%s: snapshot %+v, want one at %d", kind, found, head)
				}
			}
		}
		older, err := store.LoadSnapshot(t.Context(), long, "one", 1_233)
		if err != nil || older.SequenceNumber != 0 {
			t.Errorf("an older snapshot is still there, at %d (%v)", older.SequenceNumber, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What does not fit into the queue is left out, and nobody waits.
func TestKeeper_NeverLetsACommandWait(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	k := keeper(store, sums("one"))
	id := uuid.New()
	for range 2_000 {
		k.Shelf("one").Note(id, 0, 100)
		k.Shelf("one").Note(uuid.New(), 0, 100)
	}
	if skipped := k.Stats().Skipped; skipped < 900 || skipped > 1_100 {
		t.Errorf("%d were left out", skipped)
	}
}

// Where the data grows with the history, long histories have fewer snapshots, or each event would
// cost more than the one before.
func TestShelf_IsDueLessOftenWhereTheDataGrows(t *testing.T) {
	t.Parallel()
	growing := sums("growing")
	growing.Grows = true
	k := keeper(memory.New(memory.Options{}), sums("one"), growing)
	for _, test := range []struct {
		kind         string
		head         uint64
		least, limit int
	}{{"one", 5_000, 50, 50}, {"one", 50_000, 500, 500}, {"growing", 5_000, 50, 50}, {"growing", 50_000, 62, 186}} {
		due := 0
		for n := range test.head {
			if k.Shelf(test.kind).Due(n, n+1) {
				due++
			}
		}
		if due < test.least || due > test.limit {
			t.Errorf("%s: %d snapshots in %d events", test.kind, due, test.head)
		}
	}
}

// nothing finds no differences.
type nothing struct{}

func (nothing) Verify(context.Context, time.Duration) (ports.VerifyReport, error) {
	return ports.VerifyReport{Aggregates: 1}, nil
}

func (nothing) Repair(context.Context, time.Duration) (ports.VerifyReport, error) {
	return ports.VerifyReport{Aggregates: 1}, nil
}

func TestVerifier_findsAndDeletesWhatTheEventsDoNotSay(t *testing.T) {
	t.Parallel()
	wrong := sums("one")
	wrong.Fold = func([]byte, []eventsourcing.Record) ([]byte, error) { return []byte("12345678"), nil }
	for name, test := range map[string]struct {
		kind snapshot.Kind
		head uint64
		says string
	}{
		"a right one":          {sums("one"), 150, ""},
		"another state":        {wrong, 150, `snapshot "one" at 150 is not what the events say`},
		"of a shorter history": {sums("one"), 120, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memory.New(memory.Options{})
			id := account(t, store, 150)
			account(t, store, 20)
			if err := keeper(store, test.kind).Write(t.Context(), "account", id, test.head); err != nil {
				t.Fatal(err)
			}
			v := snapshot.Verifier{Next: nothing{}, Keeper: keeper(store, sums("one")), Heads: store}
			report, err := v.Verify(t.Context(), 0)
			if err != nil || report.Aggregates != 1 || (report.Differences > 0) != (test.says != "") {
				t.Fatalf("report %+v, %v", report, err)
			}
			if test.says == "" {
				return
			}
			if d := report.Shown[0]; d.AggregateID != id || !strings.Contains(d.Detail, test.says) {
				t.Errorf("difference %+v", d)
			}
			if report, err := v.Repair(t.Context(), 0); err != nil || report.Repaired != 1 || report.Differences != 0 {
				t.Errorf("repair: %+v, %v", report, err)
			}
			if report, err := v.Verify(t.Context(), 0); err != nil || report.Differences != 0 {
				t.Errorf("after the repair: %+v, %v", report, err)
			}
		})
	}
}

// A kind for readers of the past keeps a snapshot at each of its places, and each is compared.
func TestKeeper_KeepsWhatReadersOfThePastNeed(t *testing.T) {
	t.Parallel()
	past := sums("past")
	past.Each = 100
	wrong := past
	wrong.Fold = func([]byte, []eventsourcing.Record) ([]byte, error) { return []byte("12345678"), nil }
	store := memory.New(memory.Options{})
	id := account(t, store, 350)
	if err := keeper(store, wrong).Write(t.Context(), "account", id, 150); err != nil {
		t.Fatal(err)
	}
	other, err := store.LoadSnapshot(t.Context(), id, "past", 100)
	if err != nil || other.SequenceNumber != 100 {
		t.Fatalf("snapshot at %d, error %v", other.SequenceNumber, err)
	}
	if err := store.DropSnapshots(t.Context(), id, "past", math.MaxUint64); err != nil {
		t.Fatal(err)
	}
	k := keeper(store, past)
	for _, head := range []uint64{99, 250, 350} {
		if err := k.Write(t.Context(), "account", id, head); err != nil {
			t.Fatal(err)
		}
	}
	for atMost, want := range map[uint64]uint64{99: 0, 100: 100, 199: 100, 200: 200, 299: 200, 300: 300, math.MaxUint64: 300} {
		found := k.Shelf("past").At(t.Context(), id, atMost)
		if found.SequenceNumber != want || want > 0 && binary.BigEndian.Uint64(found.Data) != want {
			t.Errorf("at or before %d: %+v, want one at %d", atMost, found, want)
		}
	}
	v := snapshot.Verifier{Next: nothing{}, Keeper: k, Heads: store}
	if report, err := v.Verify(t.Context(), 0); err != nil || report.Differences != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	if err := store.SaveSnapshot(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	report, err := v.Verify(t.Context(), 0)
	if err != nil || report.Differences != 1 || !strings.Contains(report.Shown[0].Detail, `snapshot "past" at 100 is not what`) {
		t.Errorf("report %+v, %v", report, err)
	}
}

// After Drop there is no snapshot of what was read before, also not of a writer that was at work.
func TestKeeper_DropIsFinal(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	reading, read := make(chan struct{}), make(chan struct{})
	slow := sums("one")
	fold := slow.Fold
	slow.Fold = func(data []byte, records []eventsourcing.Record) ([]byte, error) {
		close(reading)
		<-read
		return fold(data, records)
	}
	k, id := keeper(store, slow, sums("two")), account(t, store, 100)
	written, dropped := make(chan error), make(chan error)
	go func() { written <- k.Write(t.Context(), "account", id, 100) }()
	<-reading
	go func() {
		had, err := k.Drop(t.Context(), id)
		if err == nil && !had {
			err = errors.New("there was none")
		}
		dropped <- err
	}()
	close(read)
	if err := errors.Join(<-written, <-dropped); err != nil {
		t.Fatal(err)
	}
	if at := newest(t, store, id, "one") + newest(t, store, id, "two"); at != 0 {
		t.Errorf("a snapshot at %d", at)
	}
	if had, err := k.Drop(t.Context(), id); had || err != nil {
		t.Errorf("%v %v", had, err)
	}
}
