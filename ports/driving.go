package ports

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
)

// This file declares driving ports. The application implements them, and inbound adapters such as
// HTTP call them.

// CommandHandler takes the commands C of one aggregate type, whose events are of type E.
type CommandHandler[C, E any] interface {
	// Handle decides the command and appends its events. When it returns without an error, the
	// events are durable and will reach every consumer.
	//
	// Errors:
	//   - an eventsourcing.Refused when a business rule refuses the command;
	//   - ErrNotFound when the aggregate does not exist;
	//   - *OtherTypeError when the id belongs to an aggregate of another type;
	//   - *VersionConflictError when ExpectedSequence does not match;
	//   - ErrVersionConflict when other writers won too many times in a row;
	//   - *CommandIDReusedError;
	//   - ErrUnavailable;
	//   - ErrOutcomeUnknown: the same request with the same CommandID may be sent again, and its
	//     answer says what happened.
	Handle(ctx context.Context, request CommandRequest[C]) (CommandResult[E], error)
}

// CommandRequest is a command with its ids, its metadata and its precondition.
type CommandRequest[C any] struct {
	Command C
	// CommandID makes the request idempotent: within one aggregate, the same id gives the same
	// answer and no second event. A command that emitted no event is not stored, so its repetition
	// is decided again. The nil UUID asks for a new id.
	CommandID uuid.UUID
	// CorrelationID and CausationID default to CommandID.
	CorrelationID uuid.UUID
	CausationID   uuid.UUID
	Metadata      map[string]string
	// ExpectedSequence, when set, is a precondition: the command takes effect only if this is the
	// head.
	ExpectedSequence *uint64
}

// CommandResult is the answer to a command.
type CommandResult[E any] struct {
	AggregateID uuid.UUID
	// SequenceNumber is that of the command's last event. It is the head when the command changed
	// nothing.
	SequenceNumber uint64
	Events         []eventsourcing.Envelope[E]
}

// AggregateQueries answers queries about one aggregate of one type. For an id of another type every
// method returns ErrNotFound.
type AggregateQueries interface {
	// Row returns the row of the aggregate's view. With minSequence above 0 it waits until the view
	// has the effect of that event, for at most the given time. After that time it returns
	// ErrUnavailable. It returns ErrNotFound when the view has no such aggregate.
	Row(ctx context.Context, aggregateID uuid.UUID, minSequence uint64, wait time.Duration) (projection.Row, error)
	// RowAt returns the row as it was at a past moment. It folds the events of the event store, so
	// the result is never stale. It returns ErrNotFound when the aggregate did not exist at that
	// moment, and a *BeyondHeadError when it does not have that many events yet.
	RowAt(ctx context.Context, aggregateID uuid.UUID, moment Moment) (projection.Row, error)
	// Events returns at most limit events after a sequence number, oldest event first. It may
	// return fewer, so that large events do not need much memory. It returns ErrNotFound when the
	// aggregate has no events at all.
	Events(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) (EventPage, error)
}

// EventPage is a part of a history.
type EventPage struct {
	Events []eventsourcing.Envelope[any]
	// More says that there are events after these.
	More bool
}

// Moment selects a past state of an aggregate. When SequenceNumber is above 0, it is the state
// right after that event. Otherwise it is the state after the last event that is not later than
// Time.
type Moment struct {
	SequenceNumber uint64
	Time           time.Time
}

// ViewLists lists rows of the views, newest first.
type ViewLists interface {
	// List returns the rows of a table whose first key column equals key. The order service has
	// orders_by_customer, orders_by_status and orders_by_sku. Errors: ErrNotFound for an unknown
	// table; ErrBadCursor.
	List(ctx context.Context, table, key string, after Cursor, limit int) (RowPage, error)
	// Await waits until a table has the effect of one event of an aggregate, for at most the given
	// time. It does not matter which process applies the event. So a client that knows the sequence
	// number of its write finds the write in the list. Errors: ErrUnavailable when the time is
	// over; ErrNotFound for an unknown table.
	Await(ctx context.Context, table string, aggregateID uuid.UUID, sequence uint64, wait time.Duration) error
}

