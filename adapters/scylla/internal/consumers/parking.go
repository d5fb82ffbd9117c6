package consumers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/ports"
)

const (
	parkedColumns = `aggregate_id, aggregate_type, sequence_number, event_id, event_type, kind, error, attempts, failed_at, parked_at, retried_at`
	insertParked  = `INSERT INTO parked_events (consumer, ` + parkedColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	deleteParked  = `DELETE FROM parked_events WHERE consumer = ? AND aggregate_id = ?`
	selectParked  = `SELECT ` + parkedColumns + ` FROM parked_events WHERE consumer = ?`

	skipColumns = `aggregate_id, sequence_number, event_id, event_type, reason, error, skipped_at`
	insertSkip  = `INSERT INTO skipped_events (consumer, ` + skipColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	deleteSkip  = `DELETE FROM skipped_events WHERE consumer = ? AND aggregate_id = ? AND sequence_number = ?`
	selectSkips = `SELECT ` + skipColumns + ` FROM skipped_events WHERE consumer = ?`
)

// confirmAttempts is how often something is written until it shows. The pauses between the attempts
// add up to three seconds, which is more than synchronised clocks differ.
const confirmAttempts = 7

var errHidden = fmt.Errorf("%w: what was written does not show; the clocks of the nodes differ by seconds",
	ports.ErrUnavailable)

// confirm writes until a read shows what was written.
//
// The order of plain writes is given by the clocks of the nodes that happened to coordinate them,
// and of two in the same microsecond a deletion wins. So an aggregate that is parked right after it
// was released could vanish, and one that is released right after it was parked could stay. Parking
// is rare, so a read each time is cheaper than conditional writes.
func (s *Records) confirm(ctx context.Context, write func() error, shows func() (bool, error)) error {
	return s.c.Insist(ctx, confirmAttempts, func() error {
		if err := write(); err != nil {
			return err
		}
		switch shown, err := shows(); {
		case err != nil:
			return err
		case !shown:
			return errHidden
		}
		return nil
	})
}

// Park implements [ports.ParkingLot]. When it returns, the entry is on a quorum of nodes. So no
// offset that is saved later can be there without it.
func (s *Records) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.park(ctx, parked); err != nil {
		return fmt.Errorf("park %s for %s: %w", parked.AggregateID, parked.Consumer, err)
	}
	return nil
}

func (s *Records) park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	parked.Error = storable(parked.Error)
	parked.FailedAt, parked.ParkedAt, parked.RetriedAt = inMillis(parked.FailedAt), inMillis(parked.ParkedAt),
		inMillis(parked.RetriedAt)
	return s.confirm(ctx,
		func() error {
			// No nulls: each would be a tombstone. The zero time is stored as it is.
			return s.c.Exec(ctx, insertParked, parked.Consumer, parked.AggregateID, parked.AggregateType, int64(parked.SequenceNumber), parked.EventID, parked.EventType,
				string(parked.Kind), parked.Error, parked.Attempts, parked.FailedAt.UnixMilli(),
				parked.ParkedAt.UnixMilli(), parked.RetriedAt.UnixMilli())
		},
		func() (bool, error) {
			page, err := s.selectParked(ctx, parked.Consumer, ` AND aggregate_id = ?`, parked.AggregateID)
			return slices.Equal(page, []ports.ParkedAggregate{parked}), err
		})
}

// Unpark implements [ports.ParkingLot].
func (s *Records) Unpark(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if err := s.unpark(ctx, consumer, orderID); err != nil {
		return fmt.Errorf("unpark %s for %s: %w", orderID, consumer, err)
	}
	return nil
}

func (s *Records) unpark(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	return s.confirm(ctx,
		func() error { return s.c.Exec(ctx, deleteParked, consumer, orderID) },
		func() (bool, error) {
			page, err := s.selectParked(ctx, consumer, ` AND aggregate_id = ?`, orderID)
			return len(page) == 0, err
		})
}

// Parked implements [ports.ParkingLot], in the order that the server gives to ids.
func (s *Records) Parked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	page, err := s.listParked(ctx, consumer, after, limit)
	if err != nil {
		return ports.ParkedPage{}, fmt.Errorf("parked aggregates of %s: %w", consumer, err)
	}
	return page, nil
}

func (s *Records) listParked(
	ctx context.Context, consumer string, after ports.Cursor, limit int,
) (page ports.ParkedPage, err error) {
	if limit, err = paging.Limit(limit); err != nil {
		return page, err
	}
	listing := fmt.Sprintf("parked %q", consumer)
	from, behind, err := paging.PlaceOf(listing, after)
	if err != nil {
		return page, err
	}
	if err := s.c.Enter(ctx); err != nil {
		return page, err
	}
	defer s.c.Leave()
	condition, args := ` LIMIT ?`, []any{limit + 1}
	if behind {
		condition, args = ` AND aggregate_id > ? LIMIT ?`, []any{from.AggregateID, limit + 1}
	}
	if page.Aggregates, err = s.selectParked(ctx, consumer, condition, args...); err == nil && len(page.Aggregates) > limit {
		page.Aggregates = page.Aggregates[:limit]
		page.Next = paging.Place{AggregateID: page.Aggregates[limit-1].AggregateID}.Cursor(listing)
	}
	return page, err
}

