package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Store is what a consumer needs of the event store: the heads to catch up with, histories to fill holes from, and all of them for
// a rebuild.
type Store interface {
	ports.HeadScanner
	ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error)
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Views is where effects are kept, and dropped when a generation is over.
type Views interface {
	ports.ViewStore
	ports.ViewDropper
}

// Config is what a [Consumer] needs. Fields without a stated default are required.
type Config struct {
	// Name is the consumer's name in offsets, states, parked orders and metrics.
	Name string
	// Version is the version of the effect: the projection's, or 1 for a publisher.
	Version int
	Effect  Effect
	// Types are the aggregate types whose events the consumer takes; none for all types. Events of other types are passed
	// over: nothing is read or written for them, and the offset moves on.
	Types []string
	// Table is the table that the effect fills; nil for a publisher.
	Table *projection.Table

	Store    Store
	Feed     ports.ChangeFeed
	Views    Views
	Registry ports.ConsumerRegistry
	Parking  ports.ParkingLot
	Skips    ports.SkipLog
	// Leases let one of several processes work as the consumer; nil where there is only one process.
	Leases ports.Leases
	Owner  ports.LeaseOwner
	// Shared says that the feed spreads the orders over the processes: all of them work as the consumer, each on its part, and
	// the lease is for what one must do alone.
	Shared bool
	// Verify holds one generation of the view against the events; rebuilds switch without it when it is nil.
	Verify func(ctx context.Context, view ports.ViewID) (ports.VerifyReport, error)
	// Repairer replaces rows that are wrong; nil where the store cannot.
	Repairer ports.ViewRepairer
	// Beats is told of heartbeats; nil for nobody.
	Beats Beats

	Now    func() time.Time
	Logger *slog.Logger

	// Backoff between attempts; 20 ms to 10 s by default.
	Backoff Backoff
	// FailAfter is the number of attempts after which a stuck event is reported, 3 by default, and ParkAfter that after which
	// its order is parked, 6 by default.
	FailAfter, ParkAfter int
	// MaxParked is the number of parked orders beyond which the consumer stops instead of parking more; 1,000 by default.
	MaxParked int
	// Workers is how many orders are brought up to date at once while catching up; 8 by default.
	Workers int
	// Retention is how long the feed holds an event; 0 when that is not known.
	Retention time.Duration
	// Poll is how often the registry is looked at for what other processes have decided; 1 s by default.
	Poll time.Duration
	// LeaseTTL is how long a lease outlives its holder; 10 s by default.
	LeaseTTL time.Duration
	// DrainTimeout bounds how long records in flight may take before a pause, a reset or a switch; 10 s by default.
	DrainTimeout time.Duration
	// Grace is how long the previous generation is kept after a switch; 1 h by default.
	Grace time.Duration
	// ReconcileEvery is the time between two background checks of all orders; 1 h by default.
	ReconcileEvery time.Duration
}

func (c Config) withDefaults() Config {
	if c.Backoff == (Backoff{}) {
		c.Backoff = Backoff{First: 20 * time.Millisecond, Max: 10 * time.Second}
	}
	setDefault(&c.FailAfter, 3)
	setDefault(&c.ParkAfter, 6)
	setDefault(&c.MaxParked, 1_000)
	setDefault(&c.Workers, 8)
	setDefault(&c.Poll, time.Second)
	setDefault(&c.LeaseTTL, 10*time.Second)
	setDefault(&c.DrainTimeout, 10*time.Second)
	setDefault(&c.Grace, time.Hour)
	setDefault(&c.ReconcileEvery, time.Hour)
	if c.Beats == nil {
		c.Beats = noBeats{}
	}
	return c
}

