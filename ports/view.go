package ports

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// ViewID names one generation of what one consumer keeps. Generations live side by side, so that a new one can be filled
// while the old one is read.
type ViewID struct {
	Consumer   string
	Generation int
}

// ViewStore keeps the effects of consumers: for each order how far it was handled, the state to go on from, and for a
// projection the rows of its table.
type ViewStore interface {
	// State returns what was kept for one order; the zero ViewState when nothing was.
	State(ctx context.Context, view ViewID, aggregateID uuid.UUID) (ViewState, error)

	// Apply replaces rows and state of one order. A change whose sequence number is not above the stored one changes
	// nothing and succeeds, so a redelivered or late event has no effect. State and rows become visible together, or the
	// rows first: a state is never ahead of its rows, also after a crash. It needs no fsync of its own, see
	// [Subscription].Commit.
	//
	// Changes of one order must not be applied concurrently by one process.
	Apply(ctx context.Context, view ViewID, change Change) error
}

// ViewState is how far one consumer got with one order.
type ViewState struct {
	// SequenceNumber is that of the last event handled; 0 for none.
	SequenceNumber uint64
	// Data is what the consumer wants back with the next event; opaque to the store.
	Data []byte
}

// Change is the effect of one or more consecutive events of one order.
type Change struct {
	AggregateID uuid.UUID
	// State is stored in place of the previous one.
	State ViewState
	// Table is the table of Put and Delete; nil for a consumer without rows.
	Table *projection.Table
	// Put holds the rows that the order has now and that are new or different. Delete holds every row that existed at the
	// previous state or at any step since and does not exist now; a row is identified by its key columns. No row is in both.
	Put, Delete []projection.Row
}

// ViewReader reads the rows of a view.
type ViewReader interface {
	// Rows returns rows whose leading key columns equal q.Prefix, in key order. Errors: ErrUnavailable, ErrCorrupt; a
	// cursor that this store did not issue for this query is an ErrBadCursor.
	Rows(ctx context.Context, q RowQuery) (RowPage, error)
}

// RowQuery selects rows.
type RowQuery struct {
	View  ViewID
	Table *projection.Table
	// Prefix holds values of the leading key columns of Table, in order: at least all partition columns that are not buckets
	// (all key columns for a point read), or none at all to read the whole table in an order that the store chooses.
	Prefix []any
	After  Cursor
	// Limit is at least 1.
	Limit int
}

// RowPage is a part of a listing of rows. Next is empty at the end.
type RowPage struct {
	Rows []projection.Row
	Next Cursor
}

// ViewRepairer puts right what an order has in a view. A store that tells versions of a row apart by the sequence number alone
// cannot do that: a view there is rebuilt as a whole.
type ViewRepairer interface {
	// Replace puts change in place of what the view has of one aggregate, whatever that is, provided that the sequence number
	// stored there is still seen. Else it changes nothing and returns ErrVersionConflict. With a sequence number of 0 in
	// change.State nothing is kept of the aggregate. Visibility is that of [ViewStore].Apply.
	Replace(ctx context.Context, view ViewID, change Change, seen uint64) error
}

// LiveViews says which generation of a view is read at the moment.
type LiveViews interface {
	// LiveView returns the view of a consumer that queries read. It changes when a rebuild is switched on or rolled back.
	LiveView(consumer string) ViewID
}

// ViewDropper removes generations that nobody reads any more.
type ViewDropper interface {
	// DropView removes states and rows of a view; table is nil for a consumer without rows. It may take long, is interrupted
	// by ctx, and can be repeated. Nobody may read or write the view at the same time or later.
	DropView(ctx context.Context, view ViewID, table *projection.Table) error
}
