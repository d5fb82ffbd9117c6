package fault_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/tests/scyllasim"
)

// cluster is a simulated ScyllaDB with the processes that use it, and the faults of a schedule.
type cluster struct {
	schedule  schedule
	broken    broken
	log       *slog.Logger
	sim       *scyllasim.Sim
	config    scylla.Config
	published *published

	// ahead is how far the clocks of the processes are ahead of the real one.
	ahead atomic.Int64
	// left counts the work that killed processes still do, and the loops that restart them.
	left     sync.WaitGroup
	stopping atomic.Bool
	// operators counts the requests of operators.
	operators sync.WaitGroup

	mu sync.Mutex
	// change is closed and replaced when a process becomes ready or is gone.
	change chan struct{}
	// sent is the number of commands that were sent. next is the next step. removals disarm faults.
	sent, next int
	removals   []func()
	stopped    map[int]bool
	violations []string
	counted    counters

	running     [processes]atomic.Pointer[process]
	hits, kills atomic.Int64
}

// startCluster starts the servers and the processes. The end of the context ends everything.
func startCluster(ctx context.Context, s schedule, b broken) (*cluster, error) {
	sim, err := scyllasim.Start(scyllasim.Options{Nodes: nodes, Tablets: s.tablets})
	if err != nil {
		return nil, err
	}
	c := &cluster{
		schedule: s, broken: b, log: slog.New(slog.DiscardHandler), sim: sim,
		published: &published{events: map[uuid.UUID][]uuid.UUID{}}, change: make(chan struct{}), stopped: map[int]bool{},
	}
	if *logFlag {
		c.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("seed", s.seed)
	}
	c.config = scylla.Config{
		Hosts: sim.Hosts(), Keyspace: "orderflow", ReplicationFactor: nodes,
		Timeout: requestTimeout, ConnectTimeout: 2 * time.Second, SweepInterval: 100 * time.Millisecond, Logger: c.log,
		Now: func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
	}
	admin := c.config
	admin.Timeout, admin.ConnectTimeout = time.Minute, time.Minute
	if _, err := scylla.ApplySchema(ctx, admin); err != nil {
		sim.Close()
		return nil, err
	}
	for i := range processes {
		c.left.Go(func() { c.supervise(ctx, i) })
	}
	return c, nil
}

// supervise keeps one process running. A process that was not killed must not end before it is
// stopped. Only its start may fail, because the cluster may have faults.
func (c *cluster) supervise(ctx context.Context, i int) {
	for life := 1; !c.stopping.Load() && ctx.Err() == nil; life++ {
		p, serving := newProcess(ctx, fmt.Sprintf("process %d.%d", i, life))
		c.running[i].Store(p)
		var err error
		c.left.Go(func() { // nobody waits for the rest of a dead process
			defer close(p.ended)
			err = c.serve(serving, p)
			c.gone(p)
		})
		select {
		case <-p.dead:
			c.kills.Add(1)
			c.changed()
			continue
		case <-p.ended:
		}
		select {
		case <-p.ready:
			if err != nil || !c.stopping.Load() && ctx.Err() == nil {
				c.violated("P2", "%s ended by itself: %v", p.name, err)
			}
		case <-time.After(50 * time.Millisecond): // like a supervisor of services
			c.log.Warn("start failed", "process", p.name, "error", err)
		}
	}
}

// gone keeps the counters of a process that has ended.
func (c *cluster) gone(p *process) {
	c.mu.Lock()
	err := c.counted.add(p)
	c.mu.Unlock()
	if err != nil {
		c.violated("the round", "counters of %s: %v", p.name, err)
	}
	c.changed()
}

// changed wakes the goroutines that wait for a process.
func (c *cluster) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.change)
	c.change = make(chan struct{})
}

// pick returns a process that accepts commands, and the preferred one if it does.
func (c *cluster) pick(ctx context.Context, preferred int) (*process, error) {
	for {
		c.mu.Lock()
		change := c.change
		for i := range processes {
			if p := c.running[(preferred+i)%processes].Load(); p != nil && p.takesCommands() {
				c.mu.Unlock()
				return p, nil
			}
		}
		c.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *process) takesCommands() bool {
	select {
	case <-p.ready:
	default:
		return false
	}
	select {
	case <-p.ended:
		return false
	case <-p.dead:
		return false
	default:
		return true
	}
}

// commandSent counts a command and does the steps that are due. Long steps end with ctx.
func (c *cluster) commandSent(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	for c.next < len(c.schedule.steps) && c.schedule.steps[c.next].after < c.sent {
		c.do(ctx, c.schedule.steps[c.next])
		c.next++
	}
}

// do does a step. The caller holds the lock.
func (c *cluster) do(ctx context.Context, s step) {
	c.log.Info("step", "sent", c.sent, "step", s.String())
	switch s.what {
	case inject:
		c.inject(s.fault)
	case crash:
		c.crash(s)
	case kill:
		c.kill(s.process)
	case generation:
		c.sim.DescribeLate(s.late)
		c.sim.NewGeneration(s.by)
	case drop:
		c.sim.DropConnections()
	case forget:
		c.sim.ForgetPrepared()
	case stop:
		// with one node of three no command succeeds, and the steps wait for commands
		if len(c.stopped) == 0 {
			c.sim.StopNode(s.node)
			c.stopped[s.node] = true
		}
	case start:
		c.startNode(s.node)
	case clock:
		c.ahead.Add(int64(s.by))
	case refuse:
		c.published.refuse(s.times)
	case pauseOne, resumeOne, rebuildOne:
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

// inject arms a fault and counts what it hits.
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

// crash lets processes die at a request. It is their last request if it is theirs.
func (c *cluster) crash(s step) {
	f, seen := s.fault, 0
	f.When = func() bool {
		if seen++; seen == f.Nth {
			c.hits.Add(1)
			c.kill(s.process)
		}
		return true
	}
	c.removals = append(c.removals, c.sim.Inject(f))
}

// kill ends a process without anything that a process does at its end.
func (c *cluster) kill(process int) {
	for i := range processes {
		if p := c.running[i].Load(); p != nil && (process == i || process == bothProcesses) {
			p.kill()
		}
	}
}

// mostViolations is how many are kept.
const mostViolations = 20

// violated records that a promise was broken.
func (c *cluster) violated(promise, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.violations) < mostViolations {
		c.violations = append(c.violations, promise+": "+fmt.Sprintf(format, args...))
	}
}
