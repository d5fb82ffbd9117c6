package decisions

import (
	"fmt"
	"time"

	"orderflow/ports"
)

// Subject is what a decision must know of a consumer. Its methods change a record as requested, or
// refuse with a *ports.RefusedError that names the way out.
type Subject struct {
	Name string
	// Version is that of the effect in this program.
	Version int
	// View reports whether the consumer fills a table.
	View bool
	Now  func() time.Time
}

// Settle makes the changes that follow from the version of the effect, without a decision of an
// operator. It returns a note for the log. The note is empty when there is nothing to say.
//
// behind reports that a program of another version has run the consumer, and has gone back before
// its generation was complete. It has moved the offset and has not kept the live generation up to
// date. So every aggregate must be brought up to its head, from the first one on.
func (s Subject) Settle(record *ports.ConsumerRecord) (note string, behind bool) {
	switch {
	case record.Live.Version == s.Version && s.buildsOther(*record):
		record.Next.Version, record.CatchingUp = 0, true
		return "another version of the program has begun to build a generation, which is dropped; the live one is brought up to date", true
	case record.Live.Version == s.Version:
	case !s.View: // a publisher keeps nothing that is read
		record.Live.Version = s.Version
	case record.Next.Number != 0 && record.Next.Version == s.Version: // being filled already
	// the program was rolled back
	case record.Previous.Number != 0 && record.Previous.Version == s.Version:
		record.Next, record.Previous = record.Previous, record.Next
		record.Previous.Version = 0 // it was not completed
		return "the live generation is of another version of the reducer, going back to the previous one", false
	case record.Next.Number != 0: // of a third version: it must be dropped first
		record.Next.Version = 0
	default:
		record.Next = ports.Generation{Number: int(record.Revision) + 1, Version: s.Version}
		return "the live generation is of another version of the reducer and is served as it is while the next one is built", false
	}
	return "", false
}

// buildsOther reports whether a program of another version builds the next generation.
func (s Subject) buildsOther(record ports.ConsumerRecord) bool {
	return s.View && record.Next.Number != 0 && record.Next.Version != 0 && record.Next.Version != s.Version
}

// Consequence says what a reset to the events after from would do. The zero time means the first
// event. It returns an error when the reset could only do harm.
func (s Subject) Consequence(from time.Time) (string, error) {
	switch {
	case s.View && !from.IsZero():
		return "", refuse(
			"%s is a view, which is made of all events of an aggregate: starting later would make it wrong for ever; rebuild it instead", s.Name)
	case s.View:
		return fmt.Sprintf("%s would be emptied and filled again, and queries would miss aggregates meanwhile; a rebuild does the same without that",
			s.Name), nil
	case from.IsZero():
		return fmt.Sprintf("%s would publish every event again, from the first one; receivers must know duplicates by their event id", s.Name), nil
	case from.After(s.Now()):
		return "", refuse("%s is in the future: events until then would never be published", from.Format(time.RFC3339))
	default:
		return fmt.Sprintf("%s would publish every event committed since %s again, and never those committed before that it has not published yet",
			s.Name, from.Format(time.RFC3339)), nil
	}
}

// Reset gives the consumer a new live generation, which has no effects yet.
func (s Subject) Reset(record *ports.ConsumerRecord, from time.Time) error {
	if record.Next.Number != 0 || record.Previous.Version == 0 && record.Previous.Number != 0 {
		return refuse("a generation of %s is being built or dropped: wait for that, or abort it", s.Name)
	}
	// What was there is dropped: an even older generation now, this one by the next life.
	record.Next, record.Previous = record.Previous, record.Live
	record.Next.Version, record.Previous.Version = 0, 0
	record.Live = ports.Generation{Number: int(record.Revision) + 1, Version: s.Version}
	record.From, record.CatchingUp = from, true
	return nil
}

// Rebuild gives the consumer a next generation, which is to be filled.
func (s Subject) Rebuild(record *ports.ConsumerRecord) error {
	if record.Next.Number != 0 {
		return refuse("generation %d of %s is being built or dropped already", record.Next.Number, s.Name)
	}
	record.Next = ports.Generation{Number: int(record.Revision) + 1, Version: s.Version}
	return nil
}

// Abort marks the next generation as one to be dropped.
func (s Subject) Abort(record *ports.ConsumerRecord) error {
	switch {
	case record.Next.Number == 0:
		return refuse("there is no rebuild of %s", s.Name)
	case record.Live.Version != s.Version:
		return refuse("the live generation of %s cannot be kept up to date by this version of the program: the rebuild has to be completed", s.Name)
	case s.buildsOther(*record):
		return refuse("generation %d of %s is built by another version of the program, which would begin again: stop the processes of that version",
			record.Next.Number, s.Name)
	}
	record.Next.Version = 0
	return nil
}

// Rollback makes the previous generation the next one.
func (s Subject) Rollback(record *ports.ConsumerRecord) error {
	switch {
	case record.Next.Number != 0:
		return refuse("generation %d of %s is being built or dropped: abort that first", record.Next.Number, s.Name)
	case record.Previous.Number == 0 || record.Previous.Version == 0:
		return refuse("%s has no previous generation any more", s.Name)
	case record.Previous.Version != s.Version:
		return refuse(
			"the previous generation of %s was filled by version %d of the reducer, and this program has version %d: "+
				"start the program that has that version, and it goes back by itself",
			s.Name, record.Previous.Version, s.Version)
	}
	record.Next, record.Previous = record.Previous, ports.Generation{}
	return nil
}

// RefuseWithoutTable is for consumers without a table: only a table can be rebuilt.
func (s Subject) RefuseWithoutTable() error {
	if s.View {
		return nil
	}
	return refuse("consumer %s fills no table: there is nothing to rebuild; to publish again, reset it", s.Name)
}

func refuse(format string, args ...any) error {
	return &ports.RefusedError{Reason: fmt.Sprintf(format, args...)}
}
