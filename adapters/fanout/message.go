package fanout

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
)

// MetadataConsumer is the metadata of every message: the name of its consumer. What else a
// middleware needs is in the records, see [Around].
const MetadataConsumer = "consumer"

// delivery is what one message of a lane carries: one record, or several that waited. It is also
// the context of the messages that carry it, which saves one allocation.
type delivery struct {
	context.Context
	records []eventsourcing.Record
	done    []func()
	// worker is that of the lane.
	worker *worker
	// failure says why the last attempt was not acknowledged. The handler writes it before it
	// answers, and the lane reads it afterwards.
	failure error
}

// String names the records for errors.
func (d *delivery) String() string {
	first := &d.records[0]
	name := fmt.Sprintf("%s (sequence number %d of %s)", first.EventType, first.SequenceNumber, first.AggregateID)
	if more := len(d.records) - 1; more > 0 {
		name += fmt.Sprintf(" and %d more", more)
	}
	return name
}

type deliveryKey struct{}

// Value returns the delivery itself for its key. For other keys it returns the value of the parent
// context.
func (d *delivery) Value(key any) any {
	if _, ok := key.(deliveryKey); ok {
		return d
	}
	return d.Context.Value(key)
}

// newMessage returns a message that carries d. A message can be answered only once, so each attempt
// needs a new one.
func newMessage(consumer string, d *delivery) *message.Message {
	r := &d.records[0]
	msg := message.NewMessageWithContext(d, r.EventID.String(), r.Payload)
	msg.Metadata[MetadataConsumer] = consumer
	return msg
}

// deliveryOf returns what msg carries.
func deliveryOf(msg *message.Message) (*delivery, bool) {
	d, ok := msg.Context().Value(deliveryKey{}).(*delivery)
	return d, ok
}
