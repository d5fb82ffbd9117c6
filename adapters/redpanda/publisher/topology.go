package publisher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
)

const (
	// usualLimit is the default of max.message.bytes. It is used when the setting may not be read.
	usualLimit = 1<<20 + 12
	// batchOverhead is the length of a batch without its messages.
	batchOverhead = 61
	// leaderPause is the pause between two checks whether a new topic has its leaders.
	leaderPause = 20 * time.Millisecond
)

// ensureTopic creates the topic if it does not exist and may be created, and then waits until it
// can be written. An existing topic need not have a leader everywhere: a partition without one does
// not affect the others.
func ensureTopic(ctx context.Context, cl *kgo.Client, c Config) error {
	_, err := topicLeaders(ctx, cl, c.Topic.Name)
	switch {
	case errors.Is(err, kerr.LeaderNotAvailable):
		return nil
	case !errors.Is(err, kerr.UnknownTopicOrPartition):
		return err
	case c.Topic.MustExist:
		return fmt.Errorf("topic %s: %w, and is not to be created", c.Topic.Name, redpanda.ErrNoTopic)
	}
	if err := createTopic(ctx, cl, c); err != nil {
		return fmt.Errorf("create topic %s with %d partitions: %w", c.Topic.Name, c.Topic.Partitions, err)
	}
	return awaitLeaders(ctx, cl, c)
}

// awaitLeaders waits, for a bounded time, until all of a new topic can be written. Its error is
// that of ctx.
func awaitLeaders(ctx context.Context, cl *kgo.Client, c Config) error {
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var answered error
	for {
		err := describeTopic(bounded, cl, c.Topic.Name)
		if err == nil {
			return nil
		}
		if client.Is(err, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable, kerr.NotLeaderForPartition) {
			answered = err
			select {
			case <-time.After(leaderPause):
				continue
			case <-bounded.Done():
			}
		}
		if ctx.Err() == nil {
			c.Logger.Warn("a part of the new topic takes no events yet",
				"topic", c.Topic.Name, "error", cmp.Or(answered, err))
		}
		return ctx.Err()
	}
}

// describeTopic returns nil when the topic exists and each of its partitions has a leader that says
// so itself. The answer of other brokers is not enough: a broker that has just become the leader
// may not know it yet, and refuses events until then.
func describeTopic(ctx context.Context, cl *kgo.Client, name string) error {
	leaders, err := topicLeaders(ctx, cl, name)
	if err != nil {
		return err
	}
	for leader, partitions := range leaders {
		request := kmsg.NewPtrListOffsetsRequest()
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = name
		for _, p := range partitions {
			partition := kmsg.NewListOffsetsRequestTopicPartition()
			partition.Partition, partition.Timestamp = p, -1 // the end
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
		response, err := request.RequestWith(ctx, cl.Broker(int(leader)))
		if err != nil {
			return fmt.Errorf("leader %d of %d partitions of topic %s: %w", leader, len(partitions), name, err)
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("leader %d of partition %d of topic %s: %w", leader, p.Partition, name, err)
				}
			}
		}
	}
	return nil
}

// topicLeaders returns which partitions each broker leads.
func topicLeaders(ctx context.Context, cl *kgo.Client, name string) (map[int32][]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	leaders := make(map[int32][]int32)
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s: %w", name, err)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 || p.ErrorCode == kerr.LeaderNotAvailable.Code {
				return nil, fmt.Errorf("partition %d of topic %s: %w", p.Partition, name, kerr.LeaderNotAvailable)
			}
			leaders[p.Leader] = append(leaders[p.Leader], p.Partition)
		}
	}
	return leaders, nil
}

// createTopic creates the topic. It succeeds when another process was faster.
func createTopic(ctx context.Context, cl *kgo.Client, c Config) error {
	admin := kadm.NewClient(cl)
	// the broker gives up before the client does
	admin.SetTimeoutMillis(int32((c.Timeout / 2).Milliseconds()))
	settings := make(map[string]*string, len(c.Topic.Settings))
	for name, value := range c.Topic.Settings {
		settings[name] = &value
	}
	response, err := admin.CreateTopic(ctx, c.Topic.Partitions, c.Topic.ReplicationFactor, settings, c.Topic.Name)
	switch {
	case err == nil || errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case response.ErrMessage != "":
		return fmt.Errorf("%w: %s", err, response.ErrMessage)
	default:
		return err
	}
}

// limitOf returns the highest number of bytes of a batch, after compression.
func limitOf(s client.TopicSettings) int {
	if s.MaxBytes == 0 {
		return usualLimit
	}
	return min(s.MaxBytes, client.LargestBatch)
}
