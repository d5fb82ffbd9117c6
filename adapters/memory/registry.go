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
func (s *Store) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := s.enter(ctx); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("save consumer %s at %d: %w", record.Name, record.Revision, err)
	}
	defer s.mu.Unlock()
	if current := s.data.consumers[record.Name].Revision; current != record.Revision {
		return ports.ConsumerRecord{}, fmt.Errorf("save consumer %s at %d, which is at %d: %w",
			record.Name, record.Revision, current, ports.ErrVersionConflict)
	}
	record.Revision++
	s.data.consumers[record.Name] = record
	return record, nil
}
