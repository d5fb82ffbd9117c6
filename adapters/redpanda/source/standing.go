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

// standing is the place of a consumer in the topic.
type standing struct {
	topic topic.Topic
	// committed holds the committed offsets of the group by partition. It has no entry for a
	// partition without one.
	committed map[int32]kadm.Offset
}

func (f *Feed) standing(ctx context.Context, consumer string) (standing, error) {
	// The offsets are read first. A commit in between then only makes the consumer look further
	// behind.
	at := standing{committed: make(map[int32]kadm.Offset)}
	offsets, err := kadm.NewClient(f.link.client).FetchOffsets(ctx, f.group(consumer))
	// For a group that does not exist, most brokers answer as for one without offsets.
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

// check returns an error when the consumer cannot continue from its place. It does not judge a
// partition that cannot be asked now: that partition must not delay the others, and reading it will
// show.
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

// next returns the next offset to read in a partition. A partition without an offset was added
// later, so it is read from its first message.
func (s standing) next(partition int32) int64 { return s.committed[partition].At }

const markPrefix = "topic="

// mark returns what is saved with an offset, so that the offset is never used for another topic of
// the same name. It is empty when topics have no id.
func mark(id topic.ID) string {
	if id == (topic.ID{}) {
		return ""
	}
	return markPrefix + hex.EncodeToString(id[:])
}
