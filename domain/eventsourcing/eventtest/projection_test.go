package eventtest_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/projection"
)

// Columns of the tables of these tests.
var (
	thing  = projection.Column{Name: "thing", Kind: projection.Text, Role: projection.Partition}
	owner  = projection.Column{Name: "basket_id", Kind: projection.UUID, Role: projection.Clustering}
	last   = projection.Column{Name: "last", Kind: projection.Text, Role: projection.Regular}
	number = projection.Column{Name: "number", Kind: projection.BigInt, Role: projection.Regular}
)

type happened = eventsourcing.Envelope[event]

// contents is the state of the projections: what is in a basket, and what was put into it last.
type contents struct {
	ID     uuid.UUID `json:"id"`
	Things []string  `json:"things"`
	Last   string    `json:"last"`
	Number int64     `json:"number"`
}

func reduce(s contents, e happened) contents {
	s.ID, s.Number = e.AggregateID, int64(e.SequenceNumber)
	switch e := e.Event.(type) {
	case wasPut:
		for _, thing := range e.things {
			if !slices.Contains(s.Things, thing) {
				s.Things = append(s.Things, thing)
			}
			s.Last = thing
		}
	case wasClosed:
		s.Things, s.Last = nil, "" // a closed basket is removed
	}
	return s
}

func rows(s contents) (rows []projection.Row) {
	for _, thing := range s.Things {
		rows = append(rows, projection.Row{thing, s.ID, s.Last, s.Number})
	}
	return rows
}

// things returns a projection with one row a thing in a basket. reduce and rows may be wrong.
func things[S any](reduce func(S, happened) S, rows func(S) []projection.Row) *projection.Projection {
	return in(&projection.Table{
		Name: "things", Owner: "basket_id", Columns: []projection.Column{thing, owner, last, number},
	}, reduce, rows)
}

// in returns a projection of baskets into a table, which may be wrong.
func in[S any](table *projection.Table, reduce func(S, happened) S, rows func(S) []projection.Row) *projection.Projection {
	return projection.Define(projection.Definition[S, event]{
		Name: "things", Version: 1, Types: []string{"basket"}, Table: table, Reduce: reduce, Rows: rows,
	})
}

var otherID = eventtest.ID(8)

// twoBaskets are histories with things that come, stay and go.
func twoBaskets() [][]projection.Event {
	return [][]projection.Event{
		eventtest.History("basket", basketID,
			wasPut{[]string{"pen", "ink"}}, wasPut{[]string{"ink"}}, wasClosed{}, wasPut{[]string{"cap"}}),
		eventtest.History("basket", otherID, wasPut{[]string{"pen"}}, wasPut{[]string{"cap"}}),
	}
}

func scenariosOf(p *projection.Projection) func(t eventtest.T) {
	return func(t eventtest.T) {
		eventtest.Project(t, p, wasClosed{}).Given(twoBaskets()...).Then(
			projection.Row{"cap", otherID, "cap", int64(2)},
			projection.Row{"pen", otherID, "cap", int64(2)},
			projection.Row{"cap", basketID, "cap", int64(4)},
		)
	}
}

func TestProject_AcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	scenariosOf(things(reduce, rows))(t)
	p := eventtest.Project(t, things(reduce, rows))
	p.Given().ThenNothing()
	p.Given(nil).ThenNothing()
	p.Given(eventtest.History("basket", basketID, wasClosed{})).ThenNothing()
	p.Given(twoBaskets()...).Holds()
}

