package fault_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/cdc"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/scylla"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/consumers"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/rebuild"
	"orderflow/application/verify"
	"orderflow/domain/order"
	orderviews "orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/fault/outside"
	"orderflow/tests/fault/plan"
)

// process is one process of the service: everything that bootstrap wires except for HTTP.
type process struct {
	name      string
	program   plan.Program
	publisher string // the name of the consumer that publishes
	network   *outside.Dialer
	store     *scylla.Store
	session   *gocql.Session
	feed      *cdc.Feed
	commands  orders.Commands
	consumers []*consumer.Consumer

	// ready is closed when it accepts commands. dead is closed when it was killed; it then has no
	// effect any more.
	ready, dead chan struct{}
	kill        func()
	// stop stops it in order. replaced reports whether it was stopped because another program
	// replaces it.
	stop     func()
	replaced atomic.Bool
	// commands in progress end before the process does, as in bootstrap; when it stops, it takes no
	// more of them.
	inProgress sync.WaitGroup
	stopping   bool
	mu         sync.Mutex
	// ended is closed when everything of it has ended.
	ended chan struct{}
}

// acceptsCommands reports whether the process is ready and neither stopped nor killed.
func (p *process) acceptsCommands() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ready:
		return !p.stopping
	default:
		return false
	}
}

// begin counts a command as begun, unless the process stops.
func (p *process) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping {
		p.inProgress.Add(1)
	}
	return !p.stopping
}

// newProcess returns a process that is not started yet. It can already be killed.
func newProcess(ctx context.Context, name string, program plan.Program) (*process, context.Context) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{
		name: name, program: program, network: &outside.Dialer{},
		ready: make(chan struct{}), dead: make(chan struct{}), ended: make(chan struct{}),
	}
	p.stop = func() {
		p.mu.Lock()
		p.stopping = true
		p.mu.Unlock()
		stop()
	}
	p.kill = sync.OnceFunc(func() {
		close(p.dead)
		p.network.Cut()
		p.stop()
	})
	return p, ctx
}

// serve opens a process and runs it until it is stopped or killed, or fails. When it returns,
// everything of the process has ended.
func (c *cluster) serve(ctx context.Context, p *process) (err error) {
	defer func() {
		p.stop()
		p.inProgress.Wait()
		err = errors.Join(err, p.close())
	}()
	router, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return untilStopped(ctx, "change feed", p.feed.Run) })
	group.Go(func() error { return router.Run(ctx) })
	if !c.broken.noSweeper {
		group.Go(func() error { return untilStopped(ctx, "sweeper", p.store.RunSweeper) })
	}
	close(p.ready)
	c.changed()
	return group.Wait()
}

// open does what bootstrap does.
func (c *cluster) open(ctx context.Context, p *process) (_ *fanout.Router, err error) {
	config := c.config
	config.Dialer = p.network
	config.Appended = func() { p.feed.Wake() }
	if p.store, err = scylla.Open(ctx, config); err != nil {
		return nil, err
	}
	if p.session, err = scylla.Connect(ctx, config); err != nil {
		return nil, err
	}
	p.feed, err = cdc.Open(ctx, cdc.Config{
		Session: p.session, Keyspace: config.Keyspace, Offsets: offsets{p}, Logger: c.log,
		FastDelay: 5 * time.Millisecond, FastIdleDelay: 30 * time.Millisecond,
		Confidence: c.broken.confidence(), SafeDelay: 100 * time.Millisecond, Stale: c.broken.confidence() + 10*time.Second, Now: p.store.Now,
		GenerationDelay: 200 * time.Millisecond, SaveEvery: 50 * time.Millisecond, Retention: c.schedule.Retention,
		Patience: c.schedule.Patience, TailRecords: c.schedule.Tail, Remembered: c.schedule.Remembered, CatchUpRecords: 50,
	})
	if err != nil {
		return nil, err
	}
	p.commands = orders.NewCommands(c.codec(p.program), command.Config{
		Store: c.broken.store(c.disk.Store(p.store)), Now: time.Now, NewID: uuid.New,
		Cache: command.NewCache(1 << 20),
	})
	return c.wire(ctx, p)
}

