package scylla

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Append implements [ports.EventStore]. Its steps are those of the package comment. Before the
// commit point, the append stops when the context ends. After it, Append waits for the answer even
// so: the answer is the truth, and the wait is bounded, see patience.
func (s *Store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := s.append(ctx, a)
	if err != nil {
		return ports.Appended{}, fmt.Errorf("append to %s at %d: %w", a.AggregateID, a.Expected, err)
	}
	return appended, nil
}

func (s *Store) append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if err := a.Check(); err != nil {
		return ports.Appended{}, err
	}
	if err := s.cluster.Enter(ctx); err != nil {
		return ports.Appended{}, err
	}
	defer s.cluster.Leave()

	mark, err := s.announce(ctx, a)
	if err != nil {
		return ports.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		s.forget(mark)
		return ports.Appended{}, err
	}
	ctx, cancel := s.patience(ctx)
	defer cancel()
	appended, err := s.commit(ctx, a, &mark)
	switch {
	case errors.Is(err, ports.ErrOutcomeUnknown):
		return ports.Appended{}, err // the intent is there, so the sweeper will find out
	case err != nil || appended.Duplicate && !wrote(a, appended.Records):
		s.forget(mark) // an earlier attempt of the command has an intent of its own
		return appended, err
	}
	if err := s.publish(ctx, appended.Records); err != nil {
		// The events and the intent are stored. So the append is done, and the sweeper delivers.
		s.cluster.Config.Logger.Warn("the outbox did not take the events of a command; the sweeper will try again",
			"aggregate_id", a.AggregateID, "command_id", a.CommandID, "error", err)
		return appended, nil
	}
	s.forget(mark)
	s.cluster.Config.Appended()
	return appended, nil
}

// patience returns the context of work that must not be left half done: it ends later than ctx, by
// the time of a few requests.
func (s *Store) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 3*s.cluster.Config.Timeout)
}

// answerTo returns the outcome of an append, given what is stored after its expected head, which is
// not nothing. mine reports whether records of this very append may be among it. Otherwise they are
// those of an earlier attempt.
func answerTo(a ports.Append, stored []eventsourcing.Record, mine bool) (ports.Appended, error) {
	same := eventsourcing.ByCommand(stored, a.CommandID)
	switch {
	case len(same) == 0:
		return ports.Appended{}, &ports.VersionConflictError{
			AggregateID: a.AggregateID, Expected: a.Expected, Actual: a.Expected + uint64(len(stored)),
		}
	case mine && wrote(a, same):
		return ports.Appended{Records: same}, nil
	default:
		return ports.Appended{Records: same, Duplicate: true}, nil
	}
}

// wrote reports whether stored records of the command come from this very append: no two appends
// have an event id in common. A batch that was refused may have been applied all the same, when the
// driver has sent it twice.
func wrote(a ports.Append, stored []eventsourcing.Record) bool {
	return len(stored) > 0 && stored[0].EventID == a.Records[0].EventID
}

// copied returns records for the caller to keep: nothing of them is shared with the request.
func copied(records []eventsourcing.Record) []eventsourcing.Record {
	own := slices.Clone(records)
	for i := range own {
		own[i] = own[i].Clone()
	}
	return own
}
