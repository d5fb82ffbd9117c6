package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
	"orderflow/ports"
)

// ID is the id of a topic. A topic that is deleted and created again under the same name has
// another id. It is zero when brokers do not return one, as before Kafka 2.8.
type ID = kadm.TopicID

// Topic is the state of a topic at one moment.
type Topic struct {
	ID ID
	// Partitions are in the order of their numbers, which have no gaps.
	Partitions []Partition
}

// Partition is what a partition held: the offsets from Begin (inclusive) to End (exclusive).
type Partition struct {
	Begin, End int64
	// Err says why the offsets are not known, for example because the partition has no leader. They
	// are zero then.
	Err error
}

// Err returns the first reason why offsets are not known.
func (t Topic) Err() error {
	for i, p := range t.Partitions {
		if p.Err != nil {
			return fmt.Errorf("partition %d: %w", i, p.Err)
		}
	}
	return nil
}

// Look reads the state of a topic. The ends are those that were acknowledged to a writer before the
// call, or later ones. It retries failed requests, which covers the move of a leader.
//
// Errors: [ports.ErrNotFound] when there is no such topic; errors of the client. A partition that
// cannot be asked has its own error, unless that is so for all of them.
func Look(ctx context.Context, cl *kgo.Client, name string) (t Topic, err error) {
	err = client.Persist(ctx, func() (err error) {
		if t, err = look(ctx, cl, name); err == nil {
			err = t.Err()
		}
		return err
	})
	known := slices.ContainsFunc(t.Partitions, func(p Partition) bool { return p.Err == nil })
	if err != nil && !known {
		return Topic{}, err
	}
	return t, ctx.Err()
}

func look(ctx context.Context, cl *kgo.Client, name string) (Topic, error) {
	described, err := describe(ctx, cl, name)
	if err != nil {
		return Topic{}, err
	}
	t := Topic{ID: ID(described.TopicID), Partitions: make([]Partition, len(described.Partitions))}
	// The beginnings are read first. What expires in between then only makes a partition look
	// longer.
	admin := kadm.NewClient(cl)
	begins, failed := admin.ListStartOffsets(ctx, name)
	if !partial(failed) {
		return Topic{}, failed
	}
	ends, missed := admin.ListEndOffsets(ctx, name)
	if !partial(missed) {
		return Topic{}, missed
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.Begin, p.Err = offset(begins, name, int32(i), failed); p.Err == nil {
			p.End, p.Err = offset(ends, name, int32(i), missed)
		}
		if p.Err != nil {
			p.Begin, p.End = 0, 0
		}
	}
	return t, nil
}

// partial reports whether there is an answer for at least some partitions.
func partial(err error) bool {
	if err == nil {
		return true
	}
	some, ok := errors.AsType[*kadm.ShardErrors](err)
	return ok && !some.AllFailed
}

// offset returns the offset of a partition. Without one the error is missed, if it is not nil.
func offset(listed kadm.ListedOffsets, name string, partition int32, missed error) (int64, error) {
	o, found := listed.Lookup(name, partition)
	switch {
	case found:
		return o.Offset, o.Err
	case missed != nil:
		return 0, missed
	default:
		return 0, kerr.LeaderNotAvailable
	}
}

// describe asks the brokers for the partitions of a topic and their leaders.
func describe(ctx context.Context, cl *kgo.Client, name string) (kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &name
	request.Topics = append(request.Topics, asked)
	response, err := request.RequestWith(ctx, cl)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	if len(response.Topics) != 1 {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("topic %s: %w", name, client.ErrMissing)
	}
	t := response.Topics[0]
	switch err := kerr.ErrorForCode(t.ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return t, fmt.Errorf("topic %s: %w: %w", name, ports.ErrNotFound, redpanda.ErrNoTopic)
	case err != nil:
		return t, fmt.Errorf("topic %s: %w", name, err)
	}
	slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int {
		return int(a.Partition - b.Partition)
	})
	for i, p := range t.Partitions {
		if p.Partition != int32(i) {
			return t, fmt.Errorf("topic %s: partition %d is where %d is due", name, p.Partition, i)
		}
	}
	return t, nil
}
