package scylla

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	selectAllIntents = `SELECT bucket, intent_id, aggregate_id, command_id, expected, WRITETIME(command_id) FROM append_intents`
	selectIntents    = selectAllIntents + ` WHERE bucket IN ?`
)

const (
	// fullInterval is the pause between two passes over all intents. Such a pass finds intents of a
	// time when no sweeper ran. It also finds those of a writer whose clock was wrong, which are in
	// the slot of another time.
	fullInterval = time.Hour
	// maxSlots bounds what a pass reads slot by slot. maxMissed bounds the buckets that could not
	// be read and are retried. When there is more to do, a pass reads everything.
	maxSlots  = 30
	maxMissed = 256
	// looksAtOnce is how many intents are decided at the same time.
	looksAtOnce = 16
	// An intent that cannot be decided is retried by itself, after pauses that double up to
	// longestPause. maxPostponed bounds how many there are. The next pass over everything finds the
	// others.
	longestPause = time.Minute
	maxPostponed = 10_000
)

// ages returns the ages at which an intent is looked at. An append that is not found then may still
// commit, if its process was only paused. So it is looked for again. After the last age its intent
// is dropped.
//
// Only the clocks of the servers tell an age: what they wrote with the intent, and what they say
// the time is now. The clocks of processes are not used. So a wrong one cannot drop the intent of a
// writer that may still commit.
func ages() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}
}

// Swept counts what a pass of the sweeper did.
type Swept struct {
	// Delivered counts appends that had committed. Their events were written to the outbox again.
	Delivered int
	// Dropped counts intents of appends that did not commit and cannot commit any more.
	Dropped int
	// Waiting counts intents of appends that did not commit so far.
	Waiting int
}

// RunSweeper sweeps until ctx ends, and returns the error of ctx. Every process runs it. Several at
// a time are harmless.
func (s *Store) RunSweeper(ctx context.Context) error {
	ticker := time.NewTicker(s.cluster.Config.SweepInterval)
	defer ticker.Stop()
	w := &sweeper{store: s}
	for {
		swept, err := w.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.cluster.Config.Logger.Warn("the sweeper could not look at all intents; it will try again", "error", err)
		case swept.Delivered > 0:
			s.cluster.Config.Logger.Info("delivered events that their writers had not published",
				"commands", swept.Delivered)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Sweep makes one pass over all intents that are old enough.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	return (&sweeper{store: s}).pass(ctx)
}

// sweeper keeps which slots were read, at each age, and what could not be read.
type sweeper struct {
	store *Store
	full  time.Time // of the last pass over everything, zero when one is due
	done  []int64   // the last slot at each age
	// missed are buckets that could not be read.
	missed map[int64]bool

	mu        sync.Mutex
	postponed map[gocql.UUID]postponed // intents that could not be decided
}

// postponed is an intent that could not be decided, and when it is tried again.
type postponed struct {
	found
	at    time.Time
	pause time.Duration
}

// found is an intent that was found.
type found struct {
	bucket                 int64
	id                     gocql.UUID
	aggregateID, commandID uuid.UUID
	expected               int64
	// written is when the server took it.
	written time.Time
}

// round is one pass: the intents that it looks at, several at a time, and the result.
type round struct {
	*sweeper
	now     time.Time // by the servers
	looking errgroup.Group

	swept    Swept   // guarded by mu
	failures []error // guarded by mu
}

// pass looks at every intent that reached an age since the last pass. What cannot be read, an
// aggregate or some of the intents, is retried by itself and does not delay the rest.
func (w *sweeper) pass(ctx context.Context) (Swept, error) {
	s := w.store
	if err := s.cluster.Enter(ctx); err != nil {
		return Swept{}, fmt.Errorf("sweep: %w", err)
	}
	defer s.cluster.Leave()
	now, err := s.cluster.AskTime(ctx)
	if err != nil {
		return Swept{}, fmt.Errorf("sweep: %w", err)
	}
	r := &round{sweeper: w, now: now}
	r.looking.SetLimit(looksAtOnce)
	again := w.duePostponed(now)
	full, slots := w.due(now)
	if full && r.readAll(ctx) {
		slots = nil
	}
	r.readSlots(ctx, slots)
	w.done = ready(now)
	for _, p := range again {
		r.look(ctx, p.found)
	}
	_ = r.looking.Wait() // the failures are in r
	if err := errors.Join(append(r.failures, ctx.Err())...); err != nil {
		return r.swept, fmt.Errorf("sweep: %w", err)
	}
	return r.swept, nil
}

// due returns what a pass at now has to look at: everything, if it is time for that, and the slots
// that reached an age since the last pass.
func (w *sweeper) due(now time.Time) (full bool, slots []int64) {
	full = w.full.IsZero() || now.Sub(w.full) >= fullInterval
	for i, last := range ready(now) {
		if w.done == nil || last-w.done[i] > maxSlots {
			return true, nil
		}
		for slot := w.done[i] + 1; slot <= last; slot++ {
			slots = append(slots, slot)
		}
	}
	return full, slots
}

// ready returns, for each age, the last slot all of whose intents are at least that old.
func ready(now time.Time) []int64 {
	var last []int64
	for _, age := range ages() {
		last = append(last, slotOf(now.Add(-age))-1)
	}
	return last
}

// readAll looks at all intents, and reports whether all could be read.
func (r *round) readAll(ctx context.Context) bool {
	if err := r.read(ctx, selectAllIntents); err != nil {
		r.failed(err)
		r.full = time.Time{}
		return false
	}
	r.full, r.missed = r.now, nil
	return true
}

// readSlots looks at the intents of some slots, and of the buckets that could not be read before. A
// slot that cannot be read at once is read bucket by bucket.
func (r *round) readSlots(ctx context.Context, slots []int64) {
	var single []int64
	for bucket := range r.missed {
		single = append(single, bucket)
	}
	r.missed = map[int64]bool{}
	for _, slot := range slots {
		if buckets := bucketsOf(slot); r.read(ctx, selectIntents, buckets) != nil {
			single = append(single, buckets...)
		}
	}
	for _, bucket := range single {
		if err := r.read(ctx, selectIntents, []int64{bucket}); err != nil {
			r.failed(err)
			r.missed[bucket] = true
		}
	}
	if len(r.missed) > maxMissed {
		r.full, r.missed = time.Time{}, nil
	}
}

// read looks at the intents that a query finds and that are old enough.
func (r *round) read(ctx context.Context, cql string, args ...any) error {
	iter := r.store.cluster.Query(ctx, cql, args...).Iter()
	var f found
	var written int64
	for ctx.Err() == nil && iter.Scan(&f.bucket, &f.id, &f.aggregateID, &f.commandID, &f.expected, &written) {
		f.written = time.UnixMicro(written)
		if r.now.Sub(f.written) >= ages()[0] && !r.isPostponed(f.id) {
			r.look(ctx, f)
		}
	}
	return cluster.Translate(ctx, iter.Close(), cluster.Read)
}

// look decides about an intent, concurrently with others.
func (r *round) look(ctx context.Context, f found) {
	r.looking.Go(func() error {
		// An aggregate whose servers do not answer takes one of the places, for a bounded time.
		ctx, cancel := context.WithTimeout(ctx, r.store.cluster.Config.Timeout)
		defer cancel()
		swept, err := r.settle(ctx, f)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.swept.Delivered += swept.Delivered
		r.swept.Dropped += swept.Dropped
		r.swept.Waiting += swept.Waiting
		switch {
		case errors.Is(err, ports.ErrCorrupt): // a retry will not help
			r.store.cluster.Config.Logger.Error("an intent stays, because the history it is about cannot be read",
				"error", err)
			delete(r.postponed, f.id)
		case err != nil:
			r.failures = append(r.failures, err)
			r.postpone(f)
		default:
			delete(r.postponed, f.id)
		}
		return nil
	})
}

// failed records a failure.
func (r *round) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, err)
}

