package ports

import (
	"context"
	"time"
)

// ConsumerRegistry remembers what must survive a restart about each consumer. Several processes may write to it.
type ConsumerRegistry interface {
	// Consumer returns the saved record, or ErrNotFound for a consumer that never ran. It sees every earlier save.
	Consumer(ctx context.Context, name string) (ConsumerRecord, error)
	// SaveConsumer stores the record in place of the one with the same name and revision (0: there is none yet), and returns
	// it with its new revision, which is higher. ErrVersionConflict, and nothing stored, when that is not what is there any
	// more: read it again and decide anew. After ErrOutcomeUnknown, reading tells.
	//
	// A later SeekEnd or Commit never survives a crash that the saved record does not survive.
	SaveConsumer(ctx context.Context, record ConsumerRecord) (ConsumerRecord, error)
}

// ConsumerRecord is what is remembered about a consumer. The zero value of each field is what a consumer without it would do.
type ConsumerRecord struct {
	Name string
	// Revision counts the saves of this record.
	Revision uint64
	// Paused consumers do nothing until they are resumed.
	Paused bool
	// CatchingUp is set before a catch-up from the event store starts and cleared when it is complete, so that a crash in
	// between starts it again.
	CatchingUp bool
	// From is where the effects of this consumer start: an event committed earlier counts as handled, without an effect. UTC,
	// in whole milliseconds; zero for all events.
	From time.Time
	// Live is the generation of the view that is read and kept up to date.
	Live Generation
	// Next is the generation that a rebuild fills; its number is 0 when there is no rebuild.
	Next Generation
	// Previous is the generation that was live before, kept for a while so that one can go back; its number is 0 when there
	// is none.
	Previous Generation
	// SwitchedAt is when Live took the place of Previous. UTC, in whole milliseconds.
	SwitchedAt time.Time
}

// Generation is one filling of a consumer's view. Numbers are never used twice.
type Generation struct {
	Number int
	// Version is the version of the reducer that fills it.
	Version int
}
