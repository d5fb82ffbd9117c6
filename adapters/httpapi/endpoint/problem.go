package endpoint

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// MediaProblem is the media type of a [Problem].
const MediaProblem = "application/problem+json"

// Problem is an RFC 9457 problem document, and the error that an operation returns for it.
type Problem struct {
	_ struct{} `additionalProperties:"true"`

	Type   string `json:"type" format:"uri" example:"urn:orderflow:problem:order_not_active" doc:"A stable name of this kind of problem: urn:orderflow:problem: and the code."`
	Title  string `json:"title" example:"Unprocessable Entity" doc:"The phrase of the HTTP status."`
	Status int    `json:"status" minimum:"400" maximum:"599" example:"422" doc:"The HTTP status."`
	Code   string `json:"code" pattern:"^[a-z0-9_]+$" example:"order_not_active" doc:"For programs: what went wrong. Codes never change their meaning."`
	Detail string `json:"detail" example:"only an ACTIVE order can be confirmed; this one is SHIPPED" doc:"For people: what went wrong this time."`
	// Errors names the parts of the request that are wrong.
	Errors []FieldError `json:"errors,omitempty" maxItems:"20" doc:"The parts of the request that are wrong, at most 20 of them."`

	MaybeAggregate
	CommandID string  `json:"command_id,omitempty" format:"uuid" doc:"Set when the command may have taken effect. Send it as Idempotency-Key to repeat the command safely. A creation is then repeated with the id of this aggregate."`
	Expected  *uint64 `json:"expected,omitempty" doc:"The sequence number that the request expected the aggregate to have."`
	Actual    *uint64 `json:"actual,omitempty" doc:"The sequence number that was found."`

	// Parked and Holder are used by the problems of consumers.
	Parked *ParkedDocument  `json:"parked,omitempty" doc:"The aggregate that could not be handled this time either."`
	Holder *ProcessDocument `json:"holder,omitempty" doc:"The process that works as the consumer."`

	// cause is logged, at level, and never shown. It is nil for an error of the client.
	cause error
	level slog.Level
}

// FieldError says what is wrong with one part of a request.
type FieldError struct {
	_ struct{} `additionalProperties:"true"`

	Field   string `json:"field,omitempty" example:"items[0].quantity" doc:"The path in the body, or the name of a parameter or header; absent when it is the whole body."`
	Message string `json:"message" example:"must be 1 to 10000, is 0" doc:"What is wrong with it."`
}

// maxErrors is how many parts of a request are named at most.
const maxErrors = 20

const (
	// retryAfter is the Retry-After of every 503, in seconds: usually the cause is gone by then.
	retryAfter = "1"
	typePrefix = "urn:orderflow:problem:"
)

// The codes of problems that do not come from a rule of a domain. They are part of the API.
const (
	CodeInvalidBody        = "invalid_body"
	CodeInvalidParameter   = "invalid_parameter"
	CodeBadCursor          = "bad_cursor"
	CodeCrossOrigin        = "cross_origin"
	CodeNotFound           = "not_found"
	CodeNoSuchVersion      = "no_such_version"
	CodeBodyTimeout        = "body_timeout"
	CodeVersionConflict    = "version_conflict"
	CodeOtherAggregateType = "other_aggregate_type"
	CodePreconditionFailed = "precondition_failed"
	CodeBodyTooLarge       = "body_too_large"
	CodeMediaType          = "unsupported_media_type"
	CodeRefused            = "refused"
	CodeHeldElsewhere      = "held_elsewhere"
	CodeStillParked        = "still_parked"
	CodeCommandIDReused    = "command_id_reused"
	CodeSubjectErased      = "subject_erased"
	CodeInternal           = "internal"
	CodeCorruptData        = "corrupt_data"
	CodeNewerData          = "newer_data"
	CodeUnavailable        = "unavailable"
	CodeOutcomeUnknown     = "outcome_unknown"
	CodeStorageFull        = "storage_full"
	CodeViewBehind         = "view_behind"
	CodeShuttingDown       = "shutting_down"
	CodeTimeout            = "timeout"
	CodeForbidden          = "forbidden"
	CodeTooManyRequests    = "too_many_requests"
	CodeAuthUnavailable    = "auth_unavailable"
	CodeCredentialsInURL   = "credentials_in_url"
	CodeCredentialsTwice   = "credentials_twice"
)

