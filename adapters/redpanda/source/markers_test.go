package source_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
	"orderflow/tests/servers"
)

func TestFeed_LagIsAboutEventsNotOffsets(t *testing.T) {
	t.Parallel()
	lagIsAboutEvents(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_LagIsAboutEventsNotOffsetsIntegration(t *testing.T) {
	t.Parallel()
	lagIsAboutEvents(t, servers.Kafka(t))
}

func lagIsAboutEvents(t *testing.T, brokers []string) {
	for name, end := range map[string]kgo.TransactionEndTry{"committed": kgo.TryCommit, "aborted": kgo.TryAbort} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := topictest.NewTopic(brokers)
			config.Topic.Partitions = 1
			s := topictest.NewShelf(t, config)
			f := newFeed(t, feedConfig(config))
			seekEnd(t, f)
			s.Transact(t, end, topictest.History(3)...)
			awaitLag(t, f, ports.Lag{Known: true, Events: 3})
			sub := subscribe(t, f)
			var last ports.Delivery
			for range 3 {
				last = nextOf(t, sub)
			}
			commit(t, sub, last.Position)
			awaitLag(t, f, ports.Lag{Known: true})
			if err := sub.Close(); err != nil {
				t.Fatal(err)
			}
			awaitLag(t, f, ports.Lag{Known: true})
			// Several transactions, each with its marker, are between a consumer and the end.
			for range 4 {
				s.Transact(t, end, topictest.History(1)...)
			}
			awaitLag(t, f, ports.Lag{Known: true, Events: 4})
			again := subscribe(t, f)
			for range 4 {
				last = nextOf(t, again)
			}
			commit(t, again, last.Position)
			awaitLag(t, f, ports.Lag{Known: true})
			// There are 7 messages and 5 markers. A reader of the topic gets the messages and
			// reaches the end.
			ranges, err := newTopicReader(t, config).Ranges(topictest.Within(t))
			if err != nil || ranges[0].End != 12 {
				t.Fatalf("ranges %v, %v", ranges, err)
			}
			if messages, err := read(t, newTopicReader(t, config), ranges[0]); err != nil || len(messages) != 7 {
				t.Errorf("%d messages, %v", len(messages), err)
			}
			// The offset passes the last marker. So a topic that drops everything has dropped
			// nothing of this consumer.
			done := awaitNothing(t, again)
			group := config.Topic.Name + "." + consumerName
			for at := int64(0); at != 12; {
				offsets, err := s.Admin.FetchOffsets(topictest.Within(t), group)
				if err != nil {
					t.Fatal(err)
				}
				if o, ok := offsets.Lookup(config.Topic.Name, 0); ok {
					at = o.At
				}
			}
			done()
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			s.Expire(t)
			subscribe(t, f)
		})
	}
}
