package personal_test

import (
	"context"
	"errors"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/application/personal"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

type probing struct {
	*memory.Publisher
	err error
}

func (p probing) Probe(context.Context) error { return p.err }

func TestPublisher_publishesWhatWasChanged(t *testing.T) {
	t.Parallel()
	var target memory.Publisher
	refused := errors.New("refused")
	p := personal.Publisher(&target, func(r eventsourcing.Record) (eventsourcing.Record, error) {
		if string(r.Payload) == "bad" {
			return eventsourcing.Record{}, refused
		}
		r.Payload = []byte("changed")
		return r, nil
	})
	if err := p.Publish(t.Context(), eventsourcing.Record{EventType: "a", Payload: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), eventsourcing.Record{Payload: []byte("bad")}); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	published := target.Published()
	if len(published) != 1 || published[0].EventType != "a" || string(published[0].Payload) != "changed" {
		t.Errorf("published is %+v", published)
	}
	if _, ok := p.(ports.Probe); ok {
		t.Error("it can be probed, and its target cannot")
	}
	gone := errors.New("gone")
	if probe, ok := personal.Publisher(probing{&target, gone}, nil).(ports.Probe); !ok || !errors.Is(probe.Probe(t.Context()), gone) {
		t.Error("the probe of the target is lost")
	}
}
