package porttest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// drops breaks DropView.
func drops(broken func(s *memory.Store) dropFunc) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews { return brokenViews{drop: broken(s)} })
}

// instead drops other views than the given one.
func instead(views func(view ports.ViewID) []ports.ViewID) func(*memory.Store) ViewsHarness {
	return drops(func(s *memory.Store) dropFunc {
		return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
			var err error
			for _, view := range views(view) {
				err = errors.Join(err, s.DropView(ctx, view, table))
			}
			return err
		}
	})
}

// without keeps a part of a view that is dropped. keep reads the part before the drop and returns a
// function that puts it back.
func without(keep func(s *memory.Store, view ports.ViewID) func()) func(*memory.Store) ViewsHarness {
	return drops(func(s *memory.Store) dropFunc {
		return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
			restore := keep(s, view)
			err := s.DropView(ctx, view, table)
			restore()
			return err
		}
	})
}

// keepsRows puts the rows back. keepsStates puts back the states of the rows' aggregates.
func keepsRows(s *memory.Store, view ports.ViewID) func() {
	page, _ := s.Rows(context.Background(), ports.RowQuery{View: view, Table: statusTable(), Limit: 1_000})
	return func() {
		_ = writeRows(context.Background(), s, view, ports.Change{Table: statusTable(), Put: page.Rows})
	}
}

func keepsStates(s *memory.Store, view ports.ViewID) func() {
	table := statusTable()
	page, _ := s.Rows(context.Background(), ports.RowQuery{View: view, Table: table, Limit: 1_000})
	return func() {
		for _, row := range page.Rows {
			id := row[2].(uuid.UUID)
			_ = s.Apply(context.Background(), view, ports.Change{AggregateID: id, State: ports.ViewState{SequenceNumber: 1}})
		}
	}
}

func proofsOfDrops() []proof[ViewsHarness] {
	const (
		empty       = "a dropped view is empty, and the others are untouched"
		tables      = "a view of every table can be dropped"
		again       = "dropping again, or what never was, does nothing"
		states      = "a view without rows can be dropped"
		interrupted = "a drop that was interrupted can be repeated"
		restart     = "a dropped view stays empty after a restart"
		cancelled   = "an ended context stops a call before it does anything"
	)
	nothing := drops(func(*memory.Store) dropFunc {
		return func(ctx context.Context, _ ports.ViewID, _ *projection.Table) error { return ctx.Err() }
	})
	return []proof[ViewsHarness]{
		{broken: "drops nothing", scenario: empty, says: "state", adapter: nothing},
		{broken: "drops nothing", scenario: states, says: "state", adapter: nothing},
		{broken: "keeps the rows of a dropped view", scenario: empty, says: "rows of porttest_by_status", adapter: without(keepsRows)},
		{broken: "keeps the states of a dropped view", scenario: empty, says: "state", adapter: without(keepsStates)},
		{
			broken: "drops all generations", scenario: empty, says: "state",
			adapter: instead(func(view ports.ViewID) []ports.ViewID {
				var all []ports.ViewID
				for n := range 5 {
					all = append(all, ports.ViewID{Consumer: view.Consumer, Generation: n})
				}
				return all
			}),
		},
		{
			broken: "drops by the beginning of a number", scenario: empty, says: "state",
			adapter: instead(func(view ports.ViewID) []ports.ViewID {
				return []ports.ViewID{view, {Consumer: view.Consumer, Generation: 10 * view.Generation}}
			}),
		},
		{
			broken: "drops by the beginning of a name", scenario: empty, says: "state",
			adapter: instead(func(view ports.ViewID) []ports.ViewID {
				return []ports.ViewID{view, {Consumer: view.Consumer + "-2", Generation: view.Generation}}
			}),
		},
		{
			broken: "drops a generation of all consumers", scenario: tables, says: "state",
			adapter: instead(func(view ports.ViewID) []ports.ViewID {
				return []ports.ViewID{view, {Consumer: "porttest", Generation: view.Generation}}
			}),
		},
		{
			broken: "knows the tables of the projections only", scenario: tables, says: "state",
			adapter: drops(func(s *memory.Store) dropFunc {
				return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
					if table != nil && table.Name == timelineTable().Name {
						return nil
					}
					return s.DropView(ctx, view, table)
				}
			}),
		},
		{
			broken: "knows the tables of the suite only", scenario: tables, says: "state",
			adapter: withForeign(drops(func(s *memory.Store) dropFunc {
				return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
					if table != nil && table.Name == "foreign" {
						return nil
					}
					return s.DropView(ctx, view, table)
				}
			})),
		},
		{
			broken: "wants something to drop", scenario: again, says: "not found",
			adapter: drops(func(s *memory.Store) dropFunc {
				return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
					if view.Consumer == "nobody" {
						return ports.ErrNotFound
					}
					return s.DropView(ctx, view, table)
				}
			}),
		},
		{broken: "does not finish what was interrupted", scenario: interrupted, says: "rows of porttest_by_status", adapter: dropsHalf},
		{
			broken: "drops although the context has ended", scenario: cancelled, says: "DropView with an ended context: error <nil>",
			adapter: drops(func(s *memory.Store) dropFunc {
				return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
					return s.DropView(context.WithoutCancel(ctx), view, table)
				}
			}),
		},
		{
			broken: "remembers what was dropped until it is restarted", scenario: restart, says: "state",
			adapter: func(s *memory.Store) ViewsHarness {
				var fill *memory.Store
				h := breaks(func(s *memory.Store) brokenViews {
					fill = memory.New(memory.Options{})
					return brokenViews{apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
						return errors.Join(fill.Apply(ctx, view, change), s.Apply(ctx, view, change))
					}}
				})(s)
				h.Reopen = func(testing.TB) ViewsHarness { return soundViews(fill) }
				return h
			},
		},
	}
}

// dropsHalf drops the states first, and regards a view without states as dropped.
func dropsHalf(s *memory.Store) ViewsHarness {
	begun := map[ports.ViewID]bool{}
	return drops(func(s *memory.Store) dropFunc {
		return func(ctx context.Context, view ports.ViewID, table *projection.Table) error {
			if begun[view] {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			begun[view] = true
			restore := keepsRows(s, view)
			if err := s.DropView(context.WithoutCancel(ctx), view, table); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				restore()
				return err
			}
			return nil
		}
	})(s)
}
