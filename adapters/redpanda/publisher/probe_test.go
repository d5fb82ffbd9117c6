package publisher_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestPublisher_Probe(t *testing.T) {
	t.Parallel()

	t.Run("answers while every partition has a leader, and publishes nothing", func(t *testing.T) {
		t.Parallel()
		config := configOf(topictest.NewCluster(t))
		p := topictest.NewPublisher(t, config)
		if err := p.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := topictest.ReadTopic(t, config); len(got) > 0 {
			t.Errorf("%d messages are in the topic", len(got))
		}
	})

	t.Run("says that brokers are away, and recovers with them", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		config.Timeout = time.Second
		p := topictest.NewPublisher(t, config)
		topictest.PublishInTime(t, p, topictest.History(1)...)
		var away sync.Mutex
		gone := true
		cluster.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			away.Lock()
			defer away.Unlock()
			return nil, errors.New("hang up"), gone
		})
		if err := p.Probe(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("got %v, want it to be unavailable", err)
		}
		away.Lock()
		gone = false
		away.Unlock()
		ctx := topictest.Within(t)
		err := p.Probe(ctx)
		for errors.Is(err, ports.ErrUnavailable) { // at the end with the error of ctx
			err = p.Probe(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("says that the topic is gone", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		p := topictest.NewPublisher(t, configOf(cluster))
		if err := p.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.UnknownTopicOrPartition, Count: -1})
		if err := p.Probe(t.Context()); !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Errorf("got %v, want the broker's word for it", err)
		}
	})
}

func TestPublisher_TellsWhereEachEventIs(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := configOf(cluster)
	config.Topic.Partitions = 1
	var places []int64
	records := topictest.History(3)
	settings := publisher.Config{Config: config}
	settings.Published = func(record eventsourcing.Record, partition int32, offset int64) {
		if partition != 0 || record.EventID != records[offset].EventID {
			t.Errorf("event %d is at %d in partition %d", record.SequenceNumber, offset, partition)
		}
		places = append(places, offset)
	}
	p := newPublisher(t, settings)
	fault := cluster.Fault(kfake.Fault{Keys: produceKey, Err: kerr.TopicAuthorizationFailed})
	if err := p.Publish(t.Context(), records[0]); err == nil || fault.Hits() != 1 || len(places) > 0 {
		t.Errorf("what was not published is at %v: %v", places, err)
	}
	publish(t, p, records...)
	if want := []int64{0, 1, 2}; !slices.Equal(places, want) {
		t.Errorf("got offsets %v, want %v", places, want)
	}
}
