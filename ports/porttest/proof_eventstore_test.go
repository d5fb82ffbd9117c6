package porttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenEvents replaces the functions that are set.
type brokenEvents struct {
	ports.EventStore
	append func(ctx context.Context, a ports.Append) (ports.Appended, error)
	load   func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

func (b brokenEvents) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if b.append == nil {
		return b.EventStore.Append(ctx, a)
	}
	return b.append(ctx, a)
}

func (b brokenEvents) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if b.load == nil {
		return b.EventStore.Load(ctx, id, after)
	}
	return b.load(ctx, id, after)
}

func soundEvents(s *memory.Store) EventStoreHarness {
	return EventStoreHarness{
		Store:  s,
		Close:  s.Close,
		Reopen: func(testing.TB) EventStoreHarness { return soundEvents(s.Reopen()) },
	}
}

type (
	appendFunc = func(ctx context.Context, a ports.Append) (ports.Appended, error)
	loadFunc   = func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error)
)

// appends breaks Append.
func appends(broken func(s *memory.Store) appendFunc) func(*memory.Store) EventStoreHarness {
	return func(s *memory.Store) EventStoreHarness {
		h := soundEvents(s)
		h.Store = brokenEvents{EventStore: s, append: broken(s)}
		return h
	}
}

// loads breaks Load.
func loads(broken func(s *memory.Store) loadFunc) func(*memory.Store) EventStoreHarness {
	return func(s *memory.Store) EventStoreHarness {
		h := soundEvents(s)
		h.Store = brokenEvents{EventStore: s, load: broken(s)}
		return h
	}
}

// spoils changes every record that is loaded.
func spoils(spoil func(*eventsourcing.Record)) func(*memory.Store) EventStoreHarness {
	return loads(func(s *memory.Store) loadFunc {
		return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
			records, err := s.Load(ctx, id, after)
			for i := range records {
				spoil(&records[i])
			}
			return records, err
		}
	})
}

// atHead moves an append to the head, like a store that does not compare heads.
func atHead(s *memory.Store, a ports.Append) ports.Append {
	history, err := s.Load(context.Background(), a.AggregateID, 0)
	if err != nil {
		return a
	}
	a.Expected = uint64(len(history))
	a.Records = slices.Clone(a.Records)
	for i := range a.Records {
		a.Records[i].SequenceNumber = a.Expected + uint64(i) + 1
	}
	return a
}

// force appends at the head and ignores other writers.
func force(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
	for {
		got, err := s.Append(ctx, atHead(s, a))
		if got.Duplicate || errors.Is(err, ports.ErrVersionConflict) {
			continue
		}
		return got, err
	}
}

// stale breaks the answer to an append that is not at the head.
func stale(answer func(ctx context.Context, s *memory.Store, a ports.Append, err error) (ports.Appended, error)) func(*memory.Store) EventStoreHarness {
	return appends(func(s *memory.Store) appendFunc {
		return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			got, err := s.Append(ctx, a)
			if errors.Is(err, ports.ErrVersionConflict) {
				return answer(ctx, s, a, err)
			}
			return got, err
		}
	})
}

// duplicate breaks the answer to a repeated command.
func duplicate(answer func(ctx context.Context, s *memory.Store, a ports.Append, first ports.Appended) (ports.Appended, error)) func(*memory.Store) EventStoreHarness {
	return appends(func(s *memory.Store) appendFunc {
		return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			got, err := s.Append(ctx, a)
			if got.Duplicate {
				return answer(ctx, s, a, got)
			}
			return got, err
		}
	})
}

// every breaks one append in n.
func every(n int64, broken func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error)) func(*memory.Store) EventStoreHarness {
	return appends(func(s *memory.Store) appendFunc {
		var count atomic.Int64
		return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			if count.Add(1)%n == 0 {
				return broken(ctx, s, a)
			}
			return s.Append(ctx, a)
		}
	})
}

var (
	appendsAnyway = stale(func(ctx context.Context, s *memory.Store, a ports.Append, _ error) (ports.Appended, error) {
		return force(ctx, s, a)
	})
	ignoresCommandID = duplicate(func(_ context.Context, _ *memory.Store, a ports.Append, first ports.Appended) (ports.Appended, error) {
		return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected, Actual: a.Expected + uint64(len(first.Records))}
	})
	losesWrites = func(_ context.Context, _ *memory.Store, a ports.Append) (ports.Appended, error) {
		return ports.Appended{Records: a.Records}, nil
	}
)

