package rehearse

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/command"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// Kind decides the commands of one aggregate type again. See [For].
type Kind interface {
	// AggregateType is the type.
	AggregateType() string
	begin(id uuid.UUID) decisions
}

// decisions are those of one aggregate.
type decisions interface {
	// again takes the events of the next command, and says what differs.
	again(records []eventsourcing.Record) verdict
}

// verdict is what became of one command. At most one of the fields is set.
type verdict struct {
	// unreadable is the error of an event that cannot be decoded.
	unreadable error
	// refused is the code of the rule that refuses the command now, and changed is the name of a
	// command that decides otherwise now. detail says more.
	refused, changed, detail string
	// unknown says that no command of this program causes these events.
	unknown bool
	// sealed says that the command had personal data of which the key is not here.
	sealed bool
}

// For returns the Kind of an aggregate. commandOf returns the command that has caused some events,
// or false when there is none.
func For[C eventsourcing.Command, S, E any](
	a command.Aggregate[C, S, E], commandOf func(id uuid.UUID, events []E) (C, bool),
) Kind {
	return kind[C, S, E]{a, commandOf}
}

type kind[C eventsourcing.Command, S, E any] struct {
	aggregate command.Aggregate[C, S, E]
	commandOf func(id uuid.UUID, events []E) (C, bool)
}

// AggregateType implements [Kind].
func (k kind[C, S, E]) AggregateType() string { return k.aggregate.Type }

func (k kind[C, S, E]) begin(id uuid.UUID) decisions {
	return &replay[C, S, E]{kind: k, id: id, state: k.aggregate.Decider.Initial}
}

// replay decides the commands of one aggregate.
type replay[C eventsourcing.Command, S, E any] struct {
	kind[C, S, E]
	id    uuid.UUID
	state S
	// lost says that the state is not known, because an event before could not be read.
	lost bool
}

func (r *replay[C, S, E]) again(records []eventsourcing.Record) (v verdict) {
	stored := make([]eventsourcing.Envelope[E], len(records))
	events := make([]E, len(records))
	for i, record := range records {
		var err error
		if stored[i], err = r.decode(record); err != nil {
			r.lost = true
			return verdict{unreadable: err}
		}
		events[i] = stored[i].Event
	}
	if r.lost {
		return verdict{}
	}
	if _, v.sealed = records[0].Metadata[ports.MetadataSubject]; !v.sealed {
		if err := portkit.Protect(func() error {
			v = r.decide(stored, events)
			return nil
		}); err != nil {
			v = verdict{refused: "panic", detail: err.Error()}
		}
	}
	if err := portkit.Protect(func() error {
		for _, event := range events {
			r.state = r.aggregate.Decider.Evolve(r.state, event)
		}
		return nil
	}); err != nil {
		r.lost = true
		return verdict{unreadable: fmt.Errorf("the state after it is not known: %w", err)}
	}
	return v
}

func (r *replay[C, S, E]) decode(record eventsourcing.Record) (e eventsourcing.Envelope[E], err error) {
	err = portkit.Protect(func() (err error) {
		e, err = r.aggregate.Codec.Decode(record)
		return err
	})
	return e, err
}

func (r *replay[C, S, E]) decide(stored []eventsourcing.Envelope[E], events []E) verdict {
	c, ok := r.commandOf(r.id, events)
	if !ok {
		return verdict{unknown: true}
	}
	decided, err := r.decided(c)
	if err != nil {
		var refused eventsourcing.Refused
		if errors.As(err, &refused) {
			return verdict{refused: refused.Refusal().Code, detail: err.Error()}
		}
		return verdict{refused: "error", detail: err.Error()}
	}
	if len(decided) != len(events) {
		return verdict{changed: c.Name(), detail: fmt.Sprintf("it caused %d events, and would cause %d", len(events), len(decided))}
	}
	for i, event := range decided {
		if detail := r.differs(stored[i], event); detail != "" {
			return verdict{changed: c.Name(), detail: detail}
		}
	}
	return verdict{}
}

func (r *replay[C, S, E]) decided(c C) ([]E, error) {
	if r.aggregate.Check != nil {
		if err := r.aggregate.Check(c); err != nil {
			return nil, err
		}
	}
	return r.aggregate.Decider.Decide(r.state, c)
}

// differs compares a stored event with one that was decided now, both as this program would store
// them.
func (r *replay[C, S, E]) differs(stored eventsourcing.Envelope[E], event E) string {
	before, err := r.aggregate.Codec.Encode(stored)
	if err != nil {
		return "what it caused cannot be stored any more: " + err.Error()
	}
	stored.Event = event
	now, err := r.aggregate.Codec.Encode(stored)
	switch {
	case err != nil:
		return "what it would cause cannot be stored: " + err.Error()
	case before.EventType != now.EventType:
		return fmt.Sprintf("it caused %s, and would cause %s", before.EventType, now.EventType)
	case !bytes.Equal(before.Payload, now.Payload):
		return fmt.Sprintf("it caused %s %s, and would cause %s", before.EventType, before.Payload, now.Payload)
	default:
		return ""
	}
}

