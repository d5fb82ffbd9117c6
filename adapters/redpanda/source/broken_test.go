package source_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
)

// batchOf returns a batch of one message as any producer could have made it. records are the bytes
// in place of its compressed messages.
func batchOf(records []byte) []byte {
	const zstdCompression = 4
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: zstdCompression, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: records,
	}
	b.Length = int32(49 + len(records))
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// sendBatch writes a batch into partition 0 as it is.
func sendBatch(t testing.TB, cluster *kfake.Cluster, s *topictest.Shelf, batch []byte) {
	t.Helper()
	client := topictest.NewClient(t, s.Config.Brokers)
	topics, err := s.Admin.ListTopics(t.Context(), s.Config.Topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = s.Config.Topic.Name, topics[s.Config.Topic.Name].ID
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = batch
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	answer, err := client.Broker(int(cluster.LeaderFor(s.Config.Topic.Name, 0))).Request(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}

// bomb returns a few bytes that unpack to more than the limit.
func bomb(t testing.TB) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 80 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// Whatever other programs write into the topic, the events before and after it are delivered, the
// offset passes it, and it is counted and logged once for each kind.
func TestFeed_PassesOverWhateverOthersWrite(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	config.Topic.Partitions = 1
	var log syncedBuffer
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	malformed := func() *kgo.Record {
		m, err := topictest.NewMessage(config, topictest.History(1)[0])
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Headers {
			if m.Headers[i].Key == "ce_sequence" {
				m.Headers[i].Value = []byte("first")
			}
		}
		return m
	}
	between := []func(){
		func() { s.Send(t, kgo.KeyStringRecord("k", "hello")) },
		func() { s.Send(t, &kgo.Record{}) },
		func() { s.Send(t, malformed()) },
		func() { s.Send(t, malformed()) },
		func() { sendBatch(t, cluster, s, batchOf([]byte("this is not compressed"))) },
		func() { sendBatch(t, cluster, s, batchOf(bomb(t))) },
	}
	for _, send := range between {
		appendOrders(t, s, 1, 1, nil)
		send()
	}
	appendOrders(t, s, 1, 1, nil)
	between[4]() // at the end as well
	sub := subscribe(t, f)
	for n := range len(between) + 1 {
		d := nextOf(t, sub)
		if d.Record.EventType != "order.created" {
			t.Fatalf("delivery %d is %+v", n, d)
		}
		commit(t, sub, d.Position)
	}
	done := awaitNothing(t, sub)
	// messages at the end that are no events are skipped as well
	awaitLag(t, f, ports.Lag{Known: true})
	done()
	found := make(map[string]uint64)
	for _, stranger := range f.Strangers(consumerName) {
		found[stranger.Kind] = stranger.Count
		if stranger.Reason == "" || stranger.Last.Stream != "0" || stranger.Last.Offset == "" {
			t.Errorf("%+v does not say what and where", stranger)
		}
		if n := strings.Count(log.String(), "kind="+stranger.Kind); n != 1 {
			t.Errorf("kind %s was logged %d times", stranger.Kind, n)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"foreign": 2, "malformed": 2, "undecodable": 3}, found); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if others := f.Strangers("another"); len(others) > 0 {
		t.Errorf("a consumer that read nothing has skipped %+v", others)
	}

	// A reader of the topic sees each of them and continues.
	messages, err := read(t, newTopicReader(t, config), ports.TopicRange{End: cluster.PartitionInfo(config.Topic.Name, 0).HighWatermark})
	broken := 0
	for _, m := range messages {
		if m.Err != nil {
			broken++
		}
	}
	if err != nil || len(messages) != 14 || broken != 7 {
		t.Errorf("%d messages were read, of which %d are no events: %v", len(messages), broken, err)
	}
}

// awaitNothing calls Next. Nothing may come until the returned function is called.
func awaitNothing(t testing.TB, s ports.Subscription) (done func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if d, err := s.Next(ctx); err == nil {
			t.Errorf("%v came, where nothing is due", d.Position)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// A damaged answer of a broker is requested again. It does not count as something that another
// program wrote.
func TestFeed_AsksAgainForWhatWasTorn(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	config.Topic.Partitions = 1
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	total := appendOrders(t, s, 8, 1, nil)
	torn := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if torn++; torn > 1 {
			return nil, nil, false
		}
		cluster.KeepControl()
		batch := batchOf([]byte("of another length"))
		batch[30]++ // its checksum is wrong now
		return answerOf(request.(*kmsg.FetchRequest), batch, int64(total)), nil, true
	})
	sub := subscribe(t, f)
	for n := 0; n < total; {
		d, err := sub.Next(topictest.Within(t))
		if err != nil {
			t.Log(err) // it says what happened
			continue
		}
		commit(t, sub, d.Position)
		n++
	}
	awaitLag(t, f, ports.Lag{Known: true})
	if strangers := f.Strangers(consumerName); len(strangers) > 0 {
		t.Errorf("skipped: %+v", strangers)
	}
}

// answerOf returns an answer with these batches for the only requested partition.
func answerOf(request *kmsg.FetchRequest, batches []byte, end int64) *kmsg.FetchResponse {
	response := request.ResponseKind().(*kmsg.FetchResponse)
	for _, asked := range request.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
		for _, p := range asked.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.RecordBatches = p.Partition, batches
			partition.HighWatermark, partition.LastStableOffset, partition.LogStartOffset = end, end, 0
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

// Messages that compaction has removed at the end of a partition are no lag and are not waited for.
// A broker that answers once that there is nothing is asked again, because it may not have looked
// everywhere.
func TestFeed_TheEndMayHoldNothing(t *testing.T) {
	t.Parallel()
	for name, doubted := range map[string]struct {
		answers int64 // without messages, although there are some
		lag     uint64
	}{
		"there is nothing":              {-1, 0},
		"the broker has not looked yet": {1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := topictest.NewCluster(t)
			config := topictest.NewTopic(cluster.ListenAddrs())
			config.Topic.Partitions = 1
			s := topictest.NewShelf(t, config)
			f := newFeed(t, feedConfig(config))
			seekEnd(t, f)
			appendOrders(t, s, 4, 1, nil)
			var left atomic.Int64
			left.Store(doubted.answers)
			cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if left.Load() == 0 {
					return nil, nil, false
				}
				left.Add(-1)
				return answerOf(request.(*kmsg.FetchRequest), nil, 4), nil, true
			})
			awaitLag(t, f, ports.Lag{Known: true, Events: doubted.lag})
			left.Store(doubted.answers)
			messages, err := read(t, newTopicReader(t, config), ports.TopicRange{End: 4})
			if err != nil || uint64(len(messages)) != doubted.lag {
				t.Errorf("%d messages were read, want %d: %v", len(messages), doubted.lag, err)
			}
		})
	}
}

// syncedBuffer is a log that several goroutines write to.
type syncedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