// codec returns the codec of a program.
func (c *cluster) codec(program plan.Program) ports.Codec[order.Event] {
	if program.Newer {
		return outside.NewerCodec(c.schedule.NewerShare)
	}
	return c.broken.codec(orderjson.New())
}

// decoder returns the decoder of a program, for one consumer.
func (c *cluster) decoder(program plan.Program, consumer string) ports.Decoder {
	decoder := c.broken.decoder(orderjson.NewMux())
	if program.Newer {
		decoder = outside.NewerDecoder()
	}
	return c.poison.Decoder(consumer, decoder)
}

// wire makes the consumers of a process.
func (c *cluster) wire(ctx context.Context, p *process) (*fanout.Router, error) {
	s := c.schedule
	owner := ports.LeaseOwner{ID: uuid.New(), Address: p.name}
	views, notes := c.broken.views(c.disk.Views(p.store)), c.broken.notes(c.disk.Notes(p.store))
	var feed ports.ChangeFeed = lagless{p.feed}
	if s.Forged > 0 {
		feed = outside.NewForger(feed, s.Seed, s.Forged, &c.forged)
	}
	add := func(config consumer.Config) {
		config.Store, config.Feed, config.Views, config.Registry = p.store, feed, views, notes
		config.Parking, config.Skips, config.Leases, config.Owner = notes, notes, p.store, owner
		config.Untrusted = s.Forged > 0 && !c.broken.trusting
		config.Now, config.Logger = time.Now, c.log
		config.Backoff = failure.Backoff{First: 10 * time.Millisecond, Max: 200 * time.Millisecond}
		config.LeaseTTL, config.Poll, config.DrainTimeout = time.Second, 100*time.Millisecond, time.Second
		config.MaxParked, config.ParkAfter = s.MaxParked, c.broken.parkAfter
		p.consumers = append(p.consumers, consumer.New(config))
	}
	for _, of := range orderviews.All() {
		decoder := c.decoder(p.program, of.Name)
		of, earlier := c.projection(of, p.program), map[int]consumer.Earlier{}
		for version, table := range of.Earlier {
			earlier[version] = consumer.Earlier{Effect: filling.Project(of.At(version), decoder), Table: table}
		}
		add(consumer.Config{
			Name: of.Name, Version: of.Version, Table: of.Table, Earlier: earlier,
			Effect: filling.Project(of, decoder), Verify: verifyOne(p, decoder, of),
		})
	}
	var err error
	if p.publisher, err = c.bind(ctx, p, filling.Binder{Views: c.disk.Views(p.store), Leases: p.store, Owner: owner}); err != nil {
		return nil, err
	}
	sink := c.sinks.Sink(p.program.Target)
	add(consumer.Config{Name: p.publisher, Version: c.version(p.publisher, p.program), Effect: filling.Publish(c.broken.publisher(sink.Publisher(p.dead, &c.poison, plan.AnyPublisher)))})
	routed := make([]fanout.Consumer, len(p.consumers))
	for i, one := range p.consumers {
		routed[i] = &bounded{Consumer: c.broken.consumer(one), cluster: c, process: p}
	}
	return fanout.New(fanout.Config{
		Lanes: s.Lanes, LaneBuffer: s.LaneBuffer + c.broken.laneBuffer, Batch: s.Batch,
		RetryPause: 20 * time.Millisecond, DrainTimeout: time.Second, Logger: c.log,
	}, routed...)
}

// version is the version of the effect of a consumer.
func (c *cluster) version(name string, program plan.Program) int {
	for _, of := range orderviews.All() {
		if of.Name == name {
			return c.projection(of, program).Version
		}
	}
	if program.Newer && name == c.schedule.NewerView {
		return 2
	}
	return 1
}

// projection is a projection as a program has it. The newer programs have a newer version of
// NewerView. If the view had another layout before, that is what the older ones have, and they do
// not know the present one.
func (c *cluster) projection(of *projection.Projection, program plan.Program) *projection.Projection {
	mine := *of
	switch {
	case of.Name != c.schedule.NewerView:
	case len(of.Earlier) > 0 && !program.Newer:
		mine = *of.At(slices.Min(slices.Collect(maps.Keys(of.Earlier))))
		mine.Earlier = nil
	case len(of.Earlier) == 0 && program.Newer:
		mine.Version++
	}
	return &mine
}

