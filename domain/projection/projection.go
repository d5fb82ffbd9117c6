package projection

import (
	"encoding/json"
	"fmt"
	"slices"

	"orderflow/domain/eventsourcing"
)

// Event is an event of any aggregate with its header.
type Event = eventsourcing.Envelope[any]

// Projection is one read model: a reducer over the events of one aggregate, and the table for its
// rows.
type Projection struct {
	// Name is the name of the read model and of its consumer.
	Name string
	// Version must change whenever the same events would give another state or other rows. A view
	// that another version has filled is filled again, in a new generation beside the old one.
	Version int
	// Types are the aggregate types whose events it takes. All others are ignored.
	Types []string
	Table *Table

	advance func(state []byte, events []Event) (Step, error)
}

// Step is the change that some events of one aggregate make.
type Step struct {
	// State is the argument of the next call of Advance.
	State []byte
	// Put holds the rows that are new or different. Delete holds the rows that existed before or in
	// between and do not exist now.
	Put, Delete []Row
}

// New defines a projection over the events E of the aggregates of some types. For several types
// with different events E is any.
//
// reduce returns the state after an event. It must not modify the state that it is given. rows
// returns the rows of a state. Their keys must be distinct, and the zero state must have none. Both
// functions are pure and total.
//
// S is kept as JSON between events. So all its fields need explicit tags, and texts in events must
// be UTF-8, which codecs ensure.
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

// Takes reports whether the projection takes events of an aggregate type.
func (p *Projection) Takes(aggregateType string) bool { return slices.Contains(p.Types, aggregateType) }

// Advance folds events into state. The events are the next ones of one aggregate, and state is nil
// before the first event. It fails only when Advance has not returned this state before.
// Advance(nil, history) returns all rows of an aggregate in Put.
func (p *Projection) Advance(state []byte, events []Event) (Step, error) {
	return p.advance(state, events)
}
