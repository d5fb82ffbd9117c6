package opsapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

type parkedListDocument struct {
	_ struct{} `additionalProperties:"true"`

	Parked     []endpoint.ParkedDocument `json:"parked" doc:"The parked aggregates."`
	NextCursor string                    `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type parkedAggregateDocument struct {
	_ struct{} `additionalProperties:"true"`

	Parked       endpoint.ParkedDocument `json:"parked" doc:"What is known about the failure."`
	Waiting      []waitingDocument       `json:"waiting" doc:"The event that failed and those after it, oldest first."`
	WaitingError string                  `json:"waiting_error,omitempty" doc:"Why waiting is empty: the event store cannot read these events."`
}

type waitingDocument struct {
	_ struct{} `additionalProperties:"true"`

	AggregateType  string    `json:"aggregate_type" example:"order" doc:"The type of the aggregate."`
	SequenceNumber uint64    `json:"sequence_number" minimum:"1" doc:"Place in the history of the aggregate."`
	EventID        uuid.UUID `json:"event_id" format:"uuid" doc:"Unique over all events."`
	EventType      string    `json:"event_type" example:"order.created" doc:"What kind of fact this is."`
	EventVersion   int       `json:"event_version" doc:"Version of the schema of the fact."`
	CreatedAt      string    `json:"created_at" format:"date-time" doc:"When the command was decided that caused it."`
}

type retriedDocument struct {
	_ struct{} `additionalProperties:"true"`

	Released    int                       `json:"released" doc:"Aggregates that are not parked any more."`
	StillParked []endpoint.ParkedDocument `json:"still_parked" doc:"Those that could not be handled this time either."`
	NotTried    int                       `json:"not_tried" doc:"Those that were not tried, because of error."`
	Error       string                    `json:"error,omitempty" doc:"Why the retries ended early."`
}

// maxReason is how many characters a reason has at most.
const maxReason = 500

type skipBody struct {
	Reason         string `json:"reason" minLength:"1" maxLength:"500" pattern:"\\S" example:"test data of 1 March, see ticket 4711" doc:"Why the event may be missing, for people who read it later. It is kept."`
	SequenceNumber int64  `json:"sequence_number,omitempty" minimum:"1" doc:"The event to skip: the request is refused when another event fails now. It makes the request repeatable."`

	named bool // SequenceNumber was given
}

func (b *skipBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "reason", Required: true, Read: func() { b.Reason = r.Text() }},
		strictjson.Member{Name: "sequence_number", Read: func() { b.SequenceNumber, b.named = r.Integer(), true }},
	)
}

var notBlank = regexp.MustCompile(`\S`)

func (b *skipBody) check() (wrong []endpoint.FieldError) {
	blame := func(field, message string) {
		wrong = append(wrong, endpoint.FieldError{Field: field, Message: message})
	}
	switch n := utf8.RuneCountInString(b.Reason); {
	case n == 0 || !notBlank.MatchString(b.Reason):
		blame("reason", "must not be empty")
	case n > maxReason:
		blame("reason", fmt.Sprintf("must have at most %d characters, has %d", maxReason, n))
	}
	if b.named && b.SequenceNumber < 1 {
		blame("sequence_number", fmt.Sprintf("must be at least 1, is %d", b.SequenceNumber))
	}
	return wrong
}

// parked returns the operations on parked aggregates.
func (r routes) parked() []endpoint.Operation {
	if r.Parked == nil {
		return nil
	}
	const flows = "All its events have been handled, and it is not parked any more."
	return []endpoint.Operation{
		{
			Scope: ports.ScopeOpsRead,
			ID:    "list-parked", Method: http.MethodGet, Path: "/v1/consumers/{name}/parked", Tag: tag,
			Summary:     "List what a consumer has parked",
			Description: "With a fingerprint, a page has fewer entries than its limit, or none, and the list may go on all the same.",
			Parameters: append([]endpoint.Parameter{
				consumerParameter(), fingerprintParameter("List those that failed in this way only."),
			}, endpoint.PageParameters()...),
			Answers:  endpoint.OK("A page of the list.", parkedListDocument{}),
			Problems: []int{400, 404, 500, 503, 504},
			Run:      r.listParked,
		},
		r.parkedGroups(),
		{
			Scope: ports.ScopeOpsRead,
			ID:    "get-parked", Method: http.MethodGet, Path: "/v1/consumers/{name}/parked/{aggregate_id}", Tag: tag,
			Summary:    "See why an aggregate is parked, and what waits",
			Parameters: []endpoint.Parameter{consumerParameter(), parkedParameter()},
			Answers:    endpoint.OK("The aggregate.", parkedAggregateDocument{}),
			Problems:   []int{400, 404, 500, 503, 504},
			Run:        r.getParked,
		},
		{
			Scope: ports.ScopeOpsWrite,
			ID:    "retry-all-parked", Method: http.MethodPost, Path: "/v1/consumers/{name}/retry-parked", Tag: tag,
			Summary:     "Retry all parked aggregates, from the events that failed",
			Description: "Those that have been parked for longest come first.",
			Parameters: []endpoint.Parameter{
				consumerParameter(), fingerprintParameter("Retry those that failed in this way only."), atMostParameter(),
				reasonParameter(),
			},
			Answers:   endpoint.OK("The result for each of them.", retriedDocument{}),
			Problems:  []int{400, 403, 404, 409, 500, 503, 507},
			Unbounded: true,
			Run:       r.retryAllParked,
		},
		r.forConsumer(http.StatusNoContent, flows, endpoint.Operation{
			ID: "retry-parked", Path: "/v1/consumers/{name}/parked/{aggregate_id}/retry",
			Summary:    "Retry a parked aggregate, from the event that failed",
			Parameters: []endpoint.Parameter{parkedParameter()},
		}, r.retryParked),
		r.forConsumer(http.StatusNoContent, flows, endpoint.Operation{
			ID: "skip-parked", Path: "/v1/consumers/{name}/parked/{aggregate_id}/skip",
			Summary: "Skip the event that failed, and handle the rest of its aggregate",
			Description: "The consumer and every rebuild skip that event, until the skip is taken back. " +
				"The reason is kept.",
			Parameters: []endpoint.Parameter{parkedParameter()},
			Body:       &endpoint.Body{Document: skipBody{}, Required: true},
		}, r.skipParked),
	}
}

func (r routes) listParked(c *endpoint.Call) (endpoint.Reply, error) {
	r.readConsumer(c)
	after, limit, err := c.Page()
	if err != nil {
		return endpoint.Reply{}, err
	}
	page, err := r.Parked.ListParked(c.Context(), c.About.Consumer, after, limit)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := parkedListDocument{
		Parked: make([]endpoint.ParkedDocument, 0, len(page.Aggregates)), NextCursor: endpoint.ShowCursor(page.Next),
	}
	for _, parked := range page.Aggregates {
		if one := endpoint.Parked(parked); wanted(c, one) {
			document.Parked = append(document.Parked, one)
		}
	}
	return endpoint.Reply{Body: document}, nil
}

func (r routes) getParked(c *endpoint.Call) (endpoint.Reply, error) {
	r.readConsumer(c)
	parked, err := r.findParked(c, c.ReadAggregate(paramAggregateID, ""))
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := parkedAggregateDocument{Parked: endpoint.Parked(parked), Waiting: []waitingDocument{}}
	records, err := r.Records.Load(c.Context(), parked.AggregateID, parked.SequenceNumber-1)
	if errors.Is(err, ports.ErrCorrupt) { // that may be the reason why it is parked
		document.WaitingError = err.Error()
		return endpoint.Reply{Body: document}, nil
	}
	for _, record := range records {
		document.Waiting = append(document.Waiting, waitingDocument{
			AggregateType: record.AggregateType, SequenceNumber: record.SequenceNumber, EventID: record.EventID,
			EventType: record.EventType, EventVersion: record.EventVersion, CreatedAt: endpoint.Timestamp(record.CreatedAt),
		})
	}
	return endpoint.Reply{Body: document}, err
}

// findParked finds an aggregate among those that a consumer has parked. There are never many.
func (r routes) findParked(c *endpoint.Call, aggregateID uuid.UUID) (ports.ParkedAggregate, error) {
	var found ports.ParkedAggregate
	err := r.eachParked(c, func(parked ports.ParkedAggregate) {
		if parked.AggregateID == aggregateID {
			found = parked
		}
	})
	if err == nil && found.AggregateID == uuid.Nil {
		err = ports.ErrNotFound
	}
	c.About.AggregateType = found.AggregateType
	return found, err
}

func (r routes) eachParked(c *endpoint.Call, visit func(ports.ParkedAggregate)) error {
	for cursor := ports.Cursor(""); ; {
		page, err := r.Parked.ListParked(c.Context(), c.About.Consumer, cursor, endpoint.MaxLimit)
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

func (r routes) retryParked(c *endpoint.Call) error {
	return r.Parked.RetryParked(c.Context(), c.About.Consumer, c.ReadAggregate(paramAggregateID, ""))
}

func (r routes) skipParked(c *endpoint.Call) error {
	id := c.ReadAggregate(paramAggregateID, "")
	var body skipBody
	if err := c.ReadBody(true, body.Read, body.check); err != nil {
		return err
	}
	if wrong := body.check(); wrong != nil {
		return endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
	}
	if body.named {
		parked, err := r.findParked(c, id)
		if err != nil {
			return err
		}
		if parked.SequenceNumber != uint64(body.SequenceNumber) {
			p := endpoint.NewProblem(http.StatusConflict, endpoint.CodeRefused,
				fmt.Sprintf("event %d is not the one that fails, which is %d: look at it first",
					body.SequenceNumber, parked.SequenceNumber))
			p.Parked = new(endpoint.Parked(parked))
			return p
		}
	}
	return r.Parked.SkipParked(c.Context(), c.About.Consumer, id, body.Reason)
}

// retryAllParked retries once every aggregate that is parked when it begins, or those that the
// request selects. If something stops it before the end, the answer says so, beside what was done.
func (r routes) retryAllParked(c *endpoint.Call) (endpoint.Reply, error) {
	r.readConsumer(c)
	var all []ports.ParkedAggregate
	err := r.eachParked(c, func(parked ports.ParkedAggregate) {
		if wanted(c, endpoint.Parked(parked)) {
			all = append(all, parked)
		}
	})
	if err != nil {
		return endpoint.Reply{}, err
	}
	slices.SortStableFunc(all, func(a, b ports.ParkedAggregate) int { return a.ParkedAt.Compare(b.ParkedAt) })
	if c.Has(paramAtMost) {
		all = all[:min(len(all), int(c.Number(paramAtMost)))]
	}
	document := retriedDocument{StillParked: []endpoint.ParkedDocument{}}
	for i, parked := range all {
		err := r.Parked.RetryParked(c.Context(), c.About.Consumer, parked.AggregateID)
		var still *ports.StillParkedError
		switch {
		case err == nil:
			document.Released++
		case errors.As(err, &still):
			document.StillParked = append(document.StillParked, endpoint.Parked(still.Parked))
		case errors.Is(err, ports.ErrNotFound): // another request was faster
		case i == 0 || c.Context().Err() != nil:
			return endpoint.Reply{}, err
		default:
			document.NotTried, document.Error = len(all)-i, err.Error()
			return endpoint.Reply{Body: document}, nil
		}
	}
	return endpoint.Reply{Body: document}, nil
}
