package redpanda

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxMessageBytes is the setting of a topic for the length of a batch.
	maxMessageBytes = "max.message.bytes"
	// usualLimit is its default, taken for granted where it may not be read.
	usualLimit = 1<<20 + 12
	// batchOverhead is what a batch has in front of its messages.
	batchOverhead = 61
	// leaderPause is how long to wait before looking again whether a new topic has its leaders.
	leaderPause = 20 * time.Millisecond
)

// ensureTopic creates the topic if it is not there and may be created, and waits until it can be written to.
func ensureTopic(ctx context.Context, client *kgo.Client, c Config) error {
	err := describeTopic(ctx, client, c.Topic.Name)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return err
	}
	if c.Topic.MustExist {
		return fmt.Errorf("topic %s: %w, and is not to be created", c.Topic.Name, errNoTopic)
	}
	if err := createTopic(ctx, client, c); err != nil {
		return fmt.Errorf("create topic %s with %d partitions: %w", c.Topic.Name, c.Topic.Partitions, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	for {
		err := describeTopic(ctx, client, c.Topic.Name)
		if !is(err, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable) {
			return err
		}
		select {
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return fmt.Errorf("wait for the leaders of the new topic %s: %w", c.Topic.Name, err)
		}
	}
}

// describeTopic returns nil when the topic is there and each of its partitions has a leader.
func describeTopic(ctx context.Context, client *kgo.Client, name string) error {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				return fmt.Errorf("partition %d of topic %s: %w", p.Partition, name, kerr.LeaderNotAvailable)
			}
		}
	}
	return nil
}

func createTopic(ctx context.Context, client *kgo.Client, c Config) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32((c.Timeout / 2).Milliseconds())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = c.Topic.Name, c.Topic.Partitions, c.Topic.ReplicationFactor
	for name, value := range c.Topic.Settings {
		setting := kmsg.NewCreateTopicsRequestTopicConfig()
		setting.Name, setting.Value = name, &value
		topic.Configs = append(topic.Configs, setting)
	}
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) { // another process was faster
			continue
		}
		if t.ErrorMessage != nil {
			err = fmt.Errorf("%w: %s", err, *t.ErrorMessage)
		}
		return err
	}
	return nil
}

// topicLimit returns how many bytes a batch may have, after compression.
func topicLimit(ctx context.Context, client *kgo.Client, name string) int {
	request := kmsg.NewPtrDescribeConfigsRequest()
	topic := kmsg.NewDescribeConfigsRequestResource()
	topic.ResourceType, topic.ResourceName, topic.ConfigNames = kmsg.ConfigResourceTypeTopic, name, []string{maxMessageBytes}
	request.Resources = append(request.Resources, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return usualLimit // what is wrong will show when something is sent
	}
	for _, resource := range response.Resources { // none with a setting where the user may not read it
		for _, setting := range resource.Configs {
			if setting.Name != maxMessageBytes || setting.Value == nil {
				continue
			}
			if limit, err := strconv.Atoi(*setting.Value); err == nil {
				return limit
			}
		}
	}
	return usualLimit
}
