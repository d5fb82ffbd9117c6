package ports

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// HistoryPager reads a history in parts, so that a long one needs no more memory than a short one.
type HistoryPager interface {
	// LoadPage returns what [EventStore].Load returns, but at most limit records. Fewer than limit
	// are the end of the history. Its errors are those of Load, and an error for a limit below 1.
	LoadPage(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error)
}

// CommandFinder finds a command without reading the history. A store implements it that keeps an
// index of commands beside the events, from the first event on.
type CommandFinder interface {
	// FindCommand returns the records of a command as [EventStore].Load would return them. It
	// returns none when the history of the aggregate does not have the command. It sees every
	// append that was acknowledged before the call. Its cost does not depend on the length of the
	// history.
	//
	// Errors: ErrCorrupt when stored bytes cannot be read, ErrUnavailable.
	FindCommand(ctx context.Context, aggregateID, commandID uuid.UUID) ([]eventsourcing.Record, error)
}

// Snapshot is what the first events of an aggregate amount to. It saves time and is never needed:
// the events say the same.
type Snapshot struct {
	AggregateID uuid.UUID
	// Kind names what was folded. An aggregate may have snapshots of several kinds.
	Kind string
	// SequenceNumber is that of the last event that was folded.
	SequenceNumber uint64
	// Version is that of the form of Data.
	Version int
	Data    []byte
}

// Snapshots keeps snapshots. It need not keep them: after a crash, each one is there or not.
//
// Errors of all methods: ErrUnavailable; ErrOutcomeUnknown, except for LoadSnapshot.
type Snapshots interface {
	// SaveSnapshot keeps a snapshot. It replaces one of the same kind at the same sequence number.
	SaveSnapshot(ctx context.Context, s Snapshot) error
	// LoadSnapshot returns the newest snapshot of a kind at or before a sequence number. It returns
	// the zero Snapshot when there is none, and ErrCorrupt when what is stored cannot be read.
	LoadSnapshot(ctx context.Context, aggregateID uuid.UUID, kind string, atMost uint64) (Snapshot, error)
	// DropSnapshots deletes the snapshots of a kind up to a sequence number.
	DropSnapshots(ctx context.Context, aggregateID uuid.UUID, kind string, upTo uint64) error
}

// SnapshotDropper deletes snapshots, when somebody does not trust them or wants the space. It is a
// driving port. Nothing depends on snapshots: what needs one reads the events, and writes it again.
type SnapshotDropper interface {
	// DropSnapshotsOf deletes the snapshots of an aggregate, or of all when the id is nil. It
	// returns how many aggregates had some. Snapshots that are written meanwhile may stay. After an
	// error some may be deleted, and the call can be repeated. Errors: those of [Snapshots].
	DropSnapshotsOf(ctx context.Context, aggregateID uuid.UUID) (aggregates uint64, err error)
}
