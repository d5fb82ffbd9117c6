package aggregateapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Body is the body of a command: a pointer to a type whose tags are the schema.
type Body[C any] interface {
	Read(*strictjson.Reader)
	// Command returns the command for an aggregate. For a creation, aggregateID is a new id, which
	// it uses if the body has none.
	Command(aggregateID uuid.UUID) C
}

// Commands serves the commands C of one aggregate type, whose events are of type E.
type Commands[C eventsourcing.Command, E any] struct {
	Kind
	Handler ports.CommandHandler[C, E]
	// Codec renders the events.
	Codec ports.Codec[any]
	// Check, unless nil, returns what else is malformed in a command of which some fields could not
	// be read.
	Check func(C) error
	// NewID makes the ids of commands and aggregates that clients did not name. It must be safe for
	// concurrent use.
	NewID func() uuid.UUID
}

// Command is one command as a route.
type Command[C any] struct {
	// ID is the id of the operation.
	ID string
	// Method and Suffix are those of the route. Suffix follows the path of the aggregate; it is
	// empty for a creation.
	Method, Suffix string
	// Summary and Description are those of the operation.
	Summary, Description string
	// Body returns a new body.
	Body func() Body[C]
	// BodyOptional reports whether the request may have no body.
	BodyOptional bool
}

// Change returns the operation of a command that changes an aggregate.
func (s Commands[C, E]) Change(command Command[C]) endpoint.Operation {
	op := s.operation(command)
	op.Path = s.one(command.Suffix)
	op.Parameters = append([]endpoint.Parameter{s.parameter(), ifMatchParameter(s.Kind)}, commandParameters(s.Kind)...)
	op.Answers = []endpoint.Answer{s.answer(http.StatusOK, "The "+s.noun()+" has changed, or is as asked for already.")}
	op.Problems = append(op.Problems, 404)
	op.Run = func(c *endpoint.Call) (endpoint.Reply, error) {
		aggregateID := c.ReadAggregate(endpoint.ParamID, s.Type)
		id, err := s.identify(c)
		if err != nil {
			return endpoint.Reply{}, err
		}
		match, err := parsePreconditions(c.Header(), headerIfMatch)
		if err != nil {
			return endpoint.Reply{}, err
		}
		c.About.Conditional = match != nil
		body := command.Body()
		if err := s.read(c, !command.BodyOptional, body, aggregateID); err != nil {
			return endpoint.Reply{}, err
		}
		result, err := s.submit(c.Context(), id, body.Command(aggregateID), match.expected())
		if err != nil {
			return endpoint.Reply{}, err
		}
		return s.reply(http.StatusOK, result)
	}
	return op
}

// Create returns the operation of a command that creates an aggregate.
func (s Commands[C, E]) Create(command Command[C]) endpoint.Operation {
	op := s.operation(command)
	op.Path = s.Path
	op.Parameters = append([]endpoint.Parameter{ifMatchNewParameter(s.Kind)}, commandParameters(s.Kind)...)
	op.Answers = []endpoint.Answer{
		s.answer(http.StatusCreated, "The "+s.noun()+" exists now.", locationHeader(s.Kind)),
		s.answer(http.StatusOK, "This very "+s.noun()+" existed already.", locationHeader(s.Kind)),
	}
	op.Run = func(c *endpoint.Call) (endpoint.Reply, error) {
		id, err := s.identify(c)
		if err != nil {
			return endpoint.Reply{}, err
		}
		match, err := parsePreconditions(c.Header(), headerIfMatch)
		if err != nil {
			return endpoint.Reply{}, err
		}
		aggregateID := id.newAggregateID(s.NewID)
		body := command.Body()
		if err := s.read(c, true, body, aggregateID); err != nil {
			return endpoint.Reply{}, err
		}
		// the collection that is posted to has no version, so no entity tag matches it
		if match != nil && !match.any {
			return endpoint.Reply{}, endpoint.NewProblem(http.StatusPreconditionFailed, endpoint.CodePreconditionFailed,
				"a new "+s.noun()+" has no version yet: leave If-Match out")
		}
		made := body.Command(aggregateID)
		c.About.AggregateID, c.About.AggregateType = made.AggregateID(), s.Type
		result, err := s.submit(c.Context(), id, made, nil)
		if err != nil {
			return endpoint.Reply{}, err
		}
		status := http.StatusCreated
		if len(result.Events) == 0 {
			status = http.StatusOK
		}
		reply, err := s.reply(status, result)
		reply.Location = s.Path + "/" + result.AggregateID.String()
		return reply, err
	}
	return op
}

// operation returns what the operations of all commands share.
func (s Commands[C, E]) operation(command Command[C]) endpoint.Operation {
	return endpoint.Operation{
		Scope: s.Write,
		ID:    command.ID, Method: command.Method, Tag: s.CommandTag,
		Summary: command.Summary, Description: command.Description,
		Body:     &endpoint.Body{Document: command.Body(), Required: !command.BodyOptional},
		Problems: []int{400, 403, 408, 409, 412, 413, 415, 422, 500, 503, 504, 507},
	}
}

func (s Commands[C, E]) answer(status int, description string, headers ...endpoint.Parameter) endpoint.Answer {
	return endpoint.Answer{
		Status: status, Description: description, Document: CommandDocument{},
		Headers: append(headers, etagHeader(s.Kind), correlationHeader()),
	}
}

// identify reads who sends the command.
func (s Commands[C, E]) identify(c *endpoint.Call) (identity, error) {
	id, err := identify(c.Header(), s.NewID)
	if err != nil {
		return identity{}, err
	}
	id.by(ports.PrincipalOf(c.Context()))
	c.About.CommandID = id.commandID
	c.SetHeader(headerCorrelationID, id.correlation)
	return id, nil
}

func (s Commands[C, E]) read(c *endpoint.Call, required bool, body Body[C], aggregateID uuid.UUID) error {
	return c.ReadBody(required, body.Read, func() []endpoint.FieldError {
		if s.Check == nil {
			return nil
		}
		var refused eventsourcing.Refused
		if !errors.As(s.Check(body.Command(aggregateID)), &refused) {
			return nil
		}
		return endpoint.Refusals(refused.Refusal())
	})
}

// submit submits a command. If several versions are acceptable, the port still takes one at a time.
// submit tries the lowest, and then the version that the aggregate is at, if it is another
// acceptable one. Versions only grow, so none has to be tried twice.
func (s Commands[C, E]) submit(
	ctx context.Context, id identity, command C, expected []uint64,
) (ports.CommandResult[E], error) {
	request := ports.CommandRequest[C]{
		Command: command, CommandID: id.commandID, CorrelationID: id.correlationID, CausationID: id.causationID,
		Metadata: id.metadata,
	}
	for {
		if len(expected) > 0 {
			request.ExpectedSequence = &expected[0]
		}
		result, err := s.Handler.Handle(ctx, request)
		var conflict *ports.VersionConflictError
		if len(expected) == 0 || !errors.As(err, &conflict) {
			return result, err
		}
		next := slices.Index(expected[1:], conflict.Actual)
		if next < 0 {
			return result, err
		}
		expected = expected[1+next:]
	}
}

func (s Commands[C, E]) reply(status int, result ports.CommandResult[E]) (endpoint.Reply, error) {
	events, err := renderEvents(s.Codec, eventsourcing.UntypedAll(result.Events))
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := CommandDocument{
		Aggregate: endpoint.Name(result.AggregateID, s.Type), SequenceNumber: result.SequenceNumber, Events: events,
	}
	return endpoint.Reply{Status: status, ETag: etag(result.SequenceNumber), Body: document}, nil
}
