package ports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Exporter reads stored records for a copy of them outside of the store. It is a driving port.
type Exporter interface {
	// Export gives stored records to sink as they are. It gives the histories one after the other,
	// each in sequence order, and each up to a moment after the call. So every event that was
	// acknowledged before the call is there.
	//
	// A record that cannot be read ends the export of its aggregate, and the others go on. The
	// report says so.
	//
	// Errors: those of sink; ErrBadCursor for a place of another store; ErrOffsetExpired when the
	// feed dropped records before a following export read them; ErrUnavailable; the context's
	// error.
	Export(ctx context.Context, request ExportRequest, sink ExportSink) (ExportReport, error)
}

// ExportRequest says what to export. The zero value means everything that there is now.
type ExportRequest struct {
	// Since, when set, leaves out the events of each aggregate before the first one that was
	// created at this time or later.
	Since time.Time
	// AggregateID, when set, selects one aggregate.
	AggregateID uuid.UUID
	// AggregateType, when set, selects the aggregates of one type.
	AggregateType string
	// Follow continues with what is appended, until ctx ends. That is then the error.
	Follow bool
	// After, when set, exports what was appended after that place of the feed, up to the moment of
	// the call. An event may come that another export has already had.
	After Place
}

// ExportSink takes what is exported. One goroutine calls it.
type ExportSink interface {
	// Record takes the next record. All events of one command come together.
	Record(record eventsourcing.Record) error
	// Reached says that everything up to a place of the feed was given to Record. While an export
	// follows the feed, Reached is called at least every 15 seconds.
	Reached(place Place) error
}

// ExportReport is the result of an export.
type ExportReport struct {
	// Unreadable counts the aggregates of which an event cannot be read. Shown names the first of
	// these events.
	Unreadable uint64
	Shown      []UnreadableEvent
}

// UnreadableEvent names an event that cannot be read.
type UnreadableEvent struct {
	AggregateID    uuid.UUID
	SequenceNumber uint64
}

// ImportSource is where an import reads from. One goroutine calls it.
type ImportSource interface {
	// Next returns the next part. Errors: an *ImportFault, after which Next may be called again and
	// continues with another aggregate; io.EOF after the last part; any other error ends the
	// source.
	Next() (ImportPart, error)
}

// ImportPart is a part of one history, or of the log of operations.
type ImportPart struct {
	// Line is where the first record is in the source.
	Line int
	// Records are consecutive, and all of one aggregate. They hold whole commands: all events of a
	// command are in one part. There is at least one, unless there are Operations.
	Records []eventsourcing.Record
	// Operations are entries of the log of operations. A part with some has no records.
	Operations []OperationEntry
}

// ImportFault says why an aggregate is not imported.
type ImportFault struct {
	// Line is where the cause is in the source. AggregateID is the nil UUID when it is not known.
	Line        int
	AggregateID uuid.UUID
	Reason      string
}

// Error implements error.
func (f *ImportFault) Error() string { return f.Reason }
