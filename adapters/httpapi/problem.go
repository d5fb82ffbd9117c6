package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/ports"
)

// problem is an RFC 9457 problem document, and the error that a handler returns for it.
type problem struct {
	_ struct{} `additionalProperties:"true"`

	Type   string `json:"type" format:"uri" example:"urn:orderflow:problem:order_not_active" doc:"A stable name of this kind of problem: urn:orderflow:problem: and the code."`
	Title  string `json:"title" example:"Unprocessable Entity" doc:"The phrase of the HTTP status."`
	Status int    `json:"status" minimum:"400" maximum:"599" example:"422" doc:"The HTTP status."`
	Code   string `json:"code" pattern:"^[a-z_]+$" example:"order_not_active" doc:"For programs: what went wrong. Codes never change their meaning."`
	Detail string `json:"detail" example:"only an ACTIVE order can be confirmed; this one is SHIPPED" doc:"For people: what went wrong this time."`
	// Errors names the parts of the request that are to blame.
	Errors    []fieldError `json:"errors,omitempty" nullable:"false" doc:"The parts of the request that are to blame."`
	OrderID   string       `json:"order_id,omitempty" format:"uuid" doc:"The order that the request was about."`
	CommandID string       `json:"command_id,omitempty" format:"uuid" doc:"Set when the command may have taken effect: send it as Idempotency-Key to repeat the command safely. A creation is then repeated with this order_id."`
	Expected  *uint64      `json:"expected,omitempty" doc:"The sequence number that the request expected the order to have."`
	Actual    *uint64      `json:"actual,omitempty" doc:"The sequence number that was found."`

	// Parked and Holder come with the problems of consumers.
	Parked *parkedDocument  `json:"parked,omitempty" doc:"The order that could not be handled this time either."`
	Holder *processDocument `json:"holder,omitempty" doc:"The process that works as the consumer."`

	// retry asks for a Retry-After header.
	retry bool
	// cause is logged, at level, and never shown; nil for what is the client's own affair.
	cause error
	level slog.Level
}

// fieldError says what is wrong with one part of a request.
type fieldError struct {
	_ struct{} `additionalProperties:"true"`

	Field   string `json:"field,omitempty" example:"items[0].quantity" doc:"The path in the body, or the name of a parameter or header; absent when it is the whole body."`
	Message string `json:"message" example:"must be 1 to 10000, is 0" doc:"What is wrong with it."`
}

const (
	// retryAfter is the Retry-After of every 503, in seconds: what is behind or away is usually back by then.
	retryAfter = "1"
	// statusClientGone is not sent to anybody; metrics and logs show it for requests whose client left.
	statusClientGone = 499
	typePrefix       = "urn:orderflow:problem:"
	// repeat is what to do when a command may have taken effect.
	repeat = "repeat it with the same Idempotency-Key, or if it had none with command_id as the key, to learn the truth"
)

// The codes of problems that do not come from a rule of the domain.
const (
	codeInvalidBody        = "invalid_body"
	codeInvalidParameter   = "invalid_parameter"
	codeBadCursor          = "bad_cursor"
	codeCrossOrigin        = "cross_origin"
	codeRouteNotFound      = "route_not_found"
	codeNotFound           = "not_found"
	codeMethodNotAllowed   = "method_not_allowed"
	codeBodyTimeout        = "body_timeout"
	codeVersionConflict    = "version_conflict"
	codePreconditionFailed = "precondition_failed"
	codeBodyTooLarge       = "body_too_large"
	codeMediaType          = "unsupported_media_type"
	codeRefused            = "refused"
	codeHeldElsewhere      = "held_elsewhere"
	codeStillParked        = "still_parked"
	codeCommandIDReused    = "command_id_reused"
	codeInternal           = "internal"
	codeCorruptData        = "corrupt_data"
	codeUnavailable        = "unavailable"
	codeViewBehind         = "view_behind"
	codeNotReady           = "not_ready"
	codeShuttingDown       = "shutting_down"
	codeOutcomeUnknown     = "outcome_unknown"
	codeTimeout            = "timeout"
)

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: typePrefix + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail, retry: status == 503}
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// invalid is the problem of one part of a request that makes no sense.
func invalid(code, field, message string) *problem {
	p := newProblem(http.StatusBadRequest, code, message)
	if field != "" {
		p.Detail = field + " " + message
	}
	p.Errors = []fieldError{{Field: field, Message: message}}
	return p
}

// because sets what is logged about p.
func (p *problem) because(level slog.Level, cause error) *problem {
	p.level, p.cause = level, cause
	return p
}

// subject is what the table needs to know about the request that failed.
type subject struct {
	orderID     uuid.UUID
	commandID   uuid.UUID
	conditional bool // it carried If-Match
	// consumer is set for what looks after a consumer.
	consumer string
}

// doubt says what to do after a request that may have taken effect.
func (s subject) doubt() string {
	if s.consumer != "" {
		return "it may have taken effect: see how the consumer is before you ask again"
	}
	return "if it was a command, it may have taken effect: " + repeat
}

// problemOf is the one table from errors to problems. It returns nil when there is nobody left to be told.
func problemOf(ctx context.Context, err error, about subject) *problem {
	p := fromRule(err, about)
	if p == nil {
		p = fromConsumers(err, about)
	}
	if p == nil {
		p = fromPorts(err, about)
	}
	if p == nil {
		p = fromTransport(ctx, err, about)
	}
	if p != nil && about.orderID != uuid.Nil {
		p.OrderID = about.orderID.String()
	}
	if p != nil && about.commandID != uuid.Nil && p.inDoubt() {
		p.CommandID = about.commandID.String()
	}
	return p
}

