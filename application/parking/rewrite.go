package parking

import (
	"context"

	"github.com/google/uuid"

	"orderflow/ports"
)

// withoutText stands for the text of an error that may quote an event.
const withoutText = "the text was removed, because personal data of the event was erased"

// Rewrite removes the texts of errors from what is stored about one aggregate, because they may
// quote its events. It reports whether there was one. What operators have written stays.
func (l *Lot) Rewrite(ctx context.Context, id uuid.UUID) (rewritten bool, err error) {
	for cursor := ports.Cursor(""); ; {
		listing, err := l.parked.Parked(ctx, l.consumer, cursor, page)
		if err != nil {
			return rewritten, err
		}
		for _, parked := range listing.Aggregates {
			if parked.AggregateID != id || parked.Error == withoutText {
				continue
			}
			parked.Error = withoutText
			if err := l.parked.Park(ctx, parked); err != nil {
				return rewritten, err
			}
			l.replace(parked)
			rewritten = true
		}
		if cursor = listing.Next; cursor == "" {
			break
		}
	}
	skips, err := l.rewriteSkips(ctx, id)
	return rewritten || skips, err
}

// replace replaces what this process knows of a parked aggregate, if it is parked here.
func (l *Lot) replace(parked ports.ParkedAggregate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.aggregates[parked.AggregateID]; known {
		l.aggregates[parked.AggregateID] = parked
	}
}

func (l *Lot) rewriteSkips(ctx context.Context, id uuid.UUID) (rewritten bool, err error) {
	for query := (ports.SkipQuery{Consumer: l.consumer, AggregateID: id, Limit: page}); ; {
		listing, err := l.skips.Skips(ctx, query)
		if err != nil {
			return rewritten, err
		}
		for _, skip := range listing.Skips {
			if skip.Error == "" || skip.Error == withoutText {
				continue
			}
			skip.Error = withoutText
			if err := l.skips.RecordSkip(ctx, skip); err != nil {
				return rewritten, err
			}
			rewritten = true
		}
		if query.After = listing.Next; query.After == "" {
			return rewritten, nil
		}
	}
}