// postpone makes an intent be retried by itself. The caller holds the mutex.
func (r *round) postpone(f found) {
	p, again := r.postponed[f.id]
	p = postponed{found: f, pause: min(longestPause, max(2*p.pause, r.store.cluster.Config.SweepInterval))}
	p.at = r.now.Add(p.pause)
	if r.postponed == nil {
		r.postponed = map[gocql.UUID]postponed{}
	}
	if again || len(r.postponed) < maxPostponed {
		r.postponed[f.id] = p
	}
}

func (w *sweeper) isPostponed(id gocql.UUID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, is := w.postponed[id]
	return is
}

// duePostponed returns the postponed intents whose pause is over.
func (w *sweeper) duePostponed(now time.Time) (due []postponed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.postponed {
		if !now.Before(p.at) {
			due = append(due, p)
		}
	}
	return due
}

// settle decides about one intent. The read at the serial level completes what the server left
// unfinished, or discards it for ever. When other events are stored after the expected head, the
// append can no longer happen.
func (r *round) settle(ctx context.Context, f found) (swept Swept, err error) {
	s := r.store
	stored, err := s.history(ctx, f.aggregateID, uint64(f.expected), s.cluster.Config.SerialConsistency)
	if err != nil {
		return swept, fmt.Errorf("intent of command %s of %s: %w", f.commandID, f.aggregateID, err)
	}
	committed := eventsourcing.ByCommand(stored, f.commandID)
	switch {
	case len(committed) > 0:
		if err := s.publish(ctx, committed); err != nil {
			return swept, fmt.Errorf("events of command %s of %s: %w", f.commandID, f.aggregateID, err)
		}
		swept.Delivered++
		s.cluster.Config.Appended()
	case len(stored) == 0 && r.now.Sub(f.written) < ages()[len(ages())-1]:
		return Swept{Waiting: 1}, nil
	default:
		swept.Dropped++
	}
	return swept, s.cluster.Exec(ctx, deleteIntent, f.bucket, f.id)
}