// takes says whether the consumer takes events of an aggregate type.
func (c *Config) takes(aggregateType string) bool {
	return len(c.Types) == 0 || slices.Contains(c.Types, aggregateType)
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// Beats is told how far heartbeats have come, and tells how old what was not handled may be; see application/pulse.
type Beats interface {
	// Waiting: the consumer asks for the next delivery. Delivered: it got an event.
	Waiting(consumer string)
	Delivered(consumer string)
	// Arrived: the heartbeat came out of the feed. Passed: so it did, and everything before it has had its effect.
	Arrived(consumer string, at time.Time)
	Passed(consumer string, at time.Time)
	// Stopped: the consumer does not ask any more.
	Stopped(consumer string)
	// Age is how old what the consumer has not handled may be.
	Age(consumer string, now time.Time) (age time.Duration, known bool)
}

type noBeats struct{}

func (noBeats) Waiting(string)                              {}
func (noBeats) Delivered(string)                            {}
func (noBeats) Arrived(string, time.Time)                   {}
func (noBeats) Passed(string, time.Time)                    {}
func (noBeats) Stopped(string)                              {}
func (noBeats) Age(string, time.Time) (time.Duration, bool) { return 0, false }

// Consumer is one consumer of the change feed. Its methods are safe for concurrent use, except that Pull runs once at a
// time and that Handle is not called concurrently for one order.
type Consumer struct {
	config Config
	log    *slog.Logger
	health health
	parked parkedOrders
	notes  notes

	// life is what runs at the moment; nil while nothing does.
	life atomic.Pointer[life]
	// epoch is that of the lease under which life runs.
	epoch atomic.Uint64
	// alone says that there is such a lease. Only Pull looks at it.
	alone bool
	// rebuilding carries what a rebuild was asked with from Rebuild to the builder.
	rebuilding rebuilding

	// locks keep catching up, following, retrying and rebuilding from working on one order at the same time. An order's lock
	// is chosen by the last byte of its id, which is random in every kind of UUID that is in use.
	locks [256]sync.Mutex
}

// New returns a Consumer.
func New(config Config) *Consumer {
	config = config.withDefaults()
	c := &Consumer{
		config: config,
		log:    config.Logger.With("consumer", config.Name),
		health: newHealth(config),
		notes:  newNotes(config.Name),
	}
	c.rebuilding.again = make(chan struct{}, 1)
	return c
}

// Name returns the consumer's name.
func (c *Consumer) Name() string { return c.config.Name }

// Epoch is the epoch of the lease that the consumer works under; 0 when there are no leases, or before the first.
func (c *Consumer) Epoch() uint64 { return c.epoch.Load() }

// LiveView is the view that queries read.
func (c *Consumer) LiveView() ports.ViewID {
	return ports.ViewID{Consumer: c.config.Name, Generation: c.notes.record().Live.Number}
}

// Handle applies the effect of record and of everything before it that is missing. It retries until that worked, or until the
// order is parked. It returns an error only when ctx ends. When the consumer stops meanwhile, it returns nil without an
// effect; the offset then stays behind the record, and the feed delivers it again.
func (c *Consumer) Handle(ctx context.Context, record eventsourcing.Record) error {
	l := c.life.Load()
	if l == nil || !l.enter() {
		return nil
	}
	succeeded := false
	defer func() { l.leave(succeeded) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.aborted, cancel)()

	for attempt := 1; ; attempt++ {
		err := c.protect(func() error { return c.handle(ctx, l, record) })
		if err == nil {
			if attempt > 1 {
				c.flows(ctx, record.AggregateID, record.SequenceNumber)
			}
			succeeded = true
			return nil
		}
		if ctx.Err() != nil {
			return l.abandon(err)
		}
		if !transient(err) && attempt >= c.config.ParkAfter {
			if err = c.park(ctx, l, record, attempt, err); err == nil {
				succeeded = true
				return nil
			}
		}
		c.stuck(ctx, record.AggregateID, record.SequenceNumber, attempt, err)
		if stopped := c.config.Backoff.wait(ctx, l.stopping, attempt); stopped != nil {
			return l.abandon(fmt.Errorf("%w: %w", stopped, err))
		}
	}
}

// handle brings every generation up to record. Those that nobody reads come first, so that a query never sees an order in the
// live generation that is older in the one that takes its place; their failures hold nobody up.
func (c *Consumer) handle(ctx context.Context, l *life, record eventsourcing.Record) error {
	lock := c.lock(record.AggregateID)
	lock.Lock()
	defer lock.Unlock()

	for _, f := range l.others {
		if err := c.protect(func() error { _, err := f.handle(ctx, record); return err }); err != nil {
			l.taint(f, record.AggregateID)
			c.log.Debug("a generation that is not live falls behind", "generation", f.view.Generation, "order_id", record.AggregateID, "error", err)
		}
	}
	if l.live == nil {
		return nil
	}
	if parked, err := c.isParked(ctx, record.AggregateID); parked || err != nil {
		return err
	}
	did, err := l.live.handle(ctx, record)
	if err != nil {
		return err
	}
	c.health.handled.Add(uint64(did.applied))
	if did.applied == 0 {
		c.health.duplicates.Add(1)
	}
	if did.healed > 0 {
		c.health.healed.Add(uint64(did.healed))
		c.log.Warn("filled a hole in the feed from the event store",
			"order_id", record.AggregateID, "before", record.SequenceNumber, "events", did.healed)
	}
	return nil
}

// stuck and flows keep the health of one order, and log when it changes.
func (c *Consumer) stuck(ctx context.Context, aggregateID uuid.UUID, sequence uint64, attempt int, err error) {
	if c.health.failed(aggregateID, sequence, attempt, err) {
		c.log.ErrorContext(ctx, "order is stuck, retrying", "order_id", aggregateID, "sequence_number", sequence, "error", err)
	}
}

func (c *Consumer) flows(ctx context.Context, aggregateID uuid.UUID, sequence uint64) {
	if c.health.recovered(aggregateID) {
		c.log.InfoContext(ctx, "order flows again", "order_id", aggregateID, "sequence_number", sequence)
	}
}

// protect turns a panic of work into an error, so that one bad event cannot end the process. Only the stack is logged here:
// the error is handled, and perhaps shown, by the caller.
func (c *Consumer) protect(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = failure(ports.FailureBug, fmt.Errorf("panic: %v", p))
			c.log.Error("panic", "value", p, "stack", string(debug.Stack()))
		}
	}()
	return work()
}