// Tables shows what is stored. It is for people, not for programs.
type Tables interface {
	// Names returns the tables that can be shown: event_store, outbox_messages, and the tables of
	// the projections.
	Names() []string
	// Table returns a page of a table, in an order that the store chooses. Errors: ErrNotFound;
	// ErrBadCursor.
	Table(ctx context.Context, name string, after Cursor, limit int) (TablePage, error)
}

// TablePage is a page of a table. Each value is rendered as text.
type TablePage struct {
	Columns []string
	Rows    [][]string
	Next    Cursor
}

// RecordLister lists stored records for [Tables]. A record that cannot be read is listed as in a
// [Delivery]: without an EventType.
type RecordLister interface {
	// ListEvents lists the event store, one aggregate after the other, each in sequence order.
	ListEvents(ctx context.Context, after Cursor, limit int) (RecordPage, error)
	// ListOutbox lists the records that the change feed still holds, oldest first.
	ListOutbox(ctx context.Context, after Cursor, limit int) (RecordPage, error)
}

// RecordPage is a page of a listing of records.
type RecordPage struct {
	Records []eventsourcing.Record
	Next    Cursor
}

// LogLevels tells and changes what a process logs. Implementations are safe for concurrent use.
type LogLevels interface {
	// LogLevel returns the lowest level that is logged.
	LogLevel() slog.Level
	// SetLogLevel changes it, until the process ends.
	SetLogLevel(ctx context.Context, level slog.Level) error
}

// ConsumerMonitor returns the status of the consumers.
type ConsumerMonitor interface {
	// Consumers returns the status of every consumer, in the order in which they were wired.
	Consumers(ctx context.Context) []ConsumerStatus
}

// ConsumerState is what a consumer is doing.
type ConsumerState string

// The states of a consumer.
const (
	// ConsumerStopped: it has not started yet, or its loop has ended. It consumes nothing.
	ConsumerStopped ConsumerState = "stopped"
	// ConsumerStandby: another process runs this consumer. This process takes over when that
	// process is gone.
	ConsumerStandby ConsumerState = "standby"
	// ConsumerPaused: an operator has paused it. It consumes nothing until it is resumed.
	ConsumerPaused ConsumerState = "paused"
	// ConsumerCatchingUp: it is being brought up to date from the event store.
	ConsumerCatchingUp ConsumerState = "catching-up"
	// ConsumerExpired: it is being brought up to date from the event store, because the feed no
	// longer held the records after its offset.
	ConsumerExpired ConsumerState = "expired"
	// ConsumerRebuilding: the view was filled by another version of the reducer. Queries still read
	// it, while the next generation is built. A rebuild beside a view that is up to date does not
	// change the state; it is reported in Rebuild.
	ConsumerRebuilding ConsumerState = "rebuilding"
	// ConsumerRunning: it follows the change feed.
	ConsumerRunning ConsumerState = "running"
	// ConsumerParked: it runs, and it has parked aggregates that an operator has to look at.
	ConsumerParked ConsumerState = "parked"
	// ConsumerFailing: an event or the loop itself fails and is retried. Either everything is
	// affected, for example when a store does not answer, or only the aggregate in Failure, which
	// is parked after a few attempts.
	ConsumerFailing ConsumerState = "failing"
	// ConsumerFailed: it has stopped by itself, because it would have lost something if it had
	// continued. It waits until it is resumed.
	ConsumerFailed ConsumerState = "failed"
)

// ConsumerStatus is the status of one consumer.
type ConsumerStatus struct {
	Name string
	// Live is the generation of its view that queries read.
	Live  Generation
	State ConsumerState
	Lag   Lag
	// Headroom is how long the feed will still hold the oldest record that the consumer has not
	// handled. It is nil when that is not known.
	Headroom *time.Duration
	// Failure is set when the state is failing or failed, and while the loop restarts after an
	// error.
	Failure *ConsumerFailure
	// LagError says why Lag is not known. It is empty when Lag is known, and when there is nothing
	// to measure yet.
	LagError string
	// Parked is the number of parked aggregates, and OldestParked the time at which the first of
	// them was parked. Waiting is how many of them wait for a newer version of the program. That
	// version continues with them without an operator.
	Parked, Waiting int
	OldestParked    time.Time
	// Rebuild is set while the next generation is built, and it stays until the next rebuild
	// starts.
	Rebuild *RebuildStatus
	// Previous is the generation that a rollback would make live again. Its number is 0 when there
	// is none.
	Previous Generation
	// Holder is the process that runs this consumer, when that is another process.
	Holder LeaseOwner
	// Counters since the process started. Foreign counts what the feed had that is no event:
	// records that are not in the event store, and messages that carry no record (see [Strangers]).
	Handled, Duplicates, Healed, Retries, Expired, Reconciled, Foreign uint64
}

