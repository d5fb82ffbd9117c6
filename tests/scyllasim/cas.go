package scyllasim

import (
	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// casColumns lists the columns of the answer: [applied] and the old values; a batch adds the
// primary key.
func casColumns(t *table, mods []*modification, batch bool) []*column {
	in := map[*column]bool{}
	for _, m := range mods {
		if m.cond != nil {
			m.cond.columns(t, in)
		}
	}
	var out []*column
	for _, c := range t.all() {
		if in[c] || batch && c.primary() {
			out = append(out, c)
		}
	}
	return out
}

func casSpecs(t *table, cols []*column) []*message.ColumnMetadata {
	specs := []*message.ColumnMetadata{columnSpec(t, "[applied]", datatype.Boolean)}
	for _, c := range cols {
		specs = append(specs, c.spec(t))
	}
	return specs
}

// execCAS runs a conditional statement or batch. It concerns one partition of one table. The answer
// has one row for each statement, with the old values.
func (s *Sim) execCAS(r *request, mods []*modification, batch bool) (message.Message, error) {
	t := mods[0].t
	for _, m := range mods {
		if m.t != t {
			return nil, invalid("BATCH with conditions cannot span multiple tables")
		}
		if m.cond != nil && m.timestamp != nil {
			return nil, invalid("Cannot provide custom timestamp for conditional updates")
		}
		if m.cond != nil && len(m.keys) != 1 {
			return nil, invalid("IN on the partition key is not supported with conditional updates")
		}
	}
	for _, m := range mods {
		if len(m.keys) != 1 || !sameKey(m.keys[0], mods[0].keys[0]) {
			return nil, invalid("BATCH with conditions cannot span multiple partitions")
		}
	}
	if err := s.checkWrite(r, t, mods[0].keys, true); err != nil {
		return nil, err
	}
	if err := s.needPaxos(r, t); err != nil {
		return nil, err
	}
	p := t.data.make(t, mods[0].keys[0])
	if err := r.paxos.beforeAccept(r, t); err != nil {
		return nil, err
	}
	if err := s.finishRound(p); err != nil {
		return nil, err
	}
	old := readOld(t, mods, s.now.Unix())
	applied := true
	for _, m := range mods {
		if m.cond != nil {
			v, ok := old.find(m)
			applied = applied && m.cond.holds(v, ok)
		}
	}
	answer := casAnswer(t, mods, old, applied, batch)
	if !applied {
		return answer, nil
	}
	mut := newPartition(t, mods[0].keys[0])
	// the ballots of a partition only grow, on whichever coordinator
	ts := max(s.timestamp(r.node), p.ballot+1)
	p.ballot = ts
	for _, m := range mods {
		mut.add(m.mutations(ts)[0])
	}
	return answer, s.learn(r, p, mut)
}

func casAnswer(t *table, mods []*modification, old oldRows, applied, batch bool) *message.RowsResult {
	cols := casColumns(t, mods, batch)
	res := resultOf(casSpecs(t, cols), nil)
	for _, m := range mods {
		row := message.Row{encode(booleanT, applied)}
		v, ok := old.find(m)
		for _, c := range cols {
			var b []byte
			if ok {
				b = v.get(c)
			}
			row = append(row, b)
		}
		res.Data = append(res.Data, row)
	}
	return res
}

// proposal is an accepted Paxos round that was not learned. The next serial access to the partition
// finishes it.
type proposal struct{ mut *mutation }

// learn makes an accepted write visible, or leaves it pending when a fault says so.
func (s *Sim) learn(r *request, p *partition, mut *mutation) error {
	log, err := s.planLog(mut)
	if err != nil {
		return err
	}
	switch {
	case r.paxos.pending():
		p.pending = &proposal{mut}
		if r.paxos.logsEarly() {
			s.writeLog(log, r.logFault)()
		}
	default:
		s.apply(mut, log, r.logFault)
	}
	return r.paxos.afterAccept(r, p.t)
}

// finishRound completes a round that was left pending. It keeps its original timestamp, so its log
// row is late.
func (s *Sim) finishRound(p *partition) error {
	if p == nil || p.pending == nil {
		return nil
	}
	log, err := s.planLog(p.pending.mut)
	if err != nil {
		return err // a write for an earlier generation blocks the partition, as on 5.1
	}
	mut := p.pending.mut
	p.pending = nil
	s.apply(mut, log, logFault{})
	return nil
}

func isSerial(cl primitive.ConsistencyLevel) bool {
	return cl == primitive.ConsistencyLevelSerial || cl == primitive.ConsistencyLevelLocalSerial
}
