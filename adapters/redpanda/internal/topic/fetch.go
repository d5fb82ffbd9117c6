package topic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/message"
)

const (
	// wait is how long a broker may wait for new messages. certain is how long it may search when
	// it has answered that there is nothing.
	wait    = 250 * time.Millisecond
	certain = 2 * time.Second
)

// Part is a part of a partition.
type Part struct {
	// Messages are in the order of their offsets, which may have gaps.
	Messages []Message
	// Next is the offset to continue from. It is after the start of the part, unless the part began
	// at the end.
	Next int64
}

// Message is a message, or a batch that cannot be read.
type Message struct {
	// Record has only partition and offset if Err is not nil: those of the last message of the
	// batch.
	*kgo.Record
	Err error
}

// Reader reads one partition. Only one goroutine at a time may use it.
type Reader struct {
	Client    *kgo.Client
	Topic     string
	Partition int32
	// Bytes is how much is requested at once. One batch is returned even if it is larger.
	Bytes int32

	// leader is the leading broker, and id the id of the topic. known is set when both are known.
	leader int32
	id     ID
	known  bool
}

// Read reads from an offset on. At the end of the partition it returns a part without messages
// after a short time. It retries failed requests, which covers the move of a leader.
//
// Errors: kerr.OffsetOutOfRange when the partition begins after the offset or ends before it;
// errors of the client.
func (r *Reader) Read(ctx context.Context, from int64) (Part, error) {
	part, end, err := r.persist(ctx, from, wait)
	if err != nil || part.Next > from || end <= from {
		return part, err
	}
	part, _, err = r.persist(ctx, from, certain)
	if err == nil && part.Next == from {
		part.Next = end // there was nothing up to there before, and there is nothing now
	}
	return part, err
}

// persist retries failed requests.
func (r *Reader) persist(ctx context.Context, from int64, patience time.Duration) (part Part, end int64, err error) {
	err = client.Persist(ctx, func() (err error) {
		part, end, err = r.once(ctx, from, patience)
		r.known = err == nil // otherwise there may be another leader
		return err
	})
	return part, end, err
}

// once sends one request to the leader. end is the end of the partition.
func (r *Reader) once(ctx context.Context, from int64, patience time.Duration) (part Part, end int64, err error) {
	if err := r.locate(ctx); err != nil {
		return part, 0, err
	}
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = int32(patience.Milliseconds()), 1, client.LargestBatch
	asked := kmsg.NewFetchRequestTopic()
	asked.Topic, asked.TopicID = r.Topic, r.id
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = r.Partition, from, r.Bytes
	asked.Partitions = append(asked.Partitions, partition)
	request.Topics = append(request.Topics, asked)
	answer, err := r.Client.Broker(int(r.leader)).RetriableRequest(ctx, request)
	if err != nil {
		return part, 0, err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return part, 0, err
	}
	if len(response.Topics) == 0 || len(response.Topics[0].Partitions) == 0 { // it may be throttled
		return part, 0, fmt.Errorf("partition %d at offset %d: %w", r.Partition, from, client.ErrMissing)
	}
	found := &response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
		return part, 0, fmt.Errorf("partition %d at offset %d: %w", r.Partition, from, err)
	}
	part, err = r.decode(found, from)
	return part, found.HighWatermark, err
}

func (r *Reader) locate(ctx context.Context) error {
	if r.known {
		return nil
	}
	t, err := describe(ctx, r.Client, r.Topic)
	if err != nil {
		return err
	}
	if int(r.Partition) >= len(t.Partitions) {
		return fmt.Errorf("topic %s has no partition %d: %w", r.Topic, r.Partition, kerr.UnknownTopicOrPartition)
	}
	p := t.Partitions[r.Partition]
	if p.Leader < 0 {
		return fmt.Errorf("partition %d of topic %s: %w", r.Partition, r.Topic, kerr.LeaderNotAvailable)
	}
	r.leader, r.id, r.known = p.Leader, ID(t.TopicID), true
	return nil
}

// decode splits an answer batch by batch, so that a broken batch does not affect the others.
func (r *Reader) decode(answer *kmsg.FetchResponseTopicPartition, from int64) (Part, error) {
	part := Part{Next: from}
	// the client's decompressor, which has a bound
	decompressor := r.Client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	for rest := answer.RecordBatches; ; {
		h, ok := headerOf(rest)
		if !ok {
			if len(part.Messages) == 0 && part.Next == from && len(answer.RecordBatches) > 0 {
				return part, fmt.Errorf("the batch at offset %d of partition %d: %w", from, r.Partition, client.ErrMissing)
			}
			return part, nil // the last batch is incomplete
		}
		one := *answer
		one.RecordBatches, rest = rest[:h.length], rest[h.length:]
		got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset: part.Next, Topic: r.Topic, Partition: r.Partition,
		}, &one, decompressor, nil)
		for _, m := range got.Records {
			part.Messages = append(part.Messages, Message{Record: m})
		}
		if got.Err == nil && next <= h.last && h.last >= part.Next {
			got.Err = errors.New("it has fewer messages than it says")
		}
		if got.Err != nil && h.last >= part.Next {
			// its header cannot be trusted either
			last := min(h.last, max(answer.HighWatermark-1, part.Next))
			why := fmt.Errorf("the batch of %d to %d cannot be read: %w", h.first, last, got.Err)
			part.Messages = append(part.Messages, Message{
				Record: &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: last, Timestamp: h.at},
				Err:    &message.Error{Kind: message.Undecodable, Err: why},
			})
			next = last + 1
		}
		part.Next = max(part.Next, next)
	}
}

// header is the beginning of a batch, or of a message in the format before batches.
type header struct {
	first, last int64
	at          time.Time
	length      int
}

// headerOf reads the beginning of the first batch. ok is false if it is incomplete.
func headerOf(batches []byte) (h header, ok bool) {
	const shortest, whole, magicAt, deltaAt, timeAt = 17, 61, 16, 23, 35
	if len(batches) < shortest {
		return h, false
	}
	h.first = int64(binary.BigEndian.Uint64(batches))
	h.length = int(int32(binary.BigEndian.Uint32(batches[8:]))) + 12
	if h.length < shortest || h.length > len(batches) {
		return h, false
	}
	h.last = h.first
	if batches[magicAt] == 2 && h.length >= whole {
		h.last += max(0, int64(int32(binary.BigEndian.Uint32(batches[deltaAt:]))))
		h.at = time.UnixMilli(int64(binary.BigEndian.Uint64(batches[timeAt:])))
	}
	return h, true
}

// IsBroken reports whether an error of the client is about a batch that cannot be read, and not an
// answer of a broker.
func IsBroken(err error) bool {
	_, told := errors.AsType[*kerr.Error](err)
	_, lost := errors.AsType[*kgo.ErrDataLoss](err)
	return err != nil && !told && !lost
}
