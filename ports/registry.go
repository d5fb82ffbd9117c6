package ports

import (
	"context"
	"time"
)

// ConsumerRegistry keeps what must survive a restart about each consumer. Several processes may
// write to it.
type ConsumerRegistry interface {
	// Consumer returns the saved record, or ErrNotFound for a consumer that never ran. It sees
	// every earlier save.
	Consumer(ctx context.Context, name string) (ConsumerRecord, error)
	// SaveConsumer replaces the record that has the same name and revision; revision 0 means that
	// there is none yet. It returns the record with its new revision, which is higher. Errors:
	// ErrVersionConflict, and nothing is stored, when the stored revision is another one: read the
	// record again and decide again. ErrOutcomeUnknown: read the record to learn the outcome.
	//
	// A later SeekEnd or Commit never survives a crash that the saved record does not survive.
	SaveConsumer(ctx context.Context, record ConsumerRecord) (ConsumerRecord, error)
}

// ConsumerRecord is what is stored about a consumer. The zero value of each field is the default
// for a consumer that has none stored.
type ConsumerRecord struct {
	Name string
	// Revision counts the saves of this record.
	Revision uint64
	// Paused consumers do nothing until they are resumed.
	Paused bool
	// CatchingUp is set before a catch-up from the event store starts and cleared when it is
	// complete. After a crash in between, the catch-up starts again.
	CatchingUp bool
	// From is the time at which the effects of this consumer start. An earlier event counts as
	// handled and has no effect. From is UTC, in whole milliseconds; zero means all events.
	From time.Time
	// Live is the generation of the view that queries read and that is kept up to date.
	Live Generation
	// Next is the generation that a rebuild fills. Its number is 0 when there is no rebuild.
	Next Generation
	// Previous is the generation that was live before. It is kept for a while, so that a rollback
	// is possible. Its number is 0 when there is none.
	Previous Generation
	// SwitchedAt is when Live replaced Previous. It is UTC, in whole milliseconds.
	SwitchedAt time.Time
}

// Generation is one filling of a consumer's view. A number is never used twice.
type Generation struct {
	Number int
	// Version is the version of the reducer that fills this generation.
	Version int
}
