package porttest

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Lives are histories of some aggregates, with projections that fold them. The Views suite gives
// each projection the events one by one, in turns, and compares its table with the folds after each
// event.
type Lives struct {
	Projections []*projection.Projection
	// Histories holds one history for each aggregate, from its first event on.
	Histories [][]projection.Event
}

func (l Lives) tables() []*projection.Table {
	tables := make([]*projection.Table, len(l.Projections))
	for i, p := range l.Projections {
		tables[i] = p.Table
	}
	return tables
}

// viewsEqualFolds tests the lives of the suite and those of the harness.
func viewsEqualFolds(t test, h ViewsHarness) {
	for _, lives := range []Lives{ownLives(), h.Lives} {
		for _, p := range lives.Projections {
			t.follow(h, p, lives.Histories)
		}
	}
}

// follow applies the events of several aggregates in turns and compares the table with the folds
// after each.
func (t test) follow(h ViewsHarness, p *projection.Projection, histories [][]projection.Event) {
	t.Helper()
	view := ports.ViewID{Consumer: p.Name, Generation: 1}
	longest := 0
	for _, history := range histories {
		longest = max(longest, len(history))
	}
	for n := 1; n <= longest; n++ {
		var folded []projection.Row
		for _, history := range histories {
			if n <= len(history) {
				t.advance(h, view, p, history[n-1])
			}
			fold, err := p.Advance(nil, history[:min(n, len(history))])
			t.must("fold", err)
			folded = append(folded, fold.Put...)
		}
		t.expectTable(h, view, p.Table, folded...)
	}
}

// advance does with one event what the runtime of a consumer does.
func (t test) advance(h ViewsHarness, view ports.ViewID, p *projection.Projection, e projection.Event) {
	t.Helper()
	step, err := p.Advance(t.state(h, view, e.AggregateID).Data, []projection.Event{e})
	t.must("advance "+p.Name, err)
	t.applyTo(h, view, ports.Change{
		AggregateID: e.AggregateID,
		State:       ports.ViewState{SequenceNumber: e.SequenceNumber, Data: step.State},
		Table:       p.Table, Put: step.Put, Delete: step.Delete,
	})
}

// changed is the event of the aggregates of the suite. An empty status means that the aggregate has
// no rows.
type changed struct {
	status string
	labels []string
}

// ownLives are lives of aggregates whose rows are added, moved, changed, multiplied and removed.
func ownLives() Lives {
	lives := Lives{Projections: []*projection.Projection{
		folding("porttest-whole", wholeTable(), func(s life) []projection.Row {
			return []projection.Row{{s.ID, s.Status, strings.Join(s.Labels, ","), s.Sequence, s.Updated}}
		}),
		folding("porttest-by-status", statusTable(), func(s life) []projection.Row {
			return []projection.Row{{
				s.Status, s.Created, s.ID, fmt.Sprint(s.Labels), 100 * s.Sequence,
				s.Sequence, s.Updated,
			}}
		}),
		folding("porttest-by-label", labelTable(), func(s life) (rows []projection.Row) {
			for _, label := range s.Labels {
				rows = append(rows, projection.Row{
					label, s.Created, s.ID, s.Status, s.Sequence,
				})
			}
			return rows
		}),
	}}
	for i, events := range [][]changed{
		{{"ACTIVE", []string{"A", "B"}}, {"ACTIVE", []string{"B", "C"}}, {"CONFIRMED", []string{"C"}}, {"SHIPPED", nil}, {"SHIPPED", []string{"A"}}},
		{{"ACTIVE", []string{"B"}}, {"CANCELLED", []string{"B"}}, {"", nil}, {"ACTIVE", []string{"B"}}},
		{{"", nil}},
	} {
		cause := eventsourcing.Cause{
			AggregateType: "thing", AggregateID: newID(), CommandID: newID(), At: day.AddDate(0, 0, i),
		}
		lives.Histories = append(lives.Histories, eventsourcing.UntypedAll(eventsourcing.Stamp(cause, 0, events, newID)))
	}
	return lives
}

// life is the state of the projections of the suite.
type life struct {
	ID       uuid.UUID `json:"id"`
	Status   string    `json:"status"`
	Labels   []string  `json:"labels"`
	Sequence int64     `json:"sequence"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// folding returns a projection of changed events. An aggregate without a status has no rows.
func folding(name string, table *projection.Table, rows func(life) []projection.Row) *projection.Projection {
	return projection.Define(projection.Definition[life, changed]{
		Name: name, Version: 1, Types: []string{"thing"}, Table: table,
		Reduce: func(s life, e eventsourcing.Envelope[changed]) life {
			if s.ID == uuid.Nil {
				s.ID, s.Created = e.AggregateID, e.CreatedAt
			}
			s.Status, s.Labels, s.Sequence, s.Updated = e.Event.status, e.Event.labels, int64(e.SequenceNumber), e.CreatedAt
			return s
		},
		Rows: func(s life) []projection.Row {
			if s.Status == "" {
				return nil
			}
			return rows(s)
		},
	})
}
