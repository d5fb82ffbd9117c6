package filling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Loader reads histories.
type Loader interface {
	// Load is as in ports.EventStore.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Skips knows which events are to be skipped.
type Skips interface {
	// Skipped reports, from memory, whether an event is to be skipped.
	Skipped(aggregateID uuid.UUID, sequence uint64) bool
	// RefreshSkips reads what is stored about one aggregate into memory.
	RefreshSkips(ctx context.Context, aggregateID uuid.UUID) error
}

// Config is what a [View] needs. All fields are required but Bulk, Repairer, From and Untrusted.
type Config struct {
	// View is the generation that is filled.
	View   ports.ViewID
	Effect Effect
	// Table is the table that the effect fills. It is nil for a publisher.
	Table *projection.Table
	Store Loader
	Views ports.ViewStore
	Skips Skips
	// Bulk reads many aggregates at once. It is nil where the store cannot do that.
	Bulk ports.BulkReader
	// Repairer replaces rows that are wrong. It is nil where the store cannot do that.
	Repairer ports.ViewRepairer
	// From is the time of the first event that has an effect. The zero time means all events.
	From time.Time
	// Untrusted reports whether the records that the feed delivers are only hints. Then the events
	// are read from Store.
	Untrusted bool
	// Remember is how many bytes of states the View keeps in memory, so that the next event of an
	// aggregate needs no read. It must be 0 where others write to the view, too.
	Remember int
	Logger   *slog.Logger
}

// View is one generation of what a consumer keeps. Calls for one aggregate must not be concurrent.
type View struct {
	config Config
	moving *moving
	spare  spareParts
}

// NewView returns a View.
func NewView(config Config) *View { return &View{config: config, moving: newMoving(config.Remember)} }

// ID returns the generation that is filled.
func (v *View) ID() ports.ViewID { return v.config.View }

// Step is what handling some records did.
type Step struct {
	// Applied is how many events were applied. Healed is how many of them the feed had left out.
	// Duplicates is how many records were dropped because their events had been applied before.
	Applied, Healed, Duplicates int
	// Foreign holds the records that are not in the event store. They had no effect.
	Foreign []eventsourcing.Record
}

// Handle applies record, and before it what is missing. The error names the event that failed; see
// [failure.Event].
func (v *View) Handle(ctx context.Context, record eventsourcing.Record) (Step, error) {
	id := record.AggregateID
	at, err := v.remembered(ctx, id)
	if err != nil {
		return Step{}, err
	}
	next, did, err := v.due(ctx, at.sequence, []eventsourcing.Record{record})
	if err != nil {
		return did, err
	}
	if len(next) > 0 {
		if at, did.Applied, err = v.advance(ctx, id, at, next); err != nil {
			return did, err
		}
	}
	v.moving.put(id, at)
	return did, nil
}

// BringUp applies the events of one aggregate that the view does not have. The event store has them
// at least up to head.
func (v *View) BringUp(ctx context.Context, head ports.Head) (advanced int, err error) {
	at, err := v.stored(ctx, head.AggregateID)
	if err != nil || at.sequence >= head.SequenceNumber {
		return 0, err
	}
	return v.bringUp(ctx, head.AggregateID, at, head.SequenceNumber)
}

// BringUpToEnd applies all events of one aggregate that the event store has and the view does not.
func (v *View) BringUpToEnd(ctx context.Context, aggregateID uuid.UUID) (advanced int, err error) {
	at, err := v.stored(ctx, aggregateID)
	if err != nil {
		return 0, err
	}
	return v.bringUp(ctx, aggregateID, at, 0)
}

func (v *View) bringUp(ctx context.Context, aggregateID uuid.UUID, at stand, upTo uint64) (advanced int, err error) {
	records, err := v.missing(ctx, aggregateID, at.sequence, upTo)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	_, advanced, err = v.advance(ctx, aggregateID, at, records)
	return advanced, err
}

// Take applies the part of a complete history that the view does not have.
func (v *View) Take(ctx context.Context, history []eventsourcing.Record) error {
	aggregateID := history[0].AggregateID
	if err := check(history, aggregateID, 0); err != nil {
		return err
	}
	at, err := v.stored(ctx, aggregateID)
	if err != nil || at.sequence >= uint64(len(history)) {
		return err
	}
	_, _, err = v.advance(ctx, aggregateID, at, history[at.sequence:])
	return err
}

// remembered returns the stand of an aggregate, from memory if it is there. The caller puts the
// next one into memory when the store has it.
func (v *View) remembered(ctx context.Context, aggregateID uuid.UUID) (stand, error) {
	if at, ok := v.moving.take(aggregateID); ok {
		return at, nil
	}
	return v.stored(ctx, aggregateID)
}

// stored reads the stand of an aggregate from the store, and forgets what is in memory.
func (v *View) stored(ctx context.Context, aggregateID uuid.UUID) (stand, error) {
	v.moving.take(aggregateID)
	state, err := v.State(ctx, aggregateID)
	return stand{sequence: state.SequenceNumber, data: state.Data}, err
}

// State returns how far the view is with one aggregate. A state that cannot be read counts as none:
// the view is derived from the events, and starts with the first one again.
func (v *View) State(ctx context.Context, aggregateID uuid.UUID) (ports.ViewState, error) {
	state, err := v.config.Views.State(ctx, v.config.View, aggregateID)
	if errors.Is(err, ports.ErrCorrupt) {
		v.config.Logger.Error("the state of an aggregate cannot be read; the view begins with its first event again",
			"aggregate_id", aggregateID, "generation", v.config.View.Generation, "error", err)
		return ports.ViewState{}, nil
	}
	return state, failure.Mark(ports.FailureStore, err)
}

// missing reads the events after the sequence number after. They must reach at least up to upTo.
func (v *View) missing(ctx context.Context, aggregateID uuid.UUID, after, upTo uint64) ([]eventsourcing.Record, error) {
	records, err := v.config.Store.Load(ctx, aggregateID, after)
	if err != nil {
		return nil, failure.Mark(ports.FailureStore, err)
	}
	return records, complete(records, aggregateID, after, upTo)
}

// complete returns an error of the store if records are not the events after a sequence number, at
// least up to upTo.
func complete(records []eventsourcing.Record, aggregateID uuid.UUID, after, upTo uint64) error {
	if err := check(records, aggregateID, after); err != nil {
		return err
	}
	if end := after + uint64(len(records)); end < upTo {
		return failure.Mark(ports.FailureStore, fmt.Errorf("%w: event %d of %s was announced, but the event store ends at %d",
			ports.ErrCorrupt, upTo, aggregateID, end))
	}
	return nil
}

// check returns an error of the store if a history is broken.
func check(records []eventsourcing.Record, aggregateID uuid.UUID, after uint64) error {
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return failure.Mark(ports.FailureStore, fmt.Errorf("%w: %w", ports.ErrCorrupt, err))
	}
	return nil
}

