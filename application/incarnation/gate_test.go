package incarnation_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/incarnation"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// counter is the effect of a publisher.
type counter struct{ published int }

func (c *counter) Apply(context.Context, []byte, []eventsourcing.Record) (ports.Change, error) {
	c.published++
	return ports.Change{}, nil
}

func TestGate(t *testing.T) {
	t.Parallel()
	original, restored := uuid.New(), uuid.New()
	tests := []struct {
		name   string
		before uuid.UUID // the store that was published from
		ahead  string
		accept bool
		closed string // what the gate says in the end
		asks   bool
	}{
		{"a new publisher", uuid.Nil, "2 events", false, "", false},
		{"the same store", restored, "2 events", false, "", false},
		{"a restored store whose target is not ahead", original, "", false, "", true},
		{"a restored store whose target is ahead", original, "2 events", false, "--accept-loss", true},
		{"a loss that is accepted", original, "2 events", true, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := memory.New(memory.Options{})
			asked := 0
			config := incarnation.Config{
				Publisher: "p", Store: tt.before, Views: store, AcceptLoss: tt.accept,
				Ahead: func(context.Context) (string, error) {
					if asked++; asked == 1 {
						return "", ports.ErrUnavailable
					}
					return tt.ahead, nil
				},
				Backoff: failure.Backoff{First: time.Nanosecond, Max: time.Nanosecond}, Logger: slog.New(slog.DiscardHandler),
			}
			if tt.before != uuid.Nil {
				if _, err := incarnation.Open(t.Context(), config); err != nil {
					t.Fatal(err)
				}
			}
			config.Store = restored
			gate, err := incarnation.Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			var published counter
			effect := gate.Guard(&published)
			apply := func() error { _, err := effect.Apply(t.Context(), nil, nil); return err }
			if err := apply(); tt.asks != errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("before the comparison: %v", err)
			}
			if err := gate.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if (asked > 0) != tt.asks {
				t.Errorf("the target was compared %d times", asked)
			}
			if tt.closed == "" {
				if err := apply(); err != nil || gate.Closed() != "" {
					t.Errorf("after the comparison: %v, %q", err, gate.Closed())
				}
			} else if err := apply(); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(gate.Closed(), tt.closed) {
				t.Errorf("after the comparison: %v, %q", err, gate.Closed())
			}
			next, err := incarnation.Open(t.Context(), config) // a restart
			if err != nil || (next.Closed() == "") != (tt.closed == "") {
				t.Errorf("after a restart: %q, %v", next.Closed(), err)
			}
		})
	}
}

// An effect that waits for its target still says so behind a gate. Otherwise a publisher would send
// the records of a batch one by one.
func TestGuard_KeepsWhatAnEffectSaysOfItself(t *testing.T) {
	t.Parallel()
	gate := &incarnation.Gate{}
	for name, publisher := range map[string]ports.Publisher{"plain": published{}, "probed": reachable{}} {
		effect := filling.Publish(publisher)
		_, probes := effect.(ports.Probe)
		guarded := gate.Guard(effect)
		if _, ok := guarded.(filling.Waiting); !ok {
			t.Errorf("%s: it does not wait any more", name)
		}
		if _, ok := guarded.(ports.Probe); ok != probes {
			t.Errorf("%s: it is a probe: %v, before: %v", name, ok, probes)
		}
	}
	if _, ok := gate.Guard(quick{}).(filling.Waiting); ok {
		t.Error("an effect that does not wait is said to wait")
	}
}

type published struct{}

func (published) Publish(context.Context, eventsourcing.Record) error { return nil }

type reachable struct{ published }

func (reachable) Probe(context.Context) error { return nil }

type quick struct{}

func (quick) Apply(context.Context, []byte, []eventsourcing.Record) (ports.Change, error) {
	return ports.Change{}, nil
}
