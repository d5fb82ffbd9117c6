package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Store is what a consumer needs of the event store: the heads to catch up with, and histories to fill holes from.
type Store interface {
	ports.HeadScanner
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Config is what a [Consumer] needs. Fields without a stated default are required.
type Config struct {
	// Name is the consumer's name in offsets, states and metrics.
	Name string
	// Generation is the generation of the view that it fills; a projection's version, 1 for a publisher.
	Generation int
	Effect     Effect

	Store    Store
	Feed     ports.ChangeFeed
	Views    ports.ViewStore
	Registry ports.ConsumerRegistry

	Now    func() time.Time
	Logger *slog.Logger

	// Backoff between attempts; 20 ms to 10 s by default.
	Backoff Backoff
	// FailAfter is the number of attempts after which a stuck event is reported; 3 by default.
	FailAfter int
	// Workers is how many orders are brought up to date at once while catching up; 8 by default.
	Workers int
}

func (c Config) withDefaults() Config {
	if c.Backoff == (Backoff{}) {
		c.Backoff = Backoff{First: 20 * time.Millisecond, Max: 10 * time.Second}
	}
	if c.FailAfter == 0 {
		c.FailAfter = 3
	}
	if c.Workers == 0 {
		c.Workers = 8
	}
	return c
}

// Consumer is one consumer of the change feed. Its methods are safe for concurrent use, except that Pull runs once at a
// time and that Handle is not called concurrently for one order.
type Consumer struct {
	config Config
	log    *slog.Logger
	view   ports.ViewID
	health health

	// locks keep catching up and following from working on one order at the same time. An order's lock is chosen by the last
	// byte of its id, which is random in every kind of UUID that is in use.
	locks [256]sync.Mutex
}

// New returns a Consumer.
func New(config Config) *Consumer {
	config = config.withDefaults()
	return &Consumer{
		config: config,
		log:    config.Logger.With("consumer", config.Name),
		view:   ports.ViewID{Consumer: config.Name, Generation: config.Generation},
		health: newHealth(config),
	}
}

// Name returns the consumer's name.
func (c *Consumer) Name() string { return c.config.Name }

// Handle applies the effect of record and of everything before it that is missing. It retries until that worked, and returns
// an error only when ctx ends, or when Pull has ended and another attempt would have to be waited for.
func (c *Consumer) Handle(ctx context.Context, record eventsourcing.Record) error {
	orderID, sequence := record.AggregateID, record.SequenceNumber
	for attempt := 1; ; attempt++ {
		err := c.protect(func() error { return c.handle(ctx, record) })
		if err == nil {
			if attempt > 1 {
				c.flows(orderID, sequence)
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		c.stuck(orderID, sequence, attempt, err)
		if stopped := c.config.Backoff.wait(ctx, c.health.stopping(), attempt); stopped != nil {
			return fmt.Errorf("%w: %w", stopped, err)
		}
	}
}

// stuck and flows keep the health of one order, and log when it changes.
func (c *Consumer) stuck(orderID uuid.UUID, sequence uint64, attempt int, err error) {
	if c.health.failed(orderID, sequence, attempt, err) {
		c.log.Error("order is stuck, retrying", "order_id", orderID, "sequence_number", sequence, "error", err)
	}
}

func (c *Consumer) flows(orderID uuid.UUID, sequence uint64) {
	if c.health.recovered(orderID) {
		c.log.Info("order flows again", "order_id", orderID, "sequence_number", sequence)
	}
}

// protect turns a panic of work into an error, so that one bad event cannot end the process. Only the stack is logged here:
// the error is handled, and perhaps shown, by the caller.
func (c *Consumer) protect(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			c.log.Error("panic", "value", p, "stack", string(debug.Stack()))
		}
	}()
	return work()
}

func (c *Consumer) handle(ctx context.Context, record eventsourcing.Record) error {
	lock := c.lock(record.AggregateID)
	lock.Lock()
	defer lock.Unlock()

	state, err := c.config.Views.State(ctx, c.view, record.AggregateID)
	if err != nil {
		return err
	}
	records := []eventsourcing.Record{record}
	switch due := state.SequenceNumber + 1; {
	case record.SequenceNumber < due:
		c.health.duplicates.Add(1)
		return nil
	case record.SequenceNumber > due:
		if records, err = c.missing(ctx, record, state.SequenceNumber); err != nil {
			return err
		}
		c.health.healed.Add(record.SequenceNumber - due)
		c.log.Warn("filled a hole in the feed from the event store",
			"order_id", record.AggregateID, "from", due, "to", record.SequenceNumber-1)
	}
	return c.apply(ctx, record.AggregateID, state, records)
}

// missing reads what is behind after, which must reach at least up to record.
func (c *Consumer) missing(ctx context.Context, record eventsourcing.Record, after uint64) ([]eventsourcing.Record, error) {
	records, err := c.config.Store.Load(ctx, record.AggregateID, after)
	if err != nil {
		return nil, err
	}
	if err := eventsourcing.CheckHistory(records, record.AggregateID, after); err != nil {
		return nil, fmt.Errorf("%w: %w", ports.ErrCorrupt, err)
	}
	if end := after + uint64(len(records)); end < record.SequenceNumber {
		return nil, fmt.Errorf("%w: the feed delivered event %d of %s, but the event store ends at %d",
			ports.ErrCorrupt, record.SequenceNumber, record.AggregateID, end)
	}
	return records, nil
}

// apply performs the effect of records, which follow state.
func (c *Consumer) apply(ctx context.Context, orderID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) error {
	change, err := c.config.Effect.Apply(ctx, state.Data, records)
	if err != nil {
		return err
	}
	change.OrderID = orderID
	change.State.SequenceNumber = records[len(records)-1].SequenceNumber
	if err := c.config.Views.Apply(ctx, c.view, change); err != nil {
		return err
	}
	c.health.handled.Add(uint64(len(records)))
	return nil
}

func (c *Consumer) lock(orderID uuid.UUID) *sync.Mutex {
	return &c.locks[orderID[len(orderID)-1]]
}

// Status says how the consumer is.
func (c *Consumer) Status(ctx context.Context) (ports.ConsumerStatus, error) {
	lag, err := c.config.Feed.Lag(ctx, c.config.Name)
	if err != nil && !errors.Is(err, ports.ErrNoOffset) {
		return ports.ConsumerStatus{}, fmt.Errorf("lag of %s: %w", c.config.Name, err)
	}
	status := c.health.status()
	status.Name, status.Generation, status.Lag = c.config.Name, c.config.Generation, lag
	if status.State == ports.ConsumerCatchingUp {
		status.Lag = ports.Lag{} // the offset is at the end already, the view is not
	}
	return status, nil
}
