package fault_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
	"orderflow/tests/scyllasim"
)

// cluster is a simulated ScyllaDB, the processes that work on it, and the faults of a schedule.
type cluster struct {
	schedule plan.Schedule
	broken   broken
	log      *slog.Logger
	sim      *scyllasim.Sim
	config   scylla.Config

	// The environment of the processes.
	sinks  outside.Sinks
	disk   outside.Disk
	poison outside.Poison
	forged outside.Forgeries

	// ahead is how far the clocks of the processes are ahead of the real one.
	ahead atomic.Int64
	// left counts the work that killed processes still do, and the loops that start them again.
	left     sync.WaitGroup
	stopping atomic.Bool
	// operators counts the actions of operators that still run. people keeps what they did.
	operators sync.WaitGroup
	people    people

	mu sync.Mutex
	// change is closed, and replaced, when a process is ready or gone.
	change chan struct{}
	// sent is how many commands were sent. next is the step that is due next. removals disarm
	// faults.
	sent, next int
	removals   []func()
	stopped    map[int]bool
	violations []string
	counted    counters
	// publishers are the names of the consumers that publish, by target.
	publishers map[int]string

	slots       [plan.Processes]slot
	hits, kills atomic.Int64
}

// startCluster starts the servers and the processes. The context ends everything.
func startCluster(ctx context.Context, s plan.Schedule, b broken) (*cluster, error) {
	sim, err := scyllasim.Start(scyllasim.Options{Nodes: s.Nodes, Tablets: s.Tablets})
	if err != nil {
		return nil, err
	}
	c := &cluster{
		schedule: s, broken: b, log: slog.New(slog.DiscardHandler), sim: sim,
		change: make(chan struct{}), stopped: map[int]bool{}, publishers: map[int]string{},
		people: newPeople(),
	}
	c.poison.Poison = s.Poison
	if *logFlag {
		c.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("seed", s.Seed)
	}
	c.config = scylla.Config{
		Hosts: sim.Hosts(), Keyspace: "orderflow", ReplicationFactor: s.Replication,
		Timeout: plan.RequestTimeout, ConnectTimeout: 2 * time.Second, SweepInterval: 100 * time.Millisecond, Logger: c.log,
		Now: func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
	}
	admin := c.config
	admin.Timeout, admin.ConnectTimeout = time.Minute, time.Minute
	if _, err := scylla.ApplySchema(ctx, admin); err != nil {
		sim.Close()
		return nil, err
	}
	for i := range c.slots {
		c.slots[i].become(s.Start[i])
		c.left.Go(func() { c.supervise(ctx, i) })
	}
	return c, nil
}

// commandSent counts a command, and executes the steps that are due. Work that takes time ends with
// ctx.
func (c *cluster) commandSent(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	for c.next < len(c.schedule.Steps) && c.schedule.Steps[c.next].After < c.sent {
		c.do(ctx, c.schedule.Steps[c.next])
		c.next++
	}
}

// do executes a step. The caller holds the lock.
func (c *cluster) do(ctx context.Context, s plan.Step) {
	c.log.Info("step", "sent", c.sent, "step", s.String())
	switch s.What {
	case plan.Inject:
		c.inject(s.Fault)
	case plan.Crash:
		c.crash(s)
	case plan.Kill:
		c.kill(s.Process)
	case plan.Replace:
		c.replace(s)
	case plan.Generation:
		c.sim.NewGeneration(s.By)
	case plan.Describe:
		c.sim.DescribeLate(s.By)
	case plan.Lag:
		c.sim.LagNode(s.Node, s.By)
	case plan.Skew:
		c.sim.SkewNode(s.Node, s.By)
	case plan.Drop:
		c.sim.DropConnections()
	case plan.Forget:
		c.sim.ForgetPrepared()
	case plan.Stop:
		// with two of three nodes down no command succeeds, and the steps wait for commands
		if len(c.stopped) == 0 {
			c.sim.StopNode(s.Node)
			c.stopped[s.Node] = true
		}
	case plan.Start:
		c.startNode(s.Node)
	case plan.Clock:
		c.ahead.Add(int64(s.By))
	case plan.Refuse:
		c.sinks.Refuse(s.Times)
	case plan.Fill:
		c.disk.Fill(s.Writes, s.Times)
	case plan.Mend:
		c.poison.Mend()
	default:
		c.operators.Go(func() { c.operate(ctx, s) })
	}
}

func (c *cluster) startNode(node int) {
	if !c.stopped[node] {
		return
	}
	delete(c.stopped, node)
	if err := c.sim.StartNode(node); err != nil {
		c.violations = append(c.violations, fmt.Sprintf("the round: start node %d: %v", node, err))
	}
}

// inject arms a fault and counts the requests that it hits.
func (c *cluster) inject(f scyllasim.Fault) {
	seen := 0
	f.When = func() bool {
		if seen++; seen >= f.Nth && seen < f.Nth+f.Times {
			c.hits.Add(1)
		}
		return true
	}
	c.removals = append(c.removals, c.sim.Inject(f))
}

// crash kills processes at a request. If the request is from a killed process, it is its last one.
func (c *cluster) crash(s plan.Step) {
	f, seen := s.Fault, 0
	f.When = func() bool {
		if seen++; seen == f.Nth {
			c.hits.Add(1)
			c.kill(s.Process)
		}
		return true
	}
	c.removals = append(c.removals, c.sim.Inject(f))
}

// mostViolations is how many violations are kept.
const mostViolations = 20

// violated records that a promise was broken.
func (c *cluster) violated(promise, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.violations) < mostViolations {
		c.violations = append(c.violations, promise+": "+fmt.Sprintf(format, args...))
	}
}

// counters add up what processes count about themselves.
type counters struct {
	healed, holes, late, caughtUp, foreign uint64
}

// add takes the counters of a process that has ended.
func (c *counters) add(p *process) {
	if p.feed == nil {
		return
	}
	stats := p.feed.Stats()
	c.holes += stats.Holes
	c.late += stats.Late
	c.caughtUp += stats.CaughtUp
	for _, one := range p.consumers {
		status := one.Status(context.Background())
		c.healed += status.Healed
		c.foreign += status.Foreign
	}
}
