package fault_test

import (
	"context"
	"sync/atomic"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
	"orderflow/tests/fault/plan"
)

// bounded checks how much a process holds (P8): the records in the lanes of one consumer, and the
// tail of the feed that all consumers share.
type bounded struct {
	fanout.Consumer
	cluster *cluster
	process *process
	held    atomic.Int64
}

// mostHeld returns what fits into the lanes of a consumer. In each lane some records wait, and a
// message carries as many as can have waited, and one more. Another record waits for its place in a
// lane.
func mostHeld(s plan.Schedule) int64 {
	return int64(s.Lanes*(s.LaneBuffer+min(s.Batch, s.LaneBuffer+1)) + 1)
}

// Pull implements fanout.Consumer.
func (b *bounded) Pull(ctx context.Context, emit func(context.Context, eventsourcing.Record, func()) error) error {
	most := mostHeld(b.cluster.schedule)
	return b.Consumer.Pull(ctx, func(ctx context.Context, record eventsourcing.Record, done func()) error {
		if n := b.held.Add(1); n > most {
			b.cluster.violated("P8", "%s of %s has %d records in flight, more than %d", b.Name(), b.process.name, n, most)
		}
		if n := b.process.feed.Stats().Tail; n > b.cluster.schedule.Tail {
			b.cluster.violated("P8", "the feed of %s keeps %d records, more than %d", b.process.name, n, b.cluster.schedule.Tail)
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