// Each projection is wrong in one way, and the scenarios must find each, for that reason.
func TestProject_FindsOut(t *testing.T) {
	t.Parallel()
	reducing := func(broken func(contents, happened) contents) func(t eventtest.T) {
		return scenariosOf(things(broken, rows))
	}
	rowing := func(broken func(contents) []projection.Row) func(t eventtest.T) {
		return scenariosOf(things(reduce, broken))
	}
	calls, newest := int64(0), ""
	for _, test := range []struct {
		name string
		test func(t eventtest.T)
		says string
	}{
		{"rows that are not wanted", rowing(func(s contents) []projection.Row {
			return rows(s)[:min(1, len(s.Things))]
		}), "but (-want +got)"},
		{"rows where none are wanted", func(t eventtest.T) {
			eventtest.Project(t, things(reduce, rows)).Given(twoBaskets()...).ThenNothing()
		}, "but (-want +got)"},
		{"a table without an owner", func(t eventtest.T) {
			table := &projection.Table{Name: "t", Columns: []projection.Column{thing}}
			eventtest.Project(t, in(table, reduce, rows))
		}, "the owner"},
		{"a row that does not fit", rowing(func(s contents) []projection.Row {
			all := rows(s)
			for _, row := range all {
				row[3] = 1
			}
			return all
		}), "gave a row that does not fit"},
		{"two rows of one key", rowing(func(s contents) []projection.Row {
			return append(rows(s), rows(s)...)
		}), "gave two rows of one key: thing="},
		{"a row of another aggregate", rowing(func(s contents) []projection.Row {
			all := rows(s)
			for _, row := range all {
				row[1] = otherID
			}
			return all
		}), "gave a row that is not of aggregate " + basketID.String()},
		{"a state that cannot be kept", scenariosOf(things(func(s float64, _ happened) float64 {
			return math.NaN()
		}, func(float64) []projection.Row { return nil })), "the fold failed: state of things"},
		{"a state that is not kept", scenariosOf(things(func(s forgetful, e happened) forgetful {
			return forgetful{reduce(s.contents, e)}
		}, func(s forgetful) []projection.Row { return rows(s.contents) })), "do not give the rows of the fold"},
		{
			"a state whose lost part is written over", scenariosOf(things(reduceLosing, rowsLosing)),
			"does not put what its events touch",
		},
		{"a state whose lost part is in a key", scenariosOf(things(reduceLosing, func(s losing) []projection.Row {
			if s.Last == "" {
				return nil
			}
			return []projection.Row{{s.Last, s.ID, "", s.Number}}
		})), "does not delete what its events remove"},
		{"a reducer that counts", reducing(func(s contents, e happened) contents {
			calls++
			s = reduce(s, e)
			s.Number = calls
			return s
		}), "gave two steps"},
		{"a reducer that modifies events", reducing(func(s contents, e happened) contents {
			if p, ok := e.Event.(wasPut); ok {
				defer slices.Reverse(p.things)
			}
			return reduce(s, e)
		}), "has modified the events"},
		{"a reducer that panics when a basket is closed twice", reducing(func(s contents, e happened) contents {
			if _, ok := e.Event.(wasClosed); ok && len(s.Things) == 0 {
				panic("empty")
			}
			return reduce(s, e)
		}), "panicked: empty"},
		{"a reducer that panics on what the history does not have", func(t eventtest.T) {
			broken := things(func(s contents, e happened) contents {
				if _, ok := e.Event.(wasClosed); ok {
					panic("closed")
				}
				return reduce(s, e)
			}, rows)
			eventtest.Project(t, broken, wasClosed{}).Given(eventtest.History("basket", basketID, wasPut{[]string{"pen"}})).Holds()
		}, "panicked: closed"},
		{"a reducer that remembers other aggregates", reducing(func(s contents, e happened) contents {
			if e.SequenceNumber == 1 {
				newest = e.AggregateID.String()
			}
			s = reduce(s, e)
			s.Last = newest
			return s
		}), "the rows are others than folded"},
		{"one history twice", func(t eventtest.T) {
			one := eventtest.History("basket", basketID, wasPut{[]string{"pen"}})
			eventtest.Project(t, things(reduce, rows)).Given(one, one).Holds()
		}, "two aggregates have a row in common"},
		{"a scenario without an end", func(t eventtest.T) {
			eventtest.Project(t, things(reduce, rows)).Given(twoBaskets()...)
		}, "a scenario of things has no end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if said := observe(test.test); !strings.Contains(said, test.says) {
				t.Errorf("the report does not say %q: %s", test.says, said)
			}
		})
	}
}

