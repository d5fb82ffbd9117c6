package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/ports"
)

type parkedListDocument struct {
	_ struct{} `additionalProperties:"true"`

	Parked     []parkedDocument `json:"parked" nullable:"false" doc:"The orders that are set aside."`
	NextCursor string           `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type parkedDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        uuid.UUID `json:"order_id" format:"uuid" doc:"The order that is set aside."`
	SequenceNumber uint64    `json:"sequence_number" minimum:"1" doc:"The event that could not be handled."`
	EventID        uuid.UUID `json:"event_id" format:"uuid" doc:"The id of that event."`
	EventType      string    `json:"event_type" example:"order.created" doc:"What kind of fact it is."`
	Kind           string    `json:"kind" enum:"undecodable,store,refused,bug" doc:"Who has to act, as in the failure of a consumer."`
	Error          string    `json:"error" doc:"What went wrong the last time."`
	Attempts       int       `json:"attempts" doc:"How often it was tried, with retries."`
	FailedAt       string    `json:"failed_at" format:"date-time" doc:"When it went wrong first."`
	ParkedAt       string    `json:"parked_at" format:"date-time" doc:"When the order was set aside."`
	RetriedAt      string    `json:"retried_at,omitempty" format:"date-time" doc:"When somebody tried it again for the last time."`
}

type parkedOrderDocument struct {
	_ struct{} `additionalProperties:"true"`

	Parked       parkedDocument    `json:"parked" doc:"What is known about the failure."`
	Waiting      []waitingDocument `json:"waiting" nullable:"false" doc:"The event that failed and those that wait behind it, oldest first."`
	WaitingError string            `json:"waiting_error,omitempty" doc:"Why waiting is empty: the event store cannot read these events."`
}

type waitingDocument struct {
	_ struct{} `additionalProperties:"true"`

	SequenceNumber uint64    `json:"sequence_number" minimum:"1" doc:"Place in the history of the order."`
	EventID        uuid.UUID `json:"event_id" format:"uuid" doc:"Unique over all events."`
	EventType      string    `json:"event_type" example:"order.created" doc:"What kind of fact this is."`
	EventVersion   int       `json:"event_version" doc:"Version of the schema of the fact."`
	CreatedAt      string    `json:"created_at" format:"date-time" doc:"When the command was decided that caused it."`
}

type retriedDocument struct {
	_ struct{} `additionalProperties:"true"`

	Released    int              `json:"released" doc:"Orders that flow again."`
	StillParked []parkedDocument `json:"still_parked" nullable:"false" doc:"Orders that could not be handled this time either."`
	NotTried    int              `json:"not_tried" doc:"Orders that were left alone after error."`
	Error       string           `json:"error,omitempty" doc:"Why it was not gone on with."`
}

// maxReason is how many characters a reason has at most.
const maxReason = 500

type skipBody struct {
	Reason         string `json:"reason" minLength:"1" maxLength:"500" pattern:"\\S" example:"test data of 1 March, see ticket 4711" doc:"Why the event may be missing, for those who will wonder. It is kept."`
	SequenceNumber int64  `json:"sequence_number,omitempty" minimum:"1" doc:"The event to pass over: the request is refused when another one fails by now. It makes the request repeatable."`

	named bool // SequenceNumber was given
}

func (b *skipBody) read(r *jsonReader) {
	r.object(
		member{"reason", true, func() { b.Reason = r.text() }},
		member{"sequence_number", false, func() { b.SequenceNumber, b.named = r.integer(), true }},
	)
}

var notBlank = regexp.MustCompile(`\S`)

func (b *skipBody) check() error {
	switch n := utf8.RuneCountInString(b.Reason); {
	case n == 0 || !notBlank.MatchString(b.Reason):
		return invalid(codeInvalidBody, "reason", "must not be empty")
	case n > maxReason:
		return invalid(codeInvalidBody, "reason", fmt.Sprintf("must have at most %d characters, has %d", maxReason, n))
	case b.named && b.SequenceNumber < 1:
		return invalid(codeInvalidBody, "sequence_number", fmt.Sprintf("must be at least 1, is %d", b.SequenceNumber))
	}
	return nil
}

// parkedOperations look after the orders that consumers have set aside.
func (a *api) parkedOperations(d describer) []operation {
	if a.config.Parked == nil {
		return nil
	}
	problems := []int{400, 403, 404, 409, 500, 503, 504}
	list := operation{
		id: "list-parked-orders", method: http.MethodGet, path: "/v1/consumers/{name}/parked", tag: tagOperations, summary: "List the orders that a consumer has set aside",
		parameters: []parameter{consumerParameter(), limitParameter(), cursorParameter()},
		responses:  d.responses(answers{http.StatusOK: d.answer("A page of the list.", parkedListDocument{})}, 400, 404, 500, 503, 504),
		run:        a.listParked,
	}
	get := operation{
		id: "get-parked-order", method: http.MethodGet, path: "/v1/consumers/{name}/parked/{order_id}", tag: tagOperations, summary: "See why an order is set aside, and what waits",
		parameters: []parameter{consumerParameter(), parkedOrderParameter()},
		responses:  d.responses(answers{http.StatusOK: d.answer("The order.", parkedOrderDocument{})}, 400, 404, 500, 503, 504),
		run:        a.getParked,
	}
	retryAll := operation{
		id: "retry-parked-orders", method: http.MethodPost, path: "/v1/consumers/{name}/retry-parked", tag: tagOperations, summary: "Handle every order that is set aside, from the event that failed",
		parameters: []parameter{consumerParameter()},
		responses:  d.responses(answers{http.StatusOK: d.answer("What became of them.", retriedDocument{})}, 400, 403, 404, 409, 500, 503),
		unbounded:  true,
		run:        a.retryAllParked,
	}
	flows := answers{http.StatusNoContent: d.answer("All its events have been handled, and it flows again.", nil)}
	return []operation{
		list, get, retryAll,
		forConsumer(http.StatusNoContent, operation{
			id: "retry-parked-order", path: "/v1/consumers/{name}/parked/{order_id}/retry", summary: "Handle an order that is set aside, from the event that failed",
			parameters: []parameter{parkedOrderParameter()},
			responses:  d.responses(flows, problems...),
		}, a.retryParked),
		forConsumer(http.StatusNoContent, operation{
			id: "skip-parked-event", path: "/v1/consumers/{name}/parked/{order_id}/skip", summary: "Pass over the event that failed, and handle the rest of its order",
			description: "The consumer will never handle that event, and a rebuild will not either. The reason is kept.",
			parameters:  []parameter{parkedOrderParameter()},
			body:        d.body(reflect.TypeFor[skipBody](), true),
			responses:   d.responses(flows, append([]int{408, 413, 415}, problems...)...),
		}, a.skipParked),
	}
}

func (a *api) listParked(c *call) (reply, error) {
	c.readConsumer()
	after, limit, err := c.readPage()
	if err != nil {
		return reply{}, err
	}
	page, err := a.config.Parked.ListParked(c.request.Context(), c.about.consumer, after, limit)
	if err != nil {
		return reply{}, err
	}
	document := parkedListDocument{Parked: make([]parkedDocument, 0, len(page.Aggregates)), NextCursor: showCursor(page.Next)}
	for _, parked := range page.Aggregates {
		document.Parked = append(document.Parked, parkedOrder(parked))
	}
	return reply{body: document}, nil
}

func parkedOrder(p ports.ParkedAggregate) parkedDocument {
	document := parkedDocument{
		OrderID: p.AggregateID, SequenceNumber: p.SequenceNumber, EventID: p.EventID, EventType: p.EventType,
		Kind: string(p.Kind), Error: p.Error, Attempts: p.Attempts, FailedAt: timestamp(p.FailedAt), ParkedAt: timestamp(p.ParkedAt),
	}
	if !p.RetriedAt.IsZero() {
		document.RetriedAt = timestamp(p.RetriedAt)
	}
	return document
}

func (a *api) getParked(c *call) (reply, error) {
	c.readConsumer()
	if err := c.readOrderIDIn(paramOrderID); err != nil {
		return reply{}, err
	}
	ctx := c.request.Context()
	parked, err := a.parked(ctx, c.about)
	if err != nil {
		return reply{}, err
	}
	document := parkedOrderDocument{Parked: parkedOrder(parked), Waiting: []waitingDocument{}}
	records, err := a.config.Records.Load(ctx, parked.AggregateID, parked.SequenceNumber-1)
	if errors.Is(err, ports.ErrCorrupt) { // that may well be why it is parked
		document.WaitingError = err.Error()
		return reply{body: document}, nil
	}
	for _, record := range records {
		document.Waiting = append(document.Waiting, waitingDocument{
			SequenceNumber: record.SequenceNumber, EventID: record.EventID, EventType: record.EventType, EventVersion: record.EventVersion,
			CreatedAt: timestamp(record.CreatedAt),
		})
	}
	return reply{body: document}, err
}

// parked finds an order among those that a consumer has set aside. There are never many.
func (a *api) parked(ctx context.Context, about subject) (ports.ParkedAggregate, error) {
	var found ports.ParkedAggregate
	err := a.eachParked(ctx, about.consumer, func(parked ports.ParkedAggregate) {
		if parked.AggregateID == about.orderID {
			found = parked
		}
	})
	if err == nil && found.AggregateID == uuid.Nil {
		err = ports.ErrNotFound
	}
	return found, err
}

func (a *api) eachParked(ctx context.Context, consumer string, visit func(ports.ParkedAggregate)) error {
	for cursor := ports.Cursor(""); ; {
		page, err := a.config.Parked.ListParked(ctx, consumer, cursor, maxLimit)
		if err != nil {
			return err
		}
		for _, parked := range page.Aggregates {
			visit(parked)
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func (a *api) retryParked(c *call) error {
	if err := c.readOrderIDIn(paramOrderID); err != nil {
		return err
	}
	return a.config.Parked.RetryParked(c.request.Context(), c.about.consumer, c.about.orderID)
}

func (a *api) skipParked(c *call) error {
	if err := c.readOrderIDIn(paramOrderID); err != nil {
		return err
	}
	var body skipBody
	if err := a.readBody(c, true, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	ctx := c.request.Context()
	if body.named {
		parked, err := a.parked(ctx, c.about)
		if err != nil {
			return err
		}
		if parked.SequenceNumber != uint64(body.SequenceNumber) {
			p := newProblem(http.StatusConflict, codeRefused,
				fmt.Sprintf("event %d is not the one that fails, which is %d: look at it first", body.SequenceNumber, parked.SequenceNumber))
			p.Parked = new(parkedOrder(parked))
			return p
		}
	}
	return a.config.Parked.SkipParked(ctx, c.about.consumer, c.about.orderID, body.Reason)
}

// retryAllParked tries every order that is parked at its beginning once. What stops it halfway is told beside what was done.
func (a *api) retryAllParked(c *call) (reply, error) {
	c.readConsumer()
	ctx := c.request.Context()
	var orders []uuid.UUID
	if err := a.eachParked(ctx, c.about.consumer, func(parked ports.ParkedAggregate) { orders = append(orders, parked.AggregateID) }); err != nil {
		return reply{}, err
	}
	document := retriedDocument{StillParked: []parkedDocument{}}
	for i, id := range orders {
		err := a.config.Parked.RetryParked(ctx, c.about.consumer, id)
		var still *ports.StillParkedError
		switch {
		case err == nil:
			document.Released++
		case errors.As(err, &still):
			document.StillParked = append(document.StillParked, parkedOrder(still.Parked))
		case errors.Is(err, ports.ErrNotFound): // somebody else was faster
		case i == 0 || ctx.Err() != nil:
			return reply{}, err
		default:
			document.NotTried, document.Error = len(orders)-i, err.Error()
			return reply{body: document}, nil
		}
	}
	return reply{body: document}, nil
}
