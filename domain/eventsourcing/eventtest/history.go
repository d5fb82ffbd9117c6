package eventtest

import (
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
)

// Noon is when every fixed history begins: UTC, a whole second.
var Noon = time.Date(2025, time.March, 31, 12, 0, 0, 0, time.UTC)

// Step is the time between two events of a history. It is long, so that a few events fall on
// several days.
const Step = 12 * time.Hour

// ID returns a fixed id, a well-formed UUID of version 7 that ends with n.
func ID(n uint16) uuid.UUID {
	return uuid.UUID{0x01, 0x8f, 0x4e, 0x9a, 6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
}

// Kinds of ids keep those of events and commands apart from those of aggregates, which tests
// choose.
const (
	eventIDs   = 0xe000
	commandIDs = 0xc000
)

// History returns events as the history of one aggregate: numbered from 1, a [Step] apart from
// [Noon] on, each of a command of its own, with fixed ids.
func History(aggregateType string, id uuid.UUID, events ...any) []projection.Event {
	return HistoryOf(aggregateType, id, events)
}

// HistoryOf is [History] of a list of events.
func HistoryOf[E any](aggregateType string, id uuid.UUID, events []E) []projection.Event {
	return eventsourcing.UntypedAll(history(aggregateType, id, events))
}

func history[E any](aggregateType string, id uuid.UUID, events []E) []eventsourcing.Envelope[E] {
	all := make([]eventsourcing.Envelope[E], 0, len(events))
	for i := range events {
		all = append(all, eventsourcing.Stamp(cause(aggregateType, id, uint64(i)), uint64(i), events[i:i+1],
			ids(uint64(i)))...)
	}
	return all
}

// cause returns the cause of the command that is decided at head.
func cause(aggregateType string, id uuid.UUID, head uint64) eventsourcing.Cause {
	command := ID(uint16(commandIDs + head))
	return eventsourcing.Cause{
		AggregateType: aggregateType, AggregateID: id, CommandID: command, CorrelationID: command, CausationID: command,
		Metadata: map[string]string{"user": "eventtest"}, At: Noon.Add(time.Duration(head) * Step),
	}
}

// ids returns the ids of the events after head.
func ids(head uint64) func() uuid.UUID {
	return func() uuid.UUID {
		head++
		return ID(uint16(eventIDs + head))
	}
}
