package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// The values of parked orders and skips. Times are varints in milliseconds since 1970, other numbers uvarints.
const (
	// formatParked: sequence number, event id, event type, kind, error, attempts, failed at, parked at, retried at, aggregate type.
	formatParked = 2
	// formatParked1 has no aggregate type.
	formatParked1 = 1
	// formatSkip: event id, event type, reason, error, skipped at.
	formatSkip = 1
)

// consumerPrefix is the start of the keys of a consumer in a space that has something below each consumer.
func consumerPrefix(space byte, consumer string) []byte { return appendText([]byte{space}, consumer) }

func parkedKey(consumer string, orderID uuid.UUID) []byte {
	return append(consumerPrefix(spaceParked, consumer), orderID[:]...)
}

func skipKey(consumer string, orderID uuid.UUID, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(append(consumerPrefix(spaceSkip, consumer), orderID[:]...), sequence)
}

// Park implements [ports.ParkingLot]. It does not wait for the disk: the log keeps the order, so a later Commit is there after
// a crash only if the entry is.
func (s *Store) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.park(ctx, parked); err != nil {
		return fmt.Errorf("park %s for %s: %w", parked.AggregateID, parked.Consumer, err)
	}
	return nil
}

func (s *Store) park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	value, err := encodeParked(parked)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	put(batch, parkedKey(parked.Consumer, parked.AggregateID), value)
	return s.write(batch)
}

// Unpark implements [ports.ParkingLot]. As with Park, whatever made the entry unnecessary is in the log before it.
func (s *Store) Unpark(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if err := s.unpark(ctx, consumer, orderID); err != nil {
		return fmt.Errorf("unpark %s for %s: %w", orderID, consumer, err)
	}
	return nil
}

func (s *Store) unpark(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	batch := s.db.NewBatch()
	_ = batch.Delete(parkedKey(consumer, orderID), nil) // it fails for a batch with an index only
	return s.write(batch)
}

// Parked implements [ports.ParkingLot], in the order of the order ids.
func (s *Store) Parked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	var page ports.ParkedPage
	prefix := consumerPrefix(spaceParked, consumer)
	next, err := s.list(ctx, listing{prefix: prefix, after: after, limit: limit}, func(key, value []byte) (bool, error) {
		parked, err := decodeParked(key[len(prefix):], value)
		if err != nil {
			if len(key) != len(prefix)+16 {
				return false, corrupt(err)
			}
			parked = s.unreadableParked(uuid.UUID(key[len(prefix):]))
			s.note("parked "+parked.AggregateID.String(), key, err, "the aggregate stays parked")
		}
		parked.Consumer = consumer
		page.Aggregates = append(page.Aggregates, parked)
		return true, nil
	})
	if err != nil {
		return ports.ParkedPage{}, fmt.Errorf("parked orders of %s: %w", consumer, err)
	}
	page.Next = next
	return page, nil
}

// RecordSkip implements [ports.SkipLog]. It waits for the disk: an operator has decided, and nothing else may ever say so again.
func (s *Store) RecordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.recordSkip(ctx, skip); err != nil {
		return fmt.Errorf("record that %s skips %s at %d: %w", skip.Consumer, skip.AggregateID, skip.SequenceNumber, err)
	}
	return nil
}

func (s *Store) recordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	value, err := encodeSkip(skip)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	put(batch, skipKey(skip.Consumer, skip.AggregateID, skip.SequenceNumber), value)
	return s.writeDurably(batch)
}

// ForgetSkip implements [ports.SkipLog]. It waits for the disk as RecordSkip does.
func (s *Store) ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.forgetSkip(ctx, consumer, aggregateID, sequence); err != nil {
		return fmt.Errorf("forget that %s skips %s at %d: %w", consumer, aggregateID, sequence, err)
	}
	return nil
}

func (s *Store) forgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	batch := s.db.NewBatch()
	_ = batch.Delete(skipKey(consumer, aggregateID, sequence), nil) // it fails for a batch with an index only
	return s.writeDurably(batch)
}