// inDoubt reports whether a command that ended in p may have taken effect all the same.
func (p *problem) inDoubt() bool {
	return p.Code == codeOutcomeUnknown || p.Code == codeTimeout || p.Code == codeShuttingDown || p.Code == codeInternal
}

// fromRule maps what the handlers and the domain refuse.
func fromRule(err error, about subject) *problem {
	var own *problem
	var rule *order.RuleError
	switch {
	case errors.As(err, &own):
		return own
	case !errors.As(err, &rule):
		return nil
	case rule.Code == order.CodeOrderNotFound:
		return orderNotFound()
	case rule.Malformed():
		return invalid(string(rule.Code), rule.Field, rule.Detail)
	default:
		return newProblem(http.StatusUnprocessableEntity, string(rule.Code), rule.Detail)
	}
}

func orderNotFound() *problem {
	return newProblem(http.StatusNotFound, string(order.CodeOrderNotFound), "there is no such order")
}

// fromConsumers maps the errors of those who look after consumers, and what others mean to them.
func fromConsumers(err error, about subject) *problem {
	var refused *ports.RefusedError
	var held *ports.LeaseHeldError
	var still *ports.StillParkedError
	switch {
	case about.consumer == "":
		return nil
	case errors.As(err, &refused):
		return newProblem(http.StatusConflict, codeRefused, refused.Reason)
	case errors.As(err, &held):
		p := newProblem(http.StatusConflict, codeHeldElsewhere,
			fmt.Sprintf("the process at %s works as %s: ask there", held.Owner.Address, about.consumer))
		p.Holder = process(held.Owner)
		return p
	case errors.As(err, &still):
		p := newProblem(http.StatusConflict, codeStillParked, still.Error())
		p.Parked = new(parkedOrder(still.Parked))
		return p
	case errors.Is(err, ports.ErrNotFound) && about.orderID != uuid.Nil:
		return newProblem(http.StatusNotFound, codeNotFound, "there is no such consumer, or it has not set this order aside")
	case errors.Is(err, ports.ErrNotFound):
		return newProblem(http.StatusNotFound, codeNotFound, "there is no such consumer")
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return newProblem(http.StatusServiceUnavailable, codeOutcomeUnknown, about.doubt()).because(slog.LevelWarn, err)
	default:
		return nil
	}
}

// fromPorts maps the errors of package ports.
func fromPorts(err error, about subject) *problem {
	var reused *ports.CommandIDReusedError
	switch {
	case errors.Is(err, ports.ErrNotFound) && about.orderID != uuid.Nil:
		return orderNotFound()
	case errors.Is(err, ports.ErrNotFound):
		return newProblem(http.StatusNotFound, codeNotFound, "there is no such thing")
	case errors.Is(err, ports.ErrVersionConflict):
		return conflict(err, about)
	case errors.As(err, &reused):
		return newProblem(http.StatusUnprocessableEntity, codeCommandIDReused,
			"this Idempotency-Key already stands for another command of this order")
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return newProblem(http.StatusServiceUnavailable, codeOutcomeUnknown, "the command may have taken effect; "+repeat).because(slog.LevelWarn, err)
	case errors.Is(err, ports.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, codeUnavailable,
			"nothing happened; try again after a pause").because(slog.LevelWarn, err)
	case errors.Is(err, ports.ErrCorrupt):
		return newProblem(http.StatusInternalServerError, codeCorruptData, "stored data cannot be read").because(slog.LevelError, err)
	case errors.Is(err, ports.ErrBadCursor):
		return invalid(codeBadCursor, paramCursor, "was not issued for this listing; start over without it")
	default:
		return nil
	}
}

// conflict maps a lost race, or with If-Match a failed precondition.
func conflict(err error, about subject) *problem {
	var found *ports.VersionConflictError
	known := errors.As(err, &found)
	if !about.conditional {
		return newProblem(http.StatusConflict, codeVersionConflict, "others changed the order at the same time, again and again; try again")
	}
	if known && found.Actual == 0 {
		return orderNotFound() // a precondition counts only where the request could succeed without it
	}
	p := newProblem(http.StatusPreconditionFailed, codePreconditionFailed, "the order is not at a version that If-Match names")
	if known {
		p.Actual = &found.Actual
		if found.Expected != noVersion {
			p.Expected = &found.Expected
		}
	}
	return p
}

// fromTransport maps what happens to requests on their way, and everything that nobody foresaw.
func fromTransport(ctx context.Context, err error, about subject) *problem {
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, codeBodyTooLarge,
			"the body must have at most "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
	case errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errShutdown):
		return newProblem(http.StatusServiceUnavailable, codeShuttingDown, "the service is shutting down; "+about.doubt())
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return nil // the client left
	case errors.Is(err, errBody) && errors.As(err, &network) && network.Timeout():
		return newProblem(http.StatusRequestTimeout, codeBodyTimeout, "the body did not arrive in time")
	case errors.Is(err, errBody):
		return invalid(codeInvalidBody, "", "the body did not arrive whole")
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusGatewayTimeout, codeTimeout,
			"there was no answer in time; "+about.doubt()).because(slog.LevelWarn, err)
	default:
		return newProblem(http.StatusInternalServerError, codeInternal, "an internal error; the log of the service tells more").because(slog.LevelError, err)
	}
}

// methodNotAllowed is the problem of a path that exists for other methods.
func methodNotAllowed(method, allow string) *problem {
	return newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, fmt.Sprintf("%s is not among the methods of this path: %s", method, allow))
}
