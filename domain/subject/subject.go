package subject

import (
	"crypto/sha256"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Type is the aggregate type of subjects. It is stored with every event and never changes.
const Type = "subject"

// ID returns the id of the aggregate of a subject. It never changes for the same token.
func ID(token string) uuid.UUID {
	sum := sha256.Sum256([]byte("subject " + token))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: the rest is ours
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Status is how far the erasure of a subject is. The zero value means that there was no request.
type Status string

// The statuses.
const (
	Requested Status = "REQUESTED"
	// Completed means that the erasure has ended. What is left of it is in Counts.Plain.
	Completed Status = "ERASED"
)

// Subject is the state on which commands are decided.
type Subject struct {
	Status Status
	Token  string
	// Reason and Reference are those of the last request, and Counts those of the last end.
	Reason, Reference string
	Counts            Counts
}

// Decider returns the aggregate as a decider.
func Decider() eventsourcing.Decider[Command, Subject, Event] {
	return eventsourcing.Decider[Command, Subject, Event]{Decide: Decide, Evolve: Evolve}
}

// Decide returns the events that c causes in s, none when it changes nothing, or a *RuleError.
func Decide(s Subject, c Command) ([]Event, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case RequestErasure:
		return s.request(c)
	case RecordErasure:
		return s.record(c)
	default:
		return nil, unknownCommand(c)
	}
}

func (s Subject) request(c RequestErasure) ([]Event, error) {
	switch {
	case s.Status != "" && s.Token != c.Token:
		return nil, refused(CodeOtherSubject, "this is the id of another subject")
	case s.Status == Requested, s.Status == Completed && s.Counts.Plain == 0:
		return nil, nil
	default:
		return []Event{ErasureRequested{Token: c.Token, Reason: c.Reason, Reference: c.Reference}}, nil
	}
}

func (s Subject) record(c RecordErasure) ([]Event, error) {
	switch s.Status {
	case Requested:
		return []Event{Erased{Token: s.Token, Counts: c.Counts}}, nil
	case Completed:
		return nil, nil
	default:
		return nil, notFound()
	}
}

// Evolve returns s after e.
func Evolve(s Subject, e Event) Subject {
	switch e := e.(type) {
	case ErasureRequested:
		s.Status, s.Token, s.Reason, s.Reference, s.Counts = Requested, e.Token, e.Reason, e.Reference, Counts{}
	case Erased:
		s.Status, s.Token, s.Counts = Completed, e.Token, e.Counts
	}
	return s
}
