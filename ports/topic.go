package ports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// TopicReader reads what a topic holds. It is not a consumer of the topic: it commits nothing, and
// reading twice gives the same.
type TopicReader interface {
	// Ranges returns what each partition holds at the moment, in the order of the partition
	// numbers. Everything that was published before the call lies before the ends.
	//
	// Errors: ErrNotFound when there is no such topic; ErrUnavailable.
	Ranges(ctx context.Context) ([]TopicRange, error)

	// Read calls visit for every message of a range, in the order of the offsets, from one
	// goroutine. Different ranges may be read at the same time. Offsets may have gaps. Read returns
	// at the end of the range. When visit returns an error, Read returns that error.
	//
	// Errors: ErrOffsetExpired when the topic no longer holds the beginning of the range, or drops
	// messages before they are read. ErrUnavailable: the range may be read again from the last
	// visited message.
	Read(ctx context.Context, r TopicRange, visit func(TopicMessage) error) error
}

// TopicRange is a part of one partition: the offsets from Begin (inclusive) to End (exclusive).
type TopicRange struct {
	Partition  int32
	Begin, End int64
}

// TopicMessage is one message of a topic.
type TopicMessage struct {
	Partition int32
	Offset    int64
	// Key is the partition key of the message.
	Key string
	// Record is the event that the message carries. Messages do not carry the metadata.
	Record eventsourcing.Record
	// Err says why the message is not a valid event. Record is then empty or incomplete.
	Err error
}

// TopicVerifier compares what a topic holds with the event store. It is a driving port, like those
// of driving.go.
type TopicVerifier interface {
	// VerifyTopic reads the topic while live traffic continues. An event counts as missing only if
	// no missing event has arrived for options.Patience. An error means that the comparison could
	// not be completed; *RefusedError for a topic that does not keep all events.
	VerifyTopic(ctx context.Context, options TopicOptions) (TopicReport, error)
}

// TopicOptions say what to verify, and how.
type TopicOptions struct {
	// From is the first offset to read in each partition. FromBegin means the whole topic.
	From int64
	// Patience is how long to wait for missing events.
	Patience time.Duration
	// Progress, when set, is called now and then with the number of offsets that have been read.
	// One goroutine at a time calls it, and reading waits for it.
	Progress func(read, total uint64)
}

// FromBegin is the value of TopicOptions.From for the whole topic: an event that the topic does not
// have is missing. With an offset instead, an aggregate is judged from its first event after the
// offset. An aggregate that has no event there is not judged.
const FromBegin int64 = -1

// TopicReport is the result of a verification of a topic.
type TopicReport struct {
	// Aggregates counts those that were compared. Unjudged counts those that could not be compared,
	// because none of their events lies after the requested offset.
	Aggregates, Unjudged uint64
	// Messages is the number of messages that were read. Expired is the number of earlier offsets
	// that the topic no longer holds.
	Messages, Expired uint64
	// Doubled counts messages whose event had been read before. Delivery is at least once, so they
	// are no violation.
	Doubled uint64
	// Missing counts events of the store that the topic does not have.
	Missing uint64
	// OutOfOrder counts events whose first message comes before the first message of their
	// predecessor.
	OutOfOrder uint64
	// Unknown counts messages that are not events of the store: they cannot be read, they were
	// never stored, they differ from what is stored, or their key is not their aggregate's.
	Unknown uint64
	// Scattered counts messages in another partition than the first message of their aggregate.
	// There is no order between partitions.
	Scattered uint64
	// Shown describes the first violations.
	Shown []TopicFinding
}

// Violations returns the number of all violations.
func (r TopicReport) Violations() uint64 { return r.Missing + r.OutOfOrder + r.Unknown + r.Scattered }

// TopicFinding is one violation.
type TopicFinding struct {
	Kind TopicFault
	// AggregateID and SequenceNumber name the event. They are zero for a message that names none.
	// AggregateType is that of the message, if it has one.
	AggregateID    uuid.UUID
	AggregateType  string
	SequenceNumber uint64
	// Detail says where it is and what is wrong.
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
