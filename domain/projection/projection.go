package projection

import (
	"encoding/json"
	"fmt"
	"slices"

	"orderflow/domain/eventsourcing"
)

// Event is an event of any aggregate with its header.
type Event = eventsourcing.Envelope[any]

// Projection is one read model: a reducer over the events of one aggregate, and the table that its rows go to.
type Projection struct {
	// Name is the name of the read model and of its consumer.
	Name string
	// Version changes whenever the same events would give another state or other rows. It becomes the generation of the
	// view, so that the new version is filled beside the old one.
	Version int
	// Types are the aggregate types whose events it takes. Everything else is passed over.
	Types []string
	Table *Table

	advance func(state []byte, events []Event) (Step, error)
}

// Step is what some events of one aggregate change.
type Step struct {
	// State is to be given back with the next event.
	State []byte
	// Put holds the rows that are new or different, Delete those that existed before or in between and are gone.
	Put, Delete []Row
}

// New defines a projection over the events E of the aggregates of some types; E is any for several types with events of
// their own. reduce returns the state after an event and must not modify the one it is given; rows returns the rows that a
// state amounts to, with distinct keys, and none for the zero state. Both are pure and total. S is kept as JSON between
// events: it needs explicit tags on all its fields, and the text in events must be UTF-8, as codecs see to.
func New[S, E any](
	name string, version int, types []string, table *Table, reduce func(S, eventsourcing.Envelope[E]) S, rows func(S) []Row,
) *Projection {
	advance := func(data []byte, events []Event) (Step, error) {
		var state S
		if len(data) > 0 {
			if err := json.Unmarshal(data, &state); err != nil {
				return Step{}, fmt.Errorf("state of %s: %w", name, err)
			}
		}
		change := newDiff(table, rows(state))
		for _, e := range events {
			if typed, ok := eventsourcing.Typed[E](e); ok {
				state = reduce(state, typed)
			}
			change.to(rows(state))
		}
		data, err := json.Marshal(state)
		if err != nil {
			return Step{}, fmt.Errorf("state of %s: %w", name, err)
		}
		put, gone := change.result()
		return Step{State: data, Put: put, Delete: gone}, nil
	}
	return &Projection{Name: name, Version: version, Types: types, Table: table, advance: advance}
}

// Takes says whether the projection takes events of an aggregate type.
func (p *Projection) Takes(aggregateType string) bool { return slices.Contains(p.Types, aggregateType) }

// Advance folds events, the next ones of one aggregate, into state, which is nil before the first event. It fails only when
// state is not one that Advance returned. Advance(nil, history) gives all rows of an aggregate in Put.
func (p *Projection) Advance(state []byte, events []Event) (Step, error) {
	return p.advance(state, events)
}
