package model

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// ViewsSurviveSeveralProcesses checks what keeps views correct without a lease and without
// transactions, when several processes run the same consumer. Each process reads the state of an
// aggregate, computes, writes rows one by one, and at the end writes the state. It dies at any
// moment. Every write has the sequence number of its change as its timestamp, and the newest write
// wins. At the end the rows must equal the fold, however the writes interleave. For this a change
// also deletes the rows of the intermediate steps that it combined (see domain/projection, diff).
func ViewsSurviveSeveralProcesses(t *testing.T, d Domain) {
	rapid.Check(t, func(rt *rapid.T) {
		h := d.draw(rt, t)
		if len(h.ids) == 0 {
			return
		}
		records, err := h.store.Load(t.Context(), h.ids[0], 0)
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range d.Projections {
			if !p.Takes(records[0].AggregateType) {
				continue
			}
			cells := &lastWriteWins{effect: filling.Project(p, d.Codec), table: p.Table, rows: map[string]cell{}}
			workers := []*worker{{}, {}, {}}
			for range rapid.IntRange(0, 12*len(records)).Draw(rt, "steps") {
				at := rapid.SampledFrom(workers).Draw(rt, "process")
				if rapid.IntRange(0, 19).Draw(rt, "dies") == 0 {
					*at = worker{}
					continue
				}
				upTo := uint64(rapid.IntRange(1, len(records)).Draw(rt, "up to"))
				at.step(rt, cells, records[:upTo])
			}
			// At the end every process finishes its work, including one that was stopped for a long
			// time, and one of them reaches the last event.
			for _, at := range workers {
				for len(at.writes) > 0 {
					at.step(rt, cells, nil)
				}
			}
			last := &worker{}
			for cells.state.SequenceNumber < uint64(len(records)) || len(last.writes) > 0 {
				last.step(rt, cells, records)
			}
			cells.compare(rt, p, records)
		}
	})
}

// worker is a process that does one thing in a step: it reads and computes, or writes once.
type worker struct {
	writes []func(*lastWriteWins)
}

func (w *worker) step(rt *rapid.T, cells *lastWriteWins, records []eventsourcing.Record) {
	if len(w.writes) > 0 {
		w.writes[0](cells)
		w.writes = w.writes[1:]
		return
	}
	from := cells.state
	if from.SequenceNumber >= uint64(len(records)) {
		return
	}
	change, err := cells.effect.Apply(rt.Context(), from.Data, records[from.SequenceNumber:])
	if err != nil {
		rt.Fatal(err)
	}
	to := ports.ViewState{SequenceNumber: uint64(len(records)), Data: change.State.Data}
	for _, row := range change.Put {
		w.writes = append(w.writes, func(c *lastWriteWins) { c.write(row, to.SequenceNumber, false) })
	}
	for _, row := range change.Delete {
		w.writes = append(w.writes, func(c *lastWriteWins) { c.write(row, to.SequenceNumber, true) })
	}
	w.writes = append(w.writes, func(c *lastWriteWins) {
		if to.SequenceNumber >= c.state.SequenceNumber {
			c.state = to
		}
	})
}

// lastWriteWins holds the rows and the state of one aggregate in such a store.
type lastWriteWins struct {
	effect filling.Effect
	table  *projection.Table
	rows   map[string]cell
	state  ports.ViewState
}

type cell struct {
	row       projection.Row
	timestamp uint64
	deleted   bool
}

func (c *lastWriteWins) write(row projection.Row, timestamp uint64, deleted bool) {
	key := c.key(row)
	if old, ok := c.rows[key]; ok && (old.timestamp > timestamp || old.timestamp == timestamp && old.deleted) {
		return
	}
	c.rows[key] = cell{row: row, timestamp: timestamp, deleted: deleted}
}

func (c *lastWriteWins) key(row projection.Row) string {
	var parts []string
	for _, value := range c.table.Key(row) {
		if at, ok := value.(time.Time); ok {
			value = at.UnixMilli()
		}
		parts = append(parts, fmt.Sprintf("%q", fmt.Sprint(value)))
	}
	return fmt.Sprint(parts)
}

func (c *lastWriteWins) compare(rt *rapid.T, p *projection.Projection, records []eventsourcing.Record) {
	change, err := c.effect.Apply(rt.Context(), nil, records)
	if err != nil {
		rt.Fatal(err)
	}
	left := 0
	for _, stored := range c.rows {
		if stored.deleted {
			continue
		}
		left++
		if !slices.ContainsFunc(change.Put, func(want projection.Row) bool { return projection.SameRow(want, stored.row) }) {
			rt.Fatalf("%s: row %v is not in the fold", p.Name, stored.row)
		}
	}
	if left != len(change.Put) {
		rt.Fatalf("%s: %d rows, the fold has %d", p.Name, left, len(change.Put))
	}
}