// ConsumerFailure says what a consumer fails on.
type ConsumerFailure struct {
	// AggregateID, AggregateType and SequenceNumber name the event. They are zero when the failure
	// is not about one event.
	AggregateID    uuid.UUID
	AggregateType  string
	SequenceNumber uint64
	Kind           FailureKind
	Error          string
	Attempts       int
	Since          time.Time
}

// ConsumerManager pauses, resumes and resets consumers. Its decisions survive restarts. Errors of
// all methods: ErrNotFound when no consumer has the name; ErrUnavailable.
type ConsumerManager interface {
	// Pause lets calls in progress finish and then stops the consumer until Resume. It returns when
	// the decision is stored.
	Pause(ctx context.Context, consumer string) error
	// Resume starts a consumer that was paused or that has failed.
	Resume(ctx context.Context, consumer string) error
	// Reset moves a consumer to another place in the history and describes the consequence. With
	// request.DryRun it only describes it. It returns a *RefusedError when the reset would lose or
	// repeat something and is not forced, and when the reset could only do harm.
	Reset(ctx context.Context, consumer string, request ResetRequest) (consequence string, err error)
}

// ResetRequest says where a consumer continues.
type ResetRequest struct {
	// From is the time of the first event to be handled. The zero time is the beginning.
	From   time.Time
	Force  bool
	DryRun bool
}

// ParkingManager lists, retries and skips parked aggregates. Errors of all methods: ErrNotFound;
// ErrUnavailable. Methods that change something also return a *LeaseHeldError when another process
// runs the consumer: the request must go to that process.
type ParkingManager interface {
	// ListParked lists the parked aggregates of a consumer. Errors: ErrBadCursor.
	ListParked(ctx context.Context, consumer string, after Cursor, limit int) (ParkedPage, error)
	// RetryParked handles a parked aggregate from the event that failed up to its last event. When
	// that fails, the aggregate stays parked, and the error is a *StillParkedError.
	RetryParked(ctx context.Context, consumer string, aggregateID uuid.UUID) error
	// SkipParked skips the event that failed, stores the reason, and handles the rest as
	// RetryParked does. From then on the consumer skips this event wherever it meets it, until
	// Unskip.
	SkipParked(ctx context.Context, consumer string, aggregateID uuid.UUID, reason string) error
}

// SkipManager lists skipped events and takes a skip back. Its errors are those of [ParkingManager].
type SkipManager interface {
	// ListSkips lists the events that a consumer skips. Errors: ErrBadCursor.
	ListSkips(ctx context.Context, q SkipQuery) (SkipPage, error)
	// Unskip takes back the decision to skip one event, and corrects the view of its aggregate so
	// that it contains the event. Errors: ErrNotFound when the event is not skipped; *RefusedError
	// when its effect cannot be added afterwards.
	Unskip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error
}

// RebuildPhase is the phase of a rebuild.
type RebuildPhase string

// The phases of a rebuild.
const (
	// RebuildFilling: the event store is read.
	RebuildFilling RebuildPhase = "filling"
	// RebuildVerifying: the new rows are compared with the events and with the live rows.
	RebuildVerifying RebuildPhase = "verifying"
	// RebuildRefused: there are differences. The live generation stays live.
	RebuildRefused RebuildPhase = "refused"
	// RebuildSwitched: the new generation is live.
	RebuildSwitched RebuildPhase = "switched"
	// RebuildAborted: an operator has ended it.
	RebuildAborted RebuildPhase = "aborted"
)

// RebuildStatus is the status of a rebuild.
type RebuildStatus struct {
	Phase RebuildPhase
	// Generation is the generation that is being built.
	Generation Generation
	// Done counts the aggregates that this phase has finished. Total is the number of all
	// aggregates, and 0 while that is not known.
	Done, Total uint64
	StartedAt   time.Time
	// PhaseStartedAt is when the phase began. It is zero while the aggregates are counted.
	PhaseStartedAt time.Time
	// Report is the result of the verification. It is nil until the verification has ended.
	Report *VerifyReport
	// Error says why the rebuild makes no progress at the moment. It is retried.
	Error string
}

