package parking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/health"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what a [Desk] needs. All fields but the flags are required.
type Config struct {
	// Name is the name of the consumer.
	Name string
	Lot  *Lot
	// Max is the number of parked aggregates beyond which the consumer stops instead of parking
	// more.
	Max int
	// Shared reports whether other processes work as the consumer, too.
	Shared bool
	// Publishes reports whether the consumer fills no table. Repairable reports whether the store
	// can replace the rows of one aggregate.
	Publishes, Repairable bool
	// Alone runs work on one aggregate while no other work on it runs, and turns a panic into an
	// error.
	Alone func(id uuid.UUID, work func() error) error
	// Enter returns the view that is read, and keeps the consumer from ending its life until leave
	// is called. Its error says why the consumer does not work in this process.
	Enter func() (view *filling.View, leave func(), err error)
	// Halt stops the consumer until an operator resumes it.
	Halt   func(err error)
	Health *health.Health
	Now    func() time.Time
	Logger *slog.Logger
}

// Desk parks aggregates, and lets operators retry and skip. Its methods are safe for concurrent
// use.
type Desk struct {
	config Config
	lot    *Lot
	// parking is held while another aggregate is parked, so that no more than Max are.
	parking sync.Mutex
}

// NewDesk returns a Desk.
func NewDesk(config Config) *Desk { return &Desk{config: config, lot: config.Lot} }

// now is the time as it is stored.
func (d *Desk) now() time.Time { return eventsourcing.Timestamp(d.config.Now()) }

// errTooManyParked stops the consumer: when so many aggregates fail, the cause is not in the
// aggregates.
var errTooManyParked = errors.New(
	"too many aggregates are parked: find the cause, retry or skip some of them, and resume the consumer")

// errTooManyWait keeps the consumer at its position until a newer program takes over.
var errTooManyWait = errors.New("too many aggregates wait for a newer version of the program: start that version")

// Park parks the aggregate of record. The entry is stored before the record counts as done, so the
// offset never passes an event that is neither applied nor parked.
func (d *Desk) Park(ctx context.Context, record eventsourcing.Record, attempts int, cause error) error {
	return d.config.Alone(record.AggregateID, func() error {
		d.parking.Lock()
		defer d.parking.Unlock()
		if d.lot.Count() >= d.config.Max {
			return d.tooMany(record, cause)
		}
		return d.setAside(ctx, ports.ParkedAggregate{ParkedAt: d.now()}, failure.Event(cause, record), attempts, cause)
	})
}

// tooMany is the error for an aggregate that cannot be parked any more. The consumer stops itself.
// If the program is only too old, the consumer keeps trying, so that no operator has to resume it
// after the upgrade.
func (d *Desk) tooMany(record eventsourcing.Record, cause error) error {
	if failure.Newer(cause) {
		return fmt.Errorf("%w (%d); the last one, %s, fails with: %w",
			errTooManyWait, d.config.Max, record.AggregateID, cause)
	}
	err := fmt.Errorf("%w (%d); the last one, %s, fails with: %w", errTooManyParked, d.config.Max, record.AggregateID, cause)
	d.config.Halt(err)
	return err
}

// setAside stores what is known about an aggregate that makes no progress. The caller holds it.
func (d *Desk) setAside(
	ctx context.Context, parked ports.ParkedAggregate, failed eventsourcing.Record, attempts int, cause error,
) error {
	parked.AggregateType, parked.AggregateID = failed.AggregateType, failed.AggregateID
	if parked.SequenceNumber != failed.SequenceNumber || parked.FailedAt.IsZero() {
		parked.FailedAt = cmp.Or(d.config.Health.Since(failed.AggregateID), d.now())
	}
	parked.SequenceNumber, parked.EventID, parked.EventType = failed.SequenceNumber, failed.EventID, failed.EventType
	parked.Kind, parked.Error = failure.KindOf(cause), cause.Error()
	parked.Attempts += attempts
	if err := d.lot.Park(ctx, parked); err != nil {
		return fmt.Errorf("park aggregate %s: %w (it failed with: %w)", parked.AggregateID, err, cause)
	}
	d.config.Health.Recovered(parked.AggregateID)
	d.config.Logger.ErrorContext(ctx, "aggregate is parked; its events wait until it is retried or one is skipped",
		"aggregate_id", parked.AggregateID, "sequence_number", parked.SequenceNumber, "event_type", parked.EventType,
		"kind", parked.Kind, "attempts", parked.Attempts, "error", cause)
	return nil
}

// Retry applies the events of a parked aggregate, from the event that failed to the last one.
func (d *Desk) Retry(ctx context.Context, id uuid.UUID) error {
	return d.release(ctx, id, func(ports.ParkedAggregate) error { return nil })
}

