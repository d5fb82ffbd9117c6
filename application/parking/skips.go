package parking

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Skipped reports whether an event is to be skipped.
func (l *Lot) Skipped(aggregateID uuid.UUID, sequence uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.skipped) > 0 && l.skipped[event{aggregateID, sequence}]
}

// RefreshSkips reads which events of one aggregate are skipped, because another process may have
// changed that.
func (l *Lot) RefreshSkips(ctx context.Context, aggregateID uuid.UUID) error {
	var found []event
	for query := (ports.SkipQuery{Consumer: l.consumer, AggregateID: aggregateID, Limit: page}); ; {
		listing, err := l.skips.Skips(ctx, query)
		if err != nil {
			return fmt.Errorf("skips of %s: %w", l.consumer, err)
		}
		for _, s := range listing.Skips {
			found = append(found, event{aggregateID, s.SequenceNumber})
		}
		if query.After = listing.Next; query.After == "" {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := range l.skipped {
		if e.aggregateID == aggregateID {
			delete(l.skipped, e)
		}
	}
	for _, e := range found {
		l.skipped[e] = true
	}
	return nil
}

// Skip stores the decision to skip an event.
func (l *Lot) Skip(ctx context.Context, skip ports.Skip) error {
	skip.Consumer = l.consumer
	if err := l.skips.RecordSkip(ctx, skip); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skipped[event{skip.AggregateID, skip.SequenceNumber}] = true
	return nil
}

// Unskip takes the decision to skip an event back.
func (l *Lot) Unskip(ctx context.Context, aggregateID uuid.UUID, sequence uint64) error {
	if err := l.skips.ForgetSkip(ctx, l.consumer, aggregateID, sequence); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.skipped, event{aggregateID, sequence})
	return nil
}

// ListSkips lists the stored decisions, whichever process works as the consumer.
func (l *Lot) ListSkips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	q.Consumer = l.consumer
	return l.skips.Skips(ctx, q)
}
