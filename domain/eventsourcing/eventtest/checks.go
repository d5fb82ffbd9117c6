package eventtest

import (
	"errors"
	"fmt"

	"github.com/google/go-cmp/cmp"

	"orderflow/domain/eventsourcing"
)

// running is a scenario that runs, and what is wrong with it.
type running[C eventsourcing.Command, S, E any] struct {
	*Scenario[C, S, E]
	complaints
	aggregate Aggregate[C, S, E]

	// states are the states before the first event and after each. texts are their texts at that
	// time.
	states []S
	texts  []string
	err    error // of the decision
}

// lives applies the given events. It returns false when they cannot be applied.
func (r *running[C, S, E]) lives() bool {
	r.reach(r.aggregate.Decider.Initial)
	for _, e := range history(r.aggregate.Type, r.when.AggregateID(), r.given) {
		stored, ok := r.fromStore(e)
		if !ok || !r.evolve(stored) {
			return false
		}
	}
	return true
}

// fromStore returns the event of e as it comes back from storage.
func (r *running[C, S, E]) fromStore(e eventsourcing.Envelope[E]) (E, bool) {
	if !r.sampled(e.Event) {
		r.complain("there is no sample of the type of %s", render(e.Event))
	}
	back, wrong := r.of.stored(e)
	if wrong != "" {
		r.complain("%s", wrong)
	}
	return back.Event, wrong == ""
}

func (r *running[C, S, E]) sampled(e E) bool {
	for _, sample := range r.aggregate.Samples {
		if fmt.Sprintf("%T", any(sample)) == fmt.Sprintf("%T", any(e)) {
			return true
		}
	}
	return false
}

// evolve adds the state after e.
func (r *running[C, S, E]) evolve(e E) bool {
	next, ok := r.tryEvolve(r.states[len(r.states)-1], e)
	r.reach(next)
	return ok
}

func (r *running[C, S, E]) reach(state S) {
	r.states, r.texts = append(r.states, state), append(r.texts, render(state))
}

// tryEvolve applies e to state twice.
func (r *running[C, S, E]) tryEvolve(state S, e E) (next S, ok bool) {
	what := fmt.Sprintf("Evolve of %s with %s", render(state), render(e))
	stateBefore, eventBefore := render(state), render(e)
	if !r.protect(what, func() {
		next = r.aggregate.Decider.Evolve(state, e)
		first := render(next)
		if second := render(r.aggregate.Decider.Evolve(state, e)); first != second {
			r.complain("%s gave two states:\n  %s\n  %s", what, first, second)
		}
	}) {
		return state, false
	}
	r.unchanged(what, "the state", stateBefore, state)
	r.unchanged(what, "the event", eventBefore, e)
	return next, true
}

// unchanged compares v with what it was.
func (r *running[C, S, E]) unchanged(what, name, before string, v any) {
	if after := render(v); after != before {
		r.complain("%s has modified %s:\n  before %s\n  after  %s", what, name, before, after)
	}
}

// decide decides the command twice, in the last state.
func (r *running[C, S, E]) decide() (got outcome[E]) {
	state := r.states[len(r.states)-1]
	r.of.ran = append(r.of.ran, Ran[C, S]{State: state, Command: r.when})
	stateBefore, commandBefore := render(state), render(r.when)
	var first, second string
	r.protect("Decide", func() {
		var events []E
		events, r.err = r.aggregate.Decider.Decide(state, r.when)
		got = asOutcome(events, r.err)
		first = render(got)
		again, err := r.aggregate.Decider.Decide(state, r.when)
		second = render(asOutcome(again, err))
		if inEvent, inCommand, is := shared(events, r.when); is {
			r.complain("%s is memory of the event and of the command: %s", inEvent, inCommand)
		}
	})
	if first != second {
		r.complain("Decide gave two answers:\n  %s\n  %s", first, second)
	}
	r.unchanged("Decide", "the state", stateBefore, state)
	r.unchanged("Decide", "the command", commandBefore, r.when)
	r.checkRefusal(got)
	r.checkContent()
	return got
}

