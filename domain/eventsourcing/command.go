package eventsourcing

import "github.com/google/uuid"

// Command is what the runtime needs to know of a request to change one aggregate.
type Command interface {
	// AggregateID is the id of the aggregate that the command is for.
	AggregateID() uuid.UUID
	// Name is the command's stable name, such as "create_order".
	Name() string
}

// Refused is the error of a command that a rule refuses. Each domain implements it with its own
// error type.
type Refused interface {
	error
	Refusal() Refusal
}

// Refusal says why a command was refused, in the same form for every domain.
type Refusal struct {
	// Code names the rule, in snake_case. Codes are part of the API and never change their meaning.
	Code string
	Kind RefusalKind
	// Field is the path of the wrong field, such as "items[2].quantity". It is empty when the rule
	// is not about one field.
	Field string
	// Detail is a text for people.
	Detail string
	// Others are further rules that refuse the same command, so that the sender gets all of them at
	// once. They have no others themselves.
	Others []Refusal
}

// RefusalKind says what the sender of a refused command can do about it.
type RefusalKind int

// The kinds of refusal.
const (
	// RefusedByState: the aggregate is in a state that does not allow the command. Another state
	// may allow it.
	RefusedByState RefusalKind = iota
	// RefusedMalformed: no aggregate in any state could accept the command.
	RefusedMalformed
	// RefusedMissing: the aggregate does not exist.
	RefusedMissing
)
