package porttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// brokenViews replaces the functions that are set.
type brokenViews struct {
	*memory.Store
	// cut drops some of several changes.
	cut   func([]ports.Change) []ports.Change
	apply func(ctx context.Context, view ports.ViewID, change ports.Change) error
	state func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error)
	rows  func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error)
	drop  dropFunc
}

type dropFunc = func(ctx context.Context, view ports.ViewID, table *projection.Table) error

func (b brokenViews) DropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	if b.drop == nil {
		return b.Store.DropView(ctx, view, table)
	}
	return b.drop(ctx, view, table)
}

func (b brokenViews) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if b.cut != nil {
		changes = b.cut(changes)
	}
	if b.apply == nil {
		return b.Store.Apply(ctx, view, changes...)
	}
	for _, change := range changes {
		if err := b.apply(ctx, view, change); err != nil {
			return err
		}
	}
	return nil
}

func (b brokenViews) State(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
	if b.state == nil {
		return b.Store.State(ctx, view, id)
	}
	return b.state(ctx, view, id)
}

func (b brokenViews) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	if b.rows == nil {
		return b.Store.Rows(ctx, q)
	}
	return b.rows(ctx, q)
}

func soundViews(s *memory.Store) ViewsHarness {
	return ViewsHarness{
		Store: s, Reader: s, Dropper: s, Repairer: s, Checker: s, Bulk: s, Lister: s, Close: s.Close, BinaryText: true,
		Reopen: func(testing.TB) ViewsHarness { return soundViews(s.Reopen()) },
	}
}

// breaks returns the factory of broken views.
func breaks(broken func(s *memory.Store) brokenViews) func(*memory.Store) ViewsHarness {
	return func(s *memory.Store) ViewsHarness {
		h := soundViews(s)
		views := broken(s)
		views.Store = s
		h.Store, h.Reader, h.Dropper = views, views, views
		return h
	}
}

type applyFunc = func(ctx context.Context, view ports.ViewID, change ports.Change) error

// applies breaks Apply.
func applies(broken func(s *memory.Store) applyFunc) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews { return brokenViews{apply: broken(s)} })
}

// changes applies another change than the given one.
func changes(spoil func(*ports.Change)) func(*memory.Store) ViewsHarness {
	return applies(func(s *memory.Store) applyFunc {
		return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
			spoil(&change)
			return s.Apply(ctx, view, change)
		}
	})
}

// renames uses other views than the given ones.
func renames(rename func(*ports.ViewID)) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				rename(&view)
				return s.Apply(ctx, view, change)
			},
			state: func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
				rename(&view)
				return s.State(ctx, view, id)
			},
			rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
				rename(&q.View)
				return s.Rows(ctx, q)
			},
		}
	})
}

// writeRows puts and deletes rows and ignores the aggregate's sequence number.
func writeRows(ctx context.Context, s *memory.Store, view ports.ViewID, change ports.Change) error {
	change.AggregateID, change.State = newID(), ports.ViewState{SequenceNumber: 1}
	return s.Apply(ctx, view, change)
}

func TestViews_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, viewsScenarios(), soundViews, slices.Concat(proofsOfChanges(), proofsOfSeparation(), proofsOfViewLifecycle(), proofsOfRows(), proofsOfDrops(), proofsOfRepairs(), proofsOfChecks(), proofsOfBulk()))
}

// TestViews_AcceptsTextThatIsUTF8 runs the scenarios as for a store that keeps only valid UTF-8.
func TestViews_AcceptsTextThatIsUTF8(t *testing.T) {
	t.Parallel()
	Views(t, func(*testing.T) ViewsHarness {
		h := applies(func(s *memory.Store) applyFunc {
			return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				for _, row := range change.Put {
					for _, value := range row {
						if text, ok := value.(string); ok && strings.ToValidUTF8(text, "") != text {
							return errors.New("invalid UTF-8")
						}
					}
				}
				return s.Apply(ctx, view, change)
			}
		})(memory.New(memory.Options{}))
		h.BinaryText = false
		return h
	})
}

func proofsOfSeparation() []proof[ViewsHarness] {
	return []proof[ViewsHarness]{
		{
			broken: "counts sequence numbers of all aggregates together", scenario: "aggregates are separate", says: "rows of porttest_by_status",
			adapter: applies(func(s *memory.Store) applyFunc {
				greatest := uint64(0)
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					if change.State.SequenceNumber <= greatest {
						return nil
					}
					greatest = change.State.SequenceNumber
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "mixes generations", scenario: "generations are separate", says: "state",
			adapter: renames(func(view *ports.ViewID) { view.Generation = 1 }),
		},
		{
			broken: "mixes the rows of generations", scenario: "generations are separate", says: "rows of porttest_by_status",
			adapter: mixesRows(func(view *ports.ViewID) { view.Generation = 1 }),
		},
		{
			broken: "mixes consumers", scenario: "consumers are separate", says: "state",
			adapter: renames(func(view *ports.ViewID) { view.Consumer = "anybody" }),
		},
		{
			broken: "mixes the rows of consumers", scenario: "consumers are separate", says: "rows of porttest_by_status",
			adapter: mixesRows(func(view *ports.ViewID) { view.Consumer = "anybody" }),
		},
		{
			broken: "applies the first of several changes", scenario: "several changes are applied at once, each by itself", says: "state",
			adapter: breaks(func(*memory.Store) brokenViews {
				return brokenViews{cut: func(all []ports.Change) []ports.Change { return all[:min(1, len(all))] }}
			}),
		},
		{
			broken: "stops at a change that is not newer", scenario: "several changes are applied at once, each by itself", says: "state",
			adapter: breaks(func(*memory.Store) brokenViews {
				return brokenViews{cut: func(all []ports.Change) []ports.Change {
					for i, change := range all {
						if change.State.SequenceNumber == 4 {
							return all[:i]
						}
					}
					return all
				}}
			}),
		},
		{
			broken: "loses changes at the same time", scenario: "aggregates are applied at the same time", says: "state",
			adapter: applies(func(s *memory.Store) applyFunc {
				var count atomic.Int64
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					if count.Add(1)%8 == 0 {
						return nil
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{broken: "shows the state before the rows", scenario: "a state is never ahead of its rows", says: "the state is at", adapter: stateFirst},
	}
}

// mixesRows keeps the rows of all views in one.
func mixesRows(rename func(*ports.ViewID)) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				if err := s.Apply(ctx, view, ports.Change{AggregateID: change.AggregateID, State: change.State}); err != nil {
					return err
				}
				rename(&view)
				return writeRows(ctx, s, view, change)
			},
			rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
				rename(&q.View)
				return s.Rows(ctx, q)
			},
		}
	})
}

// stateFirst writes the rows only after the state was read.
func stateFirst(s *memory.Store) ViewsHarness {
	seen := make(chan struct{})
	return breaks(func(s *memory.Store) brokenViews {
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				if err := s.Apply(ctx, view, ports.Change{AggregateID: change.AggregateID, State: change.State}); err != nil {
					return err
				}
				for range 2 { // once for the state and once for the rows
					select {
					case seen <- struct{}{}:
					case <-time.After(10 * time.Millisecond): // no one is reading
					}
				}
				return writeRows(ctx, s, view, change)
			},
			state: func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
				state, err := s.State(ctx, view, id)
				select {
				case <-seen:
				default:
				}
				return state, err
			},
			rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
				page, err := s.Rows(ctx, q)
				select {
				case <-seen:
				default:
				}
				return page, err
			},
		}
	})(s)
}
