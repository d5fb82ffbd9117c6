// Package handling runs an aggregate on the command handler of the service, for the scenarios of
// domain/eventsourcing/eventtest. So each scenario also runs on the real runtime, which then gets
// its command a second time.
package handling

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/ports"
)

// Of describes an aggregate to the test kit. samples holds at least one event of each type.
func Of[C eventsourcing.Command, S, E any](a command.Aggregate[C, S, E], samples ...E) eventtest.Aggregate[C, S, E] {
	return eventtest.Aggregate[C, S, E]{
		Type: a.Type, Decider: a.Decider, Samples: samples, Codec: a.Codec, Content: a.AppendContent, Handle: On(a),
	}
}

// On returns handlers of commands of a. Each works on its own store in memory that holds a history.
// When the history cannot be stored, the handler returns an error.
func On[C eventsourcing.Command, S, E any](
	a command.Aggregate[C, S, E],
) func(history []eventsourcing.Envelope[E]) func(C, uuid.UUID) ([]eventsourcing.Envelope[E], error) {
	return func(history []eventsourcing.Envelope[E]) func(C, uuid.UUID) ([]eventsourcing.Envelope[E], error) {
		store := memory.New(memory.Options{})
		err := fill(store, a.Codec, history)
		n := uint16(0)
		handler := command.New(a, command.Config{
			Store: store,
			Now:   func() time.Time { return eventtest.Noon.Add(time.Duration(len(history)) * eventtest.Step) },
			NewID: func() uuid.UUID { n++; return eventtest.ID(n) },
		})
		return func(c C, id uuid.UUID) ([]eventsourcing.Envelope[E], error) {
			if err != nil {
				return nil, err
			}
			result, err := handler.Handle(context.Background(), ports.CommandRequest[C]{Command: c, CommandID: id})
			return result.Events, err
		}
	}
}

// fill appends a history, event by event.
func fill[E any](store ports.EventStore, codec ports.Codec[E], history []eventsourcing.Envelope[E]) error {
	for i, e := range history {
		record, err := codec.Encode(e)
		if err != nil {
			return err
		}
		_, err = store.Append(context.Background(), ports.Append{
			AggregateID: e.AggregateID, Expected: uint64(i), CommandID: e.CommandID, Records: []eventsourcing.Record{record},
		})
		if err != nil {
			return fmt.Errorf("event %d of the history: %w", i+1, err)
		}
	}
	return nil
}
