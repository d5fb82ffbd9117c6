package redpanda_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/domain/eventsourcing"
	"orderflow/tests/servers"
)

// The topic is read with another client than this package's, by two members of a group, as a
// service of another team would read it.
func TestAnotherClient_ReadsKeysHeadersAndOrder(t *testing.T) {
	t.Parallel()
	anotherClient(t, topictest.NewCluster(t).ListenAddrs())
}

func TestAnotherClient_ReadsKeysHeadersAndOrderIntegration(t *testing.T) {
	t.Parallel()
	anotherClient(t, servers.Kafka(t))
}

func anotherClient(t *testing.T, brokers []string) {
	const orders, length = 30, 6
	config := topictest.NewTopic(brokers)
	topictest.NewShelf(t, config)                      // for the topic, and its end
	published := make(map[string]eventsourcing.Record) // by event id
	p := topictest.NewPublisher(t, config)
	var group sync.WaitGroup
	for range orders {
		records := topictest.History(length)
		for _, r := range records {
			published[r.EventID.String()] = r
		}
		group.Go(func() { topictest.PublishInTime(t, p, records...) })
	}

	type arrival struct {
		*kgo.Record
		member int
	}
	arrived := make(chan arrival, 4*orders*length)
	for member := range 2 {
		client, err := kgo.NewClient(
			kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(config.Topic.Name), kgo.ConsumeTopics(config.Topic.Name),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		go func() {
			for {
				fetches := client.PollFetches(t.Context())
				if fetches.IsClientClosed() || t.Context().Err() != nil {
					return
				}
				fetches.EachRecord(func(r *kgo.Record) { arrived <- arrival{r, member} })
			}
		}()
	}

	seen := make(map[string]bool) // by event id
	// by member and key: a member that gets a partition later begins later
	last := [2]map[string]uint64{{}, {}}
	partition := make(map[string]int32) // by key
	for len(seen) < orders*length {
		var m arrival
		select {
		case m = <-arrived:
		case <-time.After(topictest.Bound):
			t.Fatalf("%d of %d events came", len(seen), orders*length)
		}
		want, known := published[header(m.Record, "ce_id")]
		if !known {
			t.Fatalf("an event that was not published: %v", m.Headers)
		}
		key := string(m.Key)
		if at, before := partition[key]; before && at != m.Partition {
			t.Fatalf("order %s is in the partitions %d and %d", key, at, m.Partition)
		}
		partition[key] = m.Partition
		if before := last[m.member][key]; before > 0 && want.SequenceNumber > before+1 {
			t.Fatalf("event %d of order %s came behind event %d", want.SequenceNumber, key, before)
		}
		last[m.member][key] = max(last[m.member][key], want.SequenceNumber)
		seen[header(m.Record, "ce_id")] = true
		for name, value := range map[string]string{
			"ce_specversion": "1.0", "ce_type": want.EventType, "ce_subject": want.AggregateID.String(),
			"ce_sequence": fmt.Sprintf("%020d", want.SequenceNumber), "ce_eventversion": "1",
			"ce_time":      want.CreatedAt.Format("2006-01-02T15:04:05.000Z07:00"),
			"ce_commandid": want.CommandID.String(), "ce_correlationid": want.CorrelationID.String(), "ce_causationid": want.CausationID.String(),
			"content-type": "application/json",
		} {
			if got := header(m.Record, name); got != value {
				t.Fatalf("header %s is %q, want %q", name, got, value)
			}
		}
		if key != want.AggregateID.String() || string(m.Value) != string(want.Payload) {
			t.Fatalf("key %s and value %s of %+v", key, m.Value, want)
		}
	}
	if len(partition) != orders {
		t.Errorf("%d orders, want %d", len(partition), orders)
	}
	group.Wait()
}
