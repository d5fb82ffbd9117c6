package ports

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
)

// The ports in this file are driving ports: the application implements them, and ways in such as HTTP call them.

// CommandHandler takes the commands C of one aggregate type, whose events are of type E.
type CommandHandler[C, E any] interface {
	// Handle decides and appends. When it returns without an error the events are durable and will reach every consumer.
	//
	// Errors: an eventsourcing.Refused; ErrNotFound for an aggregate that does not exist; *OtherTypeError;
	// *VersionConflictError when ExpectedSequence does not match, or ErrVersionConflict when other writers won too many
	// times in a row; *CommandIDReusedError;
	// ErrUnavailable; ErrOutcomeUnknown, after which the same request with the same CommandID is safe and tells the truth.
	Handle(ctx context.Context, request CommandRequest[C]) (CommandResult[E], error)
}

// CommandRequest is a command and its context.
type CommandRequest[C any] struct {
	Command C
	// CommandID makes the request repeatable: within one aggregate, the same id gives the same answer and no second event. A
	// command that emitted nothing left no trace and is decided anew. The nil UUID asks for a new id.
	CommandID uuid.UUID
	// CorrelationID and CausationID default to CommandID.
	CorrelationID uuid.UUID
	CausationID   uuid.UUID
	Metadata      map[string]string
	// ExpectedSequence, when set, is the only head at which the command may take effect.
	ExpectedSequence *uint64
}

// CommandResult is the answer to a command.
type CommandResult[E any] struct {
	AggregateID uuid.UUID
	// SequenceNumber is that of the command's last event, or the head when the command changed nothing.
	SequenceNumber uint64
	Events         []eventsourcing.Envelope[E]
}

// AggregateQueries answers questions about one aggregate of one type. An id of another type is ErrNotFound.
type AggregateQueries interface {
	// Row returns the row of the aggregate's view. With minSequence above 0 it waits, for at most the given time, until the
	// view has got that far; then it returns ErrUnavailable. ErrNotFound when the view has no such aggregate.
	Row(ctx context.Context, aggregateID uuid.UUID, minSequence uint64, wait time.Duration) (projection.Row, error)
	// RowAt returns the row as it was at a past moment, folded from the event store, so it is never behind.
	// ErrNotFound when there was no such aggregate then; a *BeyondHeadError when there are not that many events yet.
	RowAt(ctx context.Context, aggregateID uuid.UUID, moment Moment) (projection.Row, error)
	// Events returns the whole history of an aggregate, oldest first. ErrNotFound when there is none.
	Events(ctx context.Context, aggregateID uuid.UUID) ([]eventsourcing.Envelope[any], error)
}

// Moment is a past state of an aggregate: right after event SequenceNumber when that is above 0, else after the last event not
// later than Time.
type Moment struct {
	SequenceNumber uint64
	Time           time.Time
}

// ViewLists lists orders, newest first.
type ViewLists interface {
	// List returns the rows of a table whose first key column equals key: orders_by_customer, orders_by_status,
	// orders_by_sku. ErrNotFound for another table; ErrBadCursor.
	List(ctx context.Context, table, key string, after Cursor, limit int) (RowPage, error)
	// Await waits, for at most the given time, until a table has the effect of event sequence of an order, in whichever process
	// that happens; then it returns ErrUnavailable. So a client that knows what it has written finds it in the list.
	// ErrNotFound for another table.
	Await(ctx context.Context, table string, aggregateID uuid.UUID, sequence uint64, wait time.Duration) error
}

// Tables shows what is stored, for people who look.
type Tables interface {
	// Names returns the tables that can be shown: event_store, outbox_messages and those of the projections.
	Names() []string
	// Table returns a part of a table in an order that the store chooses. ErrNotFound; ErrBadCursor.
	Table(ctx context.Context, name string, after Cursor, limit int) (TablePage, error)
}

// TablePage is a part of a table, with each value rendered as text.
type TablePage struct {
	Columns []string
	Rows    [][]string
	Next    Cursor
}

// RecordLister lists stored records for [Tables].
type RecordLister interface {
	// ListEvents lists the event store, aggregate by aggregate, each in sequence order.
	ListEvents(ctx context.Context, after Cursor, limit int) (RecordPage, error)
	// ListOutbox lists what the change feed still holds, oldest first.
	ListOutbox(ctx context.Context, after Cursor, limit int) (RecordPage, error)
}

// RecordPage is a part of a listing of records.
type RecordPage struct {
	Records []eventsourcing.Record
	Next    Cursor
}

// ConsumerMonitor tells how the consumers are.
type ConsumerMonitor interface {
	// Consumers returns the status of every consumer, in the order in which they were wired.
	Consumers(ctx context.Context) []ConsumerStatus
}

