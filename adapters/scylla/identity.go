package scylla

import (
	"context"
	"fmt"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/ports"
)

var _ ports.StoreIdentity = (*Store)(nil)

// StoreID implements [ports.StoreIdentity]. It is the id that the server gave the table event_store when it was created: so every
// process on a keyspace knows the same one, and a keyspace that is created anew, or restored into another cluster, has another.
func (s *Store) StoreID(ctx context.Context) (uuid.UUID, error) {
	if err := s.enter(ctx); err != nil {
		return uuid.Nil, err
	}
	defer s.calls.leave()
	var id gocql.UUID
	err := s.query(ctx, `SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'event_store'`, s.config.Keyspace).Scan(&id)
	if err != nil {
		return uuid.Nil, fmt.Errorf("id of the store: %w", translate(ctx, err, read))
	}
	return uuid.UUID(id), nil
}