// maxKinds bounds how many kinds of one sort of finding are told apart.
const maxKinds = 100

// otherKinds collects what is beyond.
const otherKinds = "others"

// Finding counts what differs in the same way.
type Finding struct {
	// What names the kind: an event type with its version, the code of a rule, or a command.
	What  string
	Count uint64
	// The first one, with the sequence number of its first event. The number is 0 when the finding
	// is about a whole history.
	AggregateID    uuid.UUID
	SequenceNumber uint64
	Detail         string
}

// findings are those of one sort, in the order in which they were found.
type findings struct {
	all    []Finding
	places map[string]int
}

func (f *findings) add(what string, id uuid.UUID, sequence uint64, detail string) {
	if f.places == nil {
		f.places = make(map[string]int)
	}
	if _, known := f.places[what]; !known && len(f.all) >= maxKinds {
		what = otherKinds
	}
	at, known := f.places[what]
	if !known {
		at = len(f.all)
		f.places[what] = at
		f.all = append(f.all, Finding{What: what, AggregateID: id, SequenceNumber: sequence, Detail: detail})
	}
	f.all[at].Count++
}

// Report is the result of the rehearsal of histories.
type Report struct {
	// Aggregates, Events and Commands count what was read.
	Aggregates, Events, Commands uint64
	// Sealed counts the commands that were not decided again, because they had personal data that
	// is sealed.
	Sealed uint64
	// Unreadable are the events that this program cannot read, and the histories that the source
	// cannot give.
	Unreadable []Finding
	// Refused are the commands that this program would refuse, and Changed those that would cause
	// other events. Unknown are events that no command of this program causes.
	Refused, Changed, Unknown []Finding
}

// Rehearsal takes histories, one after the other, each from its first event on and in sequence
// order. All events of a command come one after the other. It is not safe for concurrent use.
type Rehearsal struct {
	kinds   map[string]Kind
	current decisions // nil for a type that is not known
	id      uuid.UUID
	kind    string
	// pending are the events of the command that is being read.
	pending []eventsourcing.Record

	report                                Report
	unreadable, refused, changed, unknown findings
}

// New returns a Rehearsal. Events of a type that none of kinds has are unreadable.
func New(kinds ...Kind) *Rehearsal {
	r := &Rehearsal{kinds: make(map[string]Kind, len(kinds))}
	for _, k := range kinds {
		r.kinds[k.AggregateType()] = k
	}
	return r
}

// Record takes the next record.
func (r *Rehearsal) Record(record eventsourcing.Record) {
	if r.report.Events == 0 || record.AggregateID != r.id || record.AggregateType != r.kind {
		r.decide()
		r.id, r.kind, r.current = record.AggregateID, record.AggregateType, nil
		if k := r.kinds[record.AggregateType]; k != nil {
			r.current = k.begin(record.AggregateID)
		}
		r.report.Aggregates++
	}
	if len(r.pending) > 0 && r.pending[0].CommandID != record.CommandID {
		r.decide()
	}
	r.pending = append(r.pending, record)
	r.report.Events++
}

// decide decides the pending command again.
func (r *Rehearsal) decide() {
	if len(r.pending) == 0 {
		return
	}
	first := r.pending[0]
	r.report.Commands++
	schema := fmt.Sprintf("%s v%d", first.EventType, first.EventVersion)
	if r.current == nil {
		r.unreadable.add(schema, first.AggregateID, first.SequenceNumber,
			fmt.Sprintf("this program does not know the aggregate type %q", first.AggregateType))
	} else {
		r.judge(schema, r.current.again(r.pending))
	}
	clear(r.pending) // payloads are not kept
	r.pending = r.pending[:0]
}

func (r *Rehearsal) judge(schema string, v verdict) {
	id, sequence := r.pending[0].AggregateID, r.pending[0].SequenceNumber
	var broken *ports.DecodeError
	switch {
	case errors.As(v.unreadable, &broken):
		r.unreadable.add(fmt.Sprintf("%s v%d", broken.EventType, broken.EventVersion), id, broken.SequenceNumber, v.unreadable.Error())
	case v.unreadable != nil:
		r.unreadable.add(schema, id, sequence, v.unreadable.Error())
	case v.refused != "":
		r.refused.add(v.refused, id, sequence, v.detail)
	case v.changed != "":
		r.changed.add(v.changed, id, sequence, v.detail)
	case v.sealed:
		r.report.Sealed++
	case v.unknown:
		r.unknown.add(schema, id, sequence, "no command of this program causes it")
	}
}

// Lost says that the rest of a history, or all of it, cannot be given. The rehearsal goes on with
// another one.
func (r *Rehearsal) Lost(id uuid.UUID, reason string) {
	r.unreadable.add("history", id, 0, reason)
}

// Report returns the result, after the last record.
func (r *Rehearsal) Report() Report {
	r.decide()
	r.report.Unreadable, r.report.Refused = r.unreadable.all, r.refused.all
	r.report.Changed, r.report.Unknown = r.changed.all, r.unknown.all
	return r.report
}
