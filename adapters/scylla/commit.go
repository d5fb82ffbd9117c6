package scylla

import (
	"context"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The first two commit one event each, and the others are the statements of a batch. A new
// aggregate has no head, and gets its type.
const (
	appendEvent = `UPDATE event_store SET ` + eventValues + `, head = ? WHERE ` + eventKey + ` IF head = ?`
	firstEvent  = `UPDATE event_store SET ` + eventValues + `, head = ?, aggregate_type = ? WHERE ` + eventKey + ` IF head = ?`
	moveHead    = `UPDATE event_store SET head = ? WHERE aggregate_id = ? IF head = ?`
	beginHead   = `UPDATE event_store SET head = ?, aggregate_type = ? WHERE aggregate_id = ? IF head = ?`
	insertEvent = `INSERT INTO event_store (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// commit is the commit point: it makes the events of a part of the history, or finds out why not.
//
// If the outcome of a write is unknown, a serial read looks for it. That read also completes what
// the server left unfinished, or discards it for ever. When the events are not there, commit sends
// the same write again. Because of the condition, that cannot write the events twice. If the first
// one is still on its way, one of the two loses, and the command id shows which one won.
func (s *Store) commit(ctx context.Context, a ports.Append, mark *intent) (ports.Appended, error) {
	var failure error
	doubt, onItsWay := false, false
	for range cluster.CommitAttempts {
		if failure = s.renew(ctx, a, mark); failure != nil {
			break
		}
		applied, head, err := s.tryCommit(ctx, a)
		switch {
		case applied:
			return ports.Appended{Records: copied(a.Records)}, nil
		case err == nil && !doubt:
			return s.refusal(ctx, a, head)
		case err != nil && cluster.NotApplied(err, cluster.ConditionalWrite):
			return ports.Appended{}, cluster.Undecided(err, onItsWay)
		case err != nil:
			failure, doubt, onItsWay = err, true, onItsWay || !cluster.Answered(err)
		}
		stored, err := s.settled(ctx, a)
		if err != nil {
			return ports.Appended{}, cluster.Undecided(err, true)
		}
		if len(stored) > 0 {
			return answerTo(a, stored, true)
		}
	}
	return ports.Appended{}, cluster.Undecided(failure, onItsWay)
}

// tryCommit sends the conditional write once: one statement for one event, or else a batch. When it
// is refused, head is the head that was found.
func (s *Store) tryCommit(ctx context.Context, a ports.Append) (applied bool, head uint64, err error) {
	if len(a.Records) == 1 {
		return s.tryStatement(ctx, a)
	}
	return s.tryBatch(ctx, a)
}

// tryStatement commits one event. The driver sends the statement to a replica of the aggregate, and
// the answer is one row.
func (s *Store) tryStatement(ctx context.Context, a ports.Append) (applied bool, head uint64, err error) {
	r := &a.Records[0]
	event := bindRecord(r)
	key, values := event[:eventKeys], append(event[eventKeys:], int64(r.SequenceNumber))
	statement, expected := appendEvent, any(int64(a.Expected))
	if a.Expected == 0 {
		statement, expected = firstEvent, nil
		values = append(values, r.AggregateType)
	}
	applied, found, err := s.cluster.Conditional(ctx, statement, append(append(values, key...), expected)...)
	return applied, headIn(found), err
}

// tryBatch commits several events. The first statement decides where the driver sends the batch.
// The driver recognises it as conditional because all its values are bound.
func (s *Store) tryBatch(ctx context.Context, a ports.Append) (applied bool, head uint64, err error) {
	batch := s.cluster.ConditionalBatch(ctx)
	if next := int64(a.Expected) + int64(len(a.Records)); a.Expected > 0 {
		batch.Query(moveHead, next, a.AggregateID, int64(a.Expected))
	} else {
		batch.Query(beginHead, next, a.Records[0].AggregateType, a.AggregateID, nil)
	}
	for i := range a.Records {
		batch.Query(insertEvent, bindRecord(&a.Records[i])...)
	}
	// The server answers with one row a statement, applied or not. Only the first has a condition,
	// but all show the old head.
	found := map[string]any{}
	applied, iter, err := s.cluster.Session.MapExecuteBatchCAS(batch, found)
	if iter == nil {
		return false, 0, err
	}
	for err == nil {
		head = max(head, headIn(found))
		found = map[string]any{}
		if !iter.MapScan(found) {
			break
		}
	}
	if closing := iter.Close(); err == nil {
		err = closing
	}
	return applied && err == nil, head, err
}

// headIn returns the head in a row of an answer. It is 0 where there is none.
func headIn(found map[string]any) uint64 {
	head, _ := found["head"].(int64)
	return uint64(max(head, 0))
}

// refusal answers an append that another append has overtaken. A plain read might miss what the
// refusal saw, on replicas that have not learned it yet. Then the read is repeated at the serial
// level.
func (s *Store) refusal(ctx context.Context, a ports.Append, head uint64) (ports.Appended, error) {
	if head <= a.Expected {
		return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected, Actual: head}
	}
	stored, err := s.history(ctx, a.AggregateID, a.Expected, gocql.LocalQuorum)
	if err == nil && a.Expected+uint64(len(stored)) < head {
		stored, err = s.history(ctx, a.AggregateID, a.Expected, s.cluster.Config.SerialConsistency)
	}
	if err != nil {
		// The head may be this append's own: then the driver has sent the batch twice, and this is
		// the answer to the second copy.
		mayBeMine := head >= a.Expected+uint64(len(a.Records))
		return ports.Appended{}, cluster.Undecided(err, mayBeMine)
	}
	if len(stored) == 0 {
		return ports.Appended{}, cluster.Corrupt("%s has no events after %d, but its head is %d",
			a.AggregateID, a.Expected, head)
	}
	return answerTo(a, stored, false)
}

// settled reads what is stored after the expected head, at the serial level.
func (s *Store) settled(ctx context.Context, a ports.Append) (stored []eventsourcing.Record, err error) {
	err = s.cluster.Insist(ctx, cluster.LookAttempts, func() error {
		stored, err = s.history(ctx, a.AggregateID, a.Expected, s.cluster.Config.SerialConsistency)
		return err
	})
	return stored, err
}