// verifyOne compares one generation of one view with the events, as in bootstrap.
func verifyOne(at *process, codec ports.Decoder, p *projection.Projection) rebuild.Verify {
	return func(next, live ports.ViewID, progress func(ports.VerifyProgress)) rebuild.Verification {
		config := verify.Config{
			Store: at.store, Codec: codec, States: at.store, Rows: at.store, Live: only{next, p.Version}, Skips: at.store,
			Projections: []*projection.Projection{p}, Progress: progress,
		}
		if live != (ports.ViewID{}) {
			config.Beside = only{live, at.versionOf(live)}
		}
		return verify.New(config).Ahead(rebuildPatience)
	}
}

// versionOf returns the version of the effect that has filled a generation.
func (p *process) versionOf(view ports.ViewID) int {
	for _, one := range p.consumers {
		if one.Name() == view.Consumer {
			return one.VersionOf(view)
		}
	}
	return 0
}

// only makes one generation the live one.
type only struct {
	view    ports.ViewID
	version int
}

// LiveView implements ports.LiveViews.
func (o only) LiveView(string) ports.ViewID { return o.view }

// VersionOf implements ports.LiveViews.
func (o only) VersionOf(ports.ViewID) int { return o.version }

// rebuildPatience is how long the verification of a rebuild waits for differences to disappear.
const rebuildPatience = 5 * time.Second

// bind returns the name of the consumer that publishes to the target of a process. A target always
// has the same consumer, and a consumer always the same target (P11).
func (c *cluster) bind(ctx context.Context, p *process, binder filling.Binder) (string, error) {
	target := fmt.Sprint("target ", p.program.Target)
	name, err := c.broken.bind(ctx, binder, plan.Publisher, target)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	known := maps.Clone(c.publishers)
	c.publishers[p.program.Target] = name
	c.mu.Unlock()
	for target, publisher := range known {
		if (target == p.program.Target) != (publisher == name) {
			c.violated("P11", "%s published to target %d, and now %s publishes to target %d", publisher, target, name, p.program.Target)
		}
	}
	return name, nil
}

// lagless makes the counters of a consumer readable when its process is gone and its lag cannot be
// read.
type lagless struct{ ports.ChangeFeed }

// Lag implements ports.ChangeFeed.
func (lagless) Lag(context.Context, string) (ports.Lag, error) { return ports.Lag{}, nil }

// untilStopped runs a part of a process. A return before the end of ctx is an error.
func untilStopped(ctx context.Context, name string, run func(context.Context) error) error {
	if err := run(ctx); ctx.Err() == nil {
		return fmt.Errorf("the %s has ended: %w", name, err)
	}
	return nil
}

// close closes what was opened, in reverse order.
func (p *process) close() (err error) {
	if p.feed != nil {
		err = p.feed.Close()
	}
	if p.session != nil {
		p.session.Close()
	}
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return err
}

// handle sends a command. A process that dies during the call gives no answer.
func (c *cluster) handle(ctx context.Context, p *process, request orders.Request) (orders.Result, error) {
	type answer struct {
		result orders.Result
		err    error
	}
	if !p.begin() {
		return orders.Result{}, fmt.Errorf("%w: the process stops", ports.ErrUnavailable)
	}
	answers := make(chan answer, 1)
	c.left.Go(func() {
		defer p.inProgress.Done()
		result, err := p.commands.Handle(ctx, request)
		answers <- answer{result, err}
	})
	select {
	case a := <-answers:
		select {
		case <-p.dead:
		default:
			return a.result, a.err
		}
	case <-p.dead:
	}
	return orders.Result{}, errDied
}

var errDied = errors.New("the process died before it answered")

// offsets stores the offsets of the feed, as in bootstrap.
type offsets struct{ *process }

// LoadOffsets implements cdc.Offsets.
func (o offsets) LoadOffsets(ctx context.Context, name string) (map[string]uuid.UUID, error) {
	return o.store.LoadOffsets(ctx, name)
}

// SaveOffsets implements cdc.Offsets.
func (o offsets) SaveOffsets(ctx context.Context, name string, saved map[string]uuid.UUID) error {
	return o.store.SaveOffsets(ctx, name, consumers.Manager(o.consumers).Epoch(name), saved)
}
