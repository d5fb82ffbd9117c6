package ports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// TopicReader reads back what a topic holds, without being one of its consumers: nothing is committed, and reading twice gives
// the same.
type TopicReader interface {
	// Ranges returns what each partition holds at the moment, in the order of their numbers. Everything that was published
	// before the call lies before the ends.
	//
	// Errors: ErrNotFound when there is no such topic, ErrUnavailable.
	Ranges(ctx context.Context) ([]TopicRange, error)

	// Read calls visit for every message of a range, in the order of their offsets, from one goroutine; different ranges may
	// be read at the same time. Offsets may have holes. It returns when the end of the range is reached, and when visit
	// returns an error, with that error.
	//
	// Errors: ErrOffsetExpired when the topic no longer holds the beginning of the range, or drops what lies ahead while it is
	// read; ErrUnavailable, after which the range may be read on from the last message that was visited.
	Read(ctx context.Context, r TopicRange, visit func(TopicMessage) error) error
}

// TopicRange is a part of one partition: the offsets from Begin up to, and without, End.
type TopicRange struct {
	Partition  int32
	Begin, End int64
}

// TopicMessage is one message of a topic.
type TopicMessage struct {
	Partition int32
	Offset    int64
	// Key is what the message was partitioned by.
	Key string
	// Record is the event that the message carries. Metadata does not travel.
	Record eventsourcing.Record
	// Err says why the message is no event; Record is then empty or incomplete.
	Err error
}

// TopicVerifier holds what a topic holds against the event store. It is a driving port, like those of driving.go.
type TopicVerifier interface {
	// VerifyTopic reads the topic, beside live traffic: an event counts as missing only if nothing has come of what is
	// missing for as long as options.Patience. An error means that the comparison could not be completed.
	VerifyTopic(ctx context.Context, options TopicOptions) (TopicReport, error)
}

// TopicOptions say what to verify, and how.
type TopicOptions struct {
	// From is the offset in each partition to begin with; FromBegin for the whole topic.
	From int64
	// Patience is how long what is missing may take to come.
	Patience time.Duration
	// Progress, when set, is told now and then how many of the offsets have been read. It is called by one goroutine at a
	// time, and holds up the reading.
	Progress func(read, total uint64)
}

// FromBegin is the value of TopicOptions.From for the whole topic: an event that is not in it is missing. With an offset
// instead, an order is judged from its first event behind the offset on, and one that has none there is not judged.
const FromBegin int64 = -1

// TopicReport is the result of a verification of a topic.
type TopicReport struct {
	// Orders were compared, Unjudged could not be: nothing of theirs lies behind the offset that was asked for.
	Aggregates, Unjudged uint64
	// Messages were read; Expired is how many offsets before them the topic no longer holds.
	Messages, Expired uint64
	// Doubled counts messages whose event was there before. Delivery is at least once, so they are no violation.
	Doubled uint64
	// Missing counts events of the store that the topic does not have.
	Missing uint64
	// OutOfOrder counts events whose first message comes before the first message of their predecessor.
	OutOfOrder uint64
	// Unknown counts messages that are no event of the store: unreadable, never stored, different from what is stored, or under
	// another key than their order.
	Unknown uint64
	// Scattered counts messages in another partition than the first one of their order: between partitions there is no order.
	Scattered uint64
	// Shown describes the first violations.
	Shown []TopicFinding
}

// Violations is how much is wrong.
func (r TopicReport) Violations() uint64 { return r.Missing + r.OutOfOrder + r.Unknown + r.Scattered }

// TopicFinding is one violation.
type TopicFinding struct {
	Kind TopicFault
	// AggregateID and SequenceNumber name the event; zero for a message that names none. AggregateType is that of the
	// message where there is one.
	AggregateID    uuid.UUID
	AggregateType  string
	SequenceNumber uint64
	// Detail says where, and what is wrong.
	Detail string
}

// TopicFault is a kind of violation.
type TopicFault string

// The kinds of violations.
const (
	TopicMissing    TopicFault = "missing"
	TopicOutOfOrder TopicFault = "out-of-order"
	TopicUnknown    TopicFault = "unknown"
	TopicScattered  TopicFault = "scattered"
)
