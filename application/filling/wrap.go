package filling

import (
	"context"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Apply is the method of an [Effect].
type Apply func(ctx context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error)

// Wrap returns an effect that does apply in the place of another one. It says of itself what that
// one says: whether it waits (see [Waiting]), and whether its target can be probed (see
// [ports.Probe]). before is called before the target is probed, and its error is that of the probe;
// nil means that nothing is called.
//
// It is for what stands in front of a publisher. The effect of a projection goes on from what it
// keeps in memory, and loses that when it is wrapped.
func Wrap(effect Effect, apply Apply, before func() error) Effect {
	wrapped := applying{apply}
	_, waits := effect.(Waiting)
	target, probes := effect.(ports.Probe)
	probe := func(ctx context.Context) error {
		if before != nil {
			if err := before(); err != nil {
				return err
			}
		}
		return target.Probe(ctx)
	}
	switch {
	case waits && probes:
		return waitingProbed{waiting{wrapped}, probe}
	case waits:
		return waiting{wrapped}
	case probes:
		return probed{wrapped, probe}
	default:
		return wrapped
	}
}

type applying struct{ apply Apply }

// Apply implements [Effect].
func (a applying) Apply(ctx context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	return a.apply(ctx, state, records)
}

// waiting is an effect that waits for something outside.
type waiting struct{ Effect }

// Waits implements [Waiting].
func (waiting) Waits() {}

// probed is an effect whose target can be asked whether it is there.
type probed struct {
	Effect
	probe func(context.Context) error
}

// Probe implements [ports.Probe].
func (p probed) Probe(ctx context.Context) error { return p.probe(ctx) }

// waitingProbed is both.
type waitingProbed struct {
	Waiting
	probe func(context.Context) error
}

// Probe implements [ports.Probe].
func (p waitingProbed) Probe(ctx context.Context) error { return p.probe(ctx) }
