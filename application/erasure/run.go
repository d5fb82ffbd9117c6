package erasure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/subject"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// workers is how many aggregates are looked at at once.
	workers = 8
	// maxShown is how many errors of one erasure are shown.
	maxShown = 3
)

// Run ends the erasures that have begun, until ctx ends. Then it returns nil.
//
// First it compares the erasures in the events with the keys, because either may be an old copy. A
// key that has come back is destroyed again. An erasure that the events do not know is requested
// again, and everything that is derived from the events is written again. See [Eraser.Unready].
func (e *Eraser) Run(ctx context.Context) error {
	first, due := true, time.Now()
	for attempt := 0; ctx.Err() == nil; {
		var err error
		if !time.Now().Before(due) {
			if err = e.search(ctx, first); err == nil {
				first, due = false, time.Now().Add(e.config.Every)
			}
		}
		if err == nil {
			err = e.round(ctx)
		}
		e.judge(first, err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			attempt = 0
			e.rest(ctx, time.Until(due))
		default:
			attempt++
			e.config.Logger.Warn("an erasure has not ended and is tried again", "attempt", attempt, "error", err)
			_ = e.config.Backoff.Wait(ctx, e.begun, attempt) // whatever ends the wait
		}
	}
	return nil
}

// rest waits until there is something to do.
func (e *Eraser) rest(ctx context.Context, atMost time.Duration) {
	timer := time.NewTimer(max(atMost, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.begun:
	case <-timer.C:
	}
}

// round does what can be done now for the erasures that are open.
func (e *Eraser) round(ctx context.Context) error {
	e.mu.Lock()
	open := maps.Clone(e.open)
	e.mu.Unlock()
	err := e.destroyAll(ctx, open)
	if err == nil {
		err = e.find(ctx, open)
	}
	var errs []error
	fails := func(id uuid.UUID, failed error) {
		errs = append(errs, failed)
		e.set(func() { open[id].waits = failed.Error() })
		delete(open, id)
	}
	for id, erasing := range open {
		failed := err
		if failed == nil {
			failed = e.rewrite(ctx, erasing)
		}
		if failed != nil {
			fails(id, failed)
		}
	}
	if len(open) > 0 && e.config.Purger != nil { // once for all of them
		err = e.config.Purger.Purge(ctx)
	}
	for id, erasing := range open {
		failed := err
		if failed == nil {
			failed = e.end(ctx, id, erasing)
		}
		if failed != nil {
			fails(id, failed)
		}
	}
	return errors.Join(errs...)
}

// search finds the erasures that have not ended. The first one destroys the keys of all others
// again.
func (e *Eraser) search(ctx context.Context, first bool) error {
	err := e.walk(subject.Type).Heads(ctx, func(ctx context.Context, head ports.Head) error {
		history, err := e.history(ctx, head.AggregateID)
		if err != nil {
			return err
		}
		state := fold(history)
		s := ports.Subject(state.Token)
		if state.Status == subject.Requested {
			e.note(head.AggregateID, s, requestedAt(history))
			return nil
		}
		if !first {
			return nil
		}
		if err := e.destroy(ctx, s); err != nil {
			return err
		}
		e.config.Forget(s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("find the erasures that have begun: %w", err)
	}
	if first {
		if err := e.config.Erased.ErasedSubjects(ctx, func(s ports.Subject) error { return e.replay(ctx, s) }); err != nil {
			return fmt.Errorf("compare the erasures with the keys: %w", err)
		}
	}
	return nil
}

// Replayed is the reason of an erasure that is requested again, see [Eraser.Run].
const Replayed = "the key is destroyed, and these data are from before the erasure: it is done again"

// replay requests an erasure again that the events do not know. Then they are those of a backup
// from before it, and so is what was derived from them.
func (e *Eraser) replay(ctx context.Context, s ports.Subject) error {
	id := subject.ID(string(s))
	history, err := e.history(ctx, id)
	if err != nil || len(history) > 0 {
		return err
	}
	command := subject.RequestErasure{SubjectID: id, Token: string(s), Reason: Replayed}
	if _, err := e.config.Commands.Handle(ctx, ports.CommandRequest[subject.Command]{Command: command}); err != nil {
		return fmt.Errorf("request the erasure of %s again: %w", s, err)
	}
	e.config.Logger.WarnContext(ctx, "the events are from before an erasure, which is done again", "subject_id", id)
	e.note(id, s, time.Now())
	return nil
}

// requestedAt returns when the last request of an erasure was made.
func requestedAt(history []eventsourcing.Envelope[subject.Event]) (at time.Time) {
	for _, event := range history {
		if _, request := event.Event.(subject.ErasureRequested); request {
			at = event.CreatedAt
		}
	}
	return at
}

// judge reports in Unready whether the erasures of the past are in force. first says that they are
// not even found.
func (e *Eraser) judge(first bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.unready == nil:
	case first:
		e.unready = fmt.Errorf("%w: %w", errNotSearched, err)
	default:
		e.unready = nil
		for id, erasing := range e.open {
			if !erasing.tried {
				e.unready = fmt.Errorf("the data of subject %s, who was erased before this start, is not rewritten: %w", id,
					cmp.Or(err, errNotSearched))
			}
		}
	}
}

// walk returns a walk over all aggregates of some types.
func (e *Eraser) walk(types ...string) filling.Walk {
	return filling.Walk{
		Store: e.config.Store, Workers: workers, Backoff: e.config.Backoff,
		Takes: func(aggregateType string) bool { return slices.Contains(types, aggregateType) },
		Stuck: func(ctx context.Context, id uuid.UUID, attempt int, err error) {
			e.config.Logger.WarnContext(ctx, "an erasure waits for the store", "aggregate_id", id, "attempt", attempt, "error", err)
		},
	}
}

// destroyAll destroys the keys of what is open, and waits until no process uses one any more.
func (e *Eraser) destroyAll(ctx context.Context, open map[uuid.UUID]*erasing) error {
	fresh := false
	for _, erasing := range open {
		if erasing.destroyed {
			continue
		}
		if err := e.destroy(ctx, erasing.subject); err != nil {
			return err
		}
		fresh = true
	}
	if !fresh {
		return nil
	}
	if err := portkit.Sleep(ctx, e.config.Settle); err != nil {
		return err
	}
	for _, erasing := range open {
		e.config.Forget(erasing.subject)
		erasing.destroyed = true
	}
	return nil
}

// find finds the aggregates of what is open, once.
func (e *Eraser) find(ctx context.Context, open map[uuid.UUID]*erasing) error {
	wanted := map[ports.Subject]*erasing{}
	for _, erasing := range open {
		if !erasing.found {
			erasing.seen, erasing.left, erasing.counts = map[uuid.UUID]bool{}, nil, subject.Counts{}
			erasing.unreadable = nil
			wanted[erasing.subject] = erasing
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var mu sync.Mutex
	err := e.walk(e.config.Types...).Heads(ctx, func(ctx context.Context, head ports.Head) error {
		owner, err := e.owner(ctx, head.AggregateID)
		if err != nil || wanted[owner] == nil {
			return err
		}
		plain, err := e.plain(ctx, head.AggregateID)
		if failure.Transient(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		wanted[owner].add(head.AggregateID, plain, e.config.Places)
		wanted[owner].unreadable = errors.Join(wanted[owner].unreadable, err)
		return nil
	})
	if err != nil {
		return fmt.Errorf("find the aggregates of a subject: %w", err)
	}
	for _, erasing := range wanted {
		if err := e.mark(ctx, erasing); err != nil {
			return err
		}
		erasing.found, erasing.seen, erasing.tried = erasing.unreadable == nil, nil, true
	}
	return nil
}

// mark notes which places have to be renewed for an erasure.
func (e *Eraser) mark(ctx context.Context, of *erasing) error {
	of.renew = map[Whole]uint64{}
	if of.counts.Aggregates == 0 {
		return nil
	}
	for _, place := range e.config.Places {
		whole, ok := place.(Whole)
		if !ok {
			continue
		}
		mark, err := whole.Mark(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", place.Name(), err)
		}
		of.renew[whole] = mark
	}
	return nil
}

// owner returns the subject of an aggregate. An aggregate whose first event cannot be read belongs
// to nobody: nobody can be told what is in it, and it must not keep others from being erased.
func (e *Eraser) owner(ctx context.Context, aggregateID uuid.UUID) (ports.Subject, error) {
	first, err := e.config.Store.LoadPage(ctx, aggregateID, 0, 1)
	var owner ports.Subject
	if err == nil && len(first) > 0 {
		owner, err = e.config.Owner(first[0])
	}
	if err == nil || failure.Transient(err) {
		return owner, err
	}
	e.config.Logger.ErrorContext(ctx, "nobody can tell whose data an aggregate has, and no erasure reaches it",
		"aggregate_id", aggregateID, "error", err)
	return "", nil
}

// plain counts the events of an aggregate that have personal data which is not sealed.
func (e *Eraser) plain(ctx context.Context, aggregateID uuid.UUID) (plain int64, err error) {
	records, err := e.config.Store.Load(ctx, aggregateID, 0)
	if err != nil {
		return 0, fmt.Errorf("read the events of %s: %w", aggregateID, err)
	}
	for _, record := range records {
		if e.config.Plain(record) {
			plain++
		}
	}
	return plain, nil
}

// add adds an aggregate to what is to be rewritten. A walk may visit an aggregate twice.
func (of *erasing) add(aggregateID uuid.UUID, plain int64, places []Place) {
	if of.seen[aggregateID] {
		return
	}
	of.seen[aggregateID] = true
	of.counts.Aggregates++
	of.counts.Plain += plain
	for _, place := range places {
		of.left = append(of.left, task{place, aggregateID})
	}
}

// rewrite rewrites what is left of an erasure. It returns nil when nothing is.
func (e *Eraser) rewrite(ctx context.Context, of *erasing) error {
	var errs, waits []error
	var left []task
	for _, t := range of.left {
		rewritten, err := t.place.Rewrite(ctx, t.aggregateID)
		if err != nil {
			left = append(left, t)
			if len(errs) < maxShown {
				errs = append(errs, fmt.Errorf("%s: %w", t.place.Name(), err))
			}
			continue
		}
		if rewritten {
			of.counts.Rewritten++
		}
	}
	for whole, mark := range of.renew {
		if err := whole.Renew(ctx, mark); err != nil {
			waits = append(waits, fmt.Errorf("%s: %w", whole.Name(), err))
			continue
		}
		delete(of.renew, whole)
		of.counts.Rewritten++
	}
	if of.left = left; len(left) > 0 {
		return fmt.Errorf("%d of %d aggregates are not rewritten everywhere: %w",
			aggregates(left), of.counts.Aggregates, errors.Join(append(errs, waits...)...))
	}
	return errors.Join(append(waits, of.unreadable)...)
}

// end records the end of an erasure.
func (e *Eraser) end(ctx context.Context, id uuid.UUID, of *erasing) error {
	e.set(func() { of.ending = true })
	command := subject.RecordErasure{SubjectID: id, Counts: of.counts}
	if _, err := e.config.Commands.Handle(ctx, ports.CommandRequest[subject.Command]{Command: command}); err != nil {
		e.set(func() { of.ending = false })
		return fmt.Errorf("record the end of an erasure: %w", err)
	}
	e.set(func() {
		e.ended++
		if e.open[id] == of {
			delete(e.open, id)
		}
	})
	e.config.Logger.InfoContext(ctx, "personal data is erased", "subject_id", id, "aggregates", of.counts.Aggregates,
		"rewritten", of.counts.Rewritten, "plain_events", of.counts.Plain)
	return nil
}

// set changes what mu guards.
func (e *Eraser) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// aggregates returns how many aggregates tasks are about.
func aggregates(tasks []task) int {
	ids := map[uuid.UUID]bool{}
	for _, t := range tasks {
		ids[t.aggregateID] = true
	}
	return len(ids)
}
