package ports

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
)

// ViewID names one generation of what one consumer keeps. Generations exist side by side, so that a
// new one can be filled while the old one is read.
type ViewID struct {
	Consumer   string
	Generation int
}

// ViewStore keeps the effects of consumers. For each aggregate it keeps the last sequence number
// that was handled and the state to continue from. For a projection it also keeps the rows of its
// table.
type ViewStore interface {
	// State returns what is kept for one aggregate. It returns the zero ViewState when nothing is
	// kept, and ErrCorrupt when the state cannot be read.
	State(ctx context.Context, view ViewID, aggregateID uuid.UUID) (ViewState, error)

	// Apply replaces the rows and the state of several aggregates, each change of another one. A
	// change whose sequence number is not above the stored one changes nothing and succeeds. So a
	// redelivered or late event has no effect.
	//
	// State and rows of one aggregate become visible together, or the rows first. A state is never
	// ahead of its rows, also after a crash. Different aggregates are independent: after an error
	// any of the changes may have been applied. Applying all of them again does no harm. Apply
	// needs no fsync of its own, see [Subscription].Commit.
	//
	// A stored state that cannot be read counts as none: the change replaces it.
	//
	// One process must not apply changes of the same aggregate concurrently.
	Apply(ctx context.Context, view ViewID, changes ...Change) error
}

// ViewState is how far one consumer got with one aggregate.
type ViewState struct {
	// SequenceNumber is that of the last event that was handled. It is 0 when there was none.
	SequenceNumber uint64
	// Data is what the consumer needs to handle the next event. The store does not interpret it.
	Data []byte
}

// Change is the effect of one or more consecutive events of one aggregate.
type Change struct {
	AggregateID uuid.UUID
	// State replaces the previous state.
	State ViewState
	// Table is the table of Put and Delete. It is nil for a consumer without rows.
	Table *projection.Table
	// Put holds the rows of the aggregate that are new or different. Delete holds every row that
	// existed at the previous state or at any step since, and that does not exist now. A row is
	// identified by its key columns. No row is in both.
	Put, Delete []projection.Row
}

// ViewReader reads the rows of a view.
type ViewReader interface {
	// Rows returns the rows whose leading key columns equal q.Prefix, in key order, whatever their
	// buckets and shards are. A cursor stays good when rows come and go, its own included. Errors:
	// ErrUnavailable; ErrCorrupt; ErrBadCursor for a cursor that this store did not issue for this
	// query.
	Rows(ctx context.Context, q RowQuery) (RowPage, error)
}

// RowQuery selects rows.
type RowQuery struct {
	View  ViewID
	Table *projection.Table
	// Prefix holds values of the leading key columns of Table, in order. It holds at least all
	// partition columns; all key columns select one row. An empty Prefix reads the whole table, in
	// an order that the store chooses.
	Prefix []any
	After  Cursor
	// Limit is at least 1.
	Limit int
}

// RowPage is a page of a listing of rows. Next is empty at the end. A page that is short or empty
// is not the end while it has a Next: a store bounds what it reads for one page, also where it
// finds nothing.
type RowPage struct {
	Rows []projection.Row
	Next Cursor
}

// ViewRepairer corrects what a view holds of one aggregate. A store that compares versions of a row
// by the sequence number alone cannot implement it. There, the whole view is rebuilt.
type ViewRepairer interface {
	// Replace replaces everything that the view holds of one aggregate by change, whatever it is.
	// It does so only if the stored sequence number is still seen. Otherwise it changes nothing and
	// returns ErrVersionConflict. With sequence number 0 in change.State, nothing of the aggregate
	// is kept. State and rows become visible as in [ViewStore].Apply.
	Replace(ctx context.Context, view ViewID, change Change, seen uint64) error
}

// ViewChecker reports whether a view holds anything. It is for stores that find that out at once.
type ViewChecker interface {
	// HasStates reports whether a view holds a state of any aggregate.
	HasStates(ctx context.Context, view ViewID) (bool, error)
}

// BulkReader reads much of a view and of its events at once. It is for stores where that costs less
// than one by one, where only this process writes, and where a change of an aggregate is one atomic
// write. So an aggregate without a state never had a row in the view.
//
// Errors: ErrUnavailable; ErrCorrupt when any of what was asked for cannot be read. Then the caller
// reads one by one, which shows what it is.
type BulkReader interface {
	// States returns what [ViewStore].State returns for each of the aggregates, in their order.
	States(ctx context.Context, view ViewID, aggregateIDs []uuid.UUID) ([]ViewState, error)
	// LoadAll returns what [EventStore].Load returns for each of from, in their order.
	LoadAll(ctx context.Context, from []HistoryFrom) ([][]eventsourcing.Record, error)
}

// HistoryFrom is the history of an aggregate after a sequence number.
type HistoryFrom struct {
	AggregateID uuid.UUID
	After       uint64
}

// StateLister lists how far a view is.
type StateLister interface {
	// ListStates returns up to limit states of a view after the cursor, without their data, in an
	// order that the store chooses and keeps. The zero Cursor starts the listing, and an empty Next
	// ends it. A state that cannot be read is left out. A state that does not change during the
	// listing appears exactly once.
	ListStates(ctx context.Context, view ViewID, after Cursor, limit int) (StatePage, error)
}

// StatePage is a page of a listing of states.
type StatePage struct {
	States []Reached
	Next   Cursor
}

// Reached is how far a view is with an aggregate.
type Reached struct {
	AggregateID    uuid.UUID
	SequenceNumber uint64
}

// LiveViews says which generation of a view queries read at the moment.
type LiveViews interface {
	// LiveView returns the live view of a consumer. It changes when a rebuild is switched on or
	// rolled back.
	LiveView(consumer string) ViewID
	// VersionOf returns the version of the projection that has filled a view that is live, or was
	// live before. The rows are in the table of that version; see [projection.Projection].TableOf.
	// It is 0 when that is not known.
	VersionOf(view ViewID) int
}

// ViewDropper removes generations that are no longer read.
type ViewDropper interface {
	// DropView removes the states of a view, and its rows in a table. table is nil for a consumer
	// without rows. It
	// may take long. It ends when ctx is cancelled, and it can be repeated. The caller makes sure
	// that nobody reads or writes the view during the call or later.
	DropView(ctx context.Context, view ViewID, table *projection.Table) error
}
