package transfer_test

import (
	"context"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/application/filling"
	"orderflow/application/transfer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// A publisher that leaves out what was imported still says that it waits and whether it is a probe.
// Otherwise it would send the records of a batch one by one.
func TestUnpublished_KeepsWhatAnEffectSaysOfItself(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	for name, publisher := range map[string]ports.Publisher{"plain": nowhere{}, "probed": reachable{}} {
		effect := filling.Publish(publisher)
		_, probes := effect.(ports.Probe)
		wrapped := transfer.Unpublished(effect, store)
		if _, ok := wrapped.(filling.Waiting); !ok {
			t.Errorf("%s: it does not wait any more", name)
		}
		if _, ok := wrapped.(ports.Probe); ok != probes {
			t.Errorf("%s: it is a probe: %v, before: %v", name, ok, probes)
		}
	}
	if _, ok := transfer.Unpublished(quick{}, store).(filling.Waiting); ok {
		t.Error("an effect that does not wait is said to wait")
	}
}

type nowhere struct{}

func (nowhere) Publish(context.Context, eventsourcing.Record) error { return nil }

type reachable struct{ nowhere }

func (reachable) Probe(context.Context) error { return nil }

type quick struct{}

func (quick) Apply(context.Context, []byte, []eventsourcing.Record) (ports.Change, error) {
	return ports.Change{}, nil
}
