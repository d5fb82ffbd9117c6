package redpanda

import (
	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/domain/eventsourcing"
)

// Sarama returns the configuration of the readers' client.
func (c Config) Sarama() (*sarama.Config, error) { return c.withDefaults().sarama() }

// NewMessage returns r as a message.
func (c Config) NewMessage(r eventsourcing.Record) (*kgo.Record, error) {
	return c.withDefaults().newMessage(r)
}

// NewRecord returns the record that a message carries.
var NewRecord = newRecord

// Translate returns what the ports make of an error.
func Translate(err error, produced bool) error {
	if produced {
		return translate(err, produce)
	}
	return translate(err, read)
}

// BatchOverhead is the part of a topic's limit that is not for messages.
const BatchOverhead = batchOverhead

// AloneFor is after how many messages a session that sends them alone ends.
const AloneFor = aloneFor

// Alone tells whether the session in use sends one message a request.
func (p *Publisher) Alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.current.session.alone != nil
}

// Waiting returns how many events wait for their acknowledgement.
func (p *Publisher) Waiting() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current.session.client.BufferedProduceRecords()
}
