package embedded

import (
	"bytes"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// writes collects what changes of a view write, for one batch. All keys and values are in one piece
// of memory. They go to the batch in the order of the keys: Pebble puts sorted keys into its memory
// with less searching.
type writes struct {
	view  ports.ViewID
	bytes []byte
	each  []write
}

// write is a key and a value in the bytes of writes: the value follows the key, up to end.
type write struct {
	key, value, end int
	deletes         bool
}

// mostKept bounds the memory of writes that is used again.
const mostKept = 1 << 20

// reusedWrites keeps the memory of writes for the next ones. The zero value is ready.
type reusedWrites struct{ pool sync.Pool }

// take returns writes without anything in them. They go back with put.
func (r *reusedWrites) take(view ports.ViewID) *writes {
	w, ok := r.pool.Get().(*writes)
	if !ok {
		w = &writes{}
	}
	w.view, w.bytes, w.each = view, w.bytes[:0], w.each[:0]
	return w
}

func (r *reusedWrites) put(w *writes) {
	if cap(w.bytes) <= mostKept {
		r.pool.Put(w)
	}
}

// addRows adds the rows of a change.
func (w *writes) addRows(change *ports.Change) error {
	for _, row := range change.Delete {
		if err := w.addRow(change.Table, row, true); err != nil {
			return err
		}
	}
	for _, row := range change.Put {
		if err := w.addRow(change.Table, row, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *writes) addRow(table *projection.Table, row projection.Row, deletes bool) (err error) {
	if err := table.CheckRow(row); err != nil {
		return err
	}
	added := write{key: len(w.bytes), deletes: deletes}
	if w.bytes, err = layout.AppendRowKey(w.bytes, w.view, table, table.Key(row)); err != nil {
		return err
	}
	added.value = len(w.bytes)
	if !deletes {
		if w.bytes, err = layout.AppendRow(w.bytes, table, row); err != nil {
			return err
		}
	}
	w.add(added)
	return nil
}

// addState adds the state of a change. One with sequence number 0 is deleted.
func (w *writes) addState(change *ports.Change) {
	added := write{key: len(w.bytes), deletes: change.State.SequenceNumber == 0}
	w.bytes = layout.AppendStateKey(w.bytes, w.view, change.AggregateID)
	added.value = len(w.bytes)
	if !added.deletes {
		w.bytes = layout.AppendState(w.bytes, change.State)
	}
	w.add(added)
}

func (w *writes) add(added write) {
	added.end = len(w.bytes)
	w.each = append(w.each, added)
}

func (w *writes) keyOf(one write) []byte { return w.bytes[one.key:one.value] }

// fill puts everything into a batch.
func (w *writes) fill(batch *pebble.Batch) {
	slices.SortStableFunc(w.each, func(a, b write) int { return bytes.Compare(w.keyOf(a), w.keyOf(b)) })
	for _, one := range w.each {
		if one.deletes {
			engine.Delete(batch, w.keyOf(one))
		} else {
			engine.Put(batch, w.keyOf(one), w.bytes[one.value:one.end])
		}
	}
}
