package subject

import (
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Command is a request to change one subject: a RequestErasure or RecordErasure by value.
type Command interface{ eventsourcing.Command }

// RequestErasure asks that the personal data of a subject is erased.
type RequestErasure struct {
	SubjectID uuid.UUID
	// Token names the subject in the metadata of events: 1 to 128 digits and letters.
	Token string
	// Reason is 1 to 500 characters, none of them a control character.
	Reason string
	// Reference is at most 128 characters, none of them a control character.
	Reference string
}

// RecordErasure says that everything that can be erased is erased.
type RecordErasure struct {
	SubjectID uuid.UUID
	Counts    Counts
}

// Counts is what an erasure has found. No count is negative.
type Counts struct {
	// Aggregates is how many aggregates the subject has.
	Aggregates int64
	// Rewritten is how often something that was derived from one of them was written again: a view,
	// or its snapshots.
	Rewritten int64
	// Plain is how many events have personal data that was never sealed. It is still there.
	Plain int64
}

func (c RequestErasure) AggregateID() uuid.UUID { return c.SubjectID }
func (c RecordErasure) AggregateID() uuid.UUID  { return c.SubjectID }

func (RequestErasure) Name() string { return "request_erasure" }
func (RecordErasure) Name() string  { return "record_erasure" }
