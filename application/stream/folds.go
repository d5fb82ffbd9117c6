package stream

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// The bounds of the folded states that are kept for one property.
const (
	mostFolded      = 4096
	mostFoldedBytes = 8 << 20
)

// folds says in which lists aggregates are after each of their events. It keeps the folded states
// of the aggregates that had events last.
type folds struct {
	store      ports.EventStore
	codec      ports.Decoder
	projection *projection.Projection

	mu    sync.Mutex // guards all below
	byID  map[aggregate]*list.Element
	used  *list.List // of *folded, the last used one first
	bytes int
}

// folded is the state of an aggregate after an event. It is not changed any more.
type folded struct {
	id    aggregate
	after uint64
	state []byte
	keys  map[string]bool
}

func (f *folded) size() int {
	n := len(f.state) + 256
	for key := range f.keys {
		n += len(key) + 32
	}
	return n
}

func newFolds(store ports.EventStore, codec ports.Decoder, p *projection.Projection) *folds {
	return &folds{
		store: store, codec: codec, projection: p, byID: map[aggregate]*list.Element{}, used: list.New(),
	}
}

// in reports whether the aggregate of an event is in the list under a key right after the event. It
// is true for an event that cannot be decoded, or that is after one that cannot.
func (f *folds) in(ctx context.Context, r eventsourcing.Record, key string) (bool, error) {
	if !f.projection.Takes(r.AggregateType) {
		return false, nil
	}
	state, err := f.after(ctx, r)
	if errors.Is(err, ports.ErrCorrupt) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return state.keys[key], nil
}

// after returns the state of an aggregate after an event.
func (f *folds) after(ctx context.Context, r eventsourcing.Record) (*folded, error) {
	known := f.newest(r.AggregateID)
	if known != nil && known.after == r.SequenceNumber {
		return known, nil
	}
	from := &folded{id: r.AggregateID}
	if known != nil && known.after < r.SequenceNumber {
		from = known
	}
	missing := []eventsourcing.Record{r}
	if r.SequenceNumber != from.after+1 {
		history, err := f.store.Load(ctx, r.AggregateID, from.after)
		if err != nil {
			return nil, err
		}
		missing = missing[:0]
		for _, h := range history {
			if h.SequenceNumber <= r.SequenceNumber {
				missing = append(missing, h)
			}
		}
	}
	state, err := f.fold(from, missing)
	if err == nil && (known == nil || state.after > known.after) {
		f.keep(state)
	}
	return state, err
}

func (f *folds) fold(from *folded, records []eventsourcing.Record) (*folded, error) {
	events := make([]projection.Event, 0, len(records))
	after := from.after
	for _, r := range records {
		e, err := f.codec.Decode(r)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
		after = r.SequenceNumber
	}
	step, err := f.projection.Advance(from.state, events)
	if err != nil {
		return nil, err
	}
	to := &folded{id: from.id, after: after, state: step.State, keys: map[string]bool{}}
	for key := range from.keys {
		to.keys[key] = true
	}
	for _, row := range step.Delete {
		delete(to.keys, f.keyOf(row))
	}
	for _, row := range step.Put {
		to.keys[f.keyOf(row)] = true
	}
	return to, nil
}

// keyOf returns the key of the list of a row.
func (f *folds) keyOf(row projection.Row) string {
	key, _ := row[0].(string) // a property with another kind of key matches nothing
	return key
}

// newest returns the newest state that is kept of an aggregate, or nil.
func (f *folds) newest(id aggregate) *folded {
	f.mu.Lock()
	defer f.mu.Unlock()
	element := f.byID[id]
	if element == nil {
		return nil
	}
	f.used.MoveToFront(element)
	return element.Value.(*folded)
}

// keep keeps a state, and drops those that were not used for longest.
func (f *folds) keep(state *folded) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if element := f.byID[state.id]; element != nil {
		f.drop(element)
	}
	f.byID[state.id] = f.used.PushFront(state)
	f.bytes += state.size()
	for f.used.Len() > 1 && (f.used.Len() > mostFolded || f.bytes > mostFoldedBytes) {
		f.drop(f.used.Back())
	}
}

// drop drops a state. The caller holds mu.
func (f *folds) drop(element *list.Element) {
	state := f.used.Remove(element).(*folded)
	delete(f.byID, state.id)
	f.bytes -= state.size()
}
