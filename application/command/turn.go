package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// attempts bounds how often one command is decided again after a lost race.
	attempts = 16
	// pause is the longest wait before the second attempt. It doubles with each attempt, up to
	// maxPause.
	pause    = time.Millisecond
	maxPause = 50 * time.Millisecond
	// reread bounds how long the history is read after an unknown outcome.
	reread = 5 * time.Second
)

// turn is the handling of one command, while no other command for its aggregate is handled.
type turn[C eventsourcing.Command, S, E any] struct {
	*Handler[C, S, E]
	request ports.CommandRequest[C]
	cause   eventsourcing.Cause

	// known is what is known of the aggregate. It is nil when nothing is known.
	known *folded[S]
	// fresh says that known has everything that was acknowledged before the command arrived.
	fresh bool
	// read are the records that the turn has read last. They end at the head of known.
	read []eventsourcing.Record
	// folds counts the events that the turn has folded, and base is the sequence number after which
	// it began: of what was in the cache, or of a snapshot.
	folds int
	base  uint64
	// searched is the sequence number up to which the store does not have the command.
	searched uint64
	// content is memory for what the digest of a command is made of.
	content []byte
	ticket
}

// take takes the state from the cache. When there is none, and the command usually begins an
// aggregate, take assumes that there is no aggregate yet.
func (t *turn[C, S, E]) take() {
	if t.aggregate.Size != nil {
		var kept any
		kept, t.ticket = t.config.Cache.take(t.cause.AggregateID)
		t.known, _ = kept.(*folded[S])
	}
	switch {
	case t.known != nil:
		t.fresh, t.base = t.config.Exclusive, t.known.head
	case t.aggregate.Begins != nil && t.aggregate.Begins(t.request.Command):
		t.known = &folded[S]{state: t.aggregate.Decider.Initial}
	}
}

// keep puts the state into the cache, if there is one that can be used again.
func (t *turn[C, S, E]) keep() {
	t.config.Cache.observe(t.folds)
	k := t.known
	if k == nil || k.head == 0 || k.unreadable != nil {
		return
	}
	t.config.Snapshots.Note(t.cause.AggregateID, t.base, k.head)
	if t.aggregate.Size != nil {
		if t.config.Finder != nil {
			k.commands.forget(maxRecent)
		}
		k.commands.settle()
		t.config.Cache.put(t.cause.AggregateID, k, k.bytes(t.aggregate.Size), t.ticket)
	}
}

// errLostRace marks a version conflict after which the command is decided again.
var errLostRace = errors.New("lost the race")

func (t *turn[C, S, E]) run(ctx context.Context) (ports.CommandResult[E], error) {
	longest := pause
	for attempt := 1; ; attempt++ {
		stale := t.known != nil && !t.fresh
		result, err := t.attempt(ctx)
		if !errors.Is(err, errLostRace) {
			return result, err
		}
		if attempt == attempts {
			return ports.CommandResult[E]{}, fmt.Errorf("%s on %s: gave up after %d attempts: %w",
				t.request.Command.Name(), t.cause.AggregateID, attempts, err)
		}
		if stale { // it was not a race: the other writer may be long gone
			continue
		}
		if err := portkit.Sleep(ctx, rand.N(longest)); err != nil {
			return ports.CommandResult[E]{}, err
		}
		longest = min(2*longest, maxPause)
	}
}

// attempt decides the command and appends its events. Only an append may rest on a state that is
// not fresh, because the store compares its head. Every other answer waits until the turn has read
// what is new.
func (t *turn[C, S, E]) attempt(ctx context.Context) (ports.CommandResult[E], error) {
	if t.known == nil {
		if err := t.refresh(ctx); err != nil {
			return ports.CommandResult[E]{}, err
		}
	}
	events, answer := t.decide(ctx)
	if answer != nil && !t.fresh {
		if err := t.refresh(ctx); err != nil {
			return ports.CommandResult[E]{}, err
		}
		events, answer = t.decide(ctx)
	}
	if answer != nil {
		return answer()
	}
	return t.append(ctx, events)
}

