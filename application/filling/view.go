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
	// Load is that of ports.EventStore.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Skips tells which events are to be passed over.
type Skips interface {
	// Skipped says so of one event, from memory.
	Skipped(aggregateID uuid.UUID, sequence uint64) bool
	// RefreshSkips reads what is stored about one aggregate into memory.
	RefreshSkips(ctx context.Context, aggregateID uuid.UUID) error
}

// Config is what a [View] needs. All fields are required but Repairer, From and Untrusted.
type Config struct {
	// View is the generation that is filled.
	View   ports.ViewID
	Effect Effect
	// Table is the table that the effect fills; nil for a publisher.
	Table *projection.Table
	Store Loader
	Views ports.ViewStore
	Skips Skips
	// Repairer replaces rows that are wrong; nil where the store cannot.
	Repairer ports.ViewRepairer
	// From is the time of the first event that has an effect; zero for all events.
	From time.Time
	// Untrusted says that records which a feed delivers are hints: the events are read from Store.
	Untrusted bool
	Logger    *slog.Logger
}

// View is one generation of what a consumer keeps. Calls for one aggregate must come one after the
// other.
type View struct{ config Config }

// NewView returns a View.
func NewView(config Config) *View { return &View{config: config} }

// ID is the generation that is filled.
func (v *View) ID() ports.ViewID { return v.config.View }

// Step is what handling some records did.
type Step struct {
	// Applied is how many events were applied, Healed how many of them the feed had left out, and
	// Duplicates how many records were dropped because their events had been applied before.
	Applied, Healed, Duplicates int
	// Foreign holds the records that are not in the event store. They had no effect.
	Foreign []eventsourcing.Record
}

// Handle applies record, and before it what is missing. The error names the event that is to blame;
// see [failure.Event].
func (v *View) Handle(ctx context.Context, record eventsourcing.Record) (Step, error) {
	state, err := v.State(ctx, record.AggregateID)
	if err != nil {
		return Step{}, err
	}
	next, did, err := v.due(ctx, state, []eventsourcing.Record{record})
	if err != nil || len(next) == 0 {
		return did, err
	}
	did.Applied, err = v.advance(ctx, record.AggregateID, state, next)
	return did, err
}

// BringUp applies what the event store holds of one aggregate, which is at least up to head, and
// the view does not.
func (v *View) BringUp(ctx context.Context, head ports.Head) (advanced int, err error) {
	state, err := v.State(ctx, head.AggregateID)
	if err != nil || state.SequenceNumber >= head.SequenceNumber {
		return 0, err
	}
	return v.bringUp(ctx, head.AggregateID, state, head.SequenceNumber)
}

// BringUpToEnd applies all that the event store holds of one aggregate and the view does not.
func (v *View) BringUpToEnd(ctx context.Context, aggregateID uuid.UUID) (advanced int, err error) {
	state, err := v.State(ctx, aggregateID)
	if err != nil {
		return 0, err
	}
	return v.bringUp(ctx, aggregateID, state, 0)
}

func (v *View) bringUp(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, upTo uint64) (advanced int, err error) {
	records, err := v.missing(ctx, aggregateID, state.SequenceNumber, upTo)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	return v.advance(ctx, aggregateID, state, records)
}

// Take applies what the view does not have of a history that was read as a whole.
func (v *View) Take(ctx context.Context, history []eventsourcing.Record) error {
	aggregateID := history[0].AggregateID
	if err := check(history, aggregateID, 0); err != nil {
		return err
	}
	state, err := v.State(ctx, aggregateID)
	if err != nil || state.SequenceNumber >= uint64(len(history)) {
		return err
	}
	_, err = v.advance(ctx, aggregateID, state, history[state.SequenceNumber:])
	return err
}

// State tells how far the view is with one aggregate. A state that cannot be read counts as none:
// the view is derived from the events, and begins with the first one again.
func (v *View) State(ctx context.Context, aggregateID uuid.UUID) (ports.ViewState, error) {
	state, err := v.config.Views.State(ctx, v.config.View, aggregateID)
	if errors.Is(err, ports.ErrCorrupt) {
		v.config.Logger.Error("the state of an aggregate cannot be read; the view begins with its first event again",
			"aggregate_id", aggregateID, "generation", v.config.View.Generation, "error", err)
		return ports.ViewState{}, nil
	}
	return state, failure.Mark(ports.FailureStore, err)
}

// missing reads what is behind after, which must reach at least up to the given sequence number.
func (v *View) missing(ctx context.Context, aggregateID uuid.UUID, after, upTo uint64) ([]eventsourcing.Record, error) {
	records, err := v.config.Store.Load(ctx, aggregateID, after)
	if err != nil {
		return nil, failure.Mark(ports.FailureStore, err)
	}
	if err := check(records, aggregateID, after); err != nil {
		return nil, err
	}
	if end := after + uint64(len(records)); end < upTo {
		return nil, failure.Mark(ports.FailureStore, fmt.Errorf("%w: event %d of %s was announced, but the event store ends at %d",
			ports.ErrCorrupt, upTo, aggregateID, end))
	}
	return records, nil
}

// check makes a broken history an error of the store.
func check(records []eventsourcing.Record, aggregateID uuid.UUID, after uint64) error {
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return failure.Mark(ports.FailureStore, fmt.Errorf("%w: %w", ports.ErrCorrupt, err))
	}
	return nil
}

// advance applies records, which follow state: all at once, or when one of them fails as far as
// possible and that one by one, so that the error names it; see [failure.Event].
func (v *View) advance(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) (advanced int, err error) {
	if _, err = v.apply(ctx, aggregateID, state, records); err == nil {
		return len(records), nil
	}
	for i, record := range records {
		if len(records) > 1 { // else it was just tried
			if state, err = v.apply(ctx, aggregateID, state, records[i:i+1]); err == nil {
				continue
			}
		}
		if failure.Transient(err) {
			return i, err
		}
		// Another process may have been told to skip it.
		if refreshed := v.config.Skips.RefreshSkips(ctx, aggregateID); refreshed != nil {
			return i, refreshed
		}
		if !v.config.Skips.Skipped(aggregateID, record.SequenceNumber) {
			return i, failure.Of(record, err)
		}
		if state, err = v.apply(ctx, aggregateID, state, records[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

// apply performs the effect of records and stores it. When that fails, it returns state as it was.
func (v *View) apply(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) (ports.ViewState, error) {
	change, err := v.change(ctx, aggregateID, state, records)
	if err != nil {
		return state, err
	}
	if err := v.store(ctx, change); err != nil {
		return state, err
	}
	return change.State, nil
}

// change performs the effect of records, which follow state.
func (v *View) change(ctx context.Context, aggregateID uuid.UUID, state ports.ViewState, records []eventsourcing.Record) (ports.Change, error) {
	change, err := v.perform(ctx, state.Data, v.effective(records))
	change.AggregateID, change.State.SequenceNumber = aggregateID, records[len(records)-1].SequenceNumber
	return change, err
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
func (v *View) perform(ctx context.Context, data []byte, records []eventsourcing.Record) (change ports.Change, err error) {
	if len(records) == 0 {
		return ports.Change{State: ports.ViewState{Data: data}}, nil
	}
	err = failure.Protect(v.config.Logger, func() error {
		change, err = v.config.Effect.Apply(ctx, data, records)
		return err
	})
	return change, err
}
