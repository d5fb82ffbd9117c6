package subject

import "github.com/google/uuid"

// CommandOf returns the command that caused events. It is the inverse of Decider.Decide, as far as
// there is one. It returns false for events that no command of this package causes together.
func CommandOf(id uuid.UUID, events []Event) (Command, bool) {
	if len(events) != 1 {
		return nil, false
	}
	switch e := events[0].(type) {
	case ErasureRequested:
		return RequestErasure{SubjectID: id, Token: e.Token, Reason: e.Reason, Reference: e.Reference}, true
	case Erased:
		return RecordErasure{SubjectID: id, Counts: e.Counts}, true
	default:
		return nil, false
	}
}
