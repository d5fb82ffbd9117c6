package scyllasim

import (
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// paxosSuffix is that of the table in which a table with tablets keeps the state of its conditional
// writes.
const paxosSuffix = "$paxos"

// needPaxos makes the table for the state of conditional writes, with the first one. That is a
// change of the schema, which needs most of the nodes.
func (s *Sim) needPaxos(r *request, t *table) error {
	if !t.ks.tablets || t.paxos {
		return nil
	}
	if alive := s.alive(); alive <= len(s.nodes)/2 {
		return writeTimeout(t, r.cl, needed(r.cl, t.ks.rf), primitive.WriteTypeCas)
	}
	t.paxos = true
	return nil
}

// needMajority refuses a change of the schema while most of the nodes are down.
func (s *Sim) needMajority() error {
	if s.alive() <= len(s.nodes)/2 {
		return &cqlError{&message.ServerError{ErrorMessage: "raft operation [add_entry] timed out: there is no majority"}}
	}
	return nil
}

func (s *Sim) alive() (n int) {
	for _, node := range s.nodes {
		if node.up() {
			n++
		}
	}
	return n
}

// ResizeTablets splits or merges the tablets of every table with a CDC log, so that each has a
// number of them. A new set of streams begins after a delay; a real server takes 65 s. It returns
// the start of the set.
func (s *Sim) ResizeTablets(tablets int, in time.Duration) time.Time {
	defer s.lock()()
	start := s.now.Add(in).Truncate(time.Millisecond)
	for _, ks := range s.keyspaces {
		for _, t := range ks.tables {
			if ks.tablets && t.cdc.enabled {
				start = s.addTabletSet(t, tablets, start)
			}
		}
	}
	return start
}

// addTabletSet gives a table a new stream set, at least a millisecond after the one before.
func (s *Sim) addTabletSet(t *table, tablets int, start time.Time) time.Time {
	if n := len(t.tabletSets); n > 0 {
		if last := time.UnixMicro(t.tabletSets[n-1].start); !start.After(last) {
			start = last.Add(time.Millisecond)
		}
	}
	t.tabletSets = append(t.tabletSets, s.decide(start, evenEnds(tablets)))
	return start
}

// remembered gives the sets that a node has not forgotten: those that ended no longer ago than the
// log keeps rows. A set ends when the next one starts. Nodes forget each on its own.
func (s *Sim) remembered(t *table, n *node) []*generation {
	sets, ttl := t.tabletSets, time.Duration(t.cdc.ttl)*time.Second
	for ttl > 0 && len(sets) > 1 && sets[1].start < s.now.Add(-ttl-n.lag).UnixMicro() {
		sets = sets[1:]
	}
	return sets
}

// LimitKeys sets how many partitions a query may name (max_partition_key_restrictions_per_query),
// which a real server takes while it runs. It is 100 at first.
func (s *Sim) LimitKeys(n int) {
	defer s.lock()()
	s.maxKeys = n
}
