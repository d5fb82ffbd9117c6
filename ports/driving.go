package ports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// The ports in this file are driving ports: the application implements them, and ways in such as HTTP call them.

// CommandHandler takes commands.
type CommandHandler interface {
	// Handle decides and appends. When it returns without an error the events are durable and will reach every consumer.
	//
	// Errors: *order.RuleError; ErrNotFound for an order that does not exist; *VersionConflictError when ExpectedSequence
	// does not match, or ErrVersionConflict when other writers won too many times in a row; *CommandIDReusedError;
	// ErrUnavailable; ErrOutcomeUnknown, after which the same request with the same CommandID is safe and tells the truth.
	Handle(ctx context.Context, request CommandRequest) (CommandResult, error)
}

// CommandRequest is a command and its context.
type CommandRequest struct {
	Command order.Command
	// CommandID makes the request repeatable: within one order, the same id gives the same answer and no second event. A
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
type CommandResult struct {
	OrderID uuid.UUID
	// SequenceNumber is that of the command's last event, or the head when the command changed nothing.
	SequenceNumber uint64
	Events         []eventsourcing.Envelope[order.Event]
}

// OrderQueries answers questions about one order.
type OrderQueries interface {
	// Order returns the row of order_read_model. With minSequence above 0 it waits, for at most the given time, until the
	// view has got that far; then it returns ErrUnavailable. ErrNotFound when the view has no such order.
	Order(ctx context.Context, orderID uuid.UUID, minSequence uint64, wait time.Duration) (projection.Row, error)
	// OrderAt returns the row as it was at a past moment, folded from the event store, so it is never behind.
	// ErrNotFound when there was no such order then, or not yet that many events.
	OrderAt(ctx context.Context, orderID uuid.UUID, moment Moment) (projection.Row, error)
	// Events returns the whole history of an order, oldest first. ErrNotFound when there is none.
	Events(ctx context.Context, orderID uuid.UUID) ([]eventsourcing.Envelope[order.Event], error)
}

// Moment is a past state of an order: right after event SequenceNumber when that is above 0, else after the last event not
// later than Time.
type Moment struct {
	SequenceNumber uint64
	Time           time.Time
}

// OrderLists lists orders, newest first.
type OrderLists interface {
	// List returns the rows of a table whose first key column equals key: orders_by_customer, orders_by_status,
	// orders_by_sku. ErrNotFound for another table; ErrBadCursor.
	List(ctx context.Context, table, key string, after Cursor, limit int) (RowPage, error)
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
	Consumers(ctx context.Context) ([]ConsumerStatus, error)
}

// ConsumerState is what a consumer is doing.
type ConsumerState string

// The states.
const (
	// ConsumerStopped: not started yet, or its loop has ended. Nothing is consumed.
	ConsumerStopped ConsumerState = "stopped"
	// ConsumerCatchingUp: being brought up to date from the event store.
	ConsumerCatchingUp ConsumerState = "catching-up"
	// ConsumerRunning: following the change feed.
	ConsumerRunning ConsumerState = "running"
	// ConsumerFailing: following the change feed, but the order in Failure is stuck and retried; orders that share its lane
	// wait behind it, others flow.
	ConsumerFailing ConsumerState = "failing"
)

// ConsumerStatus is how one consumer is.
type ConsumerStatus struct {
	Name       string
	Generation int
	State      ConsumerState
	Lag        Lag
	// Failure is set while the state is failing, or while the loop restarts after an error.
	Failure *ConsumerFailure
	// Counters since the process started.
	Handled, Duplicates, Healed, Retries uint64
}

// ConsumerFailure says what a consumer is stuck on.
type ConsumerFailure struct {
	// OrderID and SequenceNumber name the event; zero when the failure is not about one event.
	OrderID        uuid.UUID
	SequenceNumber uint64
	Error          string
	Attempts       int
	Since          time.Time
}

// Verifier holds what is stored against what the events say.
type Verifier interface {
	// Verify compares every order with every consumer, beside live traffic: a difference, or a consumer that is behind,
	// counts only if it is still there after patience. An error means that the comparison could not be completed;
	// differences are in the report.
	Verify(ctx context.Context, patience time.Duration) (VerifyReport, error)
}

// VerifyReport is the result of a verification.
type VerifyReport struct {
	// Orders, Events and Rows count what was compared.
	Orders, Events, Rows uint64
	// Differences is how many there are; Shown describes the first of them.
	Differences uint64
	Shown       []VerifyDifference
}

// VerifyDifference is one thing that is not as the events say.
type VerifyDifference struct {
	// OrderID is the nil UUID when the difference is not about one order.
	OrderID uuid.UUID
	// Consumer is empty when the history itself is wrong.
	Consumer string
	Detail   string
}
