package embedded

import (
	"context"
	"errors"
	"fmt"

	"orderflow/ports"
)

// Consumer implements [ports.ConsumerRegistry].
func (s *Store) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	record, err := s.consumer(ctx, name)
	if err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer %s: %w", name, err)
	}
	return record, nil
}

func (s *Store) consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	if err := s.enter(ctx); err != nil {
		return ports.ConsumerRecord{}, err
	}
	defer s.ops.Leave()
	return s.readConsumer(name)
}

func (s *Store) readConsumer(name string) (ports.ConsumerRecord, error) {
	value, err := s.get(nameKey(spaceConsumer, name))
	if err != nil {
		return ports.ConsumerRecord{}, translate(err)
	}
	if value == nil {
		return ports.ConsumerRecord{}, ports.ErrNotFound
	}
	record, err := decodeConsumer(name, value)
	if err != nil {
		return ports.ConsumerRecord{}, corrupt(err)
	}
	return record, nil
}

// SaveConsumer implements [ports.ConsumerRegistry]. It is rare and waits for the disk, so that a decision about a consumer
// outlives a crash by itself and not only when something else is written.
func (s *Store) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	saved, err := s.saveConsumer(ctx, record)
	if err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("save consumer %s at %d: %w", record.Name, record.Revision, err)
	}
	return saved, nil
}

func (s *Store) saveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := s.enter(ctx); err != nil {
		return record, err
	}
	defer s.ops.Leave()
	s.saving.Lock()
	defer s.saving.Unlock()
	switch current, err := s.readConsumer(record.Name); {
	case err != nil && !errors.Is(err, ports.ErrNotFound):
		return record, err
	case current.Revision != record.Revision:
		return record, fmt.Errorf("%w: it is at %d", ports.ErrVersionConflict, current.Revision)
	}
	record.Revision++
	value, err := encodeConsumer(record)
	if err != nil {
		return record, err
	}
	batch := s.db.NewBatch()
	put(batch, nameKey(spaceConsumer, record.Name), value)
	return record, s.writeDurably(batch)
}
