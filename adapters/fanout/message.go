package fanout

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
)

// The metadata of every message, for middleware and logs.
const (
	MetadataConsumer       = "consumer"
	MetadataAggregateID    = "aggregate_id"
	MetadataSequenceNumber = "sequence_number"
	MetadataEventType      = "event_type"
	MetadataEventVersion   = "event_version"
	MetadataCorrelationID  = "correlation_id"
)

// delivery is a record on its way through a lane. It is also the context of the messages that carry it, which saves a second
// allocation a record.
type delivery struct {
	context.Context
	record eventsourcing.Record
	done   func()
	// failure is why the last attempt was not acknowledged. The handler writes it before it answers, the lane reads it after.
	failure error
}

// String names the record for errors.
func (d *delivery) String() string {
	return fmt.Sprintf("%s (sequence number %d of %s)", d.record.EventType, d.record.SequenceNumber, d.record.AggregateID)
}

type deliveryKey struct{}

// Value returns the delivery itself under its key, and otherwise what the context around it holds.
func (d *delivery) Value(key any) any {
	if _, ok := key.(deliveryKey); ok {
		return d
	}
	return d.Context.Value(key)
}

// newMessage returns a message that carries d. A message can be answered once, so each attempt needs a new one.
func newMessage(consumer string, d *delivery) *message.Message {
	r := &d.record
	msg := message.NewMessageWithContext(d, r.EventID.String(), r.Payload)
	msg.Metadata[MetadataConsumer] = consumer
	msg.Metadata[MetadataAggregateID] = r.AggregateID.String()
	msg.Metadata[MetadataSequenceNumber] = strconv.FormatUint(r.SequenceNumber, 10)
	msg.Metadata[MetadataEventType] = r.EventType
	msg.Metadata[MetadataEventVersion] = strconv.Itoa(r.EventVersion)
	msg.Metadata[MetadataCorrelationID] = r.CorrelationID.String()
	return msg
}

// recordOf returns what msg carries.
func recordOf(msg *message.Message) (*delivery, bool) {
	d, ok := msg.Context().Value(deliveryKey{}).(*delivery)
	return d, ok
}