// checkRefusal checks an error of Decide.
func (r *running[C, S, E]) checkRefusal(got outcome[E]) {
	if r.err == nil {
		return
	}
	if len(got.Events) > 0 {
		r.complain("Decide returned events and an error: %v", r.err)
	}
	var refused eventsourcing.Refused
	if !errors.As(r.err, &refused) {
		return // it differs from every expected outcome
	}
	if refused.Refusal().Detail == "" {
		r.complain("the refusal has no detail: %v", r.err)
	}
	if r.aggregate.CheckRefusal != nil {
		if err := r.aggregate.CheckRefusal(r.when, r.err); err != nil {
			r.complain("the refusal is not right: %v", err)
		}
	}
}

// checkContent compares the content of the command with that of the commands before.
func (r *running[C, S, E]) checkContent() {
	if r.aggregate.Content == nil {
		return
	}
	head := fmt.Appendf(nil, "%s %s", r.when.Name(), r.when.AggregateID())
	content, command := string(r.aggregate.Content(head, r.when)), render(r.when)
	if again := string(r.aggregate.Content(head, r.when)); again != content {
		r.complain("the command has two contents:\n  %q\n  %q", content, again)
	}
	if other, ok := r.of.contents[content]; ok && other != command {
		r.complain("the command has the content of another one, %s: %q", other, content)
	}
	r.of.contents[content] = command
}

// checkRepeated passes the command to the runtime twice, under one id: the answers must be equal,
// and equal to what was decided.
func (r *running[C, S, E]) checkRepeated(got outcome[E]) {
	if r.aggregate.Handle == nil {
		return
	}
	handle := r.aggregate.Handle(history(r.aggregate.Type, r.when.AggregateID(), r.given))
	id := ID(uint16(commandIDs + len(r.given)))
	answer := func() (events []eventsourcing.Envelope[E], o outcome[E]) {
		events, err := handle(r.when, id)
		o = asOutcome[E](nil, err)
		for _, e := range events {
			o.Events = append(o.Events, e.Event)
		}
		return events, o
	}
	r.protect("the runtime", func() {
		events, first := answer()
		if diff := difference(got, first); diff != "" {
			r.complain("the runtime decides differently (-Decide +runtime):\n%s", diff)
			return
		}
		again, second := answer()
		if diff := cmp.Diff(events, again, everything) + difference(first, second); diff != "" {
			r.complain("the same command id again is answered differently (-first +second):\n%s", diff)
		}
	})
}

// checkTotal applies the decided events, and every sample in every state of the scenario.
func (r *running[C, S, E]) checkTotal(decided []E) {
	head := uint64(len(r.given))
	why := cause(r.aggregate.Type, r.when.AggregateID(), head)
	for _, e := range eventsourcing.Stamp(why, head, decided, ids(head)) {
		stored, ok := r.fromStore(e)
		if !ok || !r.evolve(stored) {
			return
		}
	}
	for _, state := range r.states {
		for _, sample := range r.aggregate.Samples {
			r.tryEvolve(state, sample)
		}
	}
	for i, state := range r.states {
		if now := render(state); now != r.texts[i] {
			r.complain("Evolve of one state has modified another one:\n  before %s\n  after  %s", r.texts[i], now)
		}
	}
}

// stored returns e as it comes back from the codec, or reports what is wrong with that.
func (s *Scenarios[C, S, E]) stored(e eventsourcing.Envelope[E]) (back eventsourcing.Envelope[E], wrong string) {
	codec := s.aggregate.Codec
	if codec == nil {
		return e, ""
	}
	record, err := codec.Encode(e)
	if err != nil {
		return e, fmt.Sprintf("%s cannot be encoded: %v", render(e.Event), err)
	}
	if diff := cmp.Diff(e.Header, record.Header, everything); diff != "" {
		return e, fmt.Sprintf("%s has another header when it is stored (-want +got):\n%s", render(e.Event), diff)
	}
	if record.EventType == "" || record.EventVersion < 1 {
		return e, fmt.Sprintf("%s is stored as %q version %d", render(e.Event), record.EventType, record.EventVersion)
	}
	if back, err = codec.Decode(record.Clone()); err != nil {
		return e, fmt.Sprintf("%s cannot be decoded from %s: %v", render(e.Event), record.Payload, err)
	}
	if diff := cmp.Diff(e, back, everything); diff != "" {
		return e, fmt.Sprintf("%s comes back changed from %s (-want +got):\n%s", render(e.Event), record.Payload, diff)
	}
	return back, ""
}
