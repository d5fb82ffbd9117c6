package embedded

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// Park implements [ports.ParkingLot]. It needs no fsync: the log keeps the order, so after a crash
// a later Commit is there only if the entry is.
func (s *Store) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.park(ctx, parked); err != nil {
		return fmt.Errorf("park %s for %s: %w", parked.AggregateID, parked.Consumer, err)
	}
	return nil
}

func (s *Store) park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	value, err := layout.EncodeParked(parked)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	engine.Put(batch, layout.ParkedKey(parked.Consumer, parked.AggregateID), value)
	return s.db.Write(batch)
}

// Unpark implements [ports.ParkingLot]. As with Park, the reason for it is in the log before it.
func (s *Store) Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	if err := s.unpark(ctx, consumer, aggregateID); err != nil {
		return fmt.Errorf("unpark %s for %s: %w", aggregateID, consumer, err)
	}
	return nil
}

func (s *Store) unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	batch := s.db.NewBatch()
	engine.Delete(batch, layout.ParkedKey(consumer, aggregateID))
	return s.db.Write(batch)
}

// Parked implements [ports.ParkingLot], in the order of the aggregate ids.
func (s *Store) Parked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	var page ports.ParkedPage
	prefix := layout.ParkedPrefix(consumer)
	listing := engine.Listing{Prefix: prefix, After: after, Limit: limit}
	next, err := s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		parked, err := layout.DecodeParked(key[len(prefix):], value)
		if err != nil {
			if len(key) != len(prefix)+16 {
				return false, engine.Corrupt(err)
			}
			parked = s.unreadableParked(uuid.UUID(key[len(prefix):]))
			s.db.Damaged("parked "+parked.AggregateID.String(), key, err, "the aggregate stays parked")
		}
		parked.Consumer = consumer
		page.Aggregates = append(page.Aggregates, parked)
		return true, nil
	})
	if err != nil {
		return ports.ParkedPage{}, fmt.Errorf("parked aggregates of %s: %w", consumer, err)
	}
	page.Next = next
	return page, nil
}

// RecordSkip implements [ports.SkipLog]. It waits for the fsync, because it holds a decision of an
// operator that is stored nowhere else.
func (s *Store) RecordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.recordSkip(ctx, skip); err != nil {
		return fmt.Errorf("record that %s skips %s at %d: %w", skip.Consumer, skip.AggregateID, skip.SequenceNumber, err)
	}
	return nil
}

func (s *Store) recordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	value, err := layout.EncodeSkip(skip)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	engine.Put(batch, layout.SkipKey(skip.Consumer, skip.AggregateID, skip.SequenceNumber), value)
	return s.db.WriteDurably(batch)
}

// ForgetSkip implements [ports.SkipLog]. It waits for the fsync as RecordSkip does.
func (s *Store) ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.forgetSkip(ctx, consumer, aggregateID, sequence); err != nil {
		return fmt.Errorf("forget that %s skips %s at %d: %w", consumer, aggregateID, sequence, err)
	}
	return nil
}

func (s *Store) forgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	batch := s.db.NewBatch()
	engine.Delete(batch, layout.SkipKey(consumer, aggregateID, sequence))
	return s.db.WriteDurably(batch)
}

// Skips implements [ports.SkipLog], in the order of the aggregate ids.
func (s *Store) Skips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	var page ports.SkipPage
	below := layout.SkipPrefix(q.Consumer)
	prefix := below
	if q.AggregateID != uuid.Nil {
		prefix = append(prefix, q.AggregateID[:]...)
	}
	listing := engine.Listing{Prefix: prefix, After: q.After, Limit: q.Limit}
	next, err := s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		skip, err := layout.DecodeSkip(key[len(below):], value)
		if err != nil {
			if len(key) != len(below)+16+8 {
				return false, engine.Corrupt(err)
			}
			skip = ports.Skip{
				AggregateID: uuid.UUID(key[len(below):][:16]), SequenceNumber: binary.BigEndian.Uint64(key[len(key)-8:]),
				Reason: unreadableEntry,
			}
			s.db.Damaged("skip of "+skip.AggregateID.String(), key, err, "the event stays skipped")
		}
		skip.Consumer = q.Consumer
		page.Skips = append(page.Skips, skip)
		return true, nil
	})
	if err != nil {
		return ports.SkipPage{}, fmt.Errorf("skips of %s: %w", q.Consumer, err)
	}
	page.Next = next
	return page, nil
}

// unreadableEntry replaces the text of an entry that cannot be read.
const unreadableEntry = "what was stored about this cannot be read any more"

func (s *Store) unreadableParked(aggregateID uuid.UUID) ports.ParkedAggregate {
	return ports.ParkedAggregate{
		AggregateID: aggregateID, AggregateType: s.history.TypeOf(aggregateID), Kind: ports.FailureStore,
		Error: unreadableEntry,
	}
}
