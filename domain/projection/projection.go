package projection

import (
	"encoding/json"
	"fmt"
	"maps"
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
	// Version must change whenever the same events would give other rows, or another state than
	// before for the same layout. A view that another version has filled is filled again, in a new
	// generation beside the old one.
	Version int
	// Types are the aggregate types whose events it takes. All others are ignored.
	Types []string
	Table *Table
	// Earlier holds the tables of earlier versions, see [Definition].
	Earlier map[int]*Table

	open    func(state []byte) (Kept, error)
	advance func(kept Kept, events []Event) (Step, Kept, error)
	begin   func(events []Event) (Step, Kept, error)
	fold    func(events []Event) []Row
}

// Step is the change that some events of one aggregate make.
type Step struct {
	// State is the argument of the next call of Advance.
	State []byte
	// Put holds the rows that are new or different. Delete holds the rows that existed before or in
	// between and do not exist now.
	Put, Delete []Row
}

// Kept is what a projection has of one aggregate, in the form in which it works with it: the state
// and its rows. Nobody modifies it, so it may be kept and shared. The zero Kept is that of an
// aggregate without events.
type Kept struct {
	state any // a *S
	rows  []Row
	// bytes is the length of the stored form of the state.
	bytes int
}

// Definition is what makes a projection over the events E of the aggregates of some types. For
// several types with different events E is any.
type Definition[S, E any] struct {
	// Name, Version, Types and Table become those of the [Projection].
	Name    string
	Version int
	Types   []string
	Table   *Table
	// Earlier holds the tables of earlier versions that had the same states and the same rows, in
	// another layout. A view that such a version has filled is read from its table and kept up to
	// date there, until the new one is complete.
	Earlier map[int]*Table
	// Reduce returns the state after an event. It must not modify the state that it is given. It is
	// pure and total.
	Reduce func(S, eventsourcing.Envelope[E]) S
	// Rows returns the rows of a state. Their keys must be distinct, and the zero state must have
	// none. It is pure and total.
	Rows func(S) []Row
	// Layout says how states are stored. Nil means JSON: then all fields of S need explicit tags,
	// and texts in events must be UTF-8, which codecs ensure. JSON takes about ten times as long.
	Layout *Layout[S]
}

// Define makes the projection of a definition.
func Define[S, E any](d Definition[S, E]) *Projection {
	earlier := make(map[int]*Table, len(d.Earlier))
	for version, table := range d.Earlier {
		former := *table
		former.Former = true
		earlier[version] = &former
	}
	return &Projection{
		Name: d.Name, Version: d.Version, Types: d.Types, Table: d.Table, Earlier: earlier,
		open: d.open, advance: d.advance, begin: d.begin, fold: d.fold,
	}
}

func (d Definition[S, E]) open(data []byte) (Kept, error) {
	var state S
	var err error
	switch {
	case d.Layout != nil:
		state, err = d.Layout.unpack(d.Name, data)
	case len(data) > 0:
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return Kept{}, fmt.Errorf("state of %s: %w", d.Name, err)
	}
	return Kept{state: &state, rows: d.Rows(state), bytes: len(data)}, nil
}

func (d Definition[S, E]) advance(kept Kept, events []Event) (Step, Kept, error) {
	next := new(S)
	if before, ok := kept.state.(*S); ok {
		*next = *before
	}
	change := newDiff(d.Table, kept.rows)
	for _, e := range events {
		if typed, ok := eventsourcing.Typed[E](e); ok {
			*next = d.Reduce(*next, typed)
		}
		change.to(d.Rows(*next))
	}
	data, err := d.store(*next)
	if err != nil {
		return Step{}, Kept{}, fmt.Errorf("state of %s: %w", d.Name, err)
	}
	put, gone := change.result()
	return Step{State: data, Put: put, Delete: gone}, Kept{state: next, rows: change.rows, bytes: len(data)}, nil
}

func (d Definition[S, E]) begin(events []Event) (Step, Kept, error) {
	state := d.reduce(events)
	data, err := d.store(state)
	if err != nil {
		return Step{}, Kept{}, fmt.Errorf("state of %s: %w", d.Name, err)
	}
	rows := d.Rows(state)
	return Step{State: data, Put: rows}, Kept{state: &state, rows: rows, bytes: len(data)}, nil
}

func (d Definition[S, E]) fold(events []Event) []Row { return d.Rows(d.reduce(events)) }

func (d Definition[S, E]) reduce(events []Event) S {
	var state S
	for _, e := range events {
		if typed, ok := eventsourcing.Typed[E](e); ok {
			state = d.Reduce(state, typed)
		}
	}
	return state
}

func (d Definition[S, E]) store(state S) ([]byte, error) {
	if d.Layout != nil {
		return d.Layout.pack(d.Name, state), nil
	}
	return json.Marshal(state)
}

// Takes reports whether the projection takes events of an aggregate type.
func (p *Projection) Takes(aggregateType string) bool { return slices.Contains(p.Types, aggregateType) }

// At returns the projection as an earlier version was, see [Definition].Earlier.
func (p *Projection) At(version int) *Projection {
	earlier := *p
	earlier.Version, earlier.Table = version, p.TableOf(version)
	return &earlier
}

// TableOf returns the table of a view that some version of the projection has filled. A version
// that is not known counts as the present one.
func (p *Projection) TableOf(version int) *Table {
	if table, ok := p.Earlier[version]; ok {
		return table
	}
	return p.Table
}

// Tables returns the table of every known version, the present one first.
func (p *Projection) Tables() []*Table {
	tables := []*Table{p.Table}
	for _, version := range slices.Sorted(maps.Keys(p.Earlier)) {
		tables = append(tables, p.Earlier[version])
	}
	return tables
}

// Advance folds events into state. The events are the next ones of one aggregate, and state is nil
// before the first event. It fails only when Advance has not returned this state before.
// Advance(nil, history) returns all rows of an aggregate in Put.
func (p *Projection) Advance(state []byte, events []Event) (Step, error) {
	kept, err := p.Open(state)
	if err != nil {
		return Step{}, err
	}
	step, _, err := p.Continue(kept, events)
	return step, err
}

// Fold returns the rows of an aggregate with these events, from the first one on. They are the rows
// that Advance(nil, events) puts. Fold costs less, because nothing is stored.
func (p *Projection) Fold(events []Event) []Row { return p.fold(events) }

// Open returns a stored state in the form for Continue. It fails only when Advance or Continue has
// not returned this state before.
func (p *Projection) Open(state []byte) (Kept, error) { return p.open(state) }

// Continue does what Advance does with a state that is open, and returns the next one. So a caller
// that keeps the open state of an aggregate saves reading it.
func (p *Projection) Continue(kept Kept, events []Event) (Step, Kept, error) {
	return p.advance(kept, events)
}

// Begin does what Advance(nil, events) does where nobody ever stored a row of the aggregate. Then
// no row from between the events has to be deleted, and Put has the rows that Fold returns.
func (p *Projection) Begin(events []Event) (Step, Kept, error) { return p.begin(events) }

// Rows returns the rows of the aggregate. The caller must not modify them.
func (k Kept) Rows() []Row { return k.rows }

// Size is about how many bytes of memory k takes. It is rather too high than too low.
func (k Kept) Size() int {
	// The state and this, the texts and lists, and for each row its values and what they point to.
	// Rows share their texts with the state.
	size := 256 + 2*k.bytes
	for _, row := range k.rows {
		size += 24 + 28*len(row)
	}
	return size
}
