package consumer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/application/decisions"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/health"
	"orderflow/application/holds"
	"orderflow/application/lease"
	"orderflow/application/parking"
	"orderflow/application/rebuild"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Views keeps the effects, and drops those of a generation that is over.
type Views interface {
	ports.ViewStore
	ports.ViewDropper
}

// Earlier is an earlier version of an effect, with the table that it fills.
type Earlier struct {
	Effect filling.Effect
	Table  *projection.Table
}

// Config is what a [Consumer] needs. Fields without a stated default are required.
type Config struct {
	// Name is the consumer's name in offsets, states, parked aggregates and metrics.
	Name string
	// Version is the version of the effect: that of the projection, or 1 for a publisher.
	Version int
	Effect  filling.Effect
	// Types are the aggregate types whose events the consumer takes. No types means all types. For
	// events of other types nothing is read or written, and the offset passes them.
	Types []string
	// Table is the table that the effect fills. It is nil for a publisher.
	Table *projection.Table
	// Earlier are the earlier versions of the effect that had another table, and no other
	// difference. A live generation that such a version has filled is kept up to date.
	Earlier map[int]Earlier

	Store    filling.Scanner
	Feed     ports.ChangeFeed
	Views    Views
	Registry ports.ConsumerRegistry
	Parking  ports.ParkingLot
	Skips    ports.SkipLog
	// Leases let one of several processes work as the consumer. It is nil where there is only one
	// process.
	Leases ports.Leases
	Owner  ports.LeaseOwner
	// Untrusted reports whether others may write to the feed, too. Then what it delivers is checked
	// against Store.
	Untrusted bool
	// StartFrom is used by a consumer that never ran. It is the time of the first event that has an
	// effect. The zero time means all events.
	StartFrom time.Time
	// Shared reports whether the feed spreads the aggregates over the processes. Then all of them
	// work as the consumer, each on its part, and the lease protects what only one of them may do.
	Shared bool
	// Verify begins a comparison of generations of the view with the events. When it is nil,
	// rebuilds switch without it.
	Verify rebuild.Verify
	// Bulk reads many aggregates at once. It is nil where the store cannot do that.
	Bulk ports.BulkReader
	// Repairer replaces rows that are wrong. It is nil where the store cannot do that.
	Repairer ports.ViewRepairer
	// Remember is how many bytes of states each generation that is filled keeps in memory; 4 MiB by
	// default, about 5,000 to 9,000 orders. A negative number means none. A shared consumer keeps
	// none, because other processes write to its view.
	Remember int
	// Beats is told about heartbeats. It may be nil.
	Beats Beats

	Now    func() time.Time
	Logger *slog.Logger

	// Backoff is the pause between attempts; 20 ms to 10 s by default.
	Backoff failure.Backoff
	// FailAfter is the number of attempts after which a stuck event is reported; 3 by default.
	// ParkAfter is the number after which its aggregate is parked; 6 by default.
	FailAfter, ParkAfter int
	// MaxParked is the number of parked aggregates beyond which the consumer stops instead of
	// parking more; 1,000 by default.
	MaxParked int
	// Workers is how many aggregates are brought up to date at once while catching up; 8 by
	// default.
	Workers int
	// Retention is how long the feed keeps an event. It is 0 when that is not known.
	Retention time.Duration
	// Poll is how often the consumer reads in the registry what other processes have decided; 1 s
	// by default.
	Poll time.Duration
	// LeaseTTL is how long a lease lasts after its last renewal; 10 s by default.
	LeaseTTL time.Duration
	// DrainTimeout bounds how long records in flight may take before a pause, a reset or a switch;
	// 10 s by default.
	DrainTimeout time.Duration
	// Grace is how long the previous generation is kept after a switch; 1 h by default.
	Grace time.Duration
	// ReconcileEvery is the time between the end of one background check of all aggregates and the
	// beginning of the next one; 1 h by default.
	ReconcileEvery time.Duration
	// ReconcileRate is how many aggregates a second the background check looks at; 1,000 by
	// default. One check of 10 million aggregates takes 2 h 47 min at that rate.
	ReconcileRate int
}

