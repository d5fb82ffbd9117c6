package porttest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func proofsOfViewLifecycle() []proof[ViewsHarness] {
	const (
		cancelled = "an ended context stops a call before it does anything"
		shared    = "memory is not shared with callers"
		restart   = "everything is there after a restart"
	)
	reopensAs := func(broken func(*memory.Store) ViewsHarness) func(*memory.Store) ViewsHarness {
		return func(s *memory.Store) ViewsHarness {
			h := soundViews(s)
			h.Reopen = func(testing.TB) ViewsHarness { return broken(s.Reopen()) }
			return h
		}
	}
	return []proof[ViewsHarness]{
		{
			broken: "applies although the context has ended", scenario: cancelled, says: "Apply with an ended context: error <nil>",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					return s.Apply(context.WithoutCancel(ctx), view, change)
				}
			}),
		},
		{
			broken: "applies and then looks at the context", scenario: cancelled, says: "state",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					return errors.Join(s.Apply(context.WithoutCancel(ctx), view, change), ctx.Err())
				}
			}),
		},
		{
			broken: "returns a state although the context has ended", scenario: cancelled, says: "State with an ended context: error <nil>",
			adapter: breaks(func(s *memory.Store) brokenViews {
				return brokenViews{state: func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
					return s.State(context.WithoutCancel(ctx), view, id)
				}}
			}),
		},
		{
			broken: "returns rows although the context has ended", scenario: cancelled, says: "Rows with an ended context: error <nil>",
			adapter: reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				return s.Rows(context.WithoutCancel(ctx), q)
			}),
		},
		{broken: "keeps the caller's state", scenario: shared, says: "state", adapter: sharesState(false)},
		{broken: "hands out its own state", scenario: shared, says: "state", adapter: sharesState(true)},
		{broken: "keeps the caller's rows", scenario: shared, says: "rows of", adapter: sharesRows(false)},
		{broken: "hands out its own rows", scenario: shared, says: "rows of", adapter: sharesRows(true)},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "Apply after close: error <nil>",
			adapter: func(s *memory.Store) ViewsHarness {
				h := soundViews(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: restart, says: "state",
			adapter: reopensAs(func(*memory.Store) ViewsHarness { return soundViews(memory.New(memory.Options{})) }),
		},
		{
			broken: "forgets rows", scenario: restart, says: "rows of",
			adapter: reopensAs(reads(func(context.Context, *memory.Store, ports.RowQuery) (ports.RowPage, error) {
				return ports.RowPage{}, nil
			})),
		},
		{
			broken: "forgets how far an aggregate got", scenario: restart, says: "state",
			adapter: reopensAs(appliesLate(func(uint64, uint64) bool { return true })),
		},
		{
			broken: "forgets cursors", scenario: restart, says: "bad cursor",
			adapter: reopensAs(reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				if q.After != "" {
					return ports.RowPage{}, ports.ErrBadCursor
				}
				return s.Rows(ctx, q)
			})),
		},
	}
}

// sharesState keeps the data of a state without a copy, or returns it without a copy.
func sharesState(out bool) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		var kept sync.Map
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				state := change.State
				if out {
					state.Data = bytes.Clone(state.Data)
				}
				kept.Store(change.AggregateID, state)
				return s.Apply(ctx, view, change)
			},
			state: func(_ context.Context, _ ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
				state, _ := kept.Load(id)
				return state.(ports.ViewState), nil
			},
		}
	})
}

// sharesRows keeps rows without a copy, or returns them without a copy.
func sharesRows(out bool) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		var kept []projection.Row
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				for _, row := range change.Put {
					if out {
						row = slices.Clone(row)
					}
					kept = append(kept, row)
				}
				return s.Apply(ctx, view, change)
			},
			rows: func(context.Context, ports.RowQuery) (ports.RowPage, error) { return ports.RowPage{Rows: kept}, nil },
		}
	})
}
