package porttest

import (
	"context"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenBulk replaces the functions that are set.
type brokenBulk struct {
	*memory.Store
	states func(ctx context.Context, s *memory.Store, view ports.ViewID, ids []uuid.UUID) ([]ports.ViewState, error)
	list   func(ctx context.Context, s *memory.Store, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error)
	load   func(ctx context.Context, s *memory.Store, from []ports.HistoryFrom) ([][]eventsourcing.Record, error)
}

func (b brokenBulk) States(ctx context.Context, view ports.ViewID, ids []uuid.UUID) ([]ports.ViewState, error) {
	if b.states == nil {
		return b.Store.States(ctx, view, ids)
	}
	return b.states(ctx, b.Store, view, ids)
}

func (b brokenBulk) ListStates(ctx context.Context, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
	if b.list == nil {
		return b.Store.ListStates(ctx, view, after, limit)
	}
	return b.list(ctx, b.Store, view, after, limit)
}

func (b brokenBulk) LoadAll(ctx context.Context, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
	if b.load == nil {
		return b.Store.LoadAll(ctx, from)
	}
	return b.load(ctx, b.Store, from)
}

func inBulk(b brokenBulk) func(*memory.Store) ViewsHarness {
	return func(s *memory.Store) ViewsHarness {
		h := soundViews(s)
		b.Store = s
		h.Bulk, h.Lister = b, b
		return h
	}
}

func proofsOfBulk() []proof[ViewsHarness] {
	const (
		together = "states that are read together are those that are read one by one"
		listed   = "a listing of states has each of a view, and of no other"
	)
	return []proof[ViewsHarness]{
		{
			broken: "leaves out what there is not", scenario: together, says: "states of",
			adapter: inBulk(brokenBulk{states: func(ctx context.Context, s *memory.Store, view ports.ViewID, ids []uuid.UUID) (found []ports.ViewState, err error) {
				all, err := s.States(ctx, view, ids)
				for _, state := range all {
					if state.SequenceNumber > 0 {
						found = append(found, state)
					}
				}
				return found, err
			}}),
		},
		{
			broken: "reads another generation", scenario: together, says: "state 0 of",
			adapter: inBulk(brokenBulk{states: func(ctx context.Context, s *memory.Store, view ports.ViewID, ids []uuid.UUID) ([]ports.ViewState, error) {
				view.Generation = 2
				return s.States(ctx, view, ids)
			}}),
		},
		{
			broken: "lists only the first page", scenario: listed, says: "1 states are listed, want 11",
			adapter: inBulk(brokenBulk{list: func(ctx context.Context, s *memory.Store, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
				page, err := s.ListStates(ctx, view, after, limit)
				page.Next = ""
				return page, err
			}}),
		},
		{
			broken: "lists beyond the limit", scenario: listed, says: "a page of states has",
			adapter: inBulk(brokenBulk{list: func(ctx context.Context, s *memory.Store, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
				return s.ListStates(ctx, view, after, limit+1)
			}}),
		},
		{
			broken: "does not go on behind the cursor", scenario: listed, says: "is listed twice",
			adapter: inBulk(brokenBulk{list: func(ctx context.Context, s *memory.Store, view ports.ViewID, _ ports.Cursor, limit int) (ports.StatePage, error) {
				return s.ListStates(ctx, view, "", limit)
			}}),
		},
		{
			broken: "lists wrong numbers", scenario: listed, says: "is listed at 1, want",
			adapter: inBulk(brokenBulk{list: func(ctx context.Context, s *memory.Store, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
				page, err := s.ListStates(ctx, view, after, limit)
				for i := range page.States {
					page.States[i].SequenceNumber = 1
				}
				return page, err
			}}),
		},
		{
			broken: "reads although the context has ended", scenario: "an ended context stops reading together",
			says: "States with an ended context: error <nil>",
			adapter: inBulk(brokenBulk{states: func(ctx context.Context, s *memory.Store, view ports.ViewID, ids []uuid.UUID) ([]ports.ViewState, error) {
				return s.States(context.WithoutCancel(ctx), view, ids)
			}}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses to read together", says: "States after close: error <nil>",
			adapter: func(s *memory.Store) ViewsHarness {
				h := soundViews(s)
				h.Close = func() error { return nil }
				return h
			},
		},
	}
}
