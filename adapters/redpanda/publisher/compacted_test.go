package publisher_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// Compaction by the key of a message deletes the history of an order. So nothing is published to
// such a topic, and it is not compared with the event store, unless the configuration allows it.
func TestPublisher_RefusesACompactedTopic(t *testing.T) {
	t.Parallel()
	refusesACompactedTopic(t, topictest.NewCluster(t).ListenAddrs())
}

func TestIntegration_PublisherRefusesACompactedTopic(t *testing.T) {
	t.Parallel()
	refusesACompactedTopic(t, servers.Kafka(t))
}

func refusesACompactedTopic(t *testing.T, brokers []string) {
	for _, policy := range []string{"compact", "compact,delete", "delete,compact"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			config := topictest.NewTopic(brokers)
			config.Topic.Settings = map[string]string{"cleanup.policy": policy}
			p := topictest.NewPublisher(t, config)
			reader, err := source.NewTopicReader(config)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			for name, try := range map[string]func(context.Context) error{
				"connect": p.Connect, "probe": p.Probe,
				"publish": func(ctx context.Context) error { return p.Publish(ctx, topictest.History(1)[0]) },
			} {
				err := try(topictest.Within(t))
				if !errors.Is(err, redpanda.ErrCompacted) || !errors.Is(err, redpanda.ErrRefused) || !errors.Is(err, ports.ErrUnavailable) ||
					!topictest.ContainsAll(err.Error(), config.Topic.Name, policy, "Topic.AllowCompacted", "delete") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := reader.Ranges(topictest.Within(t)); !errors.Is(err, redpanda.ErrCompacted) {
				t.Errorf("read: %v", err)
			}

			config.Topic.AllowCompacted = true
			topictest.PublishInTime(t, topictest.NewPublisher(t, config), topictest.History(2)...)
			allowed, err := source.NewTopicReader(config)
			if err != nil {
				t.Fatal(err)
			}
			defer allowed.Close()
			if ranges, err := allowed.Ranges(topictest.Within(t)); err != nil || len(ranges) == 0 {
				t.Errorf("read where it is allowed: %v, %v", ranges, err)
			}
		})
	}
}

// The policy of a topic may be changed while events are published.
func TestPublisher_StopsWhenTheTopicIsCompacted(t *testing.T) {
	t.Parallel()
	stopsWhenTheTopicIsCompacted(t, topictest.NewCluster(t).ListenAddrs())
}

func TestIntegration_PublisherStopsWhenTheTopicIsCompacted(t *testing.T) {
	t.Parallel()
	stopsWhenTheTopicIsCompacted(t, servers.Kafka(t))
}

func stopsWhenTheTopicIsCompacted(t *testing.T, brokers []string) {
	config := topictest.NewTopic(brokers)
	topic := topictest.NewShelf(t, config)
	p := topictest.NewPublisher(t, config)
	records := topictest.History(2)
	topictest.PublishInTime(t, p, records[0])
	if err := p.Probe(topictest.Within(t)); err != nil {
		t.Fatal(err)
	}
	setPolicy := func(policy string) {
		t.Helper()
		answers, err := topic.Admin.AlterTopicConfigs(topictest.Within(t),
			[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &policy}}, config.Topic.Name)
		if err == nil {
			err = answers[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	setPolicy("compact")
	ctx := topictest.Within(t)
	err := p.Probe(ctx)
	for err == nil { // a broker may learn of it later
		err = p.Probe(ctx)
	}
	if !errors.Is(err, redpanda.ErrCompacted) {
		t.Fatalf("probe: %v", err)
	}
	if err := p.Publish(ctx, records[1]); !errors.Is(err, redpanda.ErrCompacted) || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("publish: %v, want that it is refused and can be repeated", err)
	}
	setPolicy("delete")
	topictest.PublishInTime(t, p, records[1])
	expectTopic(t, config, records)
}

// A user who may not read the settings of the topic publishes as before.
func TestPublisher_WithoutTheRightToReadSettings(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := configOf(cluster)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	p := topictest.NewPublisher(t, config)
	publish(t, p, topictest.History(2)...)
	if err := p.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}
