package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// NoVersion is a sequence number that no aggregate ever has. As the expected one of a version
// conflict it stands for an entity tag that this API did not issue.
const NoVersion = math.MaxUint64

// problemOf is the one table from errors to problems. It returns nil when the client has left.
func problemOf(ctx context.Context, err error, about *Subject) *Problem {
	p := fromOperation(err, about)
	if p == nil {
		p = fromAccess(err)
	}
	if p == nil && about.Consumer != "" {
		p = fromConsumers(err, about)
	}
	if p == nil {
		p = fromPorts(err, about)
	}
	if p == nil {
		p = fromTransport(ctx, err, about)
	}
	if p != nil && about.AggregateID != uuid.Nil {
		p.MaybeAggregate = NameMaybe(about.AggregateID, about.AggregateType)
	}
	if p != nil && about.CommandID != uuid.Nil && p.inDoubt() {
		p.CommandID = about.CommandID.String()
	}
	return p
}

// inDoubt reports whether a command that ended in p may have taken effect all the same.
func (p *Problem) inDoubt() bool {
	return p.Code == CodeOutcomeUnknown || p.Code == CodeTimeout || p.Code == CodeShuttingDown || p.Code == CodeInternal
}

// fromOperation maps refusals of operations and domains, and errors of work that was ended because
// the server stops.
func fromOperation(err error, about *Subject) *Problem {
	var own *Problem
	var refused eventsourcing.Refused
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, ErrStopping):
		return NewProblem(http.StatusServiceUnavailable, CodeShuttingDown, "the service is shutting down; "+about.doubt())
	case errors.As(err, &refused):
		return fromRefusal(refused.Refusal())
	default:
		return nil
	}
}

// fromConsumers maps the errors of operations on consumers, and other errors that mean something
// else there.
func fromConsumers(err error, about *Subject) *Problem {
	var refused *ports.RefusedError
	var held *ports.LeaseHeldError
	var still *ports.StillParkedError
	switch {
	case errors.As(err, &refused):
		return NewProblem(http.StatusConflict, CodeRefused, refused.Reason)
	case errors.As(err, &held):
		p := NewProblem(http.StatusConflict, CodeHeldElsewhere,
			fmt.Sprintf("the process at %s works as %s: ask there", held.Owner.Address, about.Consumer))
		p.Holder = Process(held.Owner)
		return p
	case errors.As(err, &still):
		p := NewProblem(http.StatusConflict, CodeStillParked, still.Error())
		p.Parked = new(Parked(still.Parked))
		return p
	case errors.Is(err, ports.ErrNotFound):
		return about.missingOfConsumer()
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return NewProblem(http.StatusServiceUnavailable, CodeOutcomeUnknown, about.doubt()).Because(slog.LevelWarn, err)
	default:
		return nil
	}
}

// missingOfConsumer returns the problem of a consumer that does not exist, or of an aggregate that
// it has not parked.
func (s *Subject) missingOfConsumer() *Problem {
	if s.AggregateID == uuid.Nil {
		return s.missingName("consumer", s.Consumer)
	}
	if s.Known != nil {
		switch known := s.Known(); {
		case slices.Contains(known, s.Consumer):
			return NewProblem(http.StatusNotFound, CodeNotFound,
				fmt.Sprintf("%s has not parked this %s", s.Consumer, s.noun()))
		case len(known) > 0:
			return s.missingName("consumer", s.Consumer)
		}
	}
	return NewProblem(http.StatusNotFound, CodeNotFound,
		fmt.Sprintf("there is no such consumer as %s, or it has not parked this %s", shortened(s.Consumer), s.noun()))
}

