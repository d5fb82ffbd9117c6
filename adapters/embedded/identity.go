package embedded

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"orderflow/ports"
)

// identityName is the file with the id of the store: a UUID and a line end. Whoever makes another store out of a copy of the
// directory deletes it.
const identityName = "STOREID"

var _ ports.StoreIdentity = (*Store)(nil)

// StoreID implements [ports.StoreIdentity]. A store of an earlier version, which has no id, gets one when it is first asked.
func (s *Store) StoreID(ctx context.Context) (uuid.UUID, error) {
	if err := s.enter(ctx); err != nil {
		return uuid.Nil, err
	}
	defer s.ops.Leave()
	s.ownerMu.Lock()
	defer s.ownerMu.Unlock()
	id, err := s.storeID()
	if err != nil {
		return uuid.Nil, fmt.Errorf("id of the store in %s: %w", s.dir, translate(err))
	}
	return id, nil
}

func (s *Store) storeID() (uuid.UUID, error) {
	path := s.fs.PathJoin(s.dir, identityName)
	content, err := readFile(s.fs, path)
	if isNotExist(err) {
		id := uuid.New()
		return id, writeFile(s.fs, s.dir, identityName, []byte(id.String()+"\n"))
	}
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(strings.TrimSuffix(string(content), "\n"))
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: %s holds %q; delete it to give the store a new id", ports.ErrCorrupt, path, content)
	}
	return id, nil
}