func (c Config) withDefaults() Config {
	if c.Backoff == (failure.Backoff{}) {
		c.Backoff = failure.Backoff{First: 20 * time.Millisecond, Max: 10 * time.Second}
	}
	c.FailAfter = cmp.Or(c.FailAfter, 3)
	c.ParkAfter = cmp.Or(c.ParkAfter, 6)
	c.MaxParked = cmp.Or(c.MaxParked, 1_000)
	c.Workers = cmp.Or(c.Workers, 8)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.LeaseTTL = cmp.Or(c.LeaseTTL, 10*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	c.Grace = cmp.Or(c.Grace, time.Hour)
	c.ReconcileEvery = cmp.Or(c.ReconcileEvery, time.Hour)
	c.ReconcileRate = cmp.Or(c.ReconcileRate, 1_000)
	c.Remember = max(cmp.Or(c.Remember, 4<<20), 0)
	if c.Shared {
		c.Remember = 0
	}
	if c.Beats == nil {
		c.Beats = noBeats{}
	}
	return c
}

// takes reports whether the consumer takes events of an aggregate type.
func (c *Config) takes(aggregateType string) bool {
	return len(c.Types) == 0 || slices.Contains(c.Types, aggregateType)
}

// Beats is told how far heartbeats have come, and knows how old what was not handled may be; see
// application/pulse.
type Beats interface {
	// Waiting is called when the consumer asks for the next delivery. Delivered is called when it
	// got an event.
	Waiting(consumer string)
	Delivered(consumer string)
	// Arrived is called when the heartbeat came out of the feed. Passed is called when, in
	// addition, everything before it has had its effect.
	Arrived(consumer string, at time.Time)
	Passed(consumer string, at time.Time)
	// Stopped is called when the consumer does not ask any more.
	Stopped(consumer string)
	// Age returns how old the events that the consumer has not handled may be.
	Age(consumer string, now time.Time) (age time.Duration, known bool)
}

type noBeats struct{}

func (noBeats) Waiting(string)                              {}
func (noBeats) Delivered(string)                            {}
func (noBeats) Arrived(string, time.Time)                   {}
func (noBeats) Passed(string, time.Time)                    {}
func (noBeats) Stopped(string)                              {}
func (noBeats) Age(string, time.Time) (time.Duration, bool) { return 0, false }

// Consumer is one consumer of the change feed. Its methods are safe for concurrent use, with two
// exceptions: Pull runs once at a time, and Handle is not called concurrently for one aggregate.
type Consumer struct {
	config  Config
	log     *slog.Logger
	health  *health.Health
	lot     *parking.Lot
	desk    *parking.Desk
	subject decisions.Subject
	// decisions keeps what operators have decided about the consumer.
	decisions *decisions.Decisions

	// life is the life that runs now. It is nil while none does.
	life atomic.Pointer[life]
	// lease is nil where there is only one process.
	lease *lease.Holder
	// epoch is the epoch of the lease under which life runs.
	epoch atomic.Uint64
	// alone reports whether there is such a lease. Only Pull uses it.
	alone bool
	// handedOver is when the lease was last left to a newer program. Only Pull uses it.
	handedOver time.Time
	// wishes carries the request of a rebuild from Rebuild to the builder.
	wishes *rebuild.Wishes
	// foreign is set when the first foreign record was logged.
	foreign atomic.Bool

	// holds keeps catching up, following, retrying and rebuilding from working on one aggregate at
	// the same time.
	holds holds.Holds
}

// New returns a Consumer.
func New(config Config) *Consumer {
	config = config.withDefaults()
	c := &Consumer{
		config:  config,
		log:     config.Logger.With("consumer", config.Name),
		health:  health.New(config.Now, config.FailAfter),
		subject: decisions.Subject{Name: config.Name, Version: config.Version, View: config.Table != nil, Now: config.Now},
		wishes:  rebuild.NewWishes(),
		lot:     parking.New(config.Name, config.Parking, config.Skips),
		decisions: decisions.New(config.Registry, ports.ConsumerRecord{
			Name: config.Name, Live: ports.Generation{Number: 1, Version: config.Version}, CatchingUp: true,
			From: config.StartFrom,
		}),
	}
	c.desk = parking.NewDesk(parking.Config{
		Name: config.Name, Lot: c.lot, Max: config.MaxParked, Shared: config.Shared,
		Publishes: config.Table == nil, Repairable: config.Repairer != nil,
		Alone: c.withAggregate, Enter: c.enter, Halt: c.halt, Health: c.health, Now: config.Now, Logger: c.log,
	})
	if config.Leases != nil {
		c.lease = lease.New(lease.Config{
			Leases: config.Leases, Name: config.Name, Owner: config.Owner, TTL: config.LeaseTTL, Now: config.Now,
			Standby: c.health.Standby, Logger: c.log,
		})
	}
	return c
}

// Name returns the consumer's name.
func (c *Consumer) Name() string { return c.config.Name }

// Takes reports whether the consumer takes events of an aggregate type.
func (c *Consumer) Takes(aggregateType string) bool { return c.config.takes(aggregateType) }

// Refresh reads the record of the consumer, so that LiveView is right before Pull runs.
func (c *Consumer) Refresh(ctx context.Context) error { return c.decisions.Refresh(ctx) }

// Epoch returns the epoch of the lease under which the consumer works. It is 0 when there are no
// leases, or before the first one.
func (c *Consumer) Epoch() uint64 { return c.epoch.Load() }

// LiveView returns the view that queries read.
func (c *Consumer) LiveView() ports.ViewID {
	return ports.ViewID{Consumer: c.config.Name, Generation: c.decisions.Record().Live.Number}
}

// VersionOf returns the version of the effect that has filled a generation. It is 0 when there is
// no such generation, and when it is over.
func (c *Consumer) VersionOf(view ports.ViewID) int {
	record := c.decisions.Record()
	for _, g := range []ports.Generation{record.Live, record.Previous, record.Next} {
		if g.Number == view.Generation {
			return g.Version
		}
	}
	return 0
}

// withAggregate runs work on one aggregate while no other work on it runs, and turns a panic into
// an error.
func (c *Consumer) withAggregate(id uuid.UUID, work func() error) error {
	return c.withAggregates([]uuid.UUID{id}, work)
}

// withAggregates runs work on several aggregates, whose ids differ, while no other work on them
// runs.
func (c *Consumer) withAggregates(ids []uuid.UUID, work func() error) error {
	own := c.holds.Acquire(ids...)
	defer c.holds.Release(own, ids...)
	return c.protect(work)
}

// protect turns a panic of work into an error.
func (c *Consumer) protect(work func() error) error { return failure.Protect(c.log, work) }

// now is the time as it is stored.
func (c *Consumer) now() time.Time { return eventsourcing.Timestamp(c.config.Now()) }

// notHere returns why something cannot be done to a consumer that does not run in this process now.
func (c *Consumer) notHere() error {
	status := c.health.Status()
	if status.State == ports.ConsumerStandby {
		return &ports.LeaseHeldError{Name: c.config.Name, Owner: status.Holder}
	}
	return &ports.RefusedError{
		Reason: fmt.Sprintf("consumer %s is %s: this can be done while it runs", c.config.Name, status.State),
	}
}