// answered returns the result of a command that appends nothing.
type answered[E any] func() (ports.CommandResult[E], error)

// decide returns the events to append, or the answer when there are none.
func (t *turn[C, S, E]) decide(ctx context.Context) ([]E, answered[E]) {
	fail := func(err error) ([]E, answered[E]) {
		return nil, func() (ports.CommandResult[E], error) { return ports.CommandResult[E]{}, err }
	}
	if earlier, found := t.known.commands.find(t.cause.CommandID); found {
		return nil, func() (ports.CommandResult[E], error) { return t.repeat(ctx, earlier) }
	}
	switch earlier, err := t.earlier(ctx); {
	case err != nil:
		return fail(err)
	case len(earlier) > 0:
		return nil, func() (ports.CommandResult[E], error) { return t.answer(ctx, earlier) }
	}
	head := t.known.head
	if want := t.request.ExpectedSequence; want != nil && *want != head {
		return fail(&ports.VersionConflictError{AggregateID: t.cause.AggregateID, Expected: *want, Actual: head})
	}
	if err := t.known.unreadable; err != nil {
		return fail(err)
	}
	events, err := t.aggregate.Decider.Decide(t.known.state, t.request.Command)
	switch {
	case err != nil:
		return fail(t.refusal(err))
	case len(events) == 0:
		return nil, func() (ports.CommandResult[E], error) {
			return ports.CommandResult[E]{AggregateID: t.cause.AggregateID, SequenceNumber: head}, nil
		}
	case t.config.MaxEvents > 0 && head+uint64(len(events)) > uint64(t.config.MaxEvents):
		return fail(&HistoryFullError{AggregateType: t.aggregate.Type, AggregateID: t.cause.AggregateID, Max: t.config.MaxEvents})
	default:
		return events, nil
	}
}

func (t *turn[C, S, E]) refusal(err error) error {
	var refused eventsourcing.Refused
	if errors.As(err, &refused) && refused.Refusal().Kind == eventsourcing.RefusedMissing {
		return fmt.Errorf("%s %s: %w: %w", t.aggregate.Type, t.cause.AggregateID, ports.ErrNotFound, err)
	}
	return err
}

// prepare returns the events as they are appended, and the request for it.
func (t *turn[C, S, E]) prepare(ctx context.Context, events []E) ([]eventsourcing.Envelope[E], ports.Append, error) {
	if err := t.name(ctx, events); err != nil {
		return nil, ports.Append{}, err
	}
	cause, head := t.cause, t.known.head
	if cause.At.Before(t.known.at) {
		// a clock that was set back must not make times go backwards within a history
		cause.At = t.known.at
	}
	envelopes := eventsourcing.Stamp(cause, head, events, t.config.NewID)
	request := ports.Append{
		AggregateID: cause.AggregateID, Expected: head, CommandID: cause.CommandID,
		Records: make([]eventsourcing.Record, len(envelopes)),
	}
	for i, e := range envelopes {
		record, err := t.aggregate.Codec.Encode(e)
		if err != nil {
			return nil, ports.Append{}, fmt.Errorf("append to %s: %w", cause.AggregateID, err)
		}
		request.Records[i] = record
	}
	return envelopes, request, nil
}

