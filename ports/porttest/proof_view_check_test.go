package porttest

import (
	"context"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenChecker replaces HasStates.
type brokenChecker struct {
	check func(ctx context.Context, view ports.ViewID) (bool, error)
}

func (b brokenChecker) HasStates(ctx context.Context, view ports.ViewID) (bool, error) {
	return b.check(ctx, view)
}

func checks(
	broken func(ctx context.Context, s *memory.Store, view ports.ViewID) (bool, error),
) func(*memory.Store) ViewsHarness {
	return func(s *memory.Store) ViewsHarness {
		h := soundViews(s)
		h.Checker = brokenChecker{func(ctx context.Context, view ports.ViewID) (bool, error) { return broken(ctx, s, view) }}
		return h
	}
}

func proofsOfChecks() []proof[ViewsHarness] {
	const states = "a view has states from its first change to its drop"
	return []proof[ViewsHarness]{
		{
			broken: "always says yes", scenario: states, says: "has states: true, want false",
			adapter: checks(func(ctx context.Context, _ *memory.Store, _ ports.ViewID) (bool, error) { return true, ctx.Err() }),
		},
		{
			broken: "looks at every generation", scenario: states, says: "has states: true, want false",
			adapter: checks(func(ctx context.Context, s *memory.Store, view ports.ViewID) (bool, error) {
				one, err := s.HasStates(ctx, ports.ViewID{Consumer: view.Consumer, Generation: 1})
				two, _ := s.HasStates(ctx, ports.ViewID{Consumer: view.Consumer, Generation: 2})
				return one || two, err
			}),
		},
		{
			broken: "looks at rows", scenario: states, says: "has states: false, want true",
			adapter: checks(func(ctx context.Context, s *memory.Store, view ports.ViewID) (bool, error) {
				page, err := s.Rows(ctx, ports.RowQuery{View: view, Table: statusTable(), Limit: 1})
				return len(page.Rows) > 0, err
			}),
		},
		{
			broken: "checks although the context has ended", scenario: "an ended context stops a check",
			says: "HasStates with an ended context: error <nil>",
			adapter: checks(func(ctx context.Context, s *memory.Store, view ports.ViewID) (bool, error) {
				return s.HasStates(context.WithoutCancel(ctx), view)
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses a check", says: "HasStates after close: error <nil>",
			adapter: func(s *memory.Store) ViewsHarness {
				h := soundViews(s)
				h.Close = func() error { return nil }
				return h
			},
		},
	}
}