// RebuildRequest says how to rebuild.
type RebuildRequest struct {
	// SkipVerification switches to the new generation without a comparison.
	SkipVerification bool
	// AggregatesPerSecond bounds the speed of the filling. 0 means no bound.
	AggregatesPerSecond int
}

// Rebuilder replaces the view of a projection by one that is filled again, while live traffic
// continues (blue/green). Errors of all methods: ErrNotFound; ErrUnavailable; *RefusedError;
// *LeaseHeldError.
type Rebuilder interface {
	// Rebuild starts a rebuild, or restarts one that was refused. The consumer's status reports its
	// progress.
	Rebuild(ctx context.Context, consumer string, request RebuildRequest) error
	// AbortRebuild ends a rebuild that is in progress or refused, and drops the generation that it
	// has filled.
	AbortRebuild(ctx context.Context, consumer string) error
	// Rollback brings the previous generation up to date and makes it live again.
	Rollback(ctx context.Context, consumer string) error
}

// RefusedError says why a request is refused, and what can be done instead.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// StillParkedError says that a parked aggregate failed again.
type StillParkedError struct{ Parked ParkedAggregate }

func (e *StillParkedError) Error() string {
	return fmt.Sprintf("event %d of aggregate %s still fails (%s): %s",
		e.Parked.SequenceNumber, e.Parked.AggregateID, e.Parked.Kind, e.Parked.Error)
}

// Verifier compares what is stored with what the events say.
type Verifier interface {
	// Verify compares every aggregate with every consumer, while live traffic continues. A
	// difference, or a consumer that is behind, counts only if it is still there after patience.
	// The report holds the differences. An error means that the comparison could not be completed.
	Verify(ctx context.Context, patience time.Duration) (VerifyReport, error)
	// Repair does the same, corrects the differences that it finds in the views, and verifies again
	// what it has corrected. It never changes a history.
	Repair(ctx context.Context, patience time.Duration) (VerifyReport, error)
}

// VerifyPhase is what a verification does.
type VerifyPhase string

// The phases of a verification, in their order.
const (
	// VerifyHeads: the aggregates are counted.
	VerifyHeads VerifyPhase = "counting"
	// VerifyEvents: the histories are folded. The unit is an aggregate.
	VerifyEvents VerifyPhase = "folding"
	// VerifyRows: the rows of all views are read. The unit is a row.
	VerifyRows VerifyPhase = "reading rows"
	// VerifyCompare: what seems to differ is compared one by one. The unit is an aggregate.
	VerifyCompare VerifyPhase = "comparing"
)

// VerifyProgress is how far a verification is. The zero value means that there was none.
type VerifyProgress struct {
	// Running is false when the verification has ended, at EndedAt.
	Running bool
	Phase   VerifyPhase
	// Done and Total count the units of the phase. Total is 0 while it is not known.
	Done, Total uint64

	StartedAt, PhaseStartedAt, EndedAt time.Time
}

// VerifyMonitor says how far a verification is.
type VerifyMonitor interface {
	// Progress returns the progress of the verification that this process has started last. It does
	// no I/O.
	Progress() VerifyProgress
}

// VerifyReport is the result of a verification.
type VerifyReport struct {
	// Aggregates, Events and Rows count what was compared.
	Aggregates, Events, Rows uint64
	// Skipped counts the events that an operator has decided to skip. They are no differences.
	Skipped uint64
	// Repaired counts the aggregates that were corrected in a view. They are no differences any
	// more.
	Repaired uint64
	// Differences is the number of differences. Shown describes the first of them.
	Differences uint64
	// Behind counts those differences that say only that a consumer has not handled every event,
	// and Broken those that are about a history itself and not about a view.
	Behind, Broken uint64
	Shown          []VerifyDifference
}

// VerifyDifference is one difference between what is stored and what the events say.
type VerifyDifference struct {
	// AggregateID is the nil UUID and AggregateType is empty when the difference is not about one
	// aggregate.
	AggregateID   uuid.UUID
	AggregateType string
	// Consumer is empty when the history itself is wrong.
	Consumer string
	// Behind says that the consumer has not handled every event. Its rows may be right for what it
	// has handled.
	Behind bool
	Detail string
}
