package ports

import "context"

// ConsumerRegistry remembers what must survive a restart about each consumer.
type ConsumerRegistry interface {
	// Consumer returns the saved record, or ErrNotFound for a consumer that never ran.
	Consumer(ctx context.Context, name string) (ConsumerRecord, error)
	// SaveConsumer stores the record, in place of an earlier one of that name. A later SeekEnd or Commit never survives a
	// crash that the saved record does not survive.
	SaveConsumer(ctx context.Context, record ConsumerRecord) error
}

// ConsumerRecord is what is remembered about a consumer.
type ConsumerRecord struct {
	Name string
	// Generation is the generation of the view that the consumer fills.
	Generation int
	// CatchingUp is set before a catch-up from the event store starts and cleared when it is complete, so that a crash in
	// between starts it again.
	CatchingUp bool
}
