package model_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Without a lease, several processes may work as the same consumer on a store that has no transactions: each reads the state
// of an order, computes, writes rows one by one and at last the state, and dies whenever it likes. Every write carries the
// sequence number of its change as timestamp, and the newest one wins. The rows must end up as the fold, whatever the
// interleaving; for that, a change also deletes the rows of the steps that it took at once (see domain/projection, diff).
func TestViews_PropSurviveSeveralProcessesWithoutTransactions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, t)
		id := h.orders[0]
		records, err := h.store.Load(t.Context(), id, 0)
		if err != nil {
			rt.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		for _, p := range views.All() {
			cells := &lastWriteWins{table: p.Table, rows: map[string]cell{}}
			processes := []*process{{}, {}, {}}
			for range rapid.IntRange(0, 12*len(records)).Draw(rt, "steps") {
				at := rapid.SampledFrom(processes).Draw(rt, "process")
				if rapid.IntRange(0, 19).Draw(rt, "dies") == 0 {
					*at = process{}
					continue
				}
				upTo := uint64(rapid.IntRange(1, len(records)).Draw(rt, "up to"))
				at.step(rt, cells, p, records[:upTo])
			}
			// At last everybody, also one that was paused for long, finishes what it has in hand, and one sees the end.
			for _, at := range processes {
				for len(at.writes) > 0 {
					at.step(rt, cells, p, nil)
				}
			}
			last := &process{}
			for cells.state.SequenceNumber < uint64(len(records)) || len(last.writes) > 0 {
				last.step(rt, cells, p, records)
			}
			cells.compare(rt, p, records)
		}
	})
}

// process does one thing a step: read and compute, or one write.
type process struct {
	writes []func(*lastWriteWins)
}

func (p *process) step(rt *rapid.T, cells *lastWriteWins, of *projection.Projection, records []eventsourcing.Record) {
	if len(p.writes) > 0 {
		p.writes[0](cells)
		p.writes = p.writes[1:]
		return
	}
	from := cells.state
	if from.SequenceNumber >= uint64(len(records)) {
		return
	}
	change, err := filling.Project(of, orderjson.NewMux()).Apply(rt.Context(), from.Data, records[from.SequenceNumber:])
	if err != nil {
		rt.Fatal(err)
	}
	to := ports.ViewState{SequenceNumber: uint64(len(records)), Data: change.State.Data}
	for _, row := range change.Put {
		p.writes = append(p.writes, func(c *lastWriteWins) { c.write(row, to.SequenceNumber, false) })
	}
	for _, row := range change.Delete {
		p.writes = append(p.writes, func(c *lastWriteWins) { c.write(row, to.SequenceNumber, true) })
	}
	p.writes = append(p.writes, func(c *lastWriteWins) {
		if to.SequenceNumber >= c.state.SequenceNumber {
			c.state = to
		}
	})
}

// lastWriteWins is the rows and the state of one order in such a store.
type lastWriteWins struct {
	table *projection.Table
	rows  map[string]cell
	state ports.ViewState
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
	change, err := filling.Project(p, orderjson.NewMux()).Apply(rt.Context(), nil, records)
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