// Skips implements [ports.SkipLog], in the order of the order ids.
func (s *Store) Skips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	var page ports.SkipPage
	below := consumerPrefix(spaceSkip, q.Consumer)
	prefix := below
	if q.AggregateID != uuid.Nil {
		prefix = append(prefix, q.AggregateID[:]...)
	}
	next, err := s.list(ctx, listing{prefix: prefix, after: q.After, limit: q.Limit}, func(key, value []byte) (bool, error) {
		skip, err := decodeSkip(key[len(below):], value)
		if err != nil {
			if len(key) != len(below)+16+8 {
				return false, corrupt(err)
			}
			skip = ports.Skip{
				AggregateID: uuid.UUID(key[len(below):][:16]), SequenceNumber: binary.BigEndian.Uint64(key[len(key)-8:]), Reason: unreadableEntry,
			}
			s.note("skip of "+skip.AggregateID.String(), key, err, "the event stays skipped")
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

// unreadableEntry takes the place of what an entry said that cannot be read.
const unreadableEntry = "what was stored about this cannot be read any more"

func (s *Store) unreadableParked(aggregateID uuid.UUID) ports.ParkedAggregate {
	return ports.ParkedAggregate{
		AggregateID: aggregateID, AggregateType: s.unreadable(aggregateID, 0).AggregateType, Kind: ports.FailureStore, Error: unreadableEntry,
	}
}

func encodeParked(p ports.ParkedAggregate) ([]byte, error) {
	value := binary.AppendUvarint([]byte{formatParked}, p.SequenceNumber)
	value = append(value, p.EventID[:]...)
	value = appendString(appendString(appendString(value, p.EventType), string(p.Kind)), p.Error)
	value = binary.AppendUvarint(value, uint64(p.Attempts))
	value, errFailed := appendTime(value, p.FailedAt)
	value, errParked := appendTime(value, p.ParkedAt)
	value, errRetried := appendTime(value, p.RetriedAt)
	return appendString(value, p.AggregateType), errors.Join(errFailed, errParked, errRetried)
}

// decodeParked reads an entry from its value and the part of its key that holds the aggregate id.
func decodeParked(key, value []byte) (ports.ParkedAggregate, error) {
	k := decoder{rest: key}
	format, v := decodeEither(value, formatParked1, formatParked)
	parked := ports.ParkedAggregate{
		AggregateID:    k.uuid(),
		SequenceNumber: v.uvarint(), EventID: v.uuid(), EventType: v.string(), Kind: ports.FailureKind(v.string()), Error: v.string(),
		Attempts: int(v.uvarint()), FailedAt: fromMillis(v.varint()), ParkedAt: fromMillis(v.varint()), RetriedAt: fromMillis(v.varint()),
	}
	if format != formatParked1 {
		parked.AggregateType = v.string()
	}
	if err := errors.Join(k.end(), v.end()); err != nil {
		return ports.ParkedAggregate{}, fmt.Errorf("parked aggregate: %w", err)
	}
	return parked, nil
}

func encodeSkip(s ports.Skip) ([]byte, error) {
	value := append([]byte{formatSkip}, s.EventID[:]...)
	value = appendString(appendString(appendString(value, s.EventType), s.Reason), s.Error)
	return appendTime(value, s.SkippedAt)
}

// decodeSkip reads a skip from its value and the part of its key that holds order id and sequence number.
func decodeSkip(key, value []byte) (ports.Skip, error) {
	k, v := decoder{rest: key}, decode(value, formatSkip)
	skip := ports.Skip{
		AggregateID: k.uuid(), SequenceNumber: k.uint64(),
		EventID: v.uuid(), EventType: v.string(), Reason: v.string(), Error: v.string(), SkippedAt: fromMillis(v.varint()),
	}
	if err := errors.Join(k.end(), v.end()); err != nil {
		return ports.Skip{}, fmt.Errorf("skip: %w", err)
	}
	return skip, nil
}
