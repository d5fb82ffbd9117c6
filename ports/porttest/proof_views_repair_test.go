package porttest

import (
	"context"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

type replaceFunc func(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error

func (f replaceFunc) Replace(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error {
	return f(ctx, view, change, seen)
}

// repairs breaks Replace.
func repairs(broken func(s *memory.Store) replaceFunc) func(*memory.Store) ViewsHarness {
	return func(s *memory.Store) ViewsHarness {
		h := soundViews(s)
		h.Repairer = broken(s)
		return h
	}
}

func proofsOfRepairs() []proof[ViewsHarness] {
	now := func(ctx context.Context, s *memory.Store, view ports.ViewID, change ports.Change) uint64 {
		state, _ := s.State(ctx, view, change.AggregateID)
		return state.SequenceNumber
	}
	return []proof[ViewsHarness]{
		{
			broken: "applies instead", scenario: "a repair takes the place of whatever is there", says: "state",
			adapter: repairs(func(s *memory.Store) replaceFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change, _ uint64) error {
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "looks at no sequence number", scenario: "a repair of what has changed meanwhile changes nothing", says: "error <nil>",
			adapter: repairs(func(s *memory.Store) replaceFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change, _ uint64) error {
					return s.Replace(ctx, view, change, now(ctx, s, view, change))
				}
			}),
		},
		{
			broken: "writes and then refuses", scenario: "a repair of what has changed meanwhile changes nothing", says: "state",
			adapter: repairs(func(s *memory.Store) replaceFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error {
					at := now(ctx, s, view, change)
					if err := s.Replace(ctx, view, change, at); err != nil || at == seen {
						return err
					}
					return ports.ErrVersionConflict
				}
			}),
		},
		{
			broken: "keeps the state", scenario: "a repair to nothing leaves nothing", says: "state",
			adapter: repairs(func(s *memory.Store) replaceFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error {
					if change.State.SequenceNumber == 0 {
						change.State.SequenceNumber = seen
					}
					return s.Replace(ctx, view, change, seen)
				}
			}),
		},
		{
			broken: "keeps the rows", scenario: "a repair to nothing leaves nothing", says: "rows",
			adapter: repairs(func(s *memory.Store) replaceFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error {
					if change.State.SequenceNumber == 0 {
						change.Delete = nil
					}
					return s.Replace(ctx, view, change, seen)
				}
			}),
		},
	}
}
