package embedded

import (
	"context"
	"fmt"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

var _ ports.Purger = (*Store)(nil)

// Purge implements [ports.Purger]. It writes the tables again that have views, snapshots or parked
// aggregates; those of the events are not touched. It runs in the background of commands, which
// need the same disk.
//
// A copy of what was replaced remains in two places: in a few old logs of Pebble, which it uses
// again for new writes and deletes at the next start; and in backups, and directories that were
// copied, from before the call.
func (s *Store) Purge(ctx context.Context) error {
	err := s.db.Enter(ctx)
	if err == nil {
		defer s.db.Leave()
		err = s.db.Purge(ctx, []byte{layout.SpaceParked}, []byte{layout.SpaceRow}, []byte{layout.SpaceState},
			[]byte{layout.SpaceSnapshot})
	}
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
