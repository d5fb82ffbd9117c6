package metrics

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The outcomes of a command. Their number is fixed.
const (
	outcomeAccepted     = "accepted"  // it has events, from now or from an earlier attempt
	outcomeUnchanged    = "unchanged" // there was nothing to change
	outcomeRefused      = "refused"   // by a rule
	outcomeInvalid      = "invalid"
	outcomeNotFound     = "not_found"
	outcomeConflict     = "conflict"
	outcomeIDReused     = "id_reused"
	outcomeFull         = "storage_full"
	outcomeUnavailable  = "unavailable"
	outcomeUnknown      = "unknown" // whether it has happened
	outcomeCancelled    = "cancelled"
	outcomeDeadline     = "timeout"
	outcomeFailed       = "failed"
	otherCommand        = "other"
	commandsName        = "orderflow_commands_total"
	commandsDescription = "Commands that were decided or refused, by type and outcome. " +
		"A request that could not be read is no command; it is in orderflow_http_request_duration_seconds."
)

func outcomes() []string {
	return []string{
		outcomeAccepted, outcomeUnchanged, outcomeRefused, outcomeInvalid, outcomeNotFound, outcomeConflict, outcomeIDReused,
		outcomeFull, outcomeUnavailable, outcomeUnknown, outcomeCancelled, outcomeDeadline, outcomeFailed,
	}
}

// Commands counts the commands that next handles, by the names of their types, and by outcome. A
// type that names does not contain is counted as "other".
func Commands[C eventsourcing.Command, E any](
	registerer prometheus.Registerer, names []string, next ports.CommandHandler[C, E],
) ports.CommandHandler[C, E] {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: commandsName, Help: commandsDescription},
		[]string{"command", "outcome"})
	registerer.MustRegister(vec)
	c := commands[C, E]{next: next, counts: make(map[string]map[string]prometheus.Counter)}
	for _, name := range append([]string{otherCommand}, names...) {
		c.counts[name] = make(map[string]prometheus.Counter)
		for _, outcome := range outcomes() { // all of them, so that each is 0 before it is 1
			c.counts[name][outcome] = vec.WithLabelValues(name, outcome)
		}
	}
	return c
}

type commands[C eventsourcing.Command, E any] struct {
	next   ports.CommandHandler[C, E]
	counts map[string]map[string]prometheus.Counter
}

// Handle implements ports.CommandHandler.
func (c commands[C, E]) Handle(ctx context.Context, request ports.CommandRequest[C]) (ports.CommandResult[E], error) {
	result, err := c.next.Handle(ctx, request)
	of := c.counts[otherCommand]
	if any(request.Command) != nil {
		if known := c.counts[request.Command.Name()]; known != nil {
			of = known
		}
	}
	of[outcome(len(result.Events), err)].Inc()
	return result, err
}

// outcome classifies the answer of a command handler. The order matters: an error may be of several
// kinds.
func outcome(events int, err error) string {
	refused, isRefused := errors.AsType[eventsourcing.Refused](err)
	_, isReused := errors.AsType[*ports.CommandIDReusedError](err)
	switch {
	case err == nil && events > 0:
		return outcomeAccepted
	case err == nil:
		return outcomeUnchanged
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return outcomeUnknown
	case errors.Is(err, ports.ErrNotFound):
		return outcomeNotFound
	case isRefused:
		if refused.Refusal().Kind == eventsourcing.RefusedMalformed {
			return outcomeInvalid
		}
		return outcomeRefused
	case errors.Is(err, ports.ErrVersionConflict):
		return outcomeConflict
	case isReused:
		return outcomeIDReused
	case errors.Is(err, ports.ErrFull):
		return outcomeFull
	case errors.Is(err, ports.ErrUnavailable), errors.Is(err, ports.ErrClosed):
		return outcomeUnavailable
	case errors.Is(err, context.Canceled):
		return outcomeCancelled
	case errors.Is(err, context.DeadlineExceeded):
		return outcomeDeadline
	default:
		return outcomeFailed
	}
}