// ConsumerState is what a consumer is doing.
type ConsumerState string

// The states.
const (
	// ConsumerStopped: not started yet, or its loop has ended. Nothing is consumed.
	ConsumerStopped ConsumerState = "stopped"
	// ConsumerStandby: another process works as this consumer. This one takes over when that one is gone.
	ConsumerStandby ConsumerState = "standby"
	// ConsumerPaused: somebody has paused it, and nothing is consumed until it is resumed.
	ConsumerPaused ConsumerState = "paused"
	// ConsumerCatchingUp: being brought up to date from the event store.
	ConsumerCatchingUp ConsumerState = "catching-up"
	// ConsumerExpired: being brought up to date from the event store, because the feed did not hold any more what lies behind
	// the offset.
	ConsumerExpired ConsumerState = "expired"
	// ConsumerRebuilding: the view was filled by another version of the reducer and is served as it was, while the next
	// generation is built. A rebuild beside a view that is kept up to date is no state; it is in Rebuild.
	ConsumerRebuilding ConsumerState = "rebuilding"
	// ConsumerRunning: following the change feed.
	ConsumerRunning ConsumerState = "running"
	// ConsumerParked: running, with orders set aside that somebody has to look at.
	ConsumerParked ConsumerState = "parked"
	// ConsumerFailing: an event or the loop itself fails and is retried. Either everything is affected, as when a store does
	// not answer, or the order in Failure, which is parked after a few attempts.
	ConsumerFailing ConsumerState = "failing"
	// ConsumerFailed: stopped by itself, because going on would have lost something. It waits to be resumed.
	ConsumerFailed ConsumerState = "failed"
)

// ConsumerStatus is how one consumer is.
type ConsumerStatus struct {
	Name string
	// Live is the generation of its view that is read.
	Live  Generation
	State ConsumerState
	Lag   Lag
	// Headroom is how long the feed still holds what the consumer has not handled; nil while that is not known.
	Headroom *time.Duration
	// Failure is set while the state is failing or failed, or while the loop restarts after an error.
	Failure *ConsumerFailure
	// LagError says why Lag is not known; empty when it is, and when there is nothing to know yet.
	LagError string
	// Parked is how many aggregates are set aside, and OldestParked when the first of them was. Waiting is how many of them
	// wait for a newer program, which goes on with them by itself.
	Parked, Waiting int
	OldestParked    time.Time
	// Rebuild is set while the next generation is built, and after that until the next rebuild.
	Rebuild *RebuildStatus
	// Previous is the generation that one can roll back to; its number is 0 for none.
	Previous Generation
	// Holder is the process that works as this consumer, when it is another one.
	Holder LeaseOwner
	// Counters since the process started. Foreign counts records of the feed that the event store does not have.
	Handled, Duplicates, Healed, Retries, Expired, Reconciled, Foreign uint64
}

// ConsumerFailure says what a consumer is stuck on.
type ConsumerFailure struct {
	// AggregateID, AggregateType and SequenceNumber name the event; zero when the failure is not about one event.
	AggregateID    uuid.UUID
	AggregateType  string
	SequenceNumber uint64
	Kind           FailureKind
	Error          string
	Attempts       int
	Since          time.Time
}

// ConsumerManager stops and moves consumers. What it decides survives restarts. Errors of all methods: ErrNotFound for a name
// that no consumer has; ErrUnavailable.
type ConsumerManager interface {
	// Pause lets what is in flight finish and then stops the consumer until Resume. It returns when the decision is stored.
	Pause(ctx context.Context, consumer string) error
	// Resume starts a consumer that was paused, or that has failed.
	Resume(ctx context.Context, consumer string) error
	// Reset moves a consumer to another place in the history and says what that means. With request.DryRun it only says.
	// *RefusedError when it would lose or repeat something and is not forced, or can only do harm.
	Reset(ctx context.Context, consumer string, request ResetRequest) (consequence string, err error)
}

// ResetRequest says where a consumer is to go on.
type ResetRequest struct {
	// From is the time of the first event to be handled; zero for the beginning.
	From   time.Time
	Force  bool
	DryRun bool
}

