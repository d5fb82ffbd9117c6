package memory

import (
	"context"
	"fmt"
	"sync"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var _ ports.Publisher = (*Publisher)(nil)

// Publisher is a target that keeps what was published to it. The zero Publisher is ready. It is
// safe for concurrent use.
type Publisher struct {
	mu      sync.Mutex
	closed  bool
	records []eventsourcing.Record
}

// Publish implements [ports.Publisher].
func (p *Publisher) Publish(ctx context.Context, record eventsourcing.Record) error {
	if err := p.publish(ctx, record); err != nil {
		return fmt.Errorf("publish event %d of %s: %w", record.SequenceNumber, record.AggregateID, err)
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, record eventsourcing.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ports.ErrClosed
	}
	p.records = append(p.records, record.Clone())
	return nil
}

// Published returns what was published, in the order of the calls. It also works after Close.
func (p *Publisher) Published() []eventsourcing.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return clones(p.records)
}

// Close makes further calls of Publish fail. It always returns nil.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}
