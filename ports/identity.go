package ports

import (
	"context"

	"github.com/google/uuid"
)

// StoreIdentity distinguishes stores. Data about a store that is kept elsewhere, such as the
// commands that it has answered, is kept under this id.
type StoreIdentity interface {
	// StoreID returns the id that the store got when it was created. It is the same for ever and in
	// every process. It survives restarts, other addresses and other directories. A store that is
	// deleted and created again has another id.
	//
	// Errors: ErrUnavailable, ErrCorrupt.
	StoreID(ctx context.Context) (uuid.UUID, error)
}
