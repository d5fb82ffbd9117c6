package porttest

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func proofsOfChanges() []proof[ViewsHarness] {
	const (
		comeBack  = "state and rows come back"
		notNewer  = "a change that is not newer changes nothing"
		removes   = "delete removes a row, also one that never was"
		many      = "an aggregate may have many rows"
		tableless = "a change without a table leaves the rows"
	)
	ignoresDelete := changes(func(c *ports.Change) { c.Delete = nil })
	return []proof[ViewsHarness]{
		{
			broken: "does not find an aggregate without effects", scenario: "an aggregate without effects has the zero state and no rows", says: "not found",
			adapter: breaks(func(s *memory.Store) brokenViews {
				return brokenViews{state: func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
					state, err := s.State(ctx, view, id)
					if err == nil && state.SequenceNumber == 0 {
						err = ports.ErrNotFound
					}
					return state, err
				}}
			}),
		},
		{broken: "loses the data of a state", scenario: comeBack, says: "Data", adapter: changes(func(c *ports.Change) { c.State.Data = nil })},
		{
			broken: "cuts the data of a state", scenario: comeBack, says: "Data",
			adapter: changes(func(c *ports.Change) { c.State.Data = c.State.Data[:min(len(c.State.Data), 1<<16)] }),
		},
		{
			broken: "takes the data of a state for text", scenario: comeBack, says: "Data",
			adapter: changes(func(c *ports.Change) { c.State.Data = bytes.ToValidUTF8(c.State.Data, []byte("?")) }),
		},
		{broken: "loses rows", scenario: comeBack, says: "rows of porttest_by_status", adapter: changes(func(c *ports.Change) { c.Put = nil })},
		{broken: "applies what is late", scenario: notNewer, says: "state", adapter: appliesLate(func(uint64, uint64) bool { return true })},
		{
			broken: "applies what is redelivered", scenario: notNewer, says: "state",
			adapter: appliesLate(func(stored, sequence uint64) bool { return sequence == stored }),
		},
		{
			broken: "writes the rows of what is late", scenario: notNewer, says: "rows of porttest_by_status",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					return errors.Join(s.Apply(ctx, view, change), writeRows(ctx, s, view, change))
				}
			}),
		},
		{
			broken: "refuses what is late", scenario: notNewer, says: "version conflict",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					state, err := s.State(ctx, view, change.AggregateID)
					if err == nil && state.SequenceNumber >= change.State.SequenceNumber {
						return ports.ErrVersionConflict
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "wants sequence numbers one by one", scenario: "put replaces a row", says: "state",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					state, err := s.State(ctx, view, change.AggregateID)
					if err != nil || state.SequenceNumber+1 != change.State.SequenceNumber {
						return err
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "keeps the row that is there", scenario: "put replaces a row", says: "rows of porttest_by_status",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					change.Put = slices.DeleteFunc(slices.Clone(change.Put), func(row projection.Row) bool {
						page, _ := s.Rows(ctx, ports.RowQuery{View: view, Table: change.Table, Prefix: change.Table.Key(row), Limit: 1})
						return len(page.Rows) > 0
					})
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{broken: "ignores delete", scenario: removes, says: "rows of porttest_by_status", adapter: ignoresDelete},
		{
			broken: "refuses to delete what is not there", scenario: removes, says: "not found",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					for _, row := range change.Delete {
						page, _ := s.Rows(ctx, ports.RowQuery{View: view, Table: change.Table, Prefix: change.Table.Key(row), Limit: 1})
						if len(page.Rows) == 0 {
							return ports.ErrNotFound
						}
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "deletes the whole partition", scenario: removes, says: "rows of porttest_by_status",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					for _, row := range change.Delete {
						page, _ := s.Rows(ctx, ports.RowQuery{View: view, Table: change.Table, Prefix: row[:1], Limit: 1 << 10})
						change.Delete = append(change.Delete, page.Rows...)
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{broken: "ignores delete", scenario: "a row moves when its key changes", says: "rows of porttest_by_status", adapter: ignoresDelete},
		{
			broken: "deletes after put", scenario: "a row moves when its key changes", says: "rows of porttest_by_status",
			adapter: changes(func(c *ports.Change) {
				if len(c.Delete) > 0 {
					c.Put = nil
				}
			}),
		},
		{
			broken: "keeps one row an aggregate", scenario: many, says: "rows of porttest_by_label",
			adapter: changes(func(c *ports.Change) { c.Put = c.Put[:1] }),
		},
		{
			broken: "replaces all rows of an aggregate", scenario: many, says: "rows of porttest_by_label",
			adapter: changes(func(c *ports.Change) {
				if len(c.Delete) > 0 {
					c.Delete = labelling(c.AggregateID, 1, nil, []string{"A", "B", "C", "D", "E"}).Delete
				}
			}),
		},
		{
			broken: "applies only what has a table", scenario: tableless, says: "state",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					if change.Table == nil {
						return nil
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{
			broken: "deletes the rows", scenario: tableless, says: "rows of porttest_by_status",
			adapter: applies(func(s *memory.Store) applyFunc {
				return func(ctx context.Context, view ports.ViewID, change ports.Change) error {
					if change.Table == nil {
						change.Table = statusTable()
						page, _ := s.Rows(ctx, ports.RowQuery{View: view, Table: change.Table, Limit: 1 << 10})
						change.Delete = page.Rows
					}
					return s.Apply(ctx, view, change)
				}
			}),
		},
		{broken: "ignores delete", scenario: "views equal the folds of their aggregates", says: "rows of", adapter: ignoresDelete},
		{
			broken: "loses the data of a state", scenario: "views equal the folds of their aggregates", says: "rows of",
			adapter: changes(func(c *ports.Change) { c.State.Data = nil }),
		},
		{
			broken: "does not put rows of a table that the suite does not know", scenario: "views equal the folds of their aggregates",
			says: "rows of foreign", adapter: withForeign(changes(func(c *ports.Change) {
				if c.Table != nil && c.Table.Name == "foreign" {
					c.Put = nil
				}
			})),
		},
	}
}

// withForeign adds a life whose table the suite does not know.
func withForeign(adapter func(*memory.Store) ViewsHarness) func(*memory.Store) ViewsHarness {
	return func(s *memory.Store) ViewsHarness {
		h := adapter(s)
		h.Lives = ownLives()
		table := *h.Lives.Projections[0].Table
		table.Name = "foreign"
		h.Lives.Projections = []*projection.Projection{folding("foreign", &table, func(s life) []projection.Row {
			return []projection.Row{{s.ID, s.Status, "", s.Sequence, s.Updated}}
		})}
		return h
	}
}

// appliesLate applies some changes that are not newer than what is stored.
func appliesLate(which func(stored, sequence uint64) bool) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		late := map[uuid.UUID]ports.ViewState{}
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				stored, err := s.State(ctx, view, change.AggregateID)
				if err == nil && change.State.SequenceNumber <= stored.SequenceNumber && which(stored.SequenceNumber, change.State.SequenceNumber) {
					late[change.AggregateID] = change.State
					return writeRows(ctx, s, view, change)
				}
				delete(late, change.AggregateID)
				return s.Apply(ctx, view, change)
			},
			state: func(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
				if state, ok := late[id]; ok {
					return state, nil
				}
				return s.State(ctx, view, id)
			},
		}
	})
}
