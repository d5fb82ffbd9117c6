package filling

import (
	"context"
	"fmt"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Effect is what a consumer does with events.
type Effect interface {
	// Apply performs records, the next ones of one aggregate, and returns what is to be kept. The
	// caller fills in the sequence number and the aggregate id. state is what the previous Apply
	// for that aggregate returned; it is nil at first. Apply may be called again with the same
	// arguments after an error or a crash.
	Apply(ctx context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error)
}

// Project returns the effect of a projection: it keeps the rows of its table.
func Project(p *projection.Projection, codec ports.Decoder) Effect {
	return projecting{projection: p, codec: codec}
}

type projecting struct {
	projection *projection.Projection
	codec      ports.Decoder
}

// keeping is an effect that can go on from what it keeps in memory.
type keeping interface {
	// goOn does what Apply does, from the state of a stand, and returns what the next call can go
	// on from.
	goOn(at stand, records []eventsourcing.Record) (ports.Change, *projection.Kept, error)
}

// Apply implements [Effect].
func (p projecting) Apply(_ context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	change, _, err := p.goOn(stand{data: state}, records)
	return change, err
}

func (p projecting) goOn(at stand, records []eventsourcing.Record) (ports.Change, *projection.Kept, error) {
	events := make([]projection.Event, len(records))
	for i, r := range records {
		var err error
		if events[i], err = p.codec.Decode(r); err != nil {
			return ports.Change{}, nil, failure.Mark(ports.FailureUndecodable, err)
		}
	}
	step, kept, err := p.advance(at, events)
	if err != nil {
		return ports.Change{}, nil, failure.Mark(ports.FailureBug, fmt.Errorf("%w: %w", ports.ErrCorrupt, err))
	}
	return ports.Change{
		State:  ports.ViewState{Data: step.State},
		Table:  p.projection.Table,
		Put:    step.Put,
		Delete: step.Delete,
	}, &kept, nil
}

func (p projecting) advance(at stand, events []projection.Event) (projection.Step, projection.Kept, error) {
	if at.kept != nil {
		return p.projection.Continue(*at.kept, events)
	}
	if at.fresh {
		return p.projection.Begin(events)
	}
	kept, err := p.projection.Open(at.data)
	if err != nil {
		return projection.Step{}, projection.Kept{}, err
	}
	return p.projection.Continue(kept, events)
}

// Publish returns the effect of a publisher: it publishes each record, in order. A publisher that
// is a [ports.Probe], too, is probed with each heartbeat. So a publisher whose target is gone falls
// behind even when there is nothing to publish.
func Publish(publisher ports.Publisher) Effect {
	effect := publishing{publisher}
	if probe, ok := publisher.(ports.Probe); ok {
		return waitingProbed{effect, probe.Probe}
	}
	return effect
}

type publishing struct{ publisher ports.Publisher }

// Waits says that records of different aggregates are published at the same time. So a publisher
// sends all that is in a batch with one write, and waits once.
func (publishing) Waits() {}

func (p publishing) Apply(ctx context.Context, _ []byte, records []eventsourcing.Record) (ports.Change, error) {
	for _, r := range records {
		if err := p.publisher.Publish(ctx, r); err != nil {
			return ports.Change{}, failure.Mark(ports.FailureRefused, err)
		}
	}
	return ports.Change{}, nil
}
