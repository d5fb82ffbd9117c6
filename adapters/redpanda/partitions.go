package redpanda

import (
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

const (
	// fetchBytes is how much of one partition is asked for at once. A larger batch comes nevertheless.
	fetchBytes = 256 << 10
	// fetchWait is how long a broker may wait for something to come, in milliseconds.
	fetchWait = 250
	// noOffset is what the protocol says of a partition that a group has committed nothing for.
	noOffset = -1
)

// partitionRange is what a partition holds: from the oldest offset up to, and without, the end.
type partitionRange struct{ oldest, end int64 }

// topicPartitions returns the partitions of a topic, in order.
func topicPartitions(client sarama.Client, topic string) ([]int32, error) {
	partitions, err := client.Partitions(topic)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return nil, answer(fmt.Errorf("topic %s: %w: %w", topic, ports.ErrNotFound, errNoTopic))
	}
	if err != nil {
		return nil, err
	}
	partitions = slices.Clone(partitions)
	slices.Sort(partitions)
	return partitions, nil
}

// topicRanges returns what each partition holds. The ends are those that were acknowledged to a writer before the call, or
// later ones.
func topicRanges(client sarama.Client, topic string) (map[int32]partitionRange, error) {
	partitions, err := topicPartitions(client, topic)
	if err != nil {
		return nil, err
	}
	// The oldest come first: what expires in between then only makes a range look longer.
	oldest, err := topicOffsets(client, topic, partitions, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	ends, err := topicOffsets(client, topic, partitions, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	ranges := make(map[int32]partitionRange, len(partitions))
	for _, p := range partitions {
		ranges[p] = partitionRange{oldest[p], ends[p]}
	}
	return ranges, nil
}

// topicOffsets asks each leader once.
func topicOffsets(client sarama.Client, topic string, partitions []int32, at int64) (map[int32]int64, error) {
	requests := make(map[*sarama.Broker]*sarama.OffsetRequest)
	asked := make(map[*sarama.Broker][]int32)
	for _, p := range partitions {
		leader, err := client.Leader(topic, p)
		if err != nil {
			return nil, err
		}
		if requests[leader] == nil {
			requests[leader] = sarama.NewOffsetRequest(client.Config().Version)
		}
		requests[leader].AddBlock(topic, p, at, 1)
		asked[leader] = append(asked[leader], p)
	}
	offsets := make(map[int32]int64, len(partitions))
	for leader, request := range requests {
		response, err := leader.GetAvailableOffsets(request)
		if err != nil {
			return nil, err
		}
		for _, p := range asked[leader] {
			block := response.GetBlock(topic, p)
			if block == nil {
				return nil, sarama.ErrIncompleteResponse
			}
			if block.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("offsets of partition %d: %w", p, block.Err)
			}
			offsets[p] = block.Offset
		}
	}
	return offsets, nil
}

// committed returns the offsets of a group: the next one to read, or noOffset.
func committed(client sarama.Client, topic, group string, partitions []int32) (map[int32]int64, error) {
	coordinator, err := client.Coordinator(group)
	if err != nil {
		return nil, err
	}
	request := sarama.NewOffsetFetchRequest(client.Config().Version, group, map[string][]int32{topic: partitions})
	response, err := coordinator.FetchOffset(request)
	if err != nil {
		return nil, err
	}
	offsets := make(map[int32]int64, len(partitions))
	switch err := response.GroupError(); err {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound: // most brokers answer for a group that does not exist as for one without offsets
		for _, p := range partitions {
			offsets[p] = noOffset
		}
		return offsets, nil
	default:
		_ = client.RefreshCoordinator(group)
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	for _, p := range partitions {
		block := response.GetBlock(topic, p)
		if block == nil {
			return nil, sarama.ErrIncompleteResponse
		}
		if block.Err != sarama.ErrNoError {
			_ = client.RefreshCoordinator(group)
			return nil, fmt.Errorf("offset of group %s in partition %d: %w", group, p, block.Err)
		}
		offsets[p] = block.Offset
	}
	return offsets, nil
}

// membership is by what right a group's offsets are committed. The zero one is that of nobody, which is enough while the group
// has no members.
type membership struct {
	memberID   string
	generation int32
}

// commitOffsets saves the offsets of a group, all or, if the coordinator fails in between, some of them.
func commitOffsets(client sarama.Client, topic, group string, m membership, offsets map[int32]int64) error {
	coordinator, err := client.Coordinator(group)
	if err != nil {
		return err
	}
	request := sarama.NewOffsetCommitRequest(client.Config(), group)
	if m != (membership{}) {
		request.ConsumerID, request.ConsumerGroupGeneration = m.memberID, m.generation
	}
	for p, offset := range offsets {
		request.AddBlock(topic, p, offset, 0, "")
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		return err
	}
	for p := range offsets {
		err, found := response.Errors[topic][p]
		switch {
		case !found:
			return sarama.ErrIncompleteResponse
		case fenced(err):
			return answer(err)
		case err != sarama.ErrNoError:
			_ = client.RefreshCoordinator(group)
			return fmt.Errorf("commit of group %s in partition %d: %w", group, p, err)
		}
	}
	return nil
}

// fenced tells whether somebody is not a member of the group, or not any more.
func fenced(err error) bool {
	return is(err, sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrFencedInstancedId)
}

// fetched is a part of a partition: messages, and the offset to go on from, which lies further ahead even where there was
// nothing but what readers do not see.
type fetched struct {
	messages []*sarama.ConsumerMessage
	next     int64
}

// fetch reads on in a partition. It may get nothing.
func fetch(client sarama.Client, topic string, partition int32, from int64, size int32) (fetched, error) {
	got := fetched{next: from}
	leader, err := client.Leader(topic, partition)
	if err != nil {
		return got, err
	}
	request := &sarama.FetchRequest{Version: 11, SessionEpoch: -1, MinBytes: 1, MaxWaitTime: fetchWait, MaxBytes: sarama.MaxResponseSize}
	request.AddBlock(topic, partition, from, size, -1)
	response, err := leader.Fetch(request)
	if err != nil {
		return got, err
	}
	block := response.GetBlock(topic, partition)
	switch {
	case block == nil:
		return got, sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrOffsetOutOfRange:
		return got, answer(fmt.Errorf("partition %d at offset %d: %w", partition, from, block.Err))
	case block.Err != sarama.ErrNoError:
		return got, fmt.Errorf("partition %d at offset %d: %w", partition, from, block.Err)
	}
	for _, records := range block.RecordsSet {
		batch := records.RecordBatch
		if batch == nil || batch.PartialTrailingRecord {
			continue
		}
		for _, r := range batch.Records {
			if offset := batch.FirstOffset + r.OffsetDelta; offset >= from && !batch.Control {
				got.messages = append(got.messages, &sarama.ConsumerMessage{
					Topic: topic, Partition: partition, Offset: offset, Key: r.Key, Value: r.Value, Headers: r.Headers,
					Timestamp: batch.FirstTimestamp.Add(r.TimestampDelta),
				})
			}
		}
		got.next = max(got.next, batch.LastOffset()+1)
	}
	return got, nil
}
