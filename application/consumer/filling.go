package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// filling keeps one generation of the view. Callers hold the order's lock.
type filling struct {
	config *Config
	view   ports.ViewID
	// from is the time of the first event that has an effect.
	from time.Time
}

// eventError says which event could not be applied.
type eventError struct {
	record eventsourcing.Record
	error
}

func (e *eventError) Unwrap() error { return e.error }

// step is what handling one record did: how many events were applied, and how many of them the feed had left out.
type step struct{ applied, healed int }

// handle applies record, and before it what is missing.
func (f *filling) handle(ctx context.Context, record eventsourcing.Record) (step, error) {
	state, err := f.state(ctx, record.AggregateID)
	if err != nil || record.SequenceNumber <= state.SequenceNumber {
		return step{}, err
	}
	hole := int(record.SequenceNumber - state.SequenceNumber - 1)
	records := []eventsourcing.Record{record}
	if hole > 0 {
		// This may read more than up to record. What is behind it, the feed will bring again.
		if records, err = f.missing(ctx, record.AggregateID, state.SequenceNumber, record.SequenceNumber); err != nil {
			return step{}, err
		}
	}
	applied, err := f.advance(ctx, record.AggregateID, state, records)
	return step{applied, hole}, err
}

// bringUp applies what the event store holds of one order, which is at least up to head, and the view does not.
func (f *filling) bringUp(ctx context.Context, head ports.Head) (advanced int, err error) {
	state, err := f.state(ctx, head.AggregateID)
	if err != nil || state.SequenceNumber >= head.SequenceNumber {
		return 0, err
	}
	records, err := f.missing(ctx, head.AggregateID, state.SequenceNumber, head.SequenceNumber)
	if err != nil {
		return 0, err
	}
	return f.advance(ctx, head.AggregateID, state, records)
}

// bringUpToEnd applies all that the event store holds of one order and the view does not.
func (f *filling) bringUpToEnd(ctx context.Context, aggregateID uuid.UUID) (advanced int, err error) {
	history, err := f.config.Store.Load(ctx, aggregateID, 0)
	if err != nil {
		return 0, err
	}
	return f.bringUp(ctx, ports.Head{AggregateID: aggregateID, SequenceNumber: uint64(len(history))})
}

// take applies what the view has not of a history that was read as a whole.
func (f *filling) take(ctx context.Context, history []eventsourcing.Record) error {
	aggregateID := history[0].AggregateID
	if err := eventsourcing.CheckHistory(history, aggregateID, 0); err != nil {
		return failure(ports.FailureStore, fmt.Errorf("%w: %w", ports.ErrCorrupt, err))
	}
	state, err := f.state(ctx, aggregateID)
	if err != nil || state.SequenceNumber >= uint64(len(history)) {
		return err
	}
	_, err = f.advance(ctx, aggregateID, state, history[state.SequenceNumber:])
	return err
}

func (f *filling) state(ctx context.Context, aggregateID uuid.UUID) (ports.ViewState, error) {
	state, err := f.config.Views.State(ctx, f.view, aggregateID)
	return state, failure(ports.FailureStore, err)
}

// missing reads what is behind after, which must reach at least up to the given sequence number.
func (f *filling) missing(ctx context.Context, aggregateID uuid.UUID, after, upTo uint64) ([]eventsourcing.Record, error) {
	records, err := f.config.Store.Load(ctx, aggregateID, after)
	if err != nil {
		return nil, failure(ports.FailureStore, err)
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return nil, failure(ports.FailureStore, fmt.Errorf("%w: %w", ports.ErrCorrupt, err))
	}
	if end := after + uint64(len(records)); end < upTo {
		return nil, failure(ports.FailureStore, fmt.Errorf("%w: event %d of %s was announced, but the event store ends at %d",
			ports.ErrCorrupt, upTo, aggregateID, end))
	}
	return records, nil
}

// advance applies records, which follow state: all at once, or when one of them fails as far as possible and that one by one,
// so that the error, an *eventError, names it.
func (f *filling) advance(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) (advanced int, err error) {
	if _, err = f.apply(ctx, aggregateID, state, records); err == nil {
		return len(records), nil
	}
	for i, record := range records {
		if len(records) > 1 { // else it was just tried
			var next ports.ViewState
			if next, err = f.apply(ctx, aggregateID, state, records[i:i+1]); err == nil {
				state = next
				continue
			}
		}
		if transient(err) {
			return i, err
		}
		skipped, skipErr := f.wasSkipped(ctx, record)
		if skipErr != nil {
			return i, skipErr
		}
		if !skipped {
			return i, &eventError{record, err}
		}
		if state, err = f.pass(ctx, aggregateID, state, record); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

// apply performs the effect of records and stores it.
func (f *filling) apply(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) (ports.ViewState, error) {
	effective := records
	if !f.from.IsZero() {
		effective = nil
		for _, r := range records {
			if !r.CreatedAt.Before(f.from) {
				effective = append(effective, r)
			}
		}
	}
	change := ports.Change{State: ports.ViewState{Data: state.Data}}
	if len(effective) > 0 {
		var err error
		if change, err = f.config.Effect.Apply(ctx, state.Data, effective); err != nil {
			return state, err
		}
	}
	return f.store(ctx, aggregateID, change, records[len(records)-1].SequenceNumber)
}

// pass counts record as handled without an effect.
func (f *filling) pass(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, record eventsourcing.Record) (ports.ViewState, error) {
	return f.store(ctx, aggregateID, ports.Change{State: ports.ViewState{Data: state.Data}}, record.SequenceNumber)
}

func (f *filling) store(ctx context.Context, aggregateID uuid.UUID, change ports.Change, sequence uint64) (ports.ViewState, error) {
	change.AggregateID, change.State.SequenceNumber = aggregateID, sequence
	return change.State, failure(ports.FailureStore, f.config.Views.Apply(ctx, f.view, change))
}

// wasSkipped says whether somebody has decided that record is to be passed over.
func (f *filling) wasSkipped(ctx context.Context, record eventsourcing.Record) (bool, error) {
	query := ports.SkipQuery{Consumer: f.config.Name, AggregateID: record.AggregateID, Limit: 100}
	for {
		page, err := f.config.Skips.Skips(ctx, query)
		if err != nil {
			return false, err
		}
		for _, skip := range page.Skips {
			if skip.SequenceNumber == record.SequenceNumber {
				return true, nil
			}
		}
		if query.After = page.Next; query.After == "" {
			return false, nil
		}
	}
}

// failing returns the event that err is about; record when err does not say.
func failing(err error, record eventsourcing.Record) eventsourcing.Record {
	if named := (*eventError)(nil); errors.As(err, &named) {
		return named.record
	}
	return record
}