// NewProblem returns a problem. Its detail is a sentence without a capital and a period.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: typePrefix + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// Invalid returns the problem of a request with at least one invalid part.
func Invalid(code string, wrong ...FieldError) *Problem {
	first := wrong[0]
	p := NewProblem(http.StatusBadRequest, code, strings.TrimPrefix(first.Field+" "+first.Message, " "))
	if first.Field == "" {
		p.Detail = first.Message
	}
	if n := len(wrong) - 1; n > 0 {
		p.Detail += fmt.Sprintf("; errors has %d more", n)
	}
	p.Errors = wrong
	return p
}

// invalid returns the problem of one invalid parameter or header.
func invalid(code, field, message string) *Problem {
	return Invalid(code, FieldError{Field: field, Message: message})
}

// Because sets what is logged about the problem.
func (p *Problem) Because(level slog.Level, cause error) *Problem {
	p.level, p.cause = level, cause
	return p
}

// fromRefusal returns the problem of a refusal by a domain.
func fromRefusal(refusal eventsourcing.Refusal) *Problem {
	switch refusal.Kind {
	case eventsourcing.RefusedMissing:
		return NewProblem(http.StatusNotFound, refusal.Code, cmp.Or(refusal.Detail, "this does not exist"))
	case eventsourcing.RefusedMalformed:
		return Invalid(refusal.Code, Refusals(refusal)...)
	default:
		return NewProblem(http.StatusUnprocessableEntity, refusal.Code, refusal.Detail)
	}
}

// Refusals returns the fields that a domain has refused.
func Refusals(refusal eventsourcing.Refusal) []FieldError {
	wrong := []FieldError{{Field: refusal.Field, Message: refusal.Detail}}
	for _, other := range refusal.Others {
		if len(wrong) < maxErrors {
			wrong = append(wrong, FieldError{Field: other.Field, Message: other.Detail})
		}
	}
	return wrong
}

// Subject is what a request is about, as far as its problems name it.
type Subject struct {
	// AggregateID is the nil UUID when the request is not about one aggregate. AggregateType is
	// empty when the path is for any type.
	AggregateID   uuid.UUID
	AggregateType string
	// CommandID is the id of a command.
	CommandID uuid.UUID
	// Conditional is set for a command with If-Match.
	Conditional bool
	// Consumer is set for an operation on a consumer, and Table for a read of a table. Known
	// returns the existing names. It may be nil.
	Consumer, Table string
	Known           func() []string
	// ReadsOnly is set for requests that change nothing.
	ReadsOnly bool
}

// Noun returns the word for an aggregate of a type in sentences. The type may be empty.
func Noun(aggregateType string) string {
	if aggregateType == "" {
		return "aggregate"
	}
	return strings.NewReplacer("-", " ", "_", " ").Replace(aggregateType)
}

func (s *Subject) noun() string { return Noun(s.AggregateType) }

// doubt returns what to do after a request that may have taken effect.
func (s *Subject) doubt() string {
	switch {
	case s.ReadsOnly:
		return "ask again"
	case s.CommandID != uuid.Nil:
		return "the command may have taken effect: " + repeat
	case s.Consumer != "":
		return "it may have taken effect: look at the status of the consumer before you repeat it"
	default:
		return "it may have taken effect: repeat it, which does no harm"
	}
}

// repeat is what to do when a command may have taken effect.
const repeat = "repeat it with the same Idempotency-Key, or if it had none with command_id as the key, to learn the outcome"

// missingAggregate returns the problem of an aggregate that does not exist.
func (s *Subject) missingAggregate() *Problem {
	code := CodeNotFound
	if s.AggregateType != "" {
		code = strings.ReplaceAll(s.AggregateType, "-", "_") + "_not_found"
	}
	return NewProblem(http.StatusNotFound, code, "there is no such "+s.noun())
}

// missingName returns the problem of a consumer or table that does not exist. It lists those that
// exist.
func (s *Subject) missingName(kind, name string) *Problem {
	detail := fmt.Sprintf("there is no such %s: %s", kind, shortened(name))
	if s.Known != nil {
		if known := s.Known(); len(known) > 0 {
			detail += fmt.Sprintf("; the %ss are %s", kind, enumerated(known))
		}
	}
	return NewProblem(http.StatusNotFound, CodeNotFound, detail)
}
