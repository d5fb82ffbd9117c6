package scylla

import (
	"context"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/eventsourcing"
)

// insertMessage gives a message the id of its event. So writing it again writes the same row.
const insertMessage = `INSERT INTO outbox_messages (` + recordColumns +
	`, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// publishAttempts is how often the events of a command are written to the outbox. That takes long
// enough for a lost connection to come back. After that the sweeper does it, which takes much
// longer.
const publishAttempts = cluster.LookAttempts

// publish writes the events of one command to the outbox: one event with a statement, which the
// driver sends to a replica, and several with a batch. Every attempt has a timestamp of its own,
// from the server. So the change feed reads an attempt that succeeds. Consumers drop what comes
// twice.
func (s *Store) publish(ctx context.Context, records []eventsourcing.Record) error {
	bind := func(r *eventsourcing.Record) []any { return append(bindRecord(r), r.AggregateType, r.EventID) }
	return s.cluster.Insist(ctx, publishAttempts, func() error {
		if len(records) == 1 {
			return s.cluster.Exec(ctx, insertMessage, bind(&records[0])...)
		}
		batch := s.cluster.Session.Batch(gocql.UnloggedBatch).WithContext(ctx)
		for i := range records {
			batch.Query(insertMessage, bind(&records[i])...)
		}
		return cluster.Translate(ctx, s.cluster.Session.ExecuteBatch(batch), cluster.PlainWrite)
	})
}
