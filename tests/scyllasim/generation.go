package scyllasim

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// generationLeeway is how far ahead of the server's clock the timestamp of a write to a CDC table
// may be.
const generationLeeway = 5 * time.Second

// generation is a set of CDC streams. It is in use from its start to the start of the next one.
type generation struct {
	start int64 // microseconds
	// made is when the servers decided on it, in microseconds; 0 for the first one, which all nodes
	// know from the beginning.
	made int64
	// the last token of each range, ascending; tokens above the last belong to the first range
	ends    []int64
	streams [][]byte // one a range
	// described is when its streams begin to be listed, which may be later than its start, in
	// microseconds.
	described int64
}

func newGeneration(start int64, ends []int64, made, described int64) *generation {
	ends = slices.Clone(ends)
	slices.Sort(ends)
	g := &generation{start: start, ends: ends, made: made, described: described}
	for i := range ends {
		before := ends[(i+len(ends)-1)%len(ends)]
		g.streams = append(g.streams, streamID(before+1, i))
	}
	return g
}

// streamID returns a stream id: a token in the stream's range, random bits, the index of the range,
// and the version.
func streamID(token int64, index int) []byte {
	id := binary.BigEndian.AppendUint64(nil, uint64(token))
	return binary.BigEndian.AppendUint64(id, rand.Uint64()<<26|uint64(index)<<4|1)
}

func (g *generation) stream(token int64) []byte {
	i := sort.Search(len(g.ends), func(i int) bool { return g.ends[i] >= token })
	return g.streams[i%len(g.streams)]
}

// evenEnds splits the ring into n equal ranges, as tablets do.
func evenEnds(n int) []int64 {
	ends := make([]int64, n)
	for i := range ends {
		ends[i] = math.MaxInt64 - int64(n-1-i)*int64(math.MaxUint64/uint64(n))
	}
	return ends
}

// generationsOf gives the stream sets that a table's log uses and that a node knows, oldest first.
func (s *Sim) generationsOf(t *table, n *node) []*generation {
	all := s.generations
	if t.ks.tablets {
		all = s.remembered(t, n)
	}
	return slices.DeleteFunc(slices.Clone(all), func(g *generation) bool { return !s.knows(n, g) })
}

// knows reports whether a node has learned of a stream set.
func (s *Sim) knows(n *node, g *generation) bool {
	return g.made == 0 || g.made+n.lag.Microseconds() <= s.now.UnixMicro()
}

// LagNode makes a node (1-based) learn of each new stream set, and forget each old one, only after
// a lag. So the nodes disagree for a while. Until the node has learned of a set, it writes to the
// streams of the previous one, and its virtual tables (system.cdc_timestamps and cdc_streams) do
// not list it. The tables of system_distributed, for vnodes, are the same on all nodes.
func (s *Sim) LagNode(i int, lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[i-1].lag = lag
}

// DescribeLate makes the streams of every new set appear in the tables that much later than the set
// itself.
func (s *Sim) DescribeLate(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.describeLate = by
}

// streamFor returns the stream of a write. It refuses timestamps that no known generation covers.
func (s *Sim) streamFor(m *mutation, ts int64) ([]byte, error) {
	now := s.here.UnixMicro()
	const layout = "2006/01/02 15:04:05"
	show := func(us int64) string { return time.UnixMicro(us).UTC().Format(layout) }
	if ts > now+generationLeeway.Microseconds() {
		return nil, invalid("cdc: attempted to get a stream \"from the future\" (%s; current server time: %s). With CDC you cannot send writes "+
			"with timestamps arbitrarily into the future, because we don't know what streams will be used at that time.\n"+
			"We *do* allow sending writes into the near future, but our ability to do that is limited. If you really must use your own "+
			"timestamps, then make sure your clocks are well-synchronized  with the database's clocks.", show(ts), show(now))
	}
	var current, chosen *generation
	for _, g := range s.generationsOf(m.t, s.coordinator) {
		if g.start <= now {
			current = g
		}
		if g.start <= ts {
			chosen = g
		}
	}
	if current == nil || m.t.ks.tablets && chosen == nil {
		return nil, invalid("cdc::metadata::get_stream: could not find any CDC stream for timestamp %s", show(ts))
	}
	// with tablets a write goes to the set of its timestamp, however old it is
	if ts < current.start && !m.t.ks.tablets {
		return nil, invalid("cdc: attempted to get a stream from an earlier generation than the currently used one. With CDC you cannot send "+
			"writes with timestamps too far into the past, because that would break consistency properties (write timestamp: %s, current "+
			"generation started at: %s)", show(ts), show(current.start))
	}
	return chosen.stream(m.token), nil
}

// NewGeneration starts a new set of CDC streams after a delay, as adding a node does, and returns
// the time of its start. Tables with tablets get their own new stream sets. Writes with a later
// timestamp go to the new streams. With vnodes, writes with an earlier timestamp are refused. So a
// conditional write that is still pending from before can no longer be finished, as on 5.1.
// Generations start in the order in which they were requested.
func (s *Sim) NewGeneration(in time.Duration) time.Time {
	defer s.lock()()
	start := s.now.Add(in).Truncate(time.Millisecond)
	if last := time.UnixMicro(s.generations[len(s.generations)-1].start); !start.After(last) {
		start = last.Add(time.Millisecond)
	}
	s.generations = append(s.generations, s.decide(start, s.tokens()))
	for _, ks := range s.keyspaces {
		for _, t := range ks.tables {
			if ks.tablets && t.cdc.enabled {
				s.addTabletSet(t, t.tabletCount(), start)
			}
		}
	}
	return start
}

// decide returns a set that the servers decide on now.
func (s *Sim) decide(start time.Time, ends []int64) *generation {
	return newGeneration(start.UnixMicro(), ends, s.now.UnixMicro(), s.now.Add(s.describeLate).UnixMicro())
}

// tokens lists the tokens of all nodes.
func (s *Sim) tokens() []int64 {
	var out []int64
	for _, n := range s.nodes {
		out = append(out, n.tokens...)
	}
	return out
}
