package embedded

import (
	"context"
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
	defer s.ops.leave()
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
func (s *Store) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) error {
	if err := s.saveConsumer(ctx, record); err != nil {
		return fmt.Errorf("save consumer %s: %w", record.Name, err)
	}
	return nil
}

func (s *Store) saveConsumer(ctx context.Context, record ports.ConsumerRecord) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.leave()
	batch := s.db.NewBatch()
	put(batch, nameKey(spaceConsumer, record.Name), encodeConsumer(record))
	return s.writeDurably(batch)
}
