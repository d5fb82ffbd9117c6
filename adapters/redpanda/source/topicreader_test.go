package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/application/audit"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// read returns the messages of a range.
func read(t testing.TB, reader *source.TopicReader, r ports.TopicRange) (messages []ports.TopicMessage, err error) {
	t.Helper()
	err = reader.Read(topictest.Within(t), r, func(m ports.TopicMessage) error {
		messages = append(messages, m)
		return nil
	})
	return messages, err
}

func TestTopicReader(t *testing.T) {
	t.Parallel()
	topicReader(t, topictest.NewCluster(t).ListenAddrs())
}

func TestTopicReaderIntegration(t *testing.T) {
	t.Parallel()
	topicReader(t, servers.Kafka(t))
}

func topicReader(t *testing.T, brokers []string) {
	t.Run("reads back what was published, in order", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Compression = redpanda.CompressionZstd
		s := topictest.NewShelf(t, config)
		total := appendOrders(t, s, 50, 3, nil)
		reader := newTopicReader(t, config)
		ranges, err := reader.Ranges(topictest.Within(t))
		if err != nil || len(ranges) != 4 {
			t.Fatalf("ranges %v, %v", ranges, err)
		}
		last := make(map[uuid.UUID]uint64)
		for i, r := range ranges {
			if r.Partition != int32(i) || r.Begin != 0 {
				t.Errorf("range %d is %+v", i, r)
			}
			messages, err := read(t, reader, r)
			if err != nil || int64(len(messages)) != r.End {
				t.Fatalf("%d messages of %+v, %v", len(messages), r, err)
			}
			for offset, m := range messages {
				id := m.Record.AggregateID
				if m.Partition != r.Partition || m.Offset != int64(offset) || m.Key != id.String() || m.Err != nil || m.Record.SequenceNumber != last[id]+1 {
					t.Fatalf("message %d of partition %d is %+v", offset, i, m)
				}
				last[id]++
				total--
			}
		}
		if total != 0 {
			t.Errorf("%d messages are missing", total)
		}
	})

	t.Run("reads the part that it is asked for", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Topic.Partitions = 1
		s := topictest.NewShelf(t, config)
		appendOrders(t, s, 10, 1, nil)
		reader := newTopicReader(t, config)
		messages, err := read(t, reader, ports.TopicRange{Begin: 3, End: 7})
		if err != nil || len(messages) != 4 || messages[0].Offset != 3 || messages[3].Offset != 6 {
			t.Errorf("%d messages, %v", len(messages), err)
		}
		if messages, err := read(t, reader, ports.TopicRange{Begin: 10, End: 10}); err != nil || len(messages) > 0 {
			t.Errorf("%d messages of an empty range, %v", len(messages), err)
		}
		stop, n := errors.New("enough"), 0
		err = reader.Read(topictest.Within(t), ports.TopicRange{End: 10}, func(ports.TopicMessage) error {
			if n++; n == 2 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || n != 2 {
			t.Errorf("error %v after %d messages, want that of visit after 2", err, n)
		}
	})

	t.Run("waits for what was promised", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Topic.Partitions = 1
		s := topictest.NewShelf(t, config)
		appendOrders(t, s, 1, 1, nil)
		reader := newTopicReader(t, config)
		done := make(chan error, 1)
		var got int
		go func() {
			messages, err := read(t, reader, ports.TopicRange{End: 2})
			got = len(messages)
			done <- err
		}()
		appendOrders(t, s, 1, 1, nil)
		if err := <-done; err != nil || got != 2 {
			t.Errorf("%d messages, %v", got, err)
		}
	})

	t.Run("says what is no event", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Topic.Partitions = 1
		s := topictest.NewShelf(t, config)
		s.Send(t, kgo.KeyStringRecord("k", "hello"))
		messages, err := read(t, newTopicReader(t, config), ports.TopicRange{End: 1})
		if err != nil || len(messages) != 1 || messages[0].Err == nil || messages[0].Key != "k" {
			t.Errorf("%+v, %v", messages, err)
		}
	})

	t.Run("says what the topic no longer holds", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		config.Topic.Partitions = 1
		s := topictest.NewShelf(t, config)
		appendOrders(t, s, 5, 1, nil)
		s.Expire(t)
		appendOrders(t, s, 2, 1, nil)
		reader := newTopicReader(t, config)
		ranges, err := reader.Ranges(topictest.Within(t))
		if diff := cmp.Diff([]ports.TopicRange{{Begin: 5, End: 7}}, ranges); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if _, err := read(t, reader, ports.TopicRange{Begin: 4, End: 7}); !errors.Is(err, ports.ErrOffsetExpired) {
			t.Errorf("error %v, want %v", err, ports.ErrOffsetExpired)
		}
	})

	t.Run("refuses what it cannot do", func(t *testing.T) {
		t.Parallel()
		config := topictest.NewTopic(brokers)
		reader := newTopicReader(t, config)
		if _, err := reader.Ranges(topictest.Within(t)); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("without a topic: error %v, want %v", err, ports.ErrNotFound)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := reader.Ranges(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: error %v", err)
		}
		_ = reader.Close()
		if _, err := reader.Ranges(topictest.Within(t)); !errors.Is(err, ports.ErrClosed) {
			t.Errorf("after close: error %v, want %v", err, ports.ErrClosed)
		}
		if _, err := read(t, reader, ports.TopicRange{End: 1}); !errors.Is(err, ports.ErrClosed) {
			t.Errorf("after close: error %v, want %v", err, ports.ErrClosed)
		}
	})
}

