package ports

import (
	"context"

	"github.com/google/uuid"
)

// StoreIdentity tells stores apart. Who keeps something about a store elsewhere, such as which commands it has answered, keeps it
// under this id.
type StoreIdentity interface {
	// StoreID returns the id that the store got when it was made, the same one for ever and in every process. It survives
	// restarts, other addresses and other directories; a store that is deleted and made anew has another one.
	//
	// Errors: ErrUnavailable, ErrCorrupt.
	StoreID(ctx context.Context) (uuid.UUID, error)
}
