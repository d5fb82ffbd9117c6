package embedded

import (
	"context"
	"errors"
	"fmt"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
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
	if err := s.db.Enter(ctx); err != nil {
		return ports.ConsumerRecord{}, err
	}
	defer s.db.Leave()
	return s.readConsumer(name)
}

func (s *Store) readConsumer(name string) (ports.ConsumerRecord, error) {
	value, err := s.db.Get(layout.ConsumerKey(name))
	if err != nil {
		return ports.ConsumerRecord{}, err
	}
	if value == nil {
		return ports.ConsumerRecord{}, ports.ErrNotFound
	}
	record, err := layout.DecodeConsumer(name, value)
	if err != nil {
		return ports.ConsumerRecord{}, engine.Corrupt(err)
	}
	return record, nil
}

// SaveConsumer implements [ports.ConsumerRegistry]. It waits for the fsync, because it holds
// decisions about a consumer. It is called rarely.
func (s *Store) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	saved, err := s.saveConsumer(ctx, record)
	if err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("save consumer %s at %d: %w", record.Name, record.Revision, err)
	}
	return saved, nil
}

func (s *Store) saveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := s.db.Enter(ctx); err != nil {
		return record, err
	}
	defer s.db.Leave()
	s.saving.Lock()
	defer s.saving.Unlock()
	switch current, err := s.readConsumer(record.Name); {
	case err != nil && !errors.Is(err, ports.ErrNotFound):
		return record, err
	case current.Revision != record.Revision:
		return record, fmt.Errorf("%w: it is at %d", ports.ErrVersionConflict, current.Revision)
	}
	record.Revision++
	value, err := layout.EncodeConsumer(record)
	if err != nil {
		return record, err
	}
	batch := s.db.NewBatch()
	engine.Put(batch, layout.ConsumerKey(record.Name), value)
	return record, s.db.WriteDurably(batch)
}
