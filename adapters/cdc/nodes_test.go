package cdc_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// oneNode sends every query to one node, which a test may change.
type oneNode struct {
	gocql.HostSelectionPolicy
	address atomic.Value // of the node, a string
}

// askOnly returns a session that asks one node at a time, and the function that selects it.
func askOnly(tb testing.TB, sim *scyllasim.Sim) (session *gocql.Session, node func(int)) {
	tb.Helper()
	policy := &oneNode{HostSelectionPolicy: gocql.RoundRobinHostPolicy()}
	node = func(i int) { policy.address.Store(sim.Hosts()[i-1]) }
	node(1)
	c := gocql.NewCluster(sim.Hosts()...)
	c.Consistency, c.Timeout, c.DefaultTimestamp, c.Logger = gocql.LocalQuorum, time.Minute, false, quiet{}
	c.Events.DisableSchemaEvents = true
	c.PoolConfig.HostSelectionPolicy = policy
	session, err := c.CreateSession()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(session.Close)
	return session, node
}

// Pick implements [gocql.HostSelectionPolicy].
func (p *oneNode) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	next := p.HostSelectionPolicy.Pick(q)
	return func() gocql.SelectedHost {
		for host := next(); host != nil; host = next() {
			if host.Info().ConnectAddressAndPort() == p.address.Load() {
				return host
			}
		}
		return nil
	}
}

// The lists of stream sets are those of the node that answers. A node that is behind does not list
// a set that another node has listed before. What was known stays known: the readers go on with the
// set, and a consumer that reads the log separately finds its rows, too.
func TestFeed_NodeThatDoesNotKnowASetYet(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{Tablets: true, Nodes: 2}, false)
	s.sim.Advance(time.Minute)
	s.sim.LagNode(2, time.Hour)
	writer := connectOnly(t, s.sim.Hosts()[0])
	ask, node := askOnly(t, s.sim)
	config := s.config(newOffsets())
	config.Session, config.Now = ask, s.sim.Now
	// so what comes was found by the fast reader
	config.Confidence, config.Stale = time.Minute, time.Hour
	config.TailRecords, config.CatchUpRecords = 10, 1000
	r := follow(t, server{sim: s.sim, session: writer, keyspace: s.keyspace}, config)
	r.put(1)
	r.expect(1)
	start := s.sim.ResizeTablets(16, 0)
	r.await("the fast reader in the new set", func(s cdc.Stats) bool { return s.Generations == 1 && s.FastHorizon.After(start) })
	node(2)
	looked := s.sim.QueryCount("system.cdc_timestamps", scyllasim.KindSelect)
	await(t, "looks at the sets of the other node", func() bool {
		return s.sim.QueryCount("system.cdc_timestamps", scyllasim.KindSelect) > looked+2
	}, r.feed)
	const last = 50 // more than the tail holds
	for n := uint64(2); n <= last; n++ {
		r.put(n)
	}
	r.await("the consumer to fall behind the tail", func(s cdc.Stats) bool { return s.Detached > 0 && s.Fast >= last })
	for n := uint64(2); n <= last; n++ {
		r.expect(n)
	}
	if got := r.feed.Stats(); got.Generations != 1 || got.Holes > 0 {
		t.Errorf("the set was begun %d times, and there are %d holes; want 1 and 0", got.Generations, got.Holes)
	}
}

// A set that is in use at once is found some time later. The fast reader reads it from its start.
func TestFeed_SetThatIsInUseAtOnce(t *testing.T) {
	t.Parallel()
	for name, kind := range bothKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, kind.options, false)
			config := s.config(newOffsets())
			// so what comes was found by the fast reader
			config.Confidence, config.Stale = time.Minute, time.Hour
			config.GenerationDelay = 500 * time.Millisecond
			r := follow(t, s, config)
			r.put(1)
			r.expect(1)
			start := s.sim.NewGeneration(0)
			r.put(2, 3, 4)
			r.await("the fast reader beyond the start", func(s cdc.Stats) bool { return s.FastHorizon.After(start) })
			r.expect(2, 3, 4)
			r.await("one new set", func(s cdc.Stats) bool { return s.Generations == 1 })
			if got := r.feed.Stats(); got.Fast != 4 {
				t.Errorf("%d events were found by the fast reader, want 4", got.Fast)
			}
		})
	}
}
