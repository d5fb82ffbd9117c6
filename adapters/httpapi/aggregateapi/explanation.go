package aggregateapi

import (
	"net/http"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type explanationDocument struct {
	_ struct{} `additionalProperties:"true"`

	endpoint.Aggregate
	Events    []explainedEventDocument `json:"events" doc:"A part of the history, oldest first."`
	NextAfter uint64                   `json:"next_after,omitempty" minimum:"1" doc:"Pass it as after for the next part; absent on the last one."`
}

type explainedEventDocument struct {
	_ struct{} `additionalProperties:"true"`

	EventID        uuid.UUID                   `json:"event_id" format:"uuid" doc:"Unique over all events."`
	SequenceNumber uint64                      `json:"sequence_number" minimum:"1" example:"1" doc:"Place in the history of the aggregate, from 1, without gaps."`
	EventType      string                      `json:"event_type" example:"order.created" doc:"What kind of fact this is."`
	EventVersion   int                         `json:"event_version" minimum:"1" example:"1" doc:"Version of the schema of the fact."`
	CommandID      uuid.UUID                   `json:"command_id" format:"uuid" doc:"The command that caused it."`
	CorrelationID  uuid.UUID                   `json:"correlation_id" format:"uuid" doc:"What it belongs to."`
	CausationID    uuid.UUID                   `json:"causation_id" format:"uuid" doc:"The message that directly caused it."`
	TraceID        string                      `json:"trace_id,omitempty" example:"4bf92f3577b34da6a3ce929d0e0e4736" doc:"The trace of the request that caused it, if it was traced."`
	CreatedAt      string                      `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the command was decided, right before its events were committed."`
	Consumers      []explainedConsumerDocument `json:"consumers" doc:"What each consumer has done with it, in the order in which they were wired."`
}

type explainedConsumerDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consumer   string             `json:"consumer" example:"order-read-model" doc:"The consumer."`
	Applied    bool               `json:"applied" doc:"Whether the consumer has handled the event and every earlier one of the aggregate. What was handled and is not applied has failed: it is being tried again, or was parked."`
	SeenAt     string             `json:"seen_at,omitempty" format:"date-time" doc:"When the consumer got the event for the first time."`
	HandledAt  string             `json:"handled_at,omitempty" format:"date-time" doc:"When it was first done with it."`
	Deliveries int                `json:"deliveries,omitempty" doc:"How often the event was handed to the consumer, as far as this process knows."`
	Unknown    string             `json:"unknown,omitempty" enum:"before_start,forgotten,elsewhere,waiting" doc:"Why there are no times: committed before this process started; pushed out of its memory by newer events; applied by another process or from the event store; not applied yet."`
	Placement  *placementDocument `json:"placement,omitempty" doc:"Where a broker has put the event, if there is one and this process knows."`
}

type placementDocument struct {
	_ struct{} `additionalProperties:"true"`

	Partition int32 `json:"partition" doc:"The partition of the topic."`
	Offset    int64 `json:"offset" doc:"The offset in the partition."`
}

// Explain returns the operation that shows what happened to every event of an aggregate. A Kind
// without a type is for the aggregates of all types.
func Explain(kind Kind, explainer ports.Explainer, large *Large, tag string) endpoint.Operation {
	return endpoint.Operation{
		Scope: kind.Read,
		ID:    "explain-" + kind.id(), Method: http.MethodGet, Path: kind.one("/explain"), Tag: tag,
		Summary: "See what happened to every event of " + kind.a(),
		Description: "The views say whether an event was applied. " +
			"The times are what this process has seen, and it remembers the newest events only.",
		Parameters: append([]endpoint.Parameter{kind.parameter()}, partParameters(kind)...),
		Answers:    endpoint.OK("The way of every event.", explanationDocument{}),
		Problems:   []int{400, 404, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			id := c.ReadAggregate(endpoint.ParamID, kind.Type)
			document := explanationDocument{Events: []explainedEventDocument{}}
			last, more, done, err := large.read(c, func(after uint64, limit int) (int, bool, error) {
				explanation, err := explainer.Explain(c.Context(), id, after, limit)
				if err == nil && kind.Type != "" && explanation.AggregateType != kind.Type {
					err = ports.ErrNotFound
				}
				if err != nil {
					return 0, false, err
				}
				part := explained(explanation)
				part.Events = append(document.Events, part.Events...)
				document = part
				return len(explanation.Events), explanation.More, nil
			})
			if err != nil {
				return endpoint.Reply{}, err
			}
			document.NextAfter = nextAfter(last, more)
			return endpoint.Reply{Body: document, Done: done}, nil
		},
	}
}

func explained(explanation ports.Explanation) explanationDocument {
	document := explanationDocument{
		Aggregate: endpoint.Name(explanation.AggregateID, explanation.AggregateType),
		Events:    make([]explainedEventDocument, 0, len(explanation.Events)),
	}
	for _, e := range explanation.Events {
		event := explainedEventDocument{
			EventID: e.EventID, SequenceNumber: e.SequenceNumber, EventType: e.EventType, EventVersion: e.EventVersion,
			CommandID: e.CommandID, CorrelationID: e.CorrelationID, CausationID: e.CausationID, TraceID: e.TraceID,
			CreatedAt: endpoint.Timestamp(e.CreatedAt), Consumers: make([]explainedConsumerDocument, 0, len(e.Consumers)),
		}
		for _, told := range e.Consumers {
			event.Consumers = append(event.Consumers, explainedConsumer(told))
		}
		document.Events = append(document.Events, event)
	}
	return document
}

func explainedConsumer(told ports.ExplainedConsumer) explainedConsumerDocument {
	document := explainedConsumerDocument{
		Consumer: told.Consumer, Applied: told.Applied,
		SeenAt: endpoint.Instant(told.SeenAt), HandledAt: endpoint.Instant(told.HandledAt),
		Deliveries: told.Deliveries, Unknown: string(told.Unknown),
	}
	if p := told.Placement; p != nil {
		document.Placement = &placementDocument{Partition: p.Partition, Offset: p.Offset}
	}
	return document
}
