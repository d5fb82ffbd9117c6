package endpoint

import (
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Documents that several resources and the problems use. Answers may get more members in future
// versions, which is why additionalProperties is true.

// Aggregate names an aggregate in a document.
type Aggregate struct {
	AggregateID   uuid.UUID `json:"aggregate_id" format:"uuid" doc:"The aggregate."`
	AggregateType string    `json:"aggregate_type" example:"order" doc:"Its type."`
	OrderID       string    `json:"order_id,omitempty" format:"uuid" doc:"The same as aggregate_id, if the type is order. It goes away with 1.0 where it stands beside aggregate_id."`
}

// Name returns the name of an aggregate. One whose type was not stored is an order.
func Name(id uuid.UUID, aggregateType string) Aggregate {
	if aggregateType == "" {
		aggregateType = ports.LegacyAggregateType
	}
	named := Aggregate{AggregateID: id, AggregateType: aggregateType}
	if aggregateType == ports.LegacyAggregateType {
		named.OrderID = id.String()
	}
	return named
}

// MaybeAggregate names an aggregate in a document that need not be about one.
type MaybeAggregate struct {
	AggregateID   string `json:"aggregate_id,omitempty" format:"uuid" doc:"The aggregate, if it is about one."`
	AggregateType string `json:"aggregate_type,omitempty" example:"order" doc:"Its type, if that is known."`
	OrderID       string `json:"order_id,omitempty" format:"uuid" doc:"The same as aggregate_id, unless the type is known to be another one than order. It goes away with 1.0."`
}

// NameMaybe returns the name of an aggregate, whose type need not be known. It is empty for the nil
// UUID.
func NameMaybe(id uuid.UUID, aggregateType string) MaybeAggregate {
	if id == uuid.Nil {
		return MaybeAggregate{}
	}
	named := MaybeAggregate{AggregateID: id.String(), AggregateType: aggregateType}
	if aggregateType == "" || aggregateType == ports.LegacyAggregateType {
		named.OrderID = named.AggregateID
	}
	return named
}

// ParkedDocument is an aggregate that a consumer has parked.
type ParkedDocument struct {
	_ struct{} `additionalProperties:"true"`

	Aggregate
	SequenceNumber uint64    `json:"sequence_number" minimum:"1" doc:"The event that could not be handled."`
	EventID        uuid.UUID `json:"event_id" format:"uuid" doc:"The id of that event."`
	EventType      string    `json:"event_type" example:"order.created" doc:"What kind of fact it is."`
	Kind           string    `json:"kind" enum:"undecodable,newer,store,refused,bug" doc:"Who has to act, as in the failure of a consumer."`
	Error          string    `json:"error" doc:"What went wrong the last time."`
	Attempts       int       `json:"attempts" doc:"How often it was tried, with retries."`
	FailedAt       string    `json:"failed_at" format:"date-time" doc:"When it went wrong first."`
	ParkedAt       string    `json:"parked_at" format:"date-time" doc:"When the aggregate was parked."`
	Fingerprint    string    `json:"fingerprint" example:"8f14e45fceea" doc:"The same for failures with the same cause: of the same kind, at the same type of event, with the same error apart from ids, numbers and quoted texts."`
	RetriedAt      string    `json:"retried_at,omitempty" format:"date-time" doc:"When it was retried for the last time."`
}

// Parked renders a parked aggregate.
func Parked(p ports.ParkedAggregate) ParkedDocument {
	document := ParkedDocument{
		Aggregate:      Name(p.AggregateID, p.AggregateType),
		SequenceNumber: p.SequenceNumber, EventID: p.EventID, EventType: p.EventType,
		Kind: string(p.Kind), Error: p.Error, Attempts: p.Attempts,
		FailedAt: Timestamp(p.FailedAt), ParkedAt: Timestamp(p.ParkedAt), Fingerprint: Fingerprint(p),
	}
	if !p.RetriedAt.IsZero() {
		document.RetriedAt = Timestamp(p.RetriedAt)
	}
	return document
}

// ProcessDocument is a process of the service.
type ProcessDocument struct {
	_ struct{} `additionalProperties:"true"`

	ID      uuid.UUID `json:"id" format:"uuid" doc:"New for every start of a process."`
	Address string    `json:"address" example:"http://10.0.0.7:8080" doc:"Where it answers."`
}

// Process renders a process. It returns nil if there is none.
func Process(owner ports.LeaseOwner) *ProcessDocument {
	if owner == (ports.LeaseOwner{}) {
		return nil
	}
	return &ProcessDocument{ID: owner.ID, Address: owner.Address}
}

// timeLayout is RFC 3339 with milliseconds, the precision that is stored.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Timestamp renders a time that is stored.
func Timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// Instant renders a time that was measured and not stored, with the precision of the clock. It
// returns "" for the zero time.
func Instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
