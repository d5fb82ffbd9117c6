package ports

import (
	"context"

	"orderflow/domain/eventsourcing"
)

// Publisher sends events to a target outside of the service, such as a broker.
type Publisher interface {
	// Publish returns nil only after the target holds the record durably. The caller publishes the
	// records of one aggregate one after the other, in sequence order. It publishes records of
	// different aggregates concurrently, so that a target can write many of them at once. A record
	// may be published again after a crash or an error; receivers recognise duplicates by the event
	// id.
	//
	// Errors: after ErrUnavailable and ErrOutcomeUnknown the caller retries. Any other error is
	// permanent.
	Publish(ctx context.Context, record eventsourcing.Record) error
}

// Probe is implemented by publishers whose target can be asked whether it accepts events.
type Probe interface {
	// Probe returns nil when the target has just shown that it accepts events. It publishes
	// nothing.
	Probe(ctx context.Context) error
}
