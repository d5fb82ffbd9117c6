package redpanda

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

// TopicReader reads back what the topic holds. It is not a member of any group.
type TopicReader struct{ link *link }

var _ ports.TopicReader = (*TopicReader)(nil)

// NewTopicReader returns a reader that is not connected yet. Errors are about the configuration.
func NewTopicReader(config Config) (*TopicReader, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &TopicReader{newLink(config.withDefaults())}, nil
}

// Ranges implements [ports.TopicReader].
func (t *TopicReader) Ranges(ctx context.Context) (ranges []ports.TopicRange, err error) {
	found, err := ask(ctx, t.link, func(client sarama.Client) (map[int32]partitionRange, error) {
		return topicRanges(client, t.link.config.Topic.Name)
	})
	if err != nil {
		return nil, fmt.Errorf("ranges of the topic: %w", err)
	}
	for _, p := range slices.Sorted(maps.Keys(found)) {
		ranges = append(ranges, ports.TopicRange{Partition: p, Begin: found[p].oldest, End: found[p].end})
	}
	return ranges, nil
}

// Read implements [ports.TopicReader].
func (t *TopicReader) Read(ctx context.Context, r ports.TopicRange, visit func(ports.TopicMessage) error) error {
	for at := r.Begin; at < r.End; {
		got, err := ask(ctx, t.link, func(client sarama.Client) (fetched, error) {
			return fetch(client, t.link.config.Topic.Name, r.Partition, at, fetchBytes)
		})
		if err != nil {
			return fmt.Errorf("read the topic: %w", err)
		}
		for _, m := range got.messages {
			if m.Offset >= r.End {
				return nil
			}
			if err := visit(topicMessage(m)); err != nil {
				return err
			}
		}
		at = got.next
	}
	return nil
}

func topicMessage(m *sarama.ConsumerMessage) ports.TopicMessage {
	record, err := newRecord(m)
	return ports.TopicMessage{Partition: m.Partition, Offset: m.Offset, Key: string(m.Key), Record: record, Err: err}
}

// Close ends what is under way. It is safe to call twice.
func (t *TopicReader) Close() error {
	t.link.close()
	return nil
}
