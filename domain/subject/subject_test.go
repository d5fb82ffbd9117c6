package subject_test

import (
	"strings"
	"testing"

	"orderflow/adapters/eventjson/subjectjson"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/subject"
)

const token = "0a1b2c"

func scenarios(t *testing.T) *eventtest.Scenarios[subject.Command, subject.Subject, subject.Event] {
	t.Helper()
	return eventtest.New(t, eventtest.Aggregate[subject.Command, subject.Subject, subject.Event]{
		Type: subject.Type, Decider: subject.Decider(), Codec: subjectjson.New(),
		Samples: []subject.Event{requested("r"), erased(0), erased(2)},
	})
}

func requested(reason string) subject.Event {
	return subject.ErasureRequested{Token: token, Reason: reason, Reference: "ticket 4711"}
}

func erased(plain int64) subject.Event {
	return subject.Erased{Token: token, Counts: subject.Counts{Aggregates: 3, Rewritten: 7, Plain: plain}}
}

func request(reason string) subject.RequestErasure {
	return subject.RequestErasure{SubjectID: subject.ID(token), Token: token, Reason: reason, Reference: "ticket 4711"}
}

func end(plain int64) subject.RecordErasure {
	return subject.RecordErasure{
		SubjectID: subject.ID(token), Counts: subject.Counts{Aggregates: 3, Rewritten: 7, Plain: plain},
	}
}

func TestRequestErasure(t *testing.T) {
	t.Parallel()
	s := scenarios(t)
	s.Given().When(request("r")).Then(requested("r"))
	s.Given(requested("r")).When(request("other")).ThenNothing()
	s.Given(requested("r"), erased(0)).When(request("again")).ThenNothing()
	// what is left can be tried again, for example after old events were sealed
	s.Given(requested("r"), erased(2)).When(request("again")).Then(requested("again"))
	s.Given(requested("r"), erased(2), requested("again")).When(request("more")).ThenNothing()
	s.Given(requested("r"), erased(2), requested("again"), erased(0)).When(request("more")).ThenNothing()
}

func TestRecordErasure(t *testing.T) {
	t.Parallel()
	s := scenarios(t)
	s.Given().When(end(0)).ThenRefused(subject.CodeNotRequested)
	s.Given(requested("r")).When(end(2)).Then(erased(2))
	s.Given(requested("r"), erased(0)).When(end(5)).ThenNothing()
	s.Given(requested("r"), erased(2), requested("again")).When(end(0)).Then(erased(0))
}

func TestCheck_refusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	with := func(change func(*subject.RequestErasure)) subject.RequestErasure {
		r := request("r")
		change(&r)
		return r
	}
	for name, test := range map[string]struct {
		command subject.Command
		code    string
	}{
		"no reason":        {with(func(r *subject.RequestErasure) { r.Reason = "" }), subject.CodeInvalidText},
		"a long reason":    {with(func(r *subject.RequestErasure) { r.Reason = strings.Repeat("ü", 501) }), subject.CodeInvalidText},
		"a control":        {with(func(r *subject.RequestErasure) { r.Reason = "a\nb" }), subject.CodeInvalidText},
		"not UTF-8":        {with(func(r *subject.RequestErasure) { r.Reference = "\xff" }), subject.CodeInvalidText},
		"a long reference": {with(func(r *subject.RequestErasure) { r.Reference = strings.Repeat("r", 129) }), subject.CodeInvalidText},
		"another token":    {with(func(r *subject.RequestErasure) { r.Token = "ff" }), subject.CodeInvalidSubject},
		"no token":         {with(func(r *subject.RequestErasure) { r.Token, r.SubjectID = "", subject.ID("") }), subject.CodeInvalidSubject},
		"a name as token": {
			with(func(r *subject.RequestErasure) { r.Token, r.SubjectID = "a@b", subject.ID("a@b") }), subject.CodeInvalidSubject,
		},
		"a negative count": {subject.RecordErasure{SubjectID: subject.ID(token), Counts: subject.Counts{Plain: -1}}, subject.CodeInvalidCount},
		"no command":       {nil, subject.CodeUnknownCommand},
	} {
		s := scenarios(t)
		if test.command == nil {
			if _, err := subject.Decide(subject.Subject{}, nil); err == nil || !strings.HasPrefix(err.Error(), test.code) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		s.Given().When(test.command).ThenRefused(test.code)
	}
	scenarios(t).Given().When(with(func(r *subject.RequestErasure) { r.Reference = "" })).
		Then(subject.ErasureRequested{Token: token, Reason: "r"})
}

// The id of the aggregate names the subject for ever.
func TestID_isStable(t *testing.T) {
	t.Parallel()
	if got, want := subject.ID(token).String(), "a0b1f832-39e9-8240-8db0-ad98bd553b78"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if subject.ID("a") == subject.ID("b") {
		t.Error("two subjects have one id")
	}
}

// What a command has caused says which command it was.
func TestCommandOf(t *testing.T) {
	t.Parallel()
	for _, history := range [][]subject.Event{{requested("r")}, {requested("r"), erased(2)}, {requested("r"), erased(2), requested("again")}} {
		last := len(history) - 1
		var state subject.Subject
		for _, e := range history[:last] {
			state = subject.Evolve(state, e)
		}
		command, ok := subject.CommandOf(subject.ID(token), history[last:])
		if !ok {
			t.Fatalf("no command of %+v", history[last])
		}
		events, err := subject.Decide(state, command)
		if err != nil || len(events) != 1 || events[0] != history[last] {
			t.Errorf("%+v causes %+v (%v), it was %+v", command, events, err, history[last])
		}
	}
	if _, ok := subject.CommandOf(subject.ID(token), []subject.Event{requested("r"), erased(0)}); ok {
		t.Error("one command has caused both events")
	}
}
