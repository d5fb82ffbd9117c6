package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// attempts bounds how often one command is decided again after a lost race.
	attempts = 16
	// pause is the longest wait before the second attempt. It doubles with each attempt, up to
	// maxPause.
	pause    = time.Millisecond
	maxPause = 50 * time.Millisecond
	// reread bounds how long the history is read after an unknown outcome.
	reread = 5 * time.Second

	digestKey = "command_digest"
)

// Aggregate describes one aggregate type to a [Handler]. All fields but Check are required.
type Aggregate[C eventsourcing.Command, S, E any] struct {
	// Type is stored with every event, see [eventsourcing.CheckType].
	Type    string
	Decider eventsourcing.Decider[C, S, E]
	Codec   ports.Codec[E]
	// Check returns an error for a malformed command, before anything is read. The error is
	// returned unchanged. Nil means that nothing is checked.
	Check func(C) error
	// AppendContent appends a text that is equal for equal commands and different for different
	// commands, in every version of the program. Its digest is stored with the events. The text
	// need not contain the command's name and the aggregate id.
	AppendContent func([]byte, C) []byte
}

// Digest identifies the content of a command. It is stored with each of the command's events.
func (a Aggregate[C, S, E]) Digest(c C) string {
	b := append([]byte(c.Name()), ' ')
	b = append(b, c.AggregateID().String()...)
	sum := sha256.Sum256(a.AppendContent(b, c))
	return hex.EncodeToString(sum[:8])
}

// Config is what a [Handler] needs besides the aggregate. All fields are required.
type Config struct {
	Store ports.EventStore
	Now   func() time.Time
	// NewID creates event ids, and command ids for requests that have none.
	NewID func() uuid.UUID
}

// Handler implements ports.CommandHandler. It is safe for concurrent use.
type Handler[C eventsourcing.Command, S, E any] struct {
	aggregate Aggregate[C, S, E]
	config    Config
	queues    queues
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
	cause := h.cause(request)

	leave, err := h.queues.enter(ctx, cause.AggregateID)
	if err != nil {
		return ports.CommandResult[E]{}, err
	}
	defer leave()

	longest := pause
	for attempt := 1; ; attempt++ {
		result, err := h.attempt(ctx, request, cause)
		if !errors.Is(err, errLostRace) {
			return result, err
		}
		if attempt == attempts {
			return ports.CommandResult[E]{}, fmt.Errorf("%s on %s: gave up after %d attempts: %w",
				request.Command.Name(), cause.AggregateID, attempts, err)
		}
		if err := portkit.Sleep(ctx, rand.N(longest)); err != nil {
			return ports.CommandResult[E]{}, err
		}
		longest = min(2*longest, maxPause)
	}
}

// errLostRace marks a version conflict after which the command is decided again.
var errLostRace = errors.New("lost the race")

func (h *Handler[C, S, E]) attempt(
	ctx context.Context, request ports.CommandRequest[C], cause eventsourcing.Cause,
) (ports.CommandResult[E], error) {
	history, err := h.load(ctx, cause.AggregateID)
	if err != nil {
		return ports.CommandResult[E]{}, fmt.Errorf("%s: %w", request.Command.Name(), err)
	}
	if earlier := eventsourcing.ByCommand(history, cause.CommandID); len(earlier) > 0 {
		return h.answer(cause, earlier)
	}
	head := uint64(len(history))
	if want := request.ExpectedSequence; want != nil && *want != head {
		return ports.CommandResult[E]{}, &ports.VersionConflictError{
			AggregateID: cause.AggregateID, Expected: *want, Actual: head,
		}
	}
	events, err := h.decide(history, request.Command)
	if err != nil {
		return ports.CommandResult[E]{}, err
	}
	if len(events) == 0 {
		return ports.CommandResult[E]{AggregateID: cause.AggregateID, SequenceNumber: head}, nil
	}
	if head > 0 && cause.At.Before(history[head-1].CreatedAt) {
		// a clock that was set back must not make times go backwards within a history
		cause.At = history[head-1].CreatedAt
	}
	return h.append(ctx, cause, head, events)
}

// load reads the whole history. It must be of the handler's type, because ids are unique over all
// types.
func (h *Handler[C, S, E]) load(ctx context.Context, aggregateID uuid.UUID) ([]eventsourcing.Record, error) {
	history, err := h.config.Store.Load(ctx, aggregateID, 0)
	if err == nil && len(history) > 0 && history[0].AggregateType != h.aggregate.Type {
		return nil, &ports.OtherTypeError{AggregateID: aggregateID, Type: history[0].AggregateType, Wanted: h.aggregate.Type}
	}
	return history, err
}

