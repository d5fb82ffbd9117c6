package source_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// A partition without a leader delays its own events, and neither the start of a consumer nor the
// other partitions.
func TestFeed_APartitionWithoutALeaderHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	total := appendOrders(t, s, 64, 1, nil)
	faults := []*kfake.FaultHandle{
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Partitions: []int32{3}, Err: kerr.LeaderNotAvailable, Count: -1}),
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets}, Partitions: []int32{3}, Err: kerr.NotLeaderForPartition, Count: -1}),
	}
	sub := subscribe(t, f)
	missing := int(cluster.PartitionInfo(config.Topic.Name, 3).HighWatermark)
	if missing == 0 || missing == total {
		t.Fatalf("%d of %d events are in the partition", missing, total)
	}
	for range total - missing {
		d := nextOf(t, sub)
		if d.Position.Stream == "3" {
			t.Fatalf("%v came from the partition without a leader", d.Position)
		}
		commit(t, sub, d.Position)
	}
	awaitLag(t, f, ports.Lag{}) // it is not known now
	for _, fault := range faults {
		fault.Remove()
	}
	for range missing {
		commit(t, sub, nextOf(t, sub).Position)
	}
	awaitLag(t, f, ports.Lag{Known: true})
}

// A topic that is deleted and created again ends a subscription. The consumer must read from the
// event store what was in the old topic and what is in the new one.
func TestFeed_NoticesThatTheTopicIsAnotherOne(t *testing.T) {
	t.Parallel()
	noticesAnotherTopic(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_NoticesThatTheTopicIsAnotherOneIntegration(t *testing.T) {
	t.Parallel()
	noticesAnotherTopic(t, servers.Kafka(t))
}

func noticesAnotherTopic(t *testing.T, brokers []string) {
	t.Run("while it reads", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		s := topictest.NewShelf(t, config)
		f := newFeed(t, feedConfig(config))
		seekEnd(t, f)
		total := appendOrders(t, s, 8, 1, nil)
		sub := subscribe(t, f)
		for range total {
			commit(t, sub, nextOf(t, sub).Position)
		}
		awaitLag(t, f, ports.Lag{Known: true})
		remake(t, s)
		another := s.Another(t)
		// more than in the old topic, so no offset is beyond an end
		appendOrders(t, another, 64, 1, nil)
		for ctx := topictest.Within(t); ; {
			d, err := sub.Next(ctx)
			if errors.Is(err, ports.ErrOffsetExpired) {
				break
			}
			if err == nil {
				t.Fatalf("%v of another topic came", d.Position)
			}
			if !errors.Is(err, ports.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		seekEnd(t, f)
		again := subscribe(t, f)
		total = appendOrders(t, another, 8, 1, nil)
		for range total {
			nextOf(t, again)
		}
	})

	t.Run("before it subscribes", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Topic.Partitions = 1
		s := topictest.NewShelf(t, config)
		f := newFeed(t, feedConfig(config))
		seekEnd(t, f)
		appendOrders(t, s, 4, 1, nil)
		sub := subscribe(t, f)
		commit(t, sub, nextOf(t, sub).Position)
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		remake(t, s)
		appendOrders(t, s.Another(t), 8, 1, nil)
		_, err := f.Subscribe(topictest.Within(t), consumerName)
		// some brokers drop the offsets with the topic
		if !errors.Is(err, ports.ErrOffsetExpired) && !errors.Is(err, ports.ErrNoOffset) {
			t.Errorf("error %v, want %v", err, ports.ErrOffsetExpired)
		}
		awaitLag(t, f, ports.Lag{})
	})
}

// A message that is larger than any answer is read anyway, when the topic allows it.
func TestFeed_ReadsWhatIsLargerThanAnAnswer(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	config.Topic.Settings = map[string]string{"max.message.bytes": "8000000"}
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	large := topictest.History(1)[0]
	large.Payload = []byte(`"` + strings.Repeat("x", 6_000_000) + `"`)
	topictest.PublishInTime(t, topictest.NewPublisher(t, config), large)
	appendOrders(t, s, 16, 1, nil)
	sub := subscribe(t, f)
	found := false
	for range 17 {
		d := nextOf(t, sub)
		if d.Record.EventID == large.EventID {
			found = string(d.Record.Payload) == string(large.Payload)
		}
		commit(t, sub, d.Position)
	}
	if !found {
		t.Error("the large event did not come")
	}
	awaitLag(t, f, ports.Lag{Known: true})
}

// A consumer that does not read costs bounded memory, however much there is to read: the feed
// requests only what it has room for.
func TestFeed_AsksForNoMoreThanItHasRoomFor(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	const orders, payload = 64, 100_000
	for range 10 { // 64 MB, 16 MB a partition
		for range orders {
			r := topictest.History(1)[0]
			r.Payload = []byte(`"` + strings.Repeat("x", payload) + `"`)
			if err := s.Publish(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	var fetches atomic.Int64
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	sub := subscribe(t, f)
	nextOf(t, sub)
	quiet, last := 0, int64(-1)
	// the length of this wait does not matter when the feed is correct
	for tick := time.NewTicker(20 * time.Millisecond); quiet < 25; <-tick.C {
		if now := fetches.Load(); now != last {
			quiet, last = 0, now
		} else {
			quiet++
		}
	}
	// One answer is being delivered, one waits for that, and one waits in the client. The
	// partitions take turns.
	if most := int64(6); last > most {
		t.Errorf("the broker was asked %d times for somebody who took one event, at most %d are expected", last, most)
	}
	for range 10*orders - 1 {
		nextOf(t, sub)
	}
}

// When a broker refuses one partition, that is reported and logged once. It delays neither the
// others nor the partition, when it is allowed again.
func TestFeed_APartitionThatIsRefusedHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	var log syncedBuffer
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	total := appendOrders(t, s, 64, 1, nil)
	fault := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Partitions: []int32{2}, Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	sub := subscribe(t, f)
	refused := int(cluster.PartitionInfo(config.Topic.Name, 2).HighWatermark)
	told := 0
	take := func(events int) {
		t.Helper()
		for events > 0 {
			d, err := sub.Next(topictest.Within(t))
			if errors.Is(err, redpanda.ErrRefused) && errors.Is(err, ports.ErrUnavailable) &&
				topictest.ContainsAll(err.Error(), "SASL.Username", config.Brokers[0]) {
				told++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			commit(t, sub, d.Position)
			events--
		}
	}
	take(total - refused)
	for told < 3 {
		if d, err := sub.Next(topictest.Within(t)); err == nil {
			t.Fatalf("%v came", d.Position)
		}
		told++
	}
	if n := strings.Count(log.String(), "nothing can be read"); n != 1 {
		t.Errorf("it was logged %d times: %s", n, log.String())
	}
	fault.Remove()
	take(refused)
	awaitLag(t, f, ports.Lag{Known: true})
}