// forgetful keeps nothing between steps.
type forgetful struct{ contents }

func (forgetful) MarshalJSON() ([]byte, error)  { return []byte("{}"), nil }
func (*forgetful) UnmarshalJSON(_ []byte) error { return nil }

// losing forgets what was put last.
type losing struct {
	ID     uuid.UUID `json:"id"`
	Number int64     `json:"-"`
	Last   string    `json:"-"`
}

func reduceLosing(s losing, e happened) losing {
	s.ID, s.Last = e.AggregateID, ""
	if p, ok := e.Event.(wasPut); ok {
		s.Last = p.things[0]
	}
	return s
}

func rowsLosing(s losing) []projection.Row {
	if s.ID == uuid.Nil {
		return nil
	}
	return []projection.Row{{"the only one", s.ID, s.Last, s.Number}}
}

// The deliveries are random, and the same in every run.
func TestProject_DeliversInEveryWayOfAFeed(t *testing.T) {
	t.Parallel()
	record := func() (calls []string) {
		p := things(func(s contents, e happened) contents {
			calls = append(calls, e.AggregateID.String()[30:]+":"+e.CreatedAt.Format("02T15"))
			return reduce(s, e)
		}, rows)
		eventtest.Project(t, p).Given(twoBaskets()...).Holds()
		return calls
	}
	first := record()
	if diff := cmp.Diff(first, record()); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
	turns := 0 // changes from one aggregate to the other
	for i := range first[1:] {
		if first[i][:6] != first[i+1][:6] {
			turns++
		}
	}
	if turns < 50 {
		t.Errorf("the aggregates took %d turns, want more", turns)
	}
}

func TestProject_TellsWhatFailed(t *testing.T) {
	t.Parallel()
	said := observe(func(t eventtest.T) {
		one := eventtest.History("basket", basketID, wasPut{[]string{"pen"}}, wasClosed{})
		eventtest.Project(t, things(reduce, rows)).Given(one).Then(projection.Row{"pen", basketID, "pen", int64(1)})
	})
	want := `things
given  018f4e9a-0000-7000-8000-000000000007 1: eventtest_test.wasPut{things: ["pen"]}
       018f4e9a-0000-7000-8000-000000000007 2: eventtest_test.wasClosed{}
then   thing="pen" basket_id=018f4e9a-0000-7000-8000-000000000007 last="pen" number=1
but (-want +got):
`
	if !strings.HasPrefix(said, want) || strings.Count(said, "(-want +got)") != 1 {
		t.Errorf("got:\n%s\nwant it to begin with:\n%s", said, want)
	}
}

func TestHistory_IsFixed(t *testing.T) {
	t.Parallel()
	got := eventtest.History("basket", basketID, wasClosed{}, wasPut{nil})
	again := eventtest.History("basket", basketID, wasClosed{}, wasPut{nil})
	if diff := cmp.Diff(got, again, cmp.AllowUnexported(wasPut{})); diff != "" {
		t.Errorf("two histories differ:\n%s", diff)
	}
	second := got[1]
	if second.SequenceNumber != 2 || second.AggregateID != basketID || second.AggregateType != "basket" ||
		!second.CreatedAt.Equal(eventtest.Noon.Add(eventtest.Step)) ||
		second.CommandID == got[0].CommandID || second.EventID == got[0].EventID {
		t.Errorf("second event: %+v", second.Header)
	}
	id := eventtest.ID(0x1234)
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 || !strings.HasSuffix(id.String(), "1234") {
		t.Errorf("ID(0x1234) = %s", id)
	}
}