// Skip skips the event that failed, records the reason, and applies the rest.
func (d *Desk) Skip(ctx context.Context, id uuid.UUID, reason string) error {
	return d.release(ctx, id, func(parked ports.ParkedAggregate) error {
		// From now on every generation skips the event by itself, this one included.
		err := d.lot.Skip(ctx, ports.Skip{
			AggregateID: id, SequenceNumber: parked.SequenceNumber, EventID: parked.EventID, EventType: parked.EventType,
			Reason: reason, Error: parked.Error, SkippedAt: d.now(),
		})
		if err == nil {
			d.config.Logger.WarnContext(ctx, "event is skipped",
				"aggregate_id", id, "sequence_number", parked.SequenceNumber, "reason", reason)
		}
		return err
	})
}

// release prepares a parked aggregate and brings it up to its last event. Then it is not parked any
// more.
func (d *Desk) release(ctx context.Context, id uuid.UUID, prepare func(ports.ParkedAggregate) error) error {
	view, leave, err := d.config.Enter()
	if err != nil {
		return err
	}
	defer leave()
	return d.config.Alone(id, func() error {
		if d.config.Shared { // any process may have parked it
			if err := d.lot.LoadParked(ctx); err != nil {
				return err
			}
		}
		parked, ok := d.lot.Get(id)
		if !ok {
			return fmt.Errorf("parked aggregate %s of %s: %w", id, d.config.Name, ports.ErrNotFound)
		}
		if err := prepare(parked); err != nil {
			return err
		}
		return d.bringBack(ctx, view, parked)
	})
}

// bringBack brings a parked aggregate up to its last event. The caller holds the aggregate.
func (d *Desk) bringBack(ctx context.Context, view *filling.View, parked ports.ParkedAggregate) error {
	id := parked.AggregateID
	// To the end, also when the event that failed has been applied: an earlier attempt may have
	// applied it and then failed, and later events have been left out since.
	if err := d.bringUpParked(ctx, parked, func() (int, error) { return view.BringUpToEnd(ctx, id) }); err != nil {
		return err
	}
	if err := d.lot.Unpark(ctx, id); err != nil {
		return err
	}
	if d.config.Shared { // the event store has by now what another process has skipped until then
		err := d.bringUpParked(ctx, parked, func() (int, error) { return view.BringUpToEnd(ctx, id) })
		if err != nil {
			return fmt.Errorf("aggregate %s is not parked any more, but may miss its last events until the next one: %w",
				id, err)
		}
	}
	d.config.Health.Recovered(id)
	d.config.Logger.InfoContext(ctx, "aggregate is not parked any more", "aggregate_id", id)
	return nil
}

// bringUpParked calls bringUp for a parked aggregate, and parks it again if that fails. The caller
// holds the aggregate.
func (d *Desk) bringUpParked(
	ctx context.Context, parked ports.ParkedAggregate, bringUp func() (advanced int, err error),
) error {
	err := failure.Protect(d.config.Logger, func() error {
		advanced, err := bringUp()
		d.config.Health.Handled.Add(uint64(advanced))
		return err
	})
	if err == nil || failure.Transient(err) {
		return err
	}
	failed := failure.Event(err, eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: parked.AggregateType, AggregateID: parked.AggregateID, SequenceNumber: parked.SequenceNumber,
			EventID: parked.EventID,
		},
		EventType: parked.EventType,
	})
	parked.RetriedAt = d.now()
	if err := d.setAside(ctx, parked, failed, 1, err); err != nil {
		return err
	}
	parked, _ = d.lot.Get(parked.AggregateID)
	return &ports.StillParkedError{Parked: parked}
}

// RetryWaiting tries the aggregates that waited for a newer program: this one may be it. It returns
// true if some of them could not be tried, for a reason that passes.
func (d *Desk) RetryWaiting(ctx context.Context) (again bool) {
	for _, parked := range d.lot.All() {
		if parked.Kind != ports.FailureNewer || ctx.Err() != nil {
			continue
		}
		err := d.release(ctx, parked.AggregateID, func(ports.ParkedAggregate) error { return nil })
		if still := (*ports.StillParkedError)(nil); errors.As(err, &still) && still.Parked.Kind == ports.FailureNewer {
			continue // most of the others will fail, too; each costs one read
		}
		if err != nil && ctx.Err() == nil {
			d.config.Logger.Warn("aggregate that waited for a newer program stays parked",
				"aggregate_id", parked.AggregateID, "error", err)
			again = again || failure.Transient(err)
		}
	}
	return again
}