// advance applies records, which follow at, all at once. When one of them fails, it applies them
// one by one, as far as possible, so that the error names the event; see [failure.Event]. Without
// an error, it returns the stand after them.
func (v *View) advance(
	ctx context.Context, aggregateID uuid.UUID, at stand, records []eventsourcing.Record,
) (after stand, advanced int, err error) {
	if after, err = v.apply(ctx, aggregateID, at, records); err == nil {
		return after, len(records), nil
	}
	for i, record := range records {
		if len(records) > 1 { // else it was just tried
			if after, err = v.apply(ctx, aggregateID, at, records[i:i+1]); err == nil {
				at = after
				continue
			}
		}
		if failure.Transient(err) {
			return at, i, err
		}
		// An operator may have told another process to skip it.
		if refreshed := v.config.Skips.RefreshSkips(ctx, aggregateID); refreshed != nil {
			return at, i, refreshed
		}
		if !v.config.Skips.Skipped(aggregateID, record.SequenceNumber) {
			return at, i, failure.Of(record, err)
		}
		if at, err = v.apply(ctx, aggregateID, at, records[i:i+1]); err != nil {
			return at, i, err
		}
	}
	return at, len(records), nil
}

// apply performs the effect of records and stores it. It returns the stand after them.
func (v *View) apply(
	ctx context.Context, aggregateID uuid.UUID, at stand, records []eventsourcing.Record,
) (stand, error) {
	change, after, err := v.change(ctx, aggregateID, at, records)
	if err != nil {
		return at, err
	}
	if err := v.store(ctx, change); err != nil {
		return at, err
	}
	return after, nil
}

// change performs the effect of records, which follow at. It returns the stand after them.
func (v *View) change(
	ctx context.Context, aggregateID uuid.UUID, at stand, records []eventsourcing.Record,
) (ports.Change, stand, error) {
	change, kept, err := v.perform(ctx, at, v.effective(records))
	change.AggregateID, change.State.SequenceNumber = aggregateID, records[len(records)-1].SequenceNumber
	return change, stand{sequence: change.State.SequenceNumber, data: change.State.Data, kept: kept}, err
}

// store stores changes.
func (v *View) store(ctx context.Context, changes ...ports.Change) error {
	if len(changes) == 0 {
		return nil
	}
	return failure.Mark(ports.FailureStore, v.config.Views.Apply(ctx, v.config.View, changes...))
}

// effective returns the records that have an effect: those that are not too old and not skipped. It
// copies only if it must.
func (v *View) effective(records []eventsourcing.Record) []eventsourcing.Record {
	without := func(r eventsourcing.Record) bool {
		return r.CreatedAt.Before(v.config.From) || v.config.Skips.Skipped(r.AggregateID, r.SequenceNumber)
	}
	for i, r := range records {
		if !without(r) {
			continue
		}
		effective := append([]eventsourcing.Record(nil), records[:i]...)
		for _, r := range records[i+1:] {
			if !without(r) {
				effective = append(effective, r)
			}
		}
		return effective
	}
	return records
}

// perform calls the effect, and turns a panic of it into an error.
func (v *View) perform(
	ctx context.Context, at stand, records []eventsourcing.Record,
) (change ports.Change, kept *projection.Kept, err error) {
	if len(records) == 0 && at.kept == nil {
		return ports.Change{State: ports.ViewState{Data: at.data}}, nil, nil
	}
	err = failure.Protect(v.config.Logger, func() error {
		if keeping, ok := v.config.Effect.(keeping); ok {
			change, kept, err = keeping.goOn(at, records)
		} else {
			change, err = v.config.Effect.Apply(ctx, at.data, records)
		}
		return err
	})
	return change, kept, err
}
