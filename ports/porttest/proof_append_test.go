package porttest

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func proofsOfAppending() []proof[EventStoreHarness] {
	return []proof[EventStoreHarness]{
		{
			broken: "does not compare heads", scenario: "a stale append is refused with the heads", says: "want a *VersionConflictError",
			adapter: appendsAnyway,
		},
		{
			broken: "does not tell the heads", scenario: "a stale append is refused with the heads", says: "want a *VersionConflictError",
			adapter: stale(func(context.Context, *memory.Store, ports.Append, error) (ports.Appended, error) {
				return ports.Appended{}, ports.ErrVersionConflict
			}),
		},
		{
			broken: "writes what it refuses", scenario: "a stale append is refused with the heads", says: "history",
			adapter: stale(func(ctx context.Context, s *memory.Store, a ports.Append, err error) (ports.Appended, error) {
				if a.Expected == 2 {
					_, _ = force(ctx, s, a)
				}
				return ports.Appended{}, err
			}),
		},
		{
			broken: "confuses the heads", scenario: "an append beyond the head is refused with the heads", says: "conflict {",
			adapter: stale(func(_ context.Context, _ *memory.Store, a ports.Append, _ error) (ports.Appended, error) {
				return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected, Actual: a.Expected}
			}),
		},
		{
			broken: "fills holes", scenario: "an append beyond the head is refused with the heads", says: "want a *VersionConflictError",
			adapter: appendsAnyway,
		},
		{
			broken: "drops a malformed append in silence", scenario: "a malformed append is refused", says: "was accepted",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				if a.Check() != nil {
					return ports.Appended{}, nil
				}
				return s.Append(ctx, a)
			}),
		},
		{
			broken: "takes a malformed append for a lost race", scenario: "a malformed append is refused", says: "as something to be tried again",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				if a.Check() != nil {
					return ports.Appended{}, ports.ErrVersionConflict
				}
				return s.Append(ctx, a)
			}),
		},
		{
			broken: "writes the good part of a malformed append", scenario: "a malformed append is refused", says: "history",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				got, err := s.Append(ctx, a)
				if a.Check() != nil && len(a.Records) > 1 {
					a.Records = a.Records[:1]
					_, _ = s.Append(ctx, a)
				}
				return got, err
			}),
		},
		{
			broken: "ignores command ids", scenario: "a repeated command gets its first answer", says: "version conflict",
			adapter: ignoresCommandID,
		},
		{
			broken: "answers with everything since", scenario: "a repeated command gets its first answer", says: "answer to a repeated command",
			adapter: duplicate(func(ctx context.Context, s *memory.Store, a ports.Append, _ ports.Appended) (ports.Appended, error) {
				records, err := s.Load(ctx, a.AggregateID, a.Expected)
				return ports.Appended{Records: records, Duplicate: true}, err
			}),
		},
		{
			broken: "answers with the records of the retry", scenario: "a repeated command gets its first answer", says: "answer to a repeated command",
			adapter: duplicate(func(_ context.Context, _ *memory.Store, a ports.Append, _ ports.Appended) (ports.Appended, error) {
				return ports.Appended{Records: a.Records, Duplicate: true}, nil
			}),
		},
		{
			broken: "does not mark duplicates", scenario: "a repeated command gets its first answer", says: "not marked as duplicate",
			adapter: duplicate(func(_ context.Context, _ *memory.Store, _ ports.Append, first ports.Appended) (ports.Appended, error) {
				return ports.Appended{Records: first.Records}, nil
			}),
		},
		{
			broken: "writes a repeated command again", scenario: "a repeated command gets its first answer", says: "history",
			adapter: duplicate(func(ctx context.Context, s *memory.Store, a ports.Append, first ports.Appended) (ports.Appended, error) {
				_, _ = force(ctx, s, a)
				return first, nil
			}),
		},
		{
			broken: "counts command ids across aggregates", scenario: "a command id counts within one aggregate", says: "taken for a duplicate",
			adapter: appends(func(s *memory.Store) appendFunc {
				var seen sync.Map
				return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
					if first, ok := seen.Load(a.CommandID); ok {
						return ports.Appended{Records: first.([]eventsourcing.Record), Duplicate: true}, nil
					}
					seen.Store(a.CommandID, a.Records)
					return s.Append(ctx, a)
				}
			}),
		},
		{
			broken: "lets two writers win", scenario: "of many writers at one head exactly one wins", says: "writers at sequence number 0 won, want 1",
			adapter: appendsAnyway,
		},
		{
			broken: "writes the events of a loser", scenario: "of many writers at one head exactly one wins", says: "history",
			adapter: stale(func(ctx context.Context, s *memory.Store, a ports.Append, err error) (ports.Appended, error) {
				_, _ = force(ctx, s, a)
				return ports.Appended{}, err
			}),
		},
		{
			broken: "lets nobody win", scenario: "of many writers at one head exactly one wins", says: "0 of 16 writers",
			adapter: every(1, func(_ context.Context, _ *memory.Store, a ports.Append) (ports.Appended, error) {
				return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID}
			}),
		},
		{
			broken: "tells a loser something else", scenario: "of many writers at one head exactly one wins", says: "a writer that lost was told",
			adapter: stale(func(context.Context, *memory.Store, ports.Append, error) (ports.Appended, error) {
				return ports.Appended{}, ports.ErrUnavailable
			}),
		},
		{
			broken: "writes the events of a command one by one", scenario: "the events of a command appear together", says: "a reader saw",
			adapter: oneByOne,
		},
		{
			broken: "looks for the command id before others write", scenario: "a command repeated at the same time happens once", says: "of 16 tries of one command happened, want 1",
			adapter: duplicate(func(ctx context.Context, s *memory.Store, a ports.Append, _ ports.Appended) (ports.Appended, error) {
				return force(ctx, s, a)
			}),
		},
		{
			broken: "gives the retries another answer", scenario: "a command repeated at the same time happens once", says: "answer to a command that is repeated",
			adapter: duplicate(func(_ context.Context, _ *memory.Store, a ports.Append, _ ports.Appended) (ports.Appended, error) {
				return ports.Appended{Records: a.Records, Duplicate: true}, nil
			}),
		},
		{
			broken: "sends the retries away", scenario: "a command repeated at the same time happens once", says: "version conflict",
			adapter: ignoresCommandID,
		},
		{
			broken: "loses one write in seven", scenario: "writers that reload and retry leave no hole and no double", says: "is due",
			adapter: every(7, losesWrites),
		},
		{
			broken: "appends without comparing", scenario: "writers that reload and retry leave no hole and no double", says: "is due",
			adapter: appendsAnyway,
		},
		{
			broken: "takes another aggregate for a rival", scenario: "aggregates do not disturb each other", says: "version conflict",
			adapter: every(7, func(_ context.Context, _ *memory.Store, a ports.Append) (ports.Appended, error) {
				return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID}
			}),
		},
		{
			broken: "loses every write", scenario: "aggregates do not disturb each other", says: "history",
			adapter: every(1, losesWrites),
		},
	}
}

// oneByOne writes each event separately, so that a load between them sees a part.
func oneByOne(s *memory.Store) EventStoreHarness {
	loaded := make(chan struct{})
	h := soundEvents(s)
	h.Store = brokenEvents{
		EventStore: s,
		append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			for i := range a.Records {
				one := a
				one.Expected, one.Records = a.Expected+uint64(i), a.Records[i:i+1]
				if _, err := s.Append(ctx, one); err != nil {
					return ports.Appended{}, err
				}
				select {
				case <-loaded:
				case <-time.After(10 * time.Millisecond): // no one is loading
				}
			}
			return ports.Appended{Records: a.Records}, nil
		},
		load: func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
			records, err := s.Load(ctx, id, after)
			select {
			case loaded <- struct{}{}:
			default:
			}
			return records, err
		},
	}
	return h
}
