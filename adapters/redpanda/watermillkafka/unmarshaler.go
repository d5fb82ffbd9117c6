package watermillkafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	wire "orderflow/adapters/redpanda/internal/message"
	"orderflow/domain/eventsourcing"
)

// Unmarshaler turns messages of the topic into Watermill messages. It implements Unmarshaler of
// watermill-kafka. The headers become the metadata, under the same names. The UUID of the message
// is the event id.
type Unmarshaler struct{}

// Unmarshal implements Unmarshaler of watermill-kafka. It never fails, see the package comment.
func (Unmarshaler) Unmarshal(m *sarama.ConsumerMessage) (*message.Message, error) {
	metadata := make(message.Metadata, len(m.Headers))
	for _, h := range m.Headers {
		if h != nil { // of a header that comes twice, the last one counts
			metadata[string(h.Key)] = string(h.Value)
		}
	}
	id := metadata[wire.ID]
	if id == "" {
		id = fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset)
	}
	made := message.NewMessage(id, m.Value)
	made.Metadata = metadata
	return made, nil
}

// EventOf returns the event in a message of [Unmarshaler]. Its metadata is the published part: the
// trace context, and the rest if the publisher is configured to publish it. The payload is shared
// with the message.
//
// For a message without an event the error is a [*StrangerError].
func EventOf(m *message.Message) (eventsourcing.Record, error) {
	headers := make([]struct {
		Key   string
		Value []byte
	}, 0, len(m.Metadata))
	for name, value := range m.Metadata {
		headers = append(headers, struct {
			Key   string
			Value []byte
		}{name, []byte(value)})
	}
	record, err := wire.Parse(headers, m.Payload)
	if err != nil {
		return eventsourcing.Record{}, &StrangerError{Kind: string(wire.KindOf(err)), Err: err}
	}
	return record, nil
}

// StrangerError says why a message of the topic is no event.
type StrangerError struct {
	// Kind is "foreign" for a message that does not claim to be an event, and "malformed" for one
	// that does and cannot be read.
	Kind string
	// Err says what is wrong.
	Err error
}

func (e *StrangerError) Error() string { return fmt.Sprintf("%s message: %v", e.Kind, e.Err) }

// Unwrap returns what is wrong.
func (e *StrangerError) Unwrap() error { return e.Err }
