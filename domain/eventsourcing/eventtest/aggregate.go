package eventtest

import (
	"cmp"
	"errors"
	"reflect"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// T is what scenarios report to: a *testing.T, a *rapid.T. On a *testing.T a scenario with a name
// is a subtest.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}

// Codec maps events to their stored form and back, as ports.Codec does.
type Codec[E any] interface {
	Encode(eventsourcing.Envelope[E]) (eventsourcing.Record, error)
	Decode(eventsourcing.Record) (eventsourcing.Envelope[E], error)
}

// Aggregate is an aggregate under test. Type, Decider and Samples are required.
type Aggregate[C eventsourcing.Command, S, E any] struct {
	Type    string
	Decider eventsourcing.Decider[C, S, E]
	// Samples are events, at least one of each type that the aggregate has.
	Samples []E
	// Codec, unless nil, must decode every event to what it was.
	Codec Codec[E]
	// Content, unless nil, is the text that distinguishes commands: the AppendContent of
	// application/command.
	Content func([]byte, C) []byte
	// Handle, unless nil, connects the aggregate to the runtime: it returns a handler on a store
	// that holds a history. The kit calls the handler twice with the command, under one id. Package
	// tests/handling makes Handle from a command.Aggregate.
	Handle func(history []eventsourcing.Envelope[E]) func(command C, commandID uuid.UUID) ([]eventsourcing.Envelope[E], error)
	// CheckRefusal, unless nil, returns what is wrong with the refusal of a command, beside its
	// code.
	CheckRefusal func(command C, refusal error) error
}

// Scenarios are the scenarios of one test. They run when their end is written, one after the other,
// and are not safe for concurrent use.
type Scenarios[C eventsourcing.Command, S, E any] struct {
	t         T
	aggregate Aggregate[C, S, E]
	// contents holds the command, by the content that it had.
	contents map[string]string
	ran      []Ran[C, S]
}

// Ran is a scenario that was run.
type Ran[C, S any] struct {
	// State is the state in which Command was decided.
	State   S
	Command C
}

// New returns the scenarios of a test. It fails t when a sample does not come back from the codec.
func New[C eventsourcing.Command, S, E any](t T, aggregate Aggregate[C, S, E]) *Scenarios[C, S, E] {
	t.Helper()
	s := &Scenarios[C, S, E]{t: t, aggregate: aggregate, contents: map[string]string{}}
	if len(aggregate.Samples) == 0 {
		t.Errorf("eventtest: no samples of events")
	}
	if err := eventsourcing.CheckType(aggregate.Type); err != nil {
		t.Errorf("eventtest: %v", err)
	}
	for i, e := range history(aggregate.Type, ID(1), aggregate.Samples) {
		if _, wrong := s.stored(e); wrong != "" {
			t.Errorf("eventtest: sample %d: %s", i, wrong)
		}
	}
	return s
}

// Ran returns the scenarios that were run, in their order. A test can check that they cover all
// commands and states.
func (s *Scenarios[C, S, E]) Ran() []Ran[C, S] { return s.ran }

// Scenario begins a scenario with a name.
func (s *Scenarios[C, S, E]) Scenario(name string) *Scenario[C, S, E] {
	one := &Scenario[C, S, E]{of: s, name: name}
	s.t.Cleanup(func() {
		if !one.ended {
			s.t.Errorf("eventtest: the scenario %q has no end: call Then, ThenNothing or ThenRefused", name)
		}
	})
	return one
}

// Given begins a scenario without a name: the history of the aggregate.
func (s *Scenarios[C, S, E]) Given(events ...E) *Scenario[C, S, E] {
	return s.Scenario("").Given(events...)
}

// When begins a scenario without a name on an aggregate that has no events.
func (s *Scenarios[C, S, E]) When(command C) *Decision[C, S, E] { return s.Scenario("").When(command) }

// Scenario is a scenario whose command is not set yet.
type Scenario[C eventsourcing.Command, S, E any] struct {
	of    *Scenarios[C, S, E]
	name  string
	given []E
	when  C
	ended bool
}

// Given sets the history of the aggregate, oldest event first.
func (s *Scenario[C, S, E]) Given(events ...E) *Scenario[C, S, E] {
	s.given = events
	return s
}

// When sets the command.
func (s *Scenario[C, S, E]) When(command C) *Decision[C, S, E] {
	s.when = command
	return &Decision[C, S, E]{s}
}

// Decision is a scenario whose outcome is not set yet.
type Decision[C eventsourcing.Command, S, E any] struct{ scenario *Scenario[C, S, E] }

// Then expects the command to cause these events, and runs the scenario.
func (d *Decision[C, S, E]) Then(events ...E) {
	d.scenario.of.t.Helper()
	d.run(outcome[E]{Events: events})
}

// ThenNothing expects the command to succeed without an event, and runs the scenario.
func (d *Decision[C, S, E]) ThenNothing() {
	d.scenario.of.t.Helper()
	d.run(outcome[E]{})
}

// ThenRefused expects the command to be refused with a code, and runs the scenario. The error must
// be an [eventsourcing.Refused] with a detail.
func (d *Decision[C, S, E]) ThenRefused(code string) {
	d.scenario.of.t.Helper()
	d.run(outcome[E]{Refused: code})
}

// outcome is the outcome of a command: the real one, or the expected one.
type outcome[E any] struct {
	Events  []E
	Refused string
	// Error is an error that is not a refusal.
	Error string
}

func (d *Decision[C, S, E]) run(want outcome[E]) {
	s := d.scenario
	s.ended = true
	s.of.t.Helper()
	run := func(t T) {
		t.Helper()
		if wrong := s.wrong(want); wrong != "" {
			t.Errorf("%s", wrong)
		}
	}
	if group, ok := s.of.t.(interface {
		Run(name string, f func(*testing.T)) bool
	}); ok && s.name != "" {
		group.Run(s.name, func(t *testing.T) {
			t.Helper()
			run(t)
		})
		return
	}
	run(s.of.t)
}

// wrong runs the scenario, and returns a text of it with all that is wrong. It returns "" when
// nothing is.
func (s *Scenario[C, S, E]) wrong(want outcome[E]) string {
	r := &running[C, S, E]{Scenario: s, aggregate: s.of.aggregate}
	if !r.lives() {
		return s.tell(want, r.complaints)
	}
	got := r.decide()
	if diff := difference(want, got); diff != "" {
		r.complain("but (-want +got):\n%s", diff)
	}
	r.checkRepeated(got)
	r.checkTotal(got.Events)
	return s.tell(want, r.complaints)
}

// difference returns "" when nothing differs. A nil list and an empty list are equal.
func difference[E any](want, got outcome[E]) string {
	if len(want.Events) == 0 && len(got.Events) == 0 {
		want.Events, got.Events = nil, nil
	}
	return gocmp.Diff(want, got, everything)
}

// everything makes cmp compare unexported fields.
var everything = gocmp.Exporter(func(reflect.Type) bool { return true })

// tell returns the text of the scenario, followed by the complaints about it.
func (s *Scenario[C, S, E]) tell(want outcome[E], complaints []string) string {
	if len(complaints) == 0 {
		return ""
	}
	b := tale{}
	b.line(cmp.Or(s.name, "scenario"))
	b.part("given", rendered(s.given))
	b.part("when", []string{render(s.when)})
	if want.Refused != "" {
		b.part("then", []string{"refused: " + want.Refused})
	} else {
		b.part("then", rendered(want.Events))
	}
	return b.end(complaints)
}

func rendered[E any](events []E) []string {
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = render(e)
	}
	return lines
}

// asOutcome turns an answer of Decide into an outcome.
func asOutcome[E any](events []E, err error) outcome[E] {
	got := outcome[E]{Events: events}
	var refused eventsourcing.Refused
	switch {
	case err == nil:
	case errors.As(err, &refused):
		got.Refused = refused.Refusal().Code
	default:
		got.Error = err.Error()
	}
	return got
}