func (h *Handler[C, S, E]) decide(history []eventsourcing.Record, c C) ([]E, error) {
	envelopes, err := h.decode(history)
	if err != nil {
		return nil, err
	}
	decider := h.aggregate.Decider
	events, err := decider.Decide(eventsourcing.Fold(decider.Initial, decider.Evolve, envelopes), c)
	var refused eventsourcing.Refused
	if errors.As(err, &refused) && refused.Refusal().Kind == eventsourcing.RefusedMissing {
		return nil, fmt.Errorf("%s %s: %w: %w", h.aggregate.Type, c.AggregateID(), ports.ErrNotFound, err)
	}
	return events, err
}

func (h *Handler[C, S, E]) append(
	ctx context.Context, cause eventsourcing.Cause, head uint64, events []E,
) (ports.CommandResult[E], error) {
	envelopes := eventsourcing.Stamp(cause, head, events, h.config.NewID)
	request := ports.Append{AggregateID: cause.AggregateID, Expected: head, CommandID: cause.CommandID}
	for _, e := range envelopes {
		record, err := h.aggregate.Codec.Encode(e)
		if err != nil {
			return ports.CommandResult[E]{}, fmt.Errorf("append to %s: %w", cause.AggregateID, err)
		}
		request.Records = append(request.Records, record)
	}
	appended, err := h.config.Store.Append(ctx, request)
	switch {
	case err == nil && appended.Duplicate:
		return h.answer(cause, appended.Records)
	case err == nil:
		return ports.CommandResult[E]{
			AggregateID: cause.AggregateID, SequenceNumber: head + uint64(len(events)), Events: envelopes,
		}, nil
	case errors.Is(err, ports.ErrVersionConflict):
		return ports.CommandResult[E]{}, fmt.Errorf("%w: %w", errLostRace, err)
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return h.resolve(ctx, cause, err)
	default:
		return ports.CommandResult[E]{}, err
	}
}

// resolve finds out whether an append with an unknown outcome happened.
func (h *Handler[C, S, E]) resolve(
	ctx context.Context, cause eventsourcing.Cause, unknown error,
) (ports.CommandResult[E], error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reread)
	defer cancel()
	history, err := h.load(ctx, cause.AggregateID)
	if err != nil {
		return ports.CommandResult[E]{}, fmt.Errorf("%w (reading it again: %v)", unknown, err)
	}
	if mine := eventsourcing.ByCommand(history, cause.CommandID); len(mine) > 0 {
		return h.answer(cause, mine)
	}
	return ports.CommandResult[E]{}, unknown
}

// answer returns the result that the command had the first time.
func (h *Handler[C, S, E]) answer(
	cause eventsourcing.Cause, records []eventsourcing.Record,
) (ports.CommandResult[E], error) {
	if then, now := records[0].Metadata[digestKey], cause.Metadata[digestKey]; then != "" && then != now {
		return ports.CommandResult[E]{}, &ports.CommandIDReusedError{
			CommandID: cause.CommandID, AggregateID: cause.AggregateID,
		}
	}
	envelopes, err := h.decode(records)
	if err != nil {
		return ports.CommandResult[E]{}, err
	}
	return ports.CommandResult[E]{
		AggregateID:    cause.AggregateID,
		SequenceNumber: records[len(records)-1].SequenceNumber,
		Events:         envelopes,
	}, nil
}

func (h *Handler[C, S, E]) decode(records []eventsourcing.Record) ([]eventsourcing.Envelope[E], error) {
	envelopes := make([]eventsourcing.Envelope[E], len(records))
	for i, r := range records {
		var err error
		if envelopes[i], err = h.aggregate.Codec.Decode(r); err != nil {
			return nil, err
		}
	}
	return envelopes, nil
}

func (h *Handler[C, S, E]) cause(request ports.CommandRequest[C]) eventsourcing.Cause {
	cause := eventsourcing.Cause{
		AggregateType: h.aggregate.Type,
		AggregateID:   request.Command.AggregateID(),
		CommandID:     request.CommandID,
		CorrelationID: request.CorrelationID,
		CausationID:   request.CausationID,
		Metadata:      maps.Clone(request.Metadata),
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
	if cause.Metadata == nil {
		cause.Metadata = make(map[string]string, 1)
	}
	cause.Metadata[digestKey] = h.aggregate.Digest(request.Command)
	return cause
}
