package personal

import (
	"context"
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Publisher publishes records as change returns them. A publisher that is a [ports.Probe] stays
// one. change returns the record that is published; it must not modify the one that it is given.
func Publisher(next ports.Publisher, change func(eventsourcing.Record) (eventsourcing.Record, error)) ports.Publisher {
	p := changing{next, change}
	if probe, ok := next.(ports.Probe); ok {
		return probed{p, probe}
	}
	return p
}

type changing struct {
	next   ports.Publisher
	change func(eventsourcing.Record) (eventsourcing.Record, error)
}

// Publish implements ports.Publisher.
func (p changing) Publish(ctx context.Context, record eventsourcing.Record) error {
	changed, err := p.change(record)
	if err != nil {
		return fmt.Errorf("publish event %s: %w", record.EventID, err)
	}
	return p.next.Publish(ctx, changed)
}

type probed struct {
	changing
	target ports.Probe
}

// Probe implements ports.Probe.
func (p probed) Probe(ctx context.Context) error { return p.target.Probe(ctx) }
