package publisher_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// Brokers name the leaders of a new topic before these leaders know it.
func TestPublisher_WaitsUntilLeadersKnowThatTheyLead(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	var log bytes.Buffer
	config := configOf(cluster)
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	unaware := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.UnknownTopicOrPartition, Count: 3})
	// the client does not retry it
	produced := cluster.Fault(kfake.Fault{Keys: produceKey, Err: kerr.TopicAuthorizationFailed, Count: -1})
	p := topictest.NewPublisher(t, config)
	if err := p.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if unaware.Hits() != 3 || produced.Hits() != 0 {
		t.Errorf("leaders said %d times that they are none, and got %d requests", unaware.Hits(), produced.Hits())
	}
	produced.Remove()
	publish(t, p, topictest.History(3)...)
	if log.Len() > 0 {
		t.Errorf("the log says %s", &log)
	}
}

func TestPublisher_APartitionWithoutLeaderKeepsNobodyFromTheOthers(t *testing.T) {
	t.Parallel()

	t.Run("in a new topic", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		var log bytes.Buffer
		config := configOf(cluster)
		config.Timeout = 3 * time.Second
		config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Partitions: []int32{3}, Err: kerr.NotLeaderForPartition, Count: -1})
		p := topictest.NewPublisher(t, config)
		topictest.PublishInTime(t, p, topictest.History(3)...)
		if !topictest.ContainsAll(log.String(), "level=WARN", "partition 3", config.Topic.Name) {
			t.Errorf("the log does not say what is wrong: %s", &log)
		}
	})

	t.Run("in one that is there", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		at := int32(-1)
		settings := publisher.Config{Config: config}
		settings.Published = func(_ eventsourcing.Record, partition int32, _ int64) { at = partition }
		records, before := topictest.History(2), newPublisher(t, settings)
		publish(t, before, records[0])
		for at == 3 {
			records = topictest.History(2)
			publish(t, before, records[0])
		}
		fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Partitions: []int32{3}, Err: kerr.LeaderNotAvailable, Count: -1})
		p := topictest.NewPublisher(t, config)
		publish(t, p, records[1])
		if err := p.Probe(t.Context()); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "partition 3") {
			t.Errorf("Probe = %v, want it to be unavailable for partition 3", err)
		}
		fault.Remove()
		expectTopic(t, config, records)
	})
}

// The topic is deleted and a new one of the same name is created. Earlier events are gone, which
// the audit must report. Later events go to the new topic.
func TestPublisher_SurvivesTheTopic(t *testing.T) {
	t.Parallel()
	survivesTheTopic(t, topictest.NewCluster(t).ListenAddrs())
}

func TestIntegration_PublisherSurvivesTheTopic(t *testing.T) {
	t.Parallel()
	survivesTheTopic(t, servers.Kafka(t))
}

func survivesTheTopic(t *testing.T, brokers []string) {
	config := topictest.NewTopic(brokers)
	config.Timeout = time.Second
	topic := topictest.NewShelf(t, config)
	config.Topic.MustExist = true
	p := topictest.NewPublisher(t, config)
	topictest.PublishInTime(t, p, topictest.History(3)...)
	if _, err := topic.Admin.DeleteTopic(t.Context(), config.Topic.Name); err != nil {
		t.Fatal(err)
	}
	for ctx := topictest.Within(t); ; {
		err := p.Publish(ctx, topictest.History(1)[0])
		if errors.Is(err, redpanda.ErrRefused) {
			break
		}
		// nil: the brokers learn of it one after the other
		if err != nil && !topictest.IsRetryable(err) {
			t.Fatalf("without the topic: %v", err)
		}
	}
	for ctx := topictest.Within(t); ; {
		_, err := topic.Admin.CreateTopic(ctx, 2, 1, nil, config.Topic.Name)
		if err == nil {
			break
		}
		// until the deletion is over
		if !errors.Is(err, kerr.TopicAlreadyExists) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	records := topictest.History(5)
	topictest.PublishInTime(t, p, records...)
	expectTopic(t, config, records)
}
