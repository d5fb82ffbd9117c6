package scylla

import (
	"context"
	"errors"
	"fmt"

	"github.com/gocql/gocql"

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
	defer s.calls.leave()
	record := ports.ConsumerRecord{Name: name}
	err := s.query(ctx, `SELECT generation, catching_up FROM view_generations WHERE consumer = ?`, name).Scan(&record.Generation, &record.CatchingUp)
	if errors.Is(err, gocql.ErrNotFound) {
		return record, ports.ErrNotFound
	}
	return record, translate(err, read)
}

// SaveConsumer implements [ports.ConsumerRegistry].
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
	defer s.calls.leave()
	return s.exec(ctx, `INSERT INTO view_generations (consumer, generation, catching_up) VALUES (?, ?, ?)`, record.Name, record.Generation, record.CatchingUp)
}