// ParkingManager shows and moves the orders that consumers have set aside. Errors of all methods: ErrNotFound; ErrUnavailable; and
// of those that change something *LeaseHeldError when another process works as the consumer: ask there.
type ParkingManager interface {
	// ListParked lists the parked orders of a consumer. ErrBadCursor.
	ListParked(ctx context.Context, consumer string, after Cursor, limit int) (ParkedPage, error)
	// RetryParked handles an order that was set aside, from the event that failed up to the last one. When that does not
	// work, the order stays parked, and the error is a *StillParkedError.
	RetryParked(ctx context.Context, consumer string, aggregateID uuid.UUID) error
	// SkipParked passes over the event that failed, notes why, and handles the rest as RetryParked does. From then on the
	// event is passed over wherever it comes up, until Unskip.
	SkipParked(ctx context.Context, consumer string, aggregateID uuid.UUID, reason string) error
}

// SkipManager shows and takes back decisions to pass over events. Errors are those of [ParkingManager].
type SkipManager interface {
	// ListSkips lists the events that a consumer passes over. ErrBadCursor.
	ListSkips(ctx context.Context, q SkipQuery) (SkipPage, error)
	// Unskip takes the decision about one event back and makes the view of its aggregate what it is with the event. ErrNotFound
	// when the event is not skipped; *RefusedError when the effect cannot be brought in afterwards.
	Unskip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error
}

// RebuildPhase is how far a rebuild is.
type RebuildPhase string

// The phases.
const (
	RebuildFilling   RebuildPhase = "filling"   // the event store is read
	RebuildVerifying RebuildPhase = "verifying" // the new rows are held against the events and the live rows
	RebuildRefused   RebuildPhase = "refused"   // differences were found; the live generation stays
	RebuildSwitched  RebuildPhase = "switched"  // the new generation is live
	RebuildAborted   RebuildPhase = "aborted"   // somebody has ended it
)

// RebuildStatus is how a rebuild is.
type RebuildStatus struct {
	Phase RebuildPhase
	// Generation is the one that is built.
	Generation Generation
	// Done counts the orders that were brought up to date in this phase; Total is how many there are, 0 until that is known.
	Done, Total uint64
	StartedAt   time.Time
	// Report is what verification found, set once it has ended.
	Report *VerifyReport
	// Error is why it does not get on at the moment; it is tried again.
	Error string
}

// RebuildRequest says how to rebuild.
type RebuildRequest struct {
	// SkipVerification switches without comparing anything.
	SkipVerification bool
	// OrdersPerSecond bounds the speed of the filling; 0 for as fast as it goes.
	AggregatesPerSecond int
}

// Rebuilder replaces the view of a projection by one that is filled anew, beside live traffic: blue and green. Errors of all
// methods: ErrNotFound; ErrUnavailable; *RefusedError; *LeaseHeldError.
type Rebuilder interface {
	// Rebuild starts a rebuild, or starts a refused one again. How it goes on is in the consumer's status.
	Rebuild(ctx context.Context, consumer string, request RebuildRequest) error
	// AbortRebuild ends a rebuild that is under way or refused, and drops what it has filled.
	AbortRebuild(ctx context.Context, consumer string) error
	// Rollback makes the previous generation live again, after it was brought up to date.
	Rollback(ctx context.Context, consumer string) error
}

// RefusedError says why something that was asked for is not done, and what can be done instead.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// StillParkedError says that an order could not be handled this time either.
type StillParkedError struct{ Parked ParkedAggregate }

func (e *StillParkedError) Error() string {
	return fmt.Sprintf("event %d of order %s still fails (%s): %s", e.Parked.SequenceNumber, e.Parked.AggregateID, e.Parked.Kind, e.Parked.Error)
}

// Verifier holds what is stored against what the events say.
type Verifier interface {
	// Verify compares every order with every consumer, beside live traffic: a difference, or a consumer that is behind,
	// counts only if it is still there after patience. An error means that the comparison could not be completed;
	// differences are in the report.
	Verify(ctx context.Context, patience time.Duration) (VerifyReport, error)
	// Repair does the same, puts right what it finds in the views, and looks once more at what it has put right. What is wrong in a
	// history is never changed.
	Repair(ctx context.Context, patience time.Duration) (VerifyReport, error)
}

// VerifyReport is the result of a verification.
type VerifyReport struct {
	// Orders, Events and Rows count what was compared.
	Aggregates, Events, Rows uint64
	// Skipped counts the events that were passed over by somebody's decision; they are no differences.
	Skipped uint64
	// Repaired counts the orders that were put right in a view; they are no differences any more.
	Repaired uint64
	// Differences is how many there are; Shown describes the first of them.
	Differences uint64
	Shown       []VerifyDifference
}

// VerifyDifference is one thing that is not as the events say.
type VerifyDifference struct {
	// AggregateID is the nil UUID, and AggregateType empty, when the difference is not about one aggregate.
	AggregateID   uuid.UUID
	AggregateType string
	// Consumer is empty when the history itself is wrong.
	Consumer string
	Detail   string
}
