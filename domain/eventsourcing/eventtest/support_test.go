package eventtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
)

// The domain of these tests is a basket: things are put into it until it is closed, and a thing is
// in it once.

type (
	command interface{ eventsourcing.Command }
	put     struct{ things []string }
	closing struct{}

	event     interface{ isBasketEvent() }
	wasPut    struct{ things []string }
	wasClosed struct{}

	basket struct {
		things []string
		closed bool
	}
)

var basketID = eventtest.ID(7)

func (put) AggregateID() uuid.UUID     { return basketID }
func (put) Name() string               { return "put" }
func (closing) AggregateID() uuid.UUID { return basketID }
func (closing) Name() string           { return "close" }

func (wasPut) isBasketEvent()    {}
func (wasClosed) isBasketEvent() {}

// refusal is the error of a rule.
type refusal struct{ code, detail string }

func (r refusal) Error() string { return r.code }
func (r refusal) Refusal() eventsourcing.Refusal {
	return eventsourcing.Refusal{Code: r.code, Detail: r.detail}
}

func decide(b basket, c command) ([]event, error) {
	switch c := c.(type) {
	case put:
		if b.closed {
			return nil, refusal{"basket_closed", "the basket is closed"}
		}
		var fresh []string
		for _, thing := range c.things {
			if !slices.Contains(b.things, thing) {
				fresh = append(fresh, thing)
			}
		}
		if fresh == nil {
			return nil, nil
		}
		return []event{wasPut{fresh}}, nil
	case closing:
		if b.closed {
			return nil, nil
		}
		return []event{wasClosed{}}, nil
	default:
		return nil, refusal{"unknown_command", "no command of a basket"}
	}
}

func evolve(b basket, e event) basket {
	switch e := e.(type) {
	case wasPut:
		b.things = append(slices.Clone(b.things), e.things...)
	case wasClosed:
		b.closed = true
	}
	return b
}

func content(b []byte, c command) []byte {
	if c, ok := c.(put); ok {
		return fmt.Appendf(b, " %q", c.things)
	}
	return b
}

// codec stores things as a JSON list.
type codec struct{}

func (codec) Encode(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
	record := eventsourcing.Record{Header: e.Header, EventVersion: 1, Payload: []byte("null")}
	switch e := e.Event.(type) {
	case wasPut:
		record.EventType = "basket.put"
		record.Payload, _ = json.Marshal(e.things)
	case wasClosed:
		record.EventType = "basket.closed"
	}
	return record, nil
}

func (codec) Decode(r eventsourcing.Record) (eventsourcing.Envelope[event], error) {
	e := eventsourcing.Envelope[event]{Header: r.Header}
	switch r.EventType {
	case "basket.put":
		var things []string
		if err := json.Unmarshal(r.Payload, &things); err != nil {
			return e, err
		}
		e.Event = wasPut{things}
	case "basket.closed":
		e.Event = wasClosed{}
	default:
		return e, errors.New("unknown")
	}
	return e, nil
}

type handler = func(command, uuid.UUID) ([]eventsourcing.Envelope[event], error)

// runtime remembers which command caused which events.
func runtime(history []eventsourcing.Envelope[event]) handler {
	return func(c command, id uuid.UUID) ([]eventsourcing.Envelope[event], error) {
		var before []eventsourcing.Envelope[event]
		for _, e := range history {
			if e.CommandID == id {
				before = append(before, e)
			}
		}
		if before != nil {
			return before, nil
		}
		events, err := decide(eventsourcing.Fold(basket{}, evolve, history), c)
		cause := eventsourcing.Cause{AggregateType: "basket", AggregateID: c.AggregateID(), CommandID: id, At: eventtest.Noon}
		answer := eventsourcing.Stamp(cause, uint64(len(history)), events, uuid.New)
		history = append(history, answer...)
		return answer, err
	}
}

type aggregate = eventtest.Aggregate[command, basket, event]

// sound is the aggregate without a fault.
func sound() aggregate {
	return aggregate{
		Type: "basket", Decider: eventsourcing.Decider[command, basket, event]{Decide: decide, Evolve: evolve},
		Samples: []event{wasPut{[]string{"pen"}}, wasClosed{}},
		Codec:   codec{}, Content: content, Handle: runtime,
		CheckRefusal: func(c command, err error) error {
			if strings.Contains(err.Error(), " ") {
				return errors.New("a code with a blank")
			}
			return nil
		},
	}
}

// recorder is a test that fails for itself only.
type recorder struct {
	said     []string
	cleanups []func()
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// observe runs a test and returns what it reports.
func observe(test func(t eventtest.T)) string {
	var r recorder
	test(&r)
	for _, cleanup := range slices.Backward(r.cleanups) {
		cleanup()
	}
	return strings.Join(r.said, "\n")
}
