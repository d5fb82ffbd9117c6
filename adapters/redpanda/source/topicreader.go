package source

import (
	"context"
	"fmt"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/message"
	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// readBytes is how much of one partition is requested at once. A larger batch is returned anyway.
const readBytes = 256 << 10

// TopicReader reads what the topic holds. It is not a member of any group. It connects when it is
// first used. It is safe for concurrent use.
type TopicReader struct{ link *link }

var _ ports.TopicReader = (*TopicReader)(nil)

// NewTopicReader returns a reader that is not connected yet. Its errors are about the
// configuration.
func NewTopicReader(config redpanda.Config) (*TopicReader, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	l, err := newLink(config.WithDefaults())
	if err != nil {
		return nil, err
	}
	return &TopicReader{l}, nil
}

// Ranges implements [ports.TopicReader].
func (t *TopicReader) Ranges(ctx context.Context) (ranges []ports.TopicRange, err error) {
	found, err := topic.Look(ctx, t.link.client, t.link.config.Topic.Name)
	if err == nil {
		err = found.Err()
	}
	if err == nil {
		err = t.checkSettings(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("ranges of the topic: %w", t.link.explain(ctx, err))
	}
	for i, p := range found.Partitions {
		ranges = append(ranges, ports.TopicRange{Partition: int32(i), Begin: p.Begin, End: p.End})
	}
	return ranges, nil
}

// checkSettings returns an error for a topic in which a comparison would miss events because
// brokers compact it.
func (t *TopicReader) checkSettings(ctx context.Context) error {
	settings, err := client.ReadTopicSettings(ctx, t.link.client, t.link.config.Topic.Name)
	if err != nil {
		return err
	}
	return settings.Check(t.link.config.Topic)
}

// Read implements [ports.TopicReader]. When the range ends after the end of the partition, it waits
// for the missing part.
func (t *TopicReader) Read(ctx context.Context, r ports.TopicRange, visit func(ports.TopicMessage) error) error {
	reader := &topic.Reader{Client: t.link.client, Topic: t.link.config.Topic.Name, Partition: r.Partition, Bytes: readBytes}
	if r.Begin >= r.End {
		return t.link.check(ctx)
	}
	for at := r.Begin; at < r.End; {
		part, err := reader.Read(ctx, at)
		if err != nil {
			return fmt.Errorf("read the topic: %w", t.link.explain(ctx, err))
		}
		for _, m := range part.Messages {
			if m.Offset >= r.End {
				return nil
			}
			if err := visit(topicMessage(m)); err != nil {
				return err
			}
		}
		at = part.Next
	}
	return nil
}

func topicMessage(m topic.Message) ports.TopicMessage {
	record, err := parse(m)
	return ports.TopicMessage{Partition: m.Partition, Offset: m.Offset, Key: string(m.Key), Record: record, Err: err}
}

// parse returns the event in a message.
func parse(m topic.Message) (eventsourcing.Record, error) {
	if m.Err != nil {
		return eventsourcing.Record{}, m.Err
	}
	return message.Parse(m.Headers, m.Value)
}

// Close ends calls in progress. It may be called twice.
func (t *TopicReader) Close() error {
	t.link.client.Close()
	return nil
}