func (s *Records) selectParked(
	ctx context.Context, consumer, condition string, args ...any,
) (orders []ports.ParkedAggregate, err error) {
	iter := s.c.Query(ctx, selectParked+condition, append([]any{consumer}, args...)...).Iter()
	var p ports.ParkedAggregate
	// typed is null in an entry that an earlier version has stored. It is read as empty.
	var kind, typed string
	var failed, parked, retried int64
	for iter.Scan(&p.AggregateID, &typed, &p.SequenceNumber, &p.EventID, &p.EventType, &kind, &p.Error, &p.Attempts,
		&failed, &parked, &retried) {
		p.Consumer, p.AggregateType, p.Kind = consumer, typed, ports.FailureKind(kind)
		p.FailedAt, p.ParkedAt, p.RetriedAt = fromMillis(failed), fromMillis(parked), fromMillis(retried)
		orders = append(orders, p)
	}
	return orders, cluster.Translate(ctx, iter.Close(), cluster.Read)
}

// RecordSkip implements [ports.SkipLog].
func (s *Records) RecordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.recordSkip(ctx, skip); err != nil {
		return fmt.Errorf("record that %s skips %s at %d: %w", skip.Consumer, skip.AggregateID, skip.SequenceNumber, err)
	}
	return nil
}

func (s *Records) recordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	skip.Reason, skip.Error, skip.SkippedAt = storable(skip.Reason), storable(skip.Error), inMillis(skip.SkippedAt)
	return s.confirm(ctx,
		func() error {
			return s.c.Exec(ctx, insertSkip, skip.Consumer, skip.AggregateID, int64(skip.SequenceNumber), skip.EventID, skip.EventType,
				skip.Reason, skip.Error, skip.SkippedAt.UnixMilli())
		},
		func() (bool, error) {
			page, err := s.selectSkips(ctx, skip.Consumer, ` AND aggregate_id = ? AND sequence_number = ?`,
				skip.AggregateID, int64(skip.SequenceNumber))
			return slices.Equal(page, []ports.Skip{skip}), err
		})
}

// ForgetSkip implements [ports.SkipLog].
func (s *Records) ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.forgetSkip(ctx, consumer, aggregateID, sequence); err != nil {
		return fmt.Errorf("forget that %s skips %s at %d: %w", consumer, aggregateID, sequence, err)
	}
	return nil
}

func (s *Records) forgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	return s.confirm(ctx,
		func() error { return s.c.Exec(ctx, deleteSkip, consumer, aggregateID, int64(sequence)) },
		func() (bool, error) {
			skips, err := s.selectSkips(ctx, consumer, ` AND aggregate_id = ? AND sequence_number = ?`, aggregateID,
				int64(sequence))
			return len(skips) == 0, err
		})
}

// Skips implements [ports.SkipLog], in the order that the server gives to ids.
func (s *Records) Skips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	page, err := s.listSkips(ctx, q)
	if err != nil {
		return ports.SkipPage{}, fmt.Errorf("skips of %s: %w", q.Consumer, err)
	}
	return page, nil
}

func (s *Records) listSkips(ctx context.Context, q ports.SkipQuery) (page ports.SkipPage, err error) {
	if q.Limit, err = paging.Limit(q.Limit); err != nil {
		return page, err
	}
	listing := fmt.Sprintf("skips %q %s", q.Consumer, q.AggregateID)
	from, behind, err := paging.PlaceOf(listing, q.After)
	if err != nil {
		return page, err
	}
	if err := s.c.Enter(ctx); err != nil {
		return page, err
	}
	defer s.c.Leave()
	condition, args := "", []any(nil)
	switch {
	case q.AggregateID != uuid.Nil && behind:
		condition, args = ` AND aggregate_id = ? AND sequence_number > ?`, []any{q.AggregateID, from.Sequence}
	case q.AggregateID != uuid.Nil:
		condition, args = ` AND aggregate_id = ?`, []any{q.AggregateID}
	case behind:
		condition, args = ` AND (aggregate_id, sequence_number) > (?, ?)`, []any{from.AggregateID, from.Sequence}
	}
	page.Skips, err = s.selectSkips(ctx, q.Consumer, condition+` LIMIT ?`, append(args, q.Limit+1)...)
	if err == nil && len(page.Skips) > q.Limit {
		page.Skips = page.Skips[:q.Limit]
		last := page.Skips[q.Limit-1]
		page.Next = paging.Place{AggregateID: last.AggregateID, Sequence: int64(last.SequenceNumber)}.Cursor(listing)
	}
	return page, err
}

func (s *Records) selectSkips(ctx context.Context, consumer, condition string, args ...any) (skips []ports.Skip, err error) {
	iter := s.c.Query(ctx, selectSkips+condition, append([]any{consumer}, args...)...).Iter()
	var skip ports.Skip
	var skipped int64
	for iter.Scan(&skip.AggregateID, &skip.SequenceNumber, &skip.EventID, &skip.EventType, &skip.Reason, &skip.Error,
		&skipped) {
		skip.Consumer, skip.SkippedAt = consumer, fromMillis(skipped)
		skips = append(skips, skip)
	}
	return skips, cluster.Translate(ctx, iter.Close(), cluster.Read)
}

// storable returns text in a form that the server accepts. The text of an error about invalid bytes
// may quote them.
func storable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// inMillis returns a time as it is read back.
func inMillis(t time.Time) time.Time { return fromMillis(t.UnixMilli()) }

func fromMillis(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
