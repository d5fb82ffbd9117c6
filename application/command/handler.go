package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

const (
	// attempts bounds how often one command is decided anew after a lost race.
	attempts = 16
	// pause is the longest wait before the second attempt; it doubles up to maxPause.
	pause    = time.Millisecond
	maxPause = 50 * time.Millisecond
	// reread bounds the look at the history after an unknown outcome.
	reread = 5 * time.Second

	digestKey = "command_digest"
)

// Config is what a [Handler] needs. All fields are required.
type Config struct {
	Store ports.EventStore
	Codec ports.Codec[order.Event]
	Now   func() time.Time
	// NewID makes event ids and the command ids that clients left out.
	NewID func() uuid.UUID
}

// Handler implements ports.CommandHandler. It is safe for concurrent use.
type Handler struct {
	config Config
	queues queues
}

var _ ports.CommandHandler = (*Handler)(nil)

// New returns a Handler.
func New(config Config) *Handler { return &Handler{config: config} }

// Handle decides request on the newest state of its order and appends the events.
func (h *Handler) Handle(ctx context.Context, request ports.CommandRequest) (ports.CommandResult, error) {
	if err := order.Check(request.Command); err != nil {
		return ports.CommandResult{}, err
	}
	cause := h.cause(request)

	leave, err := h.queues.enter(ctx, cause.AggregateID)
	if err != nil {
		return ports.CommandResult{}, err
	}
	defer leave()

	longest := pause
	for attempt := 1; ; attempt++ {
		result, err := h.attempt(ctx, request, cause)
		if !errors.Is(err, errLostRace) {
			return result, err
		}
		if attempt == attempts {
			return ports.CommandResult{}, fmt.Errorf("%s on %s: gave up after %d attempts: %w",
				request.Command.Name(), cause.AggregateID, attempts, err)
		}
		if err := sleep(ctx, rand.N(longest)); err != nil {
			return ports.CommandResult{}, err
		}
		longest = min(2*longest, maxPause)
	}
}

// errLostRace marks a version conflict that deciding anew can cure.
var errLostRace = errors.New("lost the race")

func (h *Handler) attempt(ctx context.Context, request ports.CommandRequest, cause eventsourcing.Cause) (ports.CommandResult, error) {
	history, err := h.config.Store.Load(ctx, cause.AggregateID, 0)
	if err != nil {
		return ports.CommandResult{}, fmt.Errorf("%s: %w", request.Command.Name(), err)
	}
	if earlier := eventsourcing.ByCommand(history, cause.CommandID); len(earlier) > 0 {
		return h.answer(cause, earlier)
	}
	head := uint64(len(history))
	if want := request.ExpectedSequence; want != nil && *want != head {
		return ports.CommandResult{}, &ports.VersionConflictError{AggregateID: cause.AggregateID, Expected: *want, Actual: head}
	}
	events, err := h.decide(history, request.Command)
	if err != nil {
		return ports.CommandResult{}, err
	}
	if len(events) == 0 {
		return ports.CommandResult{AggregateID: cause.AggregateID, SequenceNumber: head}, nil
	}
	if head > 0 && cause.At.Before(history[head-1].CreatedAt) {
		cause.At = history[head-1].CreatedAt // a clock that was set back must not reverse a history
	}
	return h.append(ctx, cause, head, events)
}

func (h *Handler) decide(history []eventsourcing.Record, c order.Command) ([]order.Event, error) {
	envelopes, err := h.decode(history)
	if err != nil {
		return nil, err
	}
	events, err := order.Decide(eventsourcing.Fold(order.Order{}, order.Evolve, envelopes), c)
	var rule *order.RuleError
	if errors.As(err, &rule) && rule.Code == order.CodeOrderNotFound {
		return nil, fmt.Errorf("order %s: %w: %w", c.Order(), ports.ErrNotFound, err)
	}
	return events, err
}

func (h *Handler) append(ctx context.Context, cause eventsourcing.Cause, head uint64, events []order.Event) (ports.CommandResult, error) {
	envelopes := eventsourcing.Stamp(cause, head, events, h.config.NewID)
	request := ports.Append{AggregateID: cause.AggregateID, Expected: head, CommandID: cause.CommandID}
	for _, e := range envelopes {
		record, err := h.config.Codec.Encode(e)
		if err != nil {
			return ports.CommandResult{}, fmt.Errorf("append to %s: %w", cause.AggregateID, err)
		}
		request.Records = append(request.Records, record)
	}
	appended, err := h.config.Store.Append(ctx, request)
	switch {
	case err == nil && appended.Duplicate:
		return h.answer(cause, appended.Records)
	case err == nil:
		return ports.CommandResult{AggregateID: cause.AggregateID, SequenceNumber: head + uint64(len(events)), Events: envelopes}, nil
	case errors.Is(err, ports.ErrVersionConflict):
		return ports.CommandResult{}, fmt.Errorf("%w: %w", errLostRace, err)
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return h.resolve(ctx, cause, err)
	default:
		return ports.CommandResult{}, err
	}
}

// resolve looks whether an append with an unknown outcome happened.
func (h *Handler) resolve(ctx context.Context, cause eventsourcing.Cause, unknown error) (ports.CommandResult, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reread)
	defer cancel()
	history, err := h.config.Store.Load(ctx, cause.AggregateID, 0)
	if err != nil {
		return ports.CommandResult{}, fmt.Errorf("%w (reading it again: %v)", unknown, err)
	}
	if mine := eventsourcing.ByCommand(history, cause.CommandID); len(mine) > 0 {
		return h.answer(cause, mine)
	}
	return ports.CommandResult{}, unknown
}

// answer repeats what the command was told the first time.
func (h *Handler) answer(cause eventsourcing.Cause, records []eventsourcing.Record) (ports.CommandResult, error) {
	if then, now := records[0].Metadata[digestKey], cause.Metadata[digestKey]; then != "" && then != now {
		return ports.CommandResult{}, &ports.CommandIDReusedError{CommandID: cause.CommandID, AggregateID: cause.AggregateID}
	}
	envelopes, err := h.decode(records)
	if err != nil {
		return ports.CommandResult{}, err
	}
	return ports.CommandResult{
		AggregateID:    cause.AggregateID,
		SequenceNumber: records[len(records)-1].SequenceNumber,
		Events:         envelopes,
	}, nil
}

func (h *Handler) decode(records []eventsourcing.Record) ([]eventsourcing.Envelope[order.Event], error) {
	envelopes := make([]eventsourcing.Envelope[order.Event], len(records))
	for i, r := range records {
		var err error
		if envelopes[i], err = h.config.Codec.Decode(r); err != nil {
			return nil, err
		}
	}
	return envelopes, nil
}

func (h *Handler) cause(request ports.CommandRequest) eventsourcing.Cause {
	cause := eventsourcing.Cause{
		AggregateType: order.Type,
		AggregateID:   request.Command.Order(),
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
	cause.Metadata[digestKey] = digest(request.Command)
	return cause
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
