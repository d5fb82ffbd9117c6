package scylla

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	selectIntents    = `SELECT bucket, intent_id, aggregate_id, command_id, expected FROM append_intents WHERE bucket IN ?`
	selectAllIntents = `SELECT bucket, intent_id, aggregate_id, command_id, expected FROM append_intents`
)

const (
	// fullInterval is the pause between two passes over all intents there are: those of a time when nobody swept.
	fullInterval = time.Hour
	// maxSlots bounds what a pass reads slot by slot; with more to do, it reads everything.
	maxSlots = 30
)

// ages are when an intent is looked at. An append that is not found then may still commit, if its process was only paused, so
// it is looked for again; after the last age its intent is dropped.
func ages() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}
}

// Swept counts what a pass of the sweeper did.
type Swept struct {
	// Delivered appends had committed, and their events were written to the outbox again.
	Delivered int
	// Dropped intents belonged to appends that did not commit and cannot any more.
	Dropped int
	// Waiting intents belong to appends that did not commit so far.
	Waiting int
}

// RunSweeper sweeps until ctx ends, whose error it returns. Every process runs it; several at a time are harmless.
func (s *Store) RunSweeper(ctx context.Context) error {
	ticker := time.NewTicker(s.config.SweepInterval)
	defer ticker.Stop()
	w := &sweeper{store: s}
	for {
		swept, err := w.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.config.Logger.Warn("the sweeper could not look at all intents; it will try again", "error", err)
		case swept.Delivered > 0:
			s.config.Logger.Info("delivered events whose writer did not get that far", "commands", swept.Delivered)
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

// sweeper remembers which slots were looked at, at each age.
type sweeper struct {
	store *Store
	full  time.Time // of the last pass over everything
	done  []int64   // the last slot at each age
}

func (w *sweeper) pass(ctx context.Context) (Swept, error) {
	var swept Swept
	if err := w.store.enter(ctx); err != nil {
		return swept, fmt.Errorf("sweep: %w", err)
	}
	defer w.store.calls.leave()
	now := w.store.config.Now()
	full, slots := w.due(now)
	if full {
		if err := w.look(ctx, now, &swept, w.store.query(ctx, selectAllIntents)); err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
		w.full = now
	}
	for _, slot := range slots {
		if err := w.look(ctx, now, &swept, w.store.query(ctx, selectIntents, bucketsOf(slot))); err != nil {
			return swept, fmt.Errorf("sweep: %w", err)
		}
	}
	w.done = ready(now)
	return swept, nil
}

// due tells what a pass at now has to look at: everything, or the slots that came of an age since the last pass.
func (w *sweeper) due(now time.Time) (full bool, slots []int64) {
	if w.done == nil || now.Sub(w.full) >= fullInterval {
		return true, nil
	}
	for i, last := range ready(now) {
		if last-w.done[i] > maxSlots {
			return true, nil
		}
		for slot := w.done[i] + 1; slot <= last; slot++ {
			slots = append(slots, slot)
		}
	}
	return false, slots
}

// ready returns, for each age, the last slot all of whose intents are at least that old.
func ready(now time.Time) []int64 {
	var last []int64
	for _, age := range ages() {
		last = append(last, slotOf(now.Add(-age))-1)
	}
	return last
}

// found is an intent that was found.
type found struct {
	bucket                 int64
	id                     gocql.UUID
	aggregateID, commandID uuid.UUID
	expected               int64
}

// look decides about every intent that q finds and that is old enough. One that cannot be decided does not stop the others.
func (w *sweeper) look(ctx context.Context, now time.Time, swept *Swept, q *gocql.Query) error {
	iter := q.Iter()
	var f found
	var failures []error
	for ctx.Err() == nil && iter.Scan(&f.bucket, &f.id, &f.aggregateID, &f.commandID, &f.expected) {
		age := now.Sub(f.id.Time())
		if age < ages()[0] {
			continue
		}
		err := w.settle(ctx, f, age, swept)
		switch {
		case errors.Is(err, ports.ErrCorrupt): // it will not get better by itself, and must not hold up the others
			w.store.config.Logger.Error("an intent stays, because the history it is about cannot be read", "error", err)
		case err != nil:
			failures = append(failures, err)
		}
	}
	failures = append(failures, translate(ctx, iter.Close(), read), ctx.Err())
	return errors.Join(failures...)
}

// settle decides about one intent. The read at the serial level completes, or discards for ever, what the server left
// unfinished. When other events are behind the expected head, the append can no longer happen.
func (w *sweeper) settle(ctx context.Context, f found, age time.Duration, swept *Swept) error {
	s := w.store
	stored, err := s.history(ctx, f.aggregateID, uint64(f.expected), s.config.SerialConsistency)
	if err != nil {
		return fmt.Errorf("intent of command %s of %s: %w", f.commandID, f.aggregateID, err)
	}
	committed := eventsourcing.ByCommand(stored, f.commandID)
	switch {
	case len(committed) > 0:
		if err := s.publish(ctx, committed); err != nil {
			return fmt.Errorf("events of command %s of %s: %w", f.commandID, f.aggregateID, err)
		}
		swept.Delivered++
		s.config.Appended()
	case len(stored) == 0 && age < ages()[len(ages())-1]:
		swept.Waiting++
		return nil
	default:
		swept.Dropped++
	}
	return s.exec(ctx, deleteIntent, f.bucket, f.id)
}
