package ports

import (
	"context"

	"orderflow/domain/eventsourcing"
)

// Publisher hands events to the world outside.
type Publisher interface {
	// Publish returns nil only after the target holds the record durably. Calls for one aggregate are made one after the
	// other in sequence order; calls for different aggregates run concurrently. A record may be published again after a
	// crash or an error: receivers tell duplicates by event id.
	//
	// Errors: ErrUnavailable or ErrOutcomeUnknown, try again; anything else will not get better by itself.
	Publish(ctx context.Context, record eventsourcing.Record) error
}

// Probe is for publishers whose target can be asked whether it would take something.
type Probe interface {
	// Probe returns nil when the target has just shown that it takes events. Nothing is published.
	Probe(ctx context.Context) error
}
