package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// body is a pointer to a body type.
type body interface {
	read(*jsonReader)
}

// commandBody is one of a command.
type commandBody interface {
	body
	command(orderID uuid.UUID) order.Command
}

var errBody = errors.New("read body")

func (a *api) commandOperations(d describer) []operation {
	change := func(name, path, method, summary string) operation {
		return operation{
			id: name, method: method, path: path, tag: tagCommands, summary: summary,
			parameters: append([]parameter{orderIDParameter(), ifMatchParameter()}, commandParameters()...),
			responses: d.responses(answers{
				http.StatusOK: d.answer("The order has changed, or is as asked for already.", commandDocument{}, "ETag", headerCorrelationID),
			}, 400, 403, 404, 408, 409, 412, 413, 415, 422, 500, 503, 504),
		}
	}
	create := operation{
		id: "create-order", method: http.MethodPost, path: "/v1/orders", tag: tagCommands, summary: "Create an order",
		description: "A repeated request with the same Idempotency-Key, or with the same order_id and content, makes no second order.",
		parameters:  commandParameters(),
		body:        d.body(reflect.TypeFor[createBody](), true),
		responses: d.responses(answers{
			http.StatusCreated: d.answer("The order exists now.", commandDocument{}, "Location", "ETag", headerCorrelationID),
			http.StatusOK:      d.answer("This very order existed already.", commandDocument{}, "Location", "ETag", headerCorrelationID),
		}, 400, 403, 408, 409, 412, 413, 415, 422, 500, 503, 504),
		run: a.createOrder,
	}
	operations := []operation{
		create,
		with[itemsBody](a, d, true, change("update-items", "/v1/orders/{id}/items", http.MethodPut, "Replace the items of an ACTIVE order")),
		with[confirmBody](a, d, true, change("confirm-order", "/v1/orders/{id}/confirm", http.MethodPost, "Record that an ACTIVE order is paid")),
		with[shipBody](a, d, true, change("ship-order", "/v1/orders/{id}/ship", http.MethodPost, "Record that a CONFIRMED order was handed to a carrier")),
		with[deliverBody](a, d, false, change("deliver-order", "/v1/orders/{id}/deliver", http.MethodPost, "Record that a SHIPPED order arrived")),
		with[cancelBody](a, d, true, change("cancel-order", "/v1/orders/{id}/cancel", http.MethodPost, "Cancel an ACTIVE or CONFIRMED order")),
	}
	return operations
}

// with completes the operation of a command whose body is a B.
func with[B any, P interface {
	*B
	commandBody
}](a *api, d describer, required bool, op operation) operation {
	op.body = d.body(reflect.TypeFor[B](), required)
	op.run = func(c *call) (reply, error) {
		if err := c.readOrderID(); err != nil {
			return reply{}, err
		}
		id, err := a.identify(c)
		if err != nil {
			return reply{}, err
		}
		match, err := parsePreconditions(c.request.Header, headerIfMatch)
		if err != nil {
			return reply{}, err
		}
		c.about.conditional = match != nil
		var body B
		if err := a.readBody(c, required, P(&body)); err != nil {
			return reply{}, err
		}
		result, err := a.submit(c.request.Context(), id, P(&body).command(c.about.orderID), match.expected())
		if err != nil {
			return reply{}, err
		}
		return a.commandReply(http.StatusOK, result)
	}
	return op
}

func (a *api) createOrder(c *call) (reply, error) {
	id, err := a.identify(c)
	if err != nil {
		return reply{}, err
	}
	// The collection that is posted to has no version, so no entity tag matches it.
	match, err := parsePreconditions(c.request.Header, headerIfMatch)
	if err != nil {
		return reply{}, err
	}
	if match != nil && !match.any {
		return reply{}, newProblem(http.StatusPreconditionFailed, codePreconditionFailed, "a new order has no version yet; leave If-Match out")
	}
	var body createBody
	if err := a.readBody(c, true, &body); err != nil {
		return reply{}, err
	}
	command := body.command(id.orderIDOf(a.config.NewID))
	c.about.orderID = command.AggregateID()
	result, err := a.submit(c.request.Context(), id, command, nil)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusCreated
	if len(result.Events) == 0 {
		status = http.StatusOK
	}
	answer, err := a.commandReply(status, result)
	answer.location = "/v1/orders/" + result.AggregateID.String()
	return answer, err
}

// identify reads who sends the command.
func (a *api) identify(c *call) (identity, error) {
	id, err := identify(c.request.Header, a.config.NewID)
	if err != nil {
		return identity{}, err
	}
	c.about.commandID = id.commandID
	c.response.Header().Set(headerCorrelationID, id.correlationID.String())
	return id, nil
}

// submit hands a command in. Of several versions that will do, the port takes one at a time: the lowest is tried, and when
// the order turns out to be at another one of them, that one. Versions only grow, so none has to be tried twice.
func (a *api) submit(ctx context.Context, id identity, command order.Command, expected []uint64) (ports.CommandResult[order.Event], error) {
	request := ports.CommandRequest[order.Command]{
		Command: command, CommandID: id.commandID, CorrelationID: id.correlationID, CausationID: id.causationID,
	}
	for {
		if len(expected) > 0 {
			request.ExpectedSequence = &expected[0]
		}
		result, err := a.config.Commands.Handle(ctx, request)
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

func (a *api) commandReply(status int, result ports.CommandResult[order.Event]) (reply, error) {
	events, err := a.documents.events(eventsourcing.UntypedAll(result.Events))
	if err != nil {
		return reply{}, err
	}
	document := commandDocument{OrderID: result.AggregateID, SequenceNumber: result.SequenceNumber, Events: events}
	return reply{status: status, etag: etag(result.SequenceNumber), body: document}, nil
}

// readBody reads the body of a request into a body type. An empty one is fine unless required.
func (a *api) readBody(c *call, required bool, into body) error {
	buffer := a.buffers.Get().(*bytes.Buffer)
	defer a.recycle(buffer)
	if _, err := buffer.ReadFrom(http.MaxBytesReader(c.response.ResponseWriter, c.request.Body, a.config.MaxBodyBytes)); err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	if buffer.Len() == 0 && !required {
		return nil
	}
	if buffer.Len() == 0 {
		return invalid(codeInvalidBody, "", "a JSON document is required")
	}
	if !isJSON(c.request.Header.Get("Content-Type")) {
		return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "the body must be JSON and have Content-Type: application/json")
	}
	reader := jsonReader{data: buffer.Bytes()}
	into.read(&reader)
	if wrong := reader.end(); wrong != nil {
		return invalid(codeInvalidBody, wrong.Field, wrong.Message)
	}
	return nil
}

func isJSON(contentType string) bool {
	if contentType == mediaJSON {
		return true
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	return err == nil && media == mediaJSON && (!given || strings.EqualFold(charset, "utf-8"))
}