// Temporary errors are not reported, and callers with the same problem at the same time do not
// disturb each other.
func TestTopicReader_GetsOverTrouble(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	topictest.NewShelf(t, config)
	reader := newTopicReader(t, config)
	const callers = 16
	var refused atomic.Int32
	cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if refused.Add(1) > 2*callers {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range request.(*kmsg.ListOffsetsRequest).Topics {
			answer := kmsg.NewListOffsetsResponseTopic()
			answer.Topic = topic.Topic
			for _, p := range topic.Partitions {
				partition := kmsg.NewListOffsetsResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
				answer.Partitions = append(answer.Partitions, partition)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			if ranges, err := reader.Ranges(topictest.Within(t)); err != nil || len(ranges) != 4 {
				t.Errorf("ranges %v, %v", ranges, err)
			}
		})
	}
	group.Wait()
	if refused.Load() <= 2*callers {
		t.Errorf("only %d requests came", refused.Load())
	}
}

// A broker that is killed during a verification delays it and does not spoil it.
func TestTopicReader_OutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := topictest.StartBroker(t, t.TempDir())
	config := topictest.NewTopic([]string{b.Address})
	config.Timeout = time.Second
	s := topictest.NewShelf(t, config)
	total := appendOrders(t, s, 600, 2, nil)
	reader := newTopicReader(t, config)
	killed := false
	options := ports.TopicOptions{From: ports.FromBegin, Progress: func(read, _ uint64) {
		if !killed {
			killed = true
			b.Kill(t)
			b.Start(t)
		}
	}}
	report, err := audit.New(audit.Config{Store: s.Store, Topic: reader}).VerifyTopic(topictest.Within(t), options)
	if err != nil || !killed || report.Violations() != 0 || report.Aggregates != 600 || report.Messages != uint64(total) {
		t.Errorf("killed %t: %+v, %v", killed, report, err)
	}
}

// The report says what really happened to the topic.
func TestTopicReader_Verify(t *testing.T) {
	t.Parallel()
	verifyReal(t, topictest.NewCluster(t).ListenAddrs())
}

func TestTopicReader_VerifyIntegration(t *testing.T) {
	t.Parallel()
	verifyReal(t, servers.Kafka(t))
}

func verifyReal(t *testing.T, brokers []string) {
	config := topictest.NewTopic(brokers)
	s := topictest.NewShelf(t, config)
	appendOrders(t, s, 20, 5, nil)
	publish := func(records ...eventsourcing.Record) {
		if err := s.Publish(records...); err != nil {
			t.Fatal(err)
		}
	}
	// One order has a third event that is not published. Another one has events in the wrong order,
	// and twice.
	var lost, mixed []eventsourcing.Record
	for _, to := range []*[]eventsourcing.Record{&lost, &mixed} {
		id := uuid.New()
		for head := range uint64(4) {
			appended, err := s.Store.Append(t.Context(), topictest.Next(id, head))
			if err != nil {
				t.Fatal(err)
			}
			*to = append(*to, appended.Records...)
		}
	}
	publish(lost[0], lost[1], lost[3])
	publish(mixed[0], mixed[2], mixed[1], mixed[3], mixed[3])
	s.Send(t, kgo.KeyStringRecord("k", "hello"))
	report, err := audit.New(audit.Config{Store: s.Store, Topic: newTopicReader(t, config)}).VerifyTopic(topictest.Within(t), ports.TopicOptions{From: ports.FromBegin})
	if err != nil {
		t.Fatal(err)
	}
	report.Shown = nil
	want := ports.TopicReport{Aggregates: 22, Messages: 109, Doubled: 1, Missing: 1, OutOfOrder: 1, Unknown: 1}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Messages of earlier versions have no aggregate type. They are events of orders.
func TestSource_ReadsWhatAnEarlierVersionPublished(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	text, err := os.ReadFile("../internal/message/testdata/messages-dec7198.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines {
		var stored struct {
			Key     string
			Headers []struct{ Key, Value string }
			Value   string
		}
		if err := json.Unmarshal([]byte(line), &stored); err != nil {
			t.Fatal(err)
		}
		m := &kgo.Record{Key: []byte(stored.Key), Value: []byte(stored.Value)}
		for _, h := range stored.Headers {
			m.Headers = append(m.Headers, kgo.RecordHeader{Key: h.Key, Value: []byte(h.Value)})
		}
		s.Send(t, m)
	}
	sub := subscribe(t, f)
	messages, err := read(t, newTopicReader(t, config), ports.TopicRange{End: int64(len(lines))})
	if err != nil || len(messages) != len(lines) {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for _, m := range messages {
		d := nextOf(t, sub)
		if m.Err != nil || m.Record.AggregateType != "order" || d.Record.AggregateType != "order" || d.Record.EventID != m.Record.EventID {
			t.Errorf("%+v and %+v", m, d)
		}
	}
}
