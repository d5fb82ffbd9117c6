package memory

import (
	"context"
	"fmt"

	"orderflow/ports"
)

// Consumer implements [ports.ConsumerRegistry].
func (s *Store) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	if err := s.enter(ctx); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer %s: %w", name, err)
	}
	defer s.mu.Unlock()
	record, known := s.data.consumers[name]
	if !known {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer %s: %w", name, ports.ErrNotFound)
	}
	return record, nil
}

// SaveConsumer implements [ports.ConsumerRegistry].
func (s *Store) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("save consumer %s: %w", record.Name, err)
	}
	defer s.mu.Unlock()
	s.data.consumers[record.Name] = record
	return nil
}
