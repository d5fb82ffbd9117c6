package engine

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/datadir"
)

// SetAddress tells other processes where this one answers, see [datadir.ReadOwner].
func (db *DB) SetAddress(address string) error {
	if err := db.Enter(context.Background()); err != nil {
		return err
	}
	defer db.Leave()
	db.files.Lock()
	defer db.files.Unlock()
	if err := datadir.WriteOwner(db.options.FS, db.options.Dir, address); err != nil {
		return fmt.Errorf("write the address of %s: %w", db.options.Dir, Translate(err))
	}
	return nil
}

// StoreID returns the id of the store, see ports.StoreIdentity.
func (db *DB) StoreID(ctx context.Context) (uuid.UUID, error) {
	if err := db.Enter(ctx); err != nil {
		return uuid.Nil, err
	}
	defer db.Leave()
	db.files.Lock()
	defer db.files.Unlock()
	id, err := datadir.StoreID(db.options.FS, db.options.Dir)
	if err != nil {
		return uuid.Nil, fmt.Errorf("id of the store in %s: %w", db.options.Dir, Translate(err))
	}
	return id, nil
}