// withOrder does work on one order while nothing else does, and turns a panic into an error.
func (c *Consumer) withOrder(aggregateID uuid.UUID, work func() error) error {
	return c.protect(func() error {
		lock := c.lock(aggregateID)
		lock.Lock()
		defer lock.Unlock()
		return work()
	})
}

func (c *Consumer) lock(aggregateID uuid.UUID) *sync.Mutex {
	return &c.locks[aggregateID[len(aggregateID)-1]]
}

// Status says how the consumer is.
func (c *Consumer) Status(ctx context.Context) (ports.ConsumerStatus, error) {
	lag, err := c.config.Feed.Lag(ctx, c.config.Name)
	if err != nil && !errors.Is(err, ports.ErrNoOffset) {
		return ports.ConsumerStatus{}, fmt.Errorf("lag of %s: %w", c.config.Name, err)
	}
	status := c.health.status()
	record := c.notes.record()
	status.Name, status.Live, status.Previous, status.Lag = c.config.Name, record.Live, record.Previous, lag
	status.Parked, status.OldestParked = c.parked.summary()
	if status.Parked > 0 && status.State == ports.ConsumerRunning {
		status.State = ports.ConsumerParked
	}
	if age, known := c.config.Beats.Age(c.config.Name, c.config.Now()); known && status.Lag.Known {
		status.Lag.Age = max(status.Lag.Age, age) // a feed whose reader is dead says that there is nothing to come
	}
	switch status.State {
	case ports.ConsumerCatchingUp, ports.ConsumerExpired, ports.ConsumerRebuilding:
		status.Lag = ports.Lag{} // the offset is at the end already, the view is not
	}
	if status.Lag.Known && c.config.Retention > 0 {
		status.Headroom = new(max(0, c.config.Retention-status.Lag.Age))
	}
	return status, nil
}
