package command

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Aggregate describes one aggregate type to a [Handler]. All fields but Check, Begins, Size, State,
// Personal and Person are required.
type Aggregate[C eventsourcing.Command, S, E any] struct {
	// Type is stored with every event, see [eventsourcing.CheckType].
	Type    string
	Decider eventsourcing.Decider[C, S, E]
	Codec   ports.Codec[E]
	// Check returns an error for a malformed command, before anything is read. The error is
	// returned unchanged. Nil means that nothing is checked.
	Check func(C) error
	// Begins reports whether a command is usually the first one of its aggregate. Such a command is
	// decided without a look at the store first, because the append says whether there was nothing.
	// Nil means that the handler always reads first.
	Begins func(C) bool
	// AppendContent appends a text that is equal for equal commands and different for different
	// commands, in every version of the program. Its digest is stored with the events. The text
	// need not contain the command's name and the aggregate id.
	AppendContent func([]byte, C) []byte
	// Size returns about how many bytes of memory a state refers to. States whose size is not known
	// (nil) are not kept in a [Cache].
	Size func(S) int
	// State says how snapshots keep a state. It is nil when there are none.
	State *StateCodec[S]
	// Personal reports whether a command has personal data. Nil means that none has.
	Personal func(C) bool
	// Person returns the id of the person whose personal data is in the history of a state. It is
	// needed with Personal.
	Person func(S) string
}

// Config is what a [Handler] needs besides the aggregate. Fields without a stated default are
// required.
type Config struct {
	Store ports.EventStore
	Now   func() time.Time
	// NewID creates event ids, and command ids for requests that have none.
	NewID func() uuid.UUID
	// Cache keeps states between commands. Handlers of several types may share one. Nil keeps none.
	Cache *Cache
	// Exclusive says that nobody appends to the store besides the handlers that share Cache. Then a
	// state in the cache is the newest one, and is not read again before a command is refused.
	Exclusive bool
	// MaxEvents is the highest number of events of an aggregate. A command that would exceed it is
	// refused. 0 means that there is no such number.
	MaxEvents int
	// Finder finds the commands of long histories, so that the handler need not hold the id of
	// each. Nil holds them all.
	Finder ports.CommandFinder
	// Pages reads long histories in parts. Nil reads each at once.
	Pages ports.HistoryPager
	// Snapshots shorten the first read of a long history. They are those of [Aggregate].Snapshot,
	// and need Pages. Nil uses none.
	Snapshots *snapshot.Shelf
	// Subjects give the keys with which personal data is sealed. Nil seals nothing.
	Subjects Subjects
}

// Handler implements ports.CommandHandler. It is safe for concurrent use.
type Handler[C eventsourcing.Command, S, E any] struct {
	aggregate Aggregate[C, S, E]
	config    Config
	queues    queues
	// turns are those that are over. Their memory is used again.
	turns sync.Pool
}

// New returns a Handler for the commands of one aggregate type.
func New[C eventsourcing.Command, S, E any](aggregate Aggregate[C, S, E], config Config) *Handler[C, S, E] {
	return &Handler[C, S, E]{aggregate: aggregate, config: config}
}

// Handle decides request on the newest state of its aggregate and appends the events.
func (h *Handler[C, S, E]) Handle(ctx context.Context, request ports.CommandRequest[C]) (ports.CommandResult[E], error) {
	if h.aggregate.Check != nil {
		if err := h.aggregate.Check(request.Command); err != nil {
			return ports.CommandResult[E]{}, err
		}
	}
	t := h.turn(request)
	queue, err := h.queues.enter(ctx, t.cause.AggregateID)
	if err != nil {
		return ports.CommandResult[E]{}, err
	}
	defer h.queues.leave(queue)

	t.take()
	result, err := t.run(ctx)
	t.keep()
	*t = turn[C, S, E]{content: t.content} // without this it would hold the state and the command
	h.turns.Put(t)
	return result, err
}

// turn returns the turn of a request.
func (h *Handler[C, S, E]) turn(request ports.CommandRequest[C]) *turn[C, S, E] {
	t, ok := h.turns.Get().(*turn[C, S, E])
	if !ok {
		t = &turn[C, S, E]{content: make([]byte, 0, digestRoom)}
	}
	t.Handler, t.request = h, request
	t.cause = t.causeOf(request)
	return t
}

func (t *turn[C, S, E]) causeOf(request ports.CommandRequest[C]) eventsourcing.Cause {
	h := t.Handler
	cause := eventsourcing.Cause{
		AggregateType: h.aggregate.Type,
		AggregateID:   request.Command.AggregateID(),
		CommandID:     request.CommandID,
		CorrelationID: request.CorrelationID,
		CausationID:   request.CausationID,
		Metadata:      make(map[string]string, len(request.Metadata)+1),
		At:            h.config.Now(),
	}
	if cause.CommandID == uuid.Nil {
		cause.CommandID = h.config.NewID()
	}
	if cause.CorrelationID == uuid.Nil {
		cause.CorrelationID = cause.CommandID
	}
	if cause.CausationID == uuid.Nil {
		cause.CausationID = cause.CommandID
	}
	maps.Copy(cause.Metadata, request.Metadata)
	if !h.seals(request.Command) {
		t.content = h.aggregate.content(t.content[:0], request.Command)
		cause.Metadata[digestKey] = digest(t.content)
	}
	return cause
}
