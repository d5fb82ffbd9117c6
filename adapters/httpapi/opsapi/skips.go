package opsapi

import (
	"net/http"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

type skipsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Skips      []skipDocument `json:"skips" doc:"The events that the consumer skips."`
	NextCursor string         `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type skipDocument struct {
	_ struct{} `additionalProperties:"true"`

	endpoint.MaybeAggregate
	SequenceNumber uint64    `json:"sequence_number" minimum:"1" doc:"The event."`
	EventID        uuid.UUID `json:"event_id" format:"uuid" doc:"Its id."`
	EventType      string    `json:"event_type" example:"order.created" doc:"What kind of fact it is."`
	Reason         string    `json:"reason" doc:"Why it may be missing, as an operator gave it."`
	Error          string    `json:"error" doc:"What went wrong with it."`
	SkippedAt      string    `json:"skipped_at" format:"date-time" doc:"When it was skipped."`
}

type unskipBody struct {
	AggregateID    uuid.UUID `json:"aggregate_id" format:"uuid" doc:"The aggregate of the event."`
	SequenceNumber int64     `json:"sequence_number" minimum:"1" doc:"The event that is not to be skipped any more."`
}

func (b *unskipBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "aggregate_id", Required: true, Read: func() { b.AggregateID = r.UUID() }},
		strictjson.Member{Name: "sequence_number", Required: true, Read: func() { b.SequenceNumber = r.Integer() }},
	)
}

func (b *unskipBody) check() []endpoint.FieldError {
	if b.SequenceNumber >= 1 {
		return nil
	}
	return []endpoint.FieldError{{Field: "sequence_number", Message: "must be at least 1"}}
}

// skips returns the operations on skipped events.
func (r routes) skips() []endpoint.Operation {
	if r.Skips == nil {
		return nil
	}
	ofOne := endpoint.IDParameter(paramAggregateID, "List those of this aggregate only.")
	ofOne.In = endpoint.InQuery
	return []endpoint.Operation{
		{
			Scope: ports.ScopeOpsRead,
			ID:    "list-skips", Method: http.MethodGet, Path: "/v1/consumers/{name}/skips", Tag: tag,
			Summary:    "List the events that a consumer skips",
			Parameters: append([]endpoint.Parameter{consumerParameter(), ofOne}, endpoint.PageParameters()...),
			Answers:    endpoint.OK("A page of the list.", skipsDocument{}),
			Problems:   []int{400, 404, 500, 503, 504},
			Run:        r.listSkips,
		},
		r.forConsumer(http.StatusNoContent, "The view is what it is with the event.", endpoint.Operation{
			ID: "unskip-event", Path: "/v1/consumers/{name}/unskip",
			Summary: "Take the decision to skip an event back",
			Description: "The view of the event's aggregate becomes what it is with the event. " +
				"It is refused where the effect cannot be brought in afterwards.",
			Body: &endpoint.Body{Document: unskipBody{}, Required: true},
		}, r.unskip),
	}
}

func (r routes) listSkips(c *endpoint.Call) (endpoint.Reply, error) {
	r.readConsumer(c)
	after, limit, err := c.Page()
	if err != nil {
		return endpoint.Reply{}, err
	}
	page, err := r.Skips.ListSkips(c.Context(), ports.SkipQuery{
		Consumer: c.About.Consumer, AggregateID: c.UUID(paramAggregateID), After: after, Limit: limit,
	})
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := skipsDocument{Skips: make([]skipDocument, 0, len(page.Skips)), NextCursor: endpoint.ShowCursor(page.Next)}
	for _, s := range page.Skips {
		document.Skips = append(document.Skips, skipDocument{
			MaybeAggregate: endpoint.NameMaybe(s.AggregateID, ""), SequenceNumber: s.SequenceNumber, EventID: s.EventID,
			EventType: s.EventType, Reason: s.Reason, Error: s.Error, SkippedAt: endpoint.Timestamp(s.SkippedAt),
		})
	}
	return endpoint.Reply{Body: document}, nil
}

func (r routes) unskip(c *endpoint.Call) error {
	var body unskipBody
	if err := c.ReadBody(true, body.Read, body.check); err != nil {
		return err
	}
	if wrong := body.check(); wrong != nil {
		return endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
	}
	c.About.AggregateID = body.AggregateID
	return r.Skips.Unskip(c.Context(), c.About.Consumer, body.AggregateID, uint64(body.SequenceNumber))
}