func (t *turn[C, S, E]) append(ctx context.Context, events []E) (ports.CommandResult[E], error) {
	envelopes, request, err := t.prepare(ctx, events)
	if err != nil && !t.fresh { // a refusal like any other: perhaps the command was there already
		if err := t.refresh(ctx); err != nil {
			return ports.CommandResult[E]{}, err
		}
		return ports.CommandResult[E]{}, fmt.Errorf("%w: %w", errLostRace, err)
	}
	if err != nil {
		return ports.CommandResult[E]{}, err
	}
	appended, err := t.config.Store.Append(ctx, request)
	switch {
	case err == nil && appended.Duplicate:
		t.known = nil
		return t.answer(ctx, appended.Records)
	case err == nil:
		for i := range envelopes {
			t.known.add(&envelopes[i].Header)
		}
		t.known.state = eventsourcing.Fold(t.known.state, t.aggregate.Decider.Evolve, envelopes)
		return ports.CommandResult[E]{AggregateID: t.cause.AggregateID, SequenceNumber: t.known.head, Events: envelopes}, nil
	case errors.Is(err, ports.ErrVersionConflict):
		if err := t.afterConflict(ctx); err != nil {
			return ports.CommandResult[E]{}, err
		}
		return ports.CommandResult[E]{}, fmt.Errorf("%w: %w", errLostRace, err)
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return t.resolve(ctx, err)
	default:
		t.known = nil
		return ports.CommandResult[E]{}, err
	}
}

// afterConflict reads what another writer has appended. When there is nothing, what was known is
// wrong in another way, and the next attempt begins from nothing.
func (t *turn[C, S, E]) afterConflict(ctx context.Context) error {
	before := t.known.head
	if before == 0 {
		t.known = nil
		return nil
	}
	if err := t.refresh(ctx); err != nil {
		return err
	}
	if t.known.head == before {
		t.known, t.fresh = nil, false
		t.config.Cache.Drop(t.cause.AggregateID)
	}
	return nil
}

// resolve finds out whether an append with an unknown outcome happened. The command is not in what
// was known, so only what came after it is read.
func (t *turn[C, S, E]) resolve(ctx context.Context, unknown error) (ports.CommandResult[E], error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reread)
	defer cancel()
	head := t.known.head
	t.known = nil
	records, err := t.config.Store.Load(ctx, t.cause.AggregateID, head)
	if err != nil {
		return ports.CommandResult[E]{}, fmt.Errorf("%w (reading it again: %v)", unknown, err)
	}
	if mine := eventsourcing.ByCommand(records, t.cause.CommandID); len(mine) > 0 {
		return t.answer(ctx, mine)
	}
	return ports.CommandResult[E]{}, unknown
}

// repeat returns the result of an earlier attempt of the command, whose events are in the history.
func (t *turn[C, S, E]) repeat(ctx context.Context, earlier span) (ports.CommandResult[E], error) {
	records := eventsourcing.ByCommand(t.read, t.cause.CommandID)
	if uint64(len(records)) != uint64(earlier.count) {
		var err error
		if records, err = t.load(ctx, earlier.first-1, int(earlier.count)); err != nil {
			return ports.CommandResult[E]{}, fmt.Errorf("%s: %w", t.request.Command.Name(), err)
		}
		records = eventsourcing.ByCommand(records, t.cause.CommandID)
	}
	if uint64(len(records)) != uint64(earlier.count) {
		t.known = nil
		return ports.CommandResult[E]{}, fmt.Errorf("%s on %s: command %s has %d events of %d: %w",
			t.request.Command.Name(), t.cause.AggregateID, t.cause.CommandID, len(records), earlier.count, ports.ErrCorrupt)
	}
	return t.answer(ctx, records)
}

// answer returns the result that the command had the first time.
func (t *turn[C, S, E]) answer(ctx context.Context, records []eventsourcing.Record) (ports.CommandResult[E], error) {
	if found := records[0].AggregateType; found != t.aggregate.Type {
		return ports.CommandResult[E]{}, &ports.OtherTypeError{
			AggregateID: t.cause.AggregateID, Type: found, Wanted: t.aggregate.Type,
		}
	}
	if err := t.same(ctx, records[0]); err != nil {
		return ports.CommandResult[E]{}, err
	}
	envelopes := make([]eventsourcing.Envelope[E], len(records))
	for i, r := range records {
		var err error
		if envelopes[i], err = t.aggregate.Codec.Decode(r); err != nil {
			return ports.CommandResult[E]{}, err
		}
	}
	return ports.CommandResult[E]{
		AggregateID:    t.cause.AggregateID,
		SequenceNumber: records[len(records)-1].SequenceNumber,
		Events:         envelopes,
	}, nil
}