// fromPorts maps the errors of package ports.
func fromPorts(err error, about *Subject) *Problem {
	var reused *ports.CommandIDReusedError
	var other *ports.OtherTypeError
	var beyond *ports.BeyondHeadError
	switch {
	case errors.As(err, &other):
		return NewProblem(http.StatusConflict, CodeOtherAggregateType,
			fmt.Sprintf("this is the id of an aggregate of type %s, not %s", other.Type, other.Wanted))
	case errors.As(err, &beyond):
		p := NewProblem(http.StatusNotFound, CodeNoSuchVersion,
			fmt.Sprintf("the %s has no event %d yet; its last one is %d", about.noun(), beyond.SequenceNumber, beyond.Head))
		p.Expected, p.Actual = &beyond.SequenceNumber, &beyond.Head
		return p
	case errors.Is(err, ports.ErrNotFound) && about.AggregateID != uuid.Nil:
		return about.missingAggregate()
	case errors.Is(err, ports.ErrNotFound) && about.Table != "":
		return about.missingName("table", about.Table)
	case errors.Is(err, ports.ErrNotFound):
		return NewProblem(http.StatusNotFound, CodeNotFound, "this does not exist")
	case errors.Is(err, ports.ErrVersionConflict):
		return conflict(err, about)
	case errors.Is(err, ports.ErrSubjectErased):
		return NewProblem(http.StatusConflict, CodeSubjectErased,
			"the personal data of this customer was erased, and no new personal data is accepted")
	case errors.As(err, &reused):
		return NewProblem(http.StatusUnprocessableEntity, CodeCommandIDReused,
			"this Idempotency-Key already stands for another command of this "+about.noun())
	case errors.Is(err, ports.ErrBadCursor):
		return invalid(CodeBadCursor, ParamCursor, mustBeOurs)
	default:
		return fromStores(err, about)
	}
}

// mustBeOurs says what is wrong with a cursor.
const mustBeOurs = "was not issued for this listing; start over without it"

// fromStores maps the errors of stores. All of them are logged.
func fromStores(err error, about *Subject) *Problem {
	switch {
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return NewProblem(http.StatusServiceUnavailable, CodeOutcomeUnknown, about.doubt()).Because(slog.LevelWarn, err)
	case errors.Is(err, ports.ErrFull):
		return NewProblem(http.StatusInsufficientStorage, CodeStorageFull,
			"the disk of the service is full, and nothing was written; reads still work: "+
				"free disk space on its machine, then try again").
			Because(slog.LevelError, err)
	case errors.Is(err, ports.ErrUnavailable):
		return NewProblem(http.StatusServiceUnavailable, CodeUnavailable,
			"a part of the service does not answer, and nothing happened; try again after a pause").
			Because(slog.LevelWarn, err)
	case errors.Is(err, ports.ErrNewer):
		return NewProblem(http.StatusServiceUnavailable, CodeNewerData,
			"a newer version of the program has written this, and this one cannot read it; ask a process of that version").
			Because(slog.LevelWarn, err)
	case errors.Is(err, ports.ErrCorrupt):
		return NewProblem(http.StatusInternalServerError, CodeCorruptData,
			"stored data cannot be read; the log of the service says more").Because(slog.LevelError, err)
	default:
		return nil
	}
}

// conflict maps a lost race, or with If-Match a failed precondition.
func conflict(err error, about *Subject) *Problem {
	var found *ports.VersionConflictError
	known := errors.As(err, &found)
	if !about.Conditional {
		return NewProblem(http.StatusConflict, CodeVersionConflict,
			fmt.Sprintf("others repeatedly changed the %s at the same time; try again", about.noun()))
	}
	if known && found.Actual == 0 {
		// a precondition counts only where the request could succeed without it
		return about.missingAggregate()
	}
	p := NewProblem(http.StatusPreconditionFailed, CodePreconditionFailed,
		fmt.Sprintf("the %s is not at a version that If-Match names", about.noun()))
	if known {
		p.Actual = &found.Actual
		if found.Expected != NoVersion {
			p.Expected = &found.Expected
		}
	}
	return p
}

// fromTransport maps what can happen to a request on its way, and every error that the table does
// not know.
func fromTransport(ctx context.Context, err error, about *Subject) *Problem {
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return NewProblem(http.StatusRequestEntityTooLarge, CodeBodyTooLarge,
			"the body must have at most "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return nil // the client left
	case errors.Is(err, errBody) && errors.As(err, &network) && network.Timeout():
		return NewProblem(http.StatusRequestTimeout, CodeBodyTimeout, "the body did not arrive in time")
	case errors.Is(err, errBody):
		return invalid(CodeInvalidBody, "", "the body did not arrive completely")
	case errors.Is(err, context.DeadlineExceeded):
		return NewProblem(http.StatusGatewayTimeout, CodeTimeout, "there was no answer in time; "+about.doubt()).
			Because(slog.LevelWarn, err)
	default:
		return NewProblem(http.StatusInternalServerError, CodeInternal,
			"an internal error; the log of the service says more").
			Because(slog.LevelError, err)
	}
}
