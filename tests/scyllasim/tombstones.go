package scyllasim

import (
	"math"
	"strings"
)

// tombstoneKeep is how long, in seconds, a deleted or expired row is kept at least, to shadow older
// writes that are on their way.
const tombstoneKeep = 60

// Tombstones says what deletions and expiry have left in a table. A deleted row, an expired row, a
// deleted range and a deleted partition count as one each.
type Tombstones struct {
	// Stored is how many there are, after a compaction. StoredInOne is the most in one partition.
	Stored, StoredInOne int
	// Skipped is how many of them all reads have skipped since the table was created.
	// SkippedByOne is the most that one read, of one page, has skipped.
	Skipped, SkippedByOne int
}

// Tombstones returns what deletions have left in a table ("keyspace.table"). It is zero for a table
// that does not exist.
func (s *Sim) Tombstones(name string) Tombstones {
	defer s.lock()()
	keyspace, table, _ := strings.Cut(name, ".")
	ks := s.keyspaces[keyspace]
	if ks == nil || ks.tables[table] == nil {
		return Tombstones{}
	}
	t := ks.tables[table]
	out := t.skipped
	for _, p := range t.data.byKey {
		p.compact(s.now.Unix(), s.droppable(t))
		n := p.tombstones()
		for _, r := range p.rows {
			if !r.live(p.del, s.now.Unix()) {
				n++
			}
		}
		out.Stored += n
		out.StoredInOne = max(out.StoredInOne, n)
	}
	return out
}

// Repair says that all nodes have repaired all tables. Tables with tombstone_gc = {'mode':
// 'repair'} drop what was deleted before.
func (s *Sim) Repair() {
	defer s.lock()()
	s.repaired = s.now.Unix()
}

// droppable returns the time, in unix seconds, before which rows and ranges must have been deleted
// to be dropped by a compaction.
func (s *Sim) droppable(t *table) int64 {
	latest := s.now.Unix() - tombstoneKeep
	switch t.options.tombstones["mode"] {
	case "immediate":
		return latest
	case "repair":
		return min(latest, s.repaired)
	case "disabled":
		return math.MinInt64
	default: // by time
		return min(latest, s.now.Unix()-int64(t.options.gcGrace))
	}
}

// tombstones counts those of the partition that are not rows.
func (p *partition) tombstones() int {
	n := len(p.ranges)
	if p.del != noTime {
		n++
	}
	return n
}

// note adds what one read has skipped.
func (t *Tombstones) note(skipped int) {
	t.Skipped += skipped
	t.SkippedByOne = max(t.SkippedByOne, skipped)
}
