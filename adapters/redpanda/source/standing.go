package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/ports"
)

// standing is where a consumer is in the topic.
type standing struct {
	topic topic.Topic
	// committed is what the group has committed, by partition. What it has committed nothing for is
	// not in it.
	committed map[int32]kadm.Offset
}

func (f *Feed) standing(ctx context.Context, consumer string) (standing, error) {
	// The offsets come first: a commit in between then only makes the consumer look further behind.
	at := standing{committed: make(map[int32]kadm.Offset)}
	offsets, err := kadm.NewClient(f.link.client).FetchOffsets(ctx, f.group(consumer))
	// Most brokers answer for a group that does not exist as for one without offsets.
	if err != nil && !client.Is(err, kerr.GroupIDNotFound) {
		return at, f.link.explain(ctx, err)
	}
	for p, o := range offsets[f.config.Topic.Name] {
		switch {
		case o.Err != nil:
			return at, f.link.explain(ctx, fmt.Errorf("offset of group %s in partition %d: %w", f.group(consumer), p, o.Err))
		case o.At >= 0:
			at.committed[p] = o.Offset
		}
	}
	at.topic, err = topic.Look(ctx, f.link.client, f.config.Topic.Name)
	if err != nil {
		return at, f.link.explain(ctx, err)
	}
	return at, nil
}

// check says whether the consumer can go on from where it is. A partition that cannot be asked now
// is not judged: it must not keep the consumer from the others, and reading it tells.
func (s standing) check() error {
	if len(s.committed) == 0 {
		return ports.ErrNoOffset
	}
	for i, p := range s.topic.Partitions {
		of, now := s.committed[int32(i)].Metadata, mark(s.topic.ID)
		if strings.HasPrefix(of, markPrefix) && now != "" && of != now {
			return fmt.Errorf("%w: the offsets are of another topic of this name, which was deleted", ports.ErrOffsetExpired)
		}
		offset := s.next(int32(i))
		switch {
		case p.Err != nil:
		case offset < p.Begin:
			return fmt.Errorf("%w: partition %d is at offset %d, and the topic begins at %d",
				ports.ErrOffsetExpired, i, offset, p.Begin)
		case offset > p.End:
			return fmt.Errorf("%w: partition %d is at offset %d, and the topic ends at %d",
				ports.ErrOffsetExpired, i, offset, p.End)
		}
	}
	return nil
}

// next returns the next offset to read in a partition. One that the consumer has no offset for was
// added later, so it is read from its first message on.
func (s standing) next(partition int32) int64 { return s.committed[partition].At }

const markPrefix = "topic="

// mark is what is saved beside an offset, so that it is never taken for one of another topic of the
// same name. It is empty where topics have no identity.
func mark(id topic.ID) string {
	if id == (topic.ID{}) {
		return ""
	}
	return markPrefix + hex.EncodeToString(id[:])
}