func TestEventStore_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, eventStoreScenarios(), soundEvents, slices.Concat(
		proofsOfReading(), proofsOfAppending(), proofsOfLifecycle(), proofsOfEventStoreTypes()))
}

func proofsOfReading() []proof[EventStoreHarness] {
	return []proof[EventStoreHarness]{
		{
			broken: "loses metadata", scenario: "every field of a record comes back", says: "Metadata",
			adapter: spoils(func(r *eventsourcing.Record) { r.Metadata = nil }),
		},
		{
			broken: "loses the correlation id", scenario: "every field of a record comes back", says: "CorrelationID",
			adapter: spoils(func(r *eventsourcing.Record) { r.CorrelationID = uuid.Nil }),
		},
		{
			broken: "loses the event version", scenario: "every field of a record comes back", says: "EventVersion",
			adapter: spoils(func(r *eventsourcing.Record) { r.EventVersion = 1 }),
		},
		{
			broken: "keeps seconds only", scenario: "every field of a record comes back", says: "CreatedAt",
			adapter: spoils(func(r *eventsourcing.Record) { r.CreatedAt = r.CreatedAt.Truncate(time.Second) }),
		},
		{
			broken: "counts time in nanoseconds", scenario: "every field of a record comes back", says: "CreatedAt",
			adapter: spoils(func(r *eventsourcing.Record) { r.CreatedAt = time.Unix(0, r.CreatedAt.UnixNano()).UTC() }),
		},
		{
			broken: "returns local times", scenario: "every field of a record comes back", says: "is not in UTC",
			adapter: spoils(func(r *eventsourcing.Record) { r.CreatedAt = r.CreatedAt.In(time.FixedZone("here", 7200)) }),
		},
		{
			broken: "keeps ASCII only", scenario: "every field of a record comes back", says: "Payload",
			adapter: spoils(func(r *eventsourcing.Record) {
				r.Payload = slices.DeleteFunc(r.Payload, func(b byte) bool { return b > 127 })
			}),
		},
		{
			broken: "answers with something else than was appended", scenario: "every field of a record comes back", says: "answer to an append",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				got, err := s.Append(ctx, a)
				return ports.Appended{Records: got.Records[:1]}, err
			}),
		},
		{
			broken: "takes an unknown aggregate for an error", scenario: "an unknown aggregate has no records", says: "not found",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					records, err := s.Load(ctx, id, after)
					if err == nil && len(records) == 0 {
						err = ports.ErrNotFound
					}
					return records, err
				}
			}),
		},
		{
			broken: "ignores where to start", scenario: "load returns what lies behind a sequence number", says: "load after 1",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, _ uint64) ([]eventsourcing.Record, error) {
					return s.Load(ctx, id, 0)
				}
			}),
		},
		{
			broken: "starts one record too early", scenario: "load returns what lies behind a sequence number", says: "load after 1",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					return s.Load(ctx, id, max(after, 1)-1)
				}
			}),
		},
		{
			broken: "returns the first page only", scenario: "a long history comes back whole", says: "history",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					records, err := s.Load(ctx, id, after)
					return records[:min(len(records), 100)], err
				}
			}),
		},
		{
			broken: "cuts a payload at 64 KiB", scenario: "a large payload comes back", says: "Payload",
			adapter: spoils(func(r *eventsourcing.Record) { r.Payload = r.Payload[:min(len(r.Payload), 1<<16)] }),
		},
		{
			broken: "reads from a cache that is one load behind", scenario: "an acknowledged append is seen at once", says: "history",
			adapter: loads(func(s *memory.Store) loadFunc {
				var mu sync.Mutex
				cache := map[uuid.UUID][]eventsourcing.Record{}
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					mu.Lock()
					defer mu.Unlock()
					records, err := s.Load(ctx, id, after)
					if cached, ok := cache[id]; ok {
						records, cache[id] = cached, records
					}
					cache[id] = records
					return records, err
				}
			}),
		},
	}
}
