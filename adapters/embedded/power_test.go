package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// acknowledged is what a store has promised to keep.
type acknowledged struct {
	mu      sync.Mutex
	records map[uuid.UUID][]eventsourcing.Record
	// more is closed when the number of appends gets to enough.
	appends, enough int
	more            chan struct{}
}

func (a *acknowledged) add(records []eventsourcing.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.records == nil {
		a.records = map[uuid.UUID][]eventsourcing.Record{}
	}
	id := records[0].AggregateID
	a.records[id] = append(a.records[id], records...)
	if a.appends++; a.appends == a.enough {
		close(a.more)
	}
}

// after returns a channel that is closed after n more appends.
func (a *acknowledged) after(n int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.more, a.enough = make(chan struct{}), a.appends+n
	return a.more
}

// snapshot returns what was acknowledged up to now.
func (a *acknowledged) snapshot() map[uuid.UUID][]eventsourcing.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := make(map[uuid.UUID][]eventsourcing.Record, len(a.records))
	for id, records := range a.records {
		s[id] = records[:len(records):len(records)]
	}
	return s
}

// workload writes from some goroutines, and keeps a view of it, until the context ends or the store
// closes.
func workload(ctx context.Context, store *embedded.Store, seed uint64, acked *acknowledged) error {
	var group sync.WaitGroup
	errs := make(chan error, 10)
	for w := range 4 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			id, head := newID(), uint64(0)
			for ctx.Err() == nil {
				if rng.IntN(4) == 0 {
					id, head = newID(), 0
				}
				a := command(id, head, 1+rng.IntN(3))
				if rng.IntN(20) == 0 {
					a.Records[0].Payload = make([]byte, 20_000)
				}
				got, err := store.Append(context.Background(), a)
				if err != nil {
					errs <- err
					return
				}
				head += uint64(len(a.Records))
				acked.add(got.Records)
			}
		})
	}
	group.Go(func() {
		for at := int64(0); ctx.Err() == nil; at++ {
			if err := store.Beat(ctx, time.UnixMilli(at)); err != nil {
				if ctx.Err() == nil {
					errs <- err
				}
				return
			}
		}
	})
	group.Go(func() {
		if err := keepView(ctx, store, uuid.Nil); err != nil && ctx.Err() == nil {
			errs <- err
		}
	})
	group.Wait()
	close(errs)
	return <-errs
}

// keepView is a consumer like those of the runtime, up to and including the event with that id: the
// effect first, then the offset.
func keepView(ctx context.Context, store *embedded.Store, last uuid.UUID) error {
	sub, err := store.Subscribe(ctx, view.Consumer)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if !d.Beat.IsZero() {
			if err := sub.Commit(ctx, d.Position); err != nil {
				return err
			}
			continue
		}
		if err := checkNext(ctx, store, d.Record); err != nil {
			return err
		}
		if err := store.Apply(ctx, view, progress(d.Record)); err != nil {
			return err
		}
		if err := sub.Commit(ctx, d.Position); err != nil || d.Record.EventID == last {
			return err
		}
	}
}

// checkNext expects a record to be a repetition or the next one of its aggregate.
func checkNext(ctx context.Context, store *embedded.Store, r eventsourcing.Record) error {
	state, err := store.State(ctx, view, r.AggregateID)
	if err == nil && r.SequenceNumber > state.SequenceNumber+1 {
		err = fmt.Errorf("event %d of %s was delivered, but the view is at %d", r.SequenceNumber, r.AggregateID, state.SequenceNumber)
	}
	return err
}

// checkSurvivors expects everything that was acknowledged to be there, and everything that is there
// to be consistent.
func checkSurvivors(store *embedded.Store, acked map[uuid.UUID][]eventsourcing.Record) error {
	c, err := read(store)
	if err != nil {
		return err
	}
	histories := map[uuid.UUID][]eventsourcing.Record{}
	for _, r := range c.Events {
		histories[r.AggregateID] = append(histories[r.AggregateID], r)
	}
	for id, want := range acked {
		if got := histories[id]; len(got) < len(want) || !sameRecords(want, got[:len(want)]) {
			return fmt.Errorf("%d acknowledged records of %s, %d are there: %s", len(want), id, len(got), diff(want, got[:min(len(got), len(want))]))
		}
	}
	return errors.Join(c.checkOutbox(), c.checkViews())
}

// TestStore_SurvivesPowerLoss lets the power fail repeatedly under load: what was not synced is
// lost, in part or completely. What was acknowledged is there, and offsets, states and rows fall
// back to one moment.
func TestStore_SurvivesPowerLoss(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			fs, acked := vfs.NewCrashableMem(), new(acknowledged)
			startView(t, embedded.Options{Dir: "data", FS: fs})
			for range 8 {
				fs = untilPowerLoss(t, fs, rng, acked)
			}
		})
	}
}

// startView makes a store, and lets the view begin before the first record.
func startView(t *testing.T, options embedded.Options) {
	t.Helper()
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	mustSeekEnd(t, store, view.Consumer)
	_, err = store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: view.Consumer, Live: ports.Generation{Number: view.Generation}})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
}

// untilPowerLoss opens a store, checks it, lets it work, and returns what is on the disk after the
// power failed.
func untilPowerLoss(t *testing.T, fs *vfs.MemFS, rng *rand.Rand, acked *acknowledged) *vfs.MemFS {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSurvivors(store, acked.snapshot()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done, seed, enough := make(chan error, 1), rng.Uint64(), acked.after(1+rng.IntN(100))
	go func() { done <- workload(ctx, store, seed, acked) }()
	select {
	case err := <-done:
		t.Fatal(err)
	case <-enough:
	}
	// In this order: what is acknowledged after the snapshot may be on the disk, and what was
	// acknowledged before it must be.
	promised := acked.snapshot()
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 100}[rng.IntN(3)], RNG: rng})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	mustClose(t, store)
	acked.mu.Lock()
	defer acked.mu.Unlock()
	acked.records = promised
	return crashed
}
