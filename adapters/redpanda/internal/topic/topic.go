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

// ID is the identity of a topic: one that is deleted and made anew under the same name has another
// one. It is zero where brokers do not tell, which those before Kafka 2.8 do not.
type ID = kadm.TopicID

// Topic is what a topic was when it was looked at.
type Topic struct {
	ID ID
	// Partitions are in the order of their numbers, which have no holes.
	Partitions []Partition
}

// Partition is what a partition held: the offsets from Begin up to, and without, End.
type Partition struct {
	Begin, End int64
	// Err says why the offsets are not known, for instance since the partition has no leader; they
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

// Look looks at a topic. The ends are those that were acknowledged to a writer before the call, or
// later ones. It repeats what fails, over the move of a leader.
//
// Errors: [ports.ErrNotFound] when there is no such topic, and those of the client. That a
// partition cannot be asked is an error of that partition, unless it is so for all of them.
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
	// The beginnings come first: what expires in between then only makes a partition look longer.
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

// partial tells whether an answer is there at least for some partitions.
func partial(err error) bool {
	if err == nil {
		return true
	}
	some, ok := errors.AsType[*kadm.ShardErrors](err)
	return ok && !some.AllFailed
}

// offset returns the offset of a partition. Without one the error is missed, if there is one.
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
