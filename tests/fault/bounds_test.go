package fault_test

import (
	"context"
	"sync/atomic"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

// bounded checks how much a process holds (P8): the records in the lanes of one consumer, and the
// tail of the feed that all consumers share.
type bounded struct {
	fanout.Consumer
	cluster *cluster
	process *process
	held    atomic.Int64
}

// mostHeld is what fits into the lanes: what waits, and a message with as much as can have waited.
// One record more waits for a place.
const mostHeld = lanes*(laneBuffer+min(batch, laneBuffer+1)) + 1

// Pull implements fanout.Consumer.
func (b *bounded) Pull(ctx context.Context, emit func(context.Context, eventsourcing.Record, func()) error) error {
	return b.Consumer.Pull(ctx, func(ctx context.Context, record eventsourcing.Record, done func()) error {
		if n := b.held.Add(1); n > mostHeld {
			b.cluster.violated("P8", "%s of %s has %d records in flight, more than %d", b.Name(), b.process.name, n, mostHeld)
		}
		if n := b.process.feed.Stats().Tail; n > b.cluster.schedule.tail {
			b.cluster.violated("P8", "the feed of %s keeps %d records, more than %d", b.process.name, n, b.cluster.schedule.tail)
		}
		err := emit(ctx, record, func() {
			b.held.Add(-1)
			done()
		})
		if err != nil { // the lease of the consumer ended, and this record was not emitted
			b.held.Add(-1)
		}
		return err
	})
}
