package fault_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// The timings of the service in hundredths of seconds instead of tens of seconds.
const (
	confidence = 1500 * time.Millisecond // of the safe reader
	lanes      = 4
	laneBuffer = 2
	batch      = 2
)

const publisherName = "publisher"

// process is one process of the service: everything that bootstrap wires except for HTTP.
type process struct {
	name      string
	network   *dialer
	store     *scylla.Store
	session   *gocql.Session
	feed      *cdc.Feed
	commands  orders.Commands
	consumers []*consumer.Consumer

	// ready is closed when it accepts commands. dead is closed when it was killed; it then has no
	// effect any more.
	ready, dead chan struct{}
	kill        func()
	// stop stops it in order.
	stop func()
	// ended is closed when nothing of it is left.
	ended chan struct{}
}

// newProcess returns a process that is not started yet. It can already be killed.
func newProcess(ctx context.Context, name string) (*process, context.Context) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{
		name: name, network: &dialer{}, stop: stop,
		ready: make(chan struct{}), dead: make(chan struct{}), ended: make(chan struct{}),
	}
	p.kill = sync.OnceFunc(func() {
		close(p.dead)
		p.network.cut()
		stop()
	})
	return p, ctx
}

// serve opens a process and runs it until it is stopped or killed, or fails. Then nothing of it is
// left.
func (c *cluster) serve(ctx context.Context, p *process) (err error) {
	defer p.stop()
	defer func() { err = errors.Join(err, p.close()) }()
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
		GenerationDelay: 200 * time.Millisecond, SaveEvery: 50 * time.Millisecond, Retention: c.schedule.retention,
		Patience: c.schedule.patience, TailRecords: c.schedule.tail, Remembered: c.schedule.remembered, CatchUpRecords: 50,
	})
	if err != nil {
		return nil, err
	}
	p.commands = orders.NewCommands(orderjson.New(), command.Config{Store: c.broken.store(p.store), Now: time.Now, NewID: uuid.New})
	return c.wire(p)
}

// wire makes the consumers of a process.
func (c *cluster) wire(p *process) (*fanout.Router, error) {
	owner := ports.LeaseOwner{ID: uuid.New(), Address: p.name}
	add := func(config consumer.Config) {
		config.Store, config.Feed, config.Views, config.Registry = p.store, lagless{p.feed}, c.broken.views(p.store), p.store
		config.Parking, config.Skips, config.Leases, config.Owner = p.store, p.store, p.store, owner
		config.Now, config.Logger = time.Now, c.log
		config.Backoff = failure.Backoff{First: 10 * time.Millisecond, Max: 200 * time.Millisecond}
		config.LeaseTTL, config.Poll, config.DrainTimeout = time.Second, 100*time.Millisecond, time.Second
		p.consumers = append(p.consumers, consumer.New(config))
	}
	for _, of := range views.All() {
		add(consumer.Config{Name: of.Name, Version: of.Version, Table: of.Table, Effect: filling.Project(of, orderjson.NewMux())})
	}
	add(consumer.Config{Name: publisherName, Version: 1, Effect: filling.Publish(publisher{c.published, p})})
	routed := make([]fanout.Consumer, len(p.consumers))
	for i, one := range p.consumers {
		routed[i] = &bounded{Consumer: c.broken.consumer(one), cluster: c, process: p}
	}
	return fanout.New(fanout.Config{
		Lanes: lanes, LaneBuffer: laneBuffer, Batch: batch, RetryPause: 20 * time.Millisecond, DrainTimeout: time.Second, Logger: c.log,
	}, routed...)
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
	answers := make(chan answer, 1)
	c.left.Go(func() {
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
