package porttest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func proofsOfLifecycle() []proof[EventStoreHarness] {
	const (
		cancelled = "an ended context stops a call before it does anything"
		shared    = "memory is not shared with callers"
		under     = "closing under writers keeps what was acknowledged and no more"
		restart   = "everything is there after a restart"
	)
	return []proof[EventStoreHarness]{
		{
			broken: "appends although the context has ended", scenario: cancelled, says: "Append with an ended context: error <nil>",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				return s.Append(context.WithoutCancel(ctx), a)
			}),
		},
		{
			broken: "appends and then looks at the context", scenario: cancelled, says: "history",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				got, err := s.Append(context.WithoutCancel(ctx), a)
				if ctx.Err() != nil {
					return ports.Appended{}, ctx.Err()
				}
				return got, err
			}),
		},
		{
			broken: "loads although the context has ended", scenario: cancelled, says: "Load with an ended context: error <nil>",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					return s.Load(context.WithoutCancel(ctx), id, after)
				}
			}),
		},
		{
			broken: "takes an ended context for an outage", scenario: cancelled, says: "unavailable",
			adapter: loads(func(s *memory.Store) loadFunc {
				return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
					records, err := s.Load(ctx, id, after)
					if err != nil {
						err = ports.ErrUnavailable
					}
					return records, err
				}
			}),
		},
		{
			broken: "keeps the caller's slices", scenario: shared, says: "history",
			adapter: sharesMemory(func(r []eventsourcing.Record) []eventsourcing.Record { return r }, cloned),
		},
		{
			broken: "hands out its own slices", scenario: shared, says: "history",
			adapter: sharesMemory(cloned, func(r []eventsourcing.Record) []eventsourcing.Record { return r }),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "Append after close: error <nil>",
			adapter: func(s *memory.Store) EventStoreHarness {
				h := soundEvents(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "cannot be closed twice", scenario: "a closed store refuses", says: "close the adapter: closed",
			adapter: func(s *memory.Store) EventStoreHarness {
				h, closed := soundEvents(s), false
				h.Close = func() error {
					if closed {
						return ports.ErrClosed
					}
					closed = true
					return s.Close()
				}
				return h
			},
		},
		{
			broken: "never ends its close", scenario: "a closed store refuses", says: "for: the adapter to close", hangs: true,
			adapter: func(s *memory.Store) EventStoreHarness {
				h := soundEvents(s)
				h.Close = hangsOnce(s.Close)
				return h
			},
		},
		{broken: "acknowledges what comes after close", scenario: under, says: "history", adapter: acknowledgesOnce},
		{
			broken: "takes a close for an ended context", scenario: under, says: "context canceled",
			adapter: every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
				got, err := s.Append(ctx, a)
				if errors.Is(err, ports.ErrClosed) {
					err = context.Canceled
				}
				return got, err
			}),
		},
		{broken: "refuses what it has written", scenario: under, says: "history", adapter: refusesWritten},
		{
			broken: "never refuses", scenario: under, says: "for: writers to be refused by a store that was closed", hangs: true,
			adapter: func(s *memory.Store) EventStoreHarness {
				h := soundEvents(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: restart, says: "history",
			adapter: reopensAs(func(*memory.Store) EventStoreHarness { return soundEvents(memory.New(memory.Options{})) }),
		},
		{
			broken: "forgets command ids", scenario: restart, says: "version conflict",
			adapter: reopensAs(ignoresCommandID),
		},
		{
			broken: "forgets heads", scenario: restart, says: "want a *VersionConflictError",
			adapter: reopensAs(appendsAnyway),
		},
	}
}

// acknowledgesOnce acknowledges one append of each aggregate after Close.
func acknowledgesOnce(s *memory.Store) EventStoreHarness {
	var told sync.Map
	return every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
		got, err := s.Append(ctx, a)
		if _, again := told.Load(a.AggregateID); errors.Is(err, ports.ErrClosed) && !again {
			told.Store(a.AggregateID, true)
			return ports.Appended{Records: a.Records}, nil
		}
		return got, err
	})(s)
}

// refusesWritten refuses an append after Close, but writes it.
func refusesWritten(s *memory.Store) EventStoreHarness {
	var late sync.Map
	h := every(1, func(ctx context.Context, s *memory.Store, a ports.Append) (ports.Appended, error) {
		got, err := s.Append(ctx, a)
		if errors.Is(err, ports.ErrClosed) {
			late.Store(a.AggregateID, a)
		}
		return got, err
	})(s)
	h.Reopen = func(testing.TB) EventStoreHarness {
		reopened := s.Reopen()
		for _, a := range late.Range {
			_, _ = reopened.Append(context.Background(), a.(ports.Append))
		}
		return soundEvents(reopened)
	}
	return h
}

// hangsOnce returns a close whose first call waits for the second one.
func hangsOnce(close func() error) func() error {
	var calls atomic.Int32
	second := make(chan struct{})
	return func() error {
		if calls.Add(1) == 1 {
			<-second
		} else {
			second <- struct{}{}
		}
		return close()
	}
}

func cloned(records []eventsourcing.Record) []eventsourcing.Record {
	var copies []eventsourcing.Record
	for _, r := range records {
		copies = append(copies, r.Clone())
	}
	return copies
}

// sharesMemory keeps records in its own slice. in and out change them on the way.
func sharesMemory(in, out func([]eventsourcing.Record) []eventsourcing.Record) func(*memory.Store) EventStoreHarness {
	return func(s *memory.Store) EventStoreHarness {
		var mu sync.Mutex
		var kept []eventsourcing.Record
		h := soundEvents(s)
		h.Store = brokenEvents{
			EventStore: s,
			append: func(_ context.Context, a ports.Append) (ports.Appended, error) {
				mu.Lock()
				defer mu.Unlock()
				if kept != nil {
					return ports.Appended{Records: out(kept), Duplicate: true}, nil
				}
				kept = in(a.Records)
				return ports.Appended{Records: out(kept)}, nil
			},
			load: func(context.Context, uuid.UUID, uint64) ([]eventsourcing.Record, error) {
				mu.Lock()
				defer mu.Unlock()
				return out(kept), nil
			},
		}
		return h
	}
}

// reopensAs breaks the store after a restart.
func reopensAs(broken func(*memory.Store) EventStoreHarness) func(*memory.Store) EventStoreHarness {
	return func(s *memory.Store) EventStoreHarness {
		h := soundEvents(s)
		h.Reopen = func(testing.TB) EventStoreHarness { return broken(s.Reopen()) }
		return h
	}
}
