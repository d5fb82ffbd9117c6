package scylla

import (
	"context"
	"fmt"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

var _ ports.StoreIdentity = (*Store)(nil)

// StoreID implements [ports.StoreIdentity]. It is the id that the server gave the table event_store
// when it was created. So all processes on a keyspace know the same id. A keyspace that is created
// again, or restored into another cluster, has another id.
func (s *Store) StoreID(ctx context.Context) (uuid.UUID, error) {
	if err := s.cluster.Enter(ctx); err != nil {
		return uuid.Nil, err
	}
	defer s.cluster.Leave()
	var id gocql.UUID
	err := s.cluster.Query(ctx, `SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'event_store'`,
		s.cluster.Config.Keyspace).Scan(&id)
	if err != nil {
		return uuid.Nil, fmt.Errorf("id of the store: %w", cluster.Translate(ctx, err, cluster.Read))
	}
	return uuid.UUID(id), nil
}
