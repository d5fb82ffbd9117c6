package scyllasim

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

const cdcSuffix = "_scylla_cdc_log"

// Values of cdc$operation.
const (
	opPreimage = iota
	opUpdate
	opInsert
	opRowDelete
	opPartitionDelete
	opRangeFromIncl
	opRangeFromExcl
	opRangeToIncl
	opRangeToExcl
	opPostimage
)

// newLogTable makes the CDC log of a table.
func newLogTable(base *table) *table {
	t := &table{ks: base.ks, name: base.name + cdcSuffix, columns: map[string]*column{}, base: base, id: uuid.Must(uuid.NewUUID())}
	t.options = defaultTableOptions()
	t.options.gcGrace = 0
	t.options.comment = "CDC log for " + base.fullName()
	t.options.maps["caching"] = map[string]string{"enabled": "false", "keys": "NONE", "rows_per_partition": "NONE"}
	t.options.maps["compaction"] = logCompaction(base.cdc.ttl)
	t.addColumn(&column{name: "cdc$stream_id", typ: blobT, kind: partitionColumn})
	t.addColumn(&column{name: "cdc$time", typ: timeuuidT, kind: clusteringColumn})
	t.addColumn(&column{name: "cdc$batch_seq_no", typ: intT, kind: clusteringColumn, pos: 1})
	regular := func(name string, typ *cqlType) {
		t.addColumn(&column{name: name, typ: typ, kind: regularColumn, pos: -1})
	}
	regular("cdc$operation", tinyintT)
	regular("cdc$ttl", bigintT)
	regular("cdc$end_of_batch", booleanT)
	for _, c := range base.all() {
		addLogColumns(t, c)
	}
	return t
}

// addLogColumns adds what the log keeps of one base column.
func addLogColumns(log *table, c *column) {
	regular := func(name string, typ *cqlType) {
		log.addColumn(&column{name: name, typ: typ, kind: regularColumn, pos: -1})
	}
	regular(c.name, c.typ.asFrozen())
	if c.primary() {
		return
	}
	regular("cdc$deleted_"+c.name, booleanT)
	if c.typ.multiCell() {
		regular("cdc$deleted_elements_"+c.name, frozenSet(c.typ.keyType()))
	}
}

// logBatch collects the log rows of one partition with one timestamp.
type logBatch struct {
	t    *table // the base table
	m    *mutation
	rows []map[string][]byte
}

func (b *logBatch) add(op int, ck [][]byte, ttl int64) map[string][]byte {
	row := map[string][]byte{"cdc$operation": encode(tinyintT, op)}
	if ttl > 0 {
		row["cdc$ttl"] = encode(bigintT, ttl)
	}
	for i, c := range b.t.pk {
		row[c.name] = b.m.key[i]
	}
	for i := range ck {
		row[b.t.ck[i].name] = ck[i]
	}
	b.rows = append(b.rows, row)
	return row
}

// image adds a pre- or postimage of the rows that the mutation touches, as the table holds them
// now.
func (b *logBatch) image(op int, now int64, touchedOnly bool) {
	p := b.t.data.get(b.m.key)
	if p == nil {
		return
	}
	show := func(touched *row, v rowView, cols []*column) {
		img := b.add(op, touched.ck, 0)
		for _, c := range cols {
			if _, hit := touched.cols[c]; hit || !touchedOnly || touched.del != noTime {
				img[c.name] = v.get(c)
			}
		}
	}
	if static := (rowView{p, nil, now}); len(b.m.static.cols) > 0 && static.staticLive() {
		show(b.m.static, static, b.t.statics)
	}
	for _, r := range b.m.rows {
		if i, ok := p.find(r.ck); ok && p.rows[i].live(p.del, now) {
			show(r, rowView{p, p.rows[i], now}, b.t.regular)
		}
	}
}

// logPlan holds what a mutation will write to the CDC log: its changes and the stream of each.
type logPlan struct {
	m       *mutation
	groups  []*changeGroup
	streams [][]byte
}

// planLog finds the streams of a mutation before any of it is applied. It returns nil for a table
// without CDC.
func (s *Sim) planLog(m *mutation) (*logPlan, error) {
	if !m.t.cdc.enabled {
		return nil, nil
	}
	p := &logPlan{m: m, groups: splitChanges(m)}
	for _, g := range p.groups {
		stream, err := s.streamFor(m, g.ts)
		if err != nil {
			return nil, err
		}
		p.streams = append(p.streams, stream)
	}
	return p, nil
}

// logFault changes how the log rows of a write are recorded.
type logFault struct {
	// their cdc$time is this much older than the write, but not older than their stream
	late      time.Duration
	held      time.Duration // they become visible this much later than the write
	duplicate bool          // they are written twice, with different times
}

// heldLog is a log mutation that is not visible yet.
type heldLog struct {
	at  time.Time
	mut *mutation
}

// releaseLogs makes held rows visible when their time is over.
func (s *Sim) releaseLogs() {
	if len(s.held) == 0 {
		return
	}
	s.held = slices.DeleteFunc(s.held, func(h heldLog) bool {
		due := !h.at.After(s.now)
		if due {
			h.mut.t.data.make(h.mut.t, h.mut.key).apply(h.mut, s.now.Unix(), s.droppable(h.mut.t))
		}
		return due
	})
}

// writeLog collects the log rows of a mutation that is about to be applied. The returned function
// adds the postimages and writes all rows. It is called when the mutation has been applied.
func (s *Sim) writeLog(p *logPlan, f logFault) (after func()) {
	if p == nil {
		return func() {}
	}
	t, now := p.m.t, s.now.Unix()
	batches := make([]*logBatch, len(p.groups))
	for i, g := range p.groups {
		b := &logBatch{t: t, m: p.m}
		if t.cdc.preimage != "false" {
			b.image(opPreimage, now, t.cdc.preimage == "true")
		}
		g.emit(b)
		batches[i] = b
	}
	return func() {
		for i, b := range batches {
			if t.cdc.postimage {
				b.image(opPostimage, now, false)
			}
			s.storeLog(b, p.streams[i], p.groups[i].ts, f)
		}
		s.releaseLogs()
	}
}

// streamStart returns when the streams of a write came into use. A server chooses the stream and
// the time with the same clock.
func (s *Sim) streamStart(t *table, ts int64) (start int64) {
	for _, g := range s.generationsOf(t, s.coordinator) {
		if g.start <= ts {
			start = g.start
		}
	}
	return start
}

// storeLog writes the rows of a batch to its stream under one cdc$time, twice when a fault asks for
// it.
func (s *Sim) storeLog(b *logBatch, stream []byte, ts int64, f logFault) {
	times := 1
	if f.duplicate {
		times = 2
	}
	st := stamp{ts: ts, ttl: int64(b.t.cdc.ttl)}
	if st.ttl > 0 {
		st.expires = s.now.Unix() + st.ttl
	}
	for range times {
		at := randomTimeUUID(max(ts-f.late.Microseconds(), s.streamStart(b.t, ts)))
		log := b.t.log
		mut := newPartition(log, [][]byte{stream})
		for i, cols := range b.rows {
			r := mut.row([][]byte{at, encode(intT, i)})
			r.marker = st.cell([]byte{})
			if i == len(b.rows)-1 {
				cols["cdc$end_of_batch"] = encode(booleanT, true)
			}
			for name, v := range cols {
				if c := log.columns[name]; c.kind == regularColumn && v != nil {
					set(r, c, v, st)
				}
			}
		}
		s.held = append(s.held, heldLog{s.now.Add(f.held), mut})
	}
}
