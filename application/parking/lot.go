package parking

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// page is how many entries are read at once.
const page = 256

// Lot is what one consumer leaves out, as far as this process knows. It is safe for concurrent use.
type Lot struct {
	consumer string
	parked   ports.ParkingLot
	skips    ports.SkipLog

	mu         sync.Mutex
	aggregates map[uuid.UUID]ports.ParkedAggregate
	skipped    map[event]bool
}

// event identifies an event: its aggregate, and its place in the history of that aggregate.
type event struct {
	aggregateID uuid.UUID
	sequence    uint64
}

// New returns the Lot of a consumer. It knows nothing until Load.
func New(consumer string, parked ports.ParkingLot, skips ports.SkipLog) *Lot {
	return &Lot{
		consumer: consumer, parked: parked, skips: skips,
		aggregates: make(map[uuid.UUID]ports.ParkedAggregate), skipped: make(map[event]bool),
	}
}

// Load reads what is stored.
func (l *Lot) Load(ctx context.Context) error {
	if err := l.LoadParked(ctx); err != nil {
		return err
	}
	skipped := make(map[event]bool)
	for query := (ports.SkipQuery{Consumer: l.consumer, Limit: page}); ; {
		listing, err := l.skips.Skips(ctx, query)
		if err != nil {
			return fmt.Errorf("skips of %s: %w", l.consumer, err)
		}
		for _, s := range listing.Skips {
			skipped[event{s.AggregateID, s.SequenceNumber}] = true
		}
		if query.After = listing.Next; query.After == "" {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skipped = skipped
	return nil
}

// LoadParked reads which aggregates are parked.
func (l *Lot) LoadParked(ctx context.Context) error {
	aggregates := make(map[uuid.UUID]ports.ParkedAggregate)
	for cursor := ports.Cursor(""); ; {
		listing, err := l.parked.Parked(ctx, l.consumer, cursor, page)
		if err != nil {
			return fmt.Errorf("parked aggregates of %s: %w", l.consumer, err)
		}
		for _, parked := range listing.Aggregates {
			aggregates[parked.AggregateID] = parked
		}
		if cursor = listing.Next; cursor == "" {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aggregates = aggregates
	return nil
}

// Has reports whether an aggregate is parked.
func (l *Lot) Has(id uuid.UUID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.aggregates[id]
	return ok
}

// Get returns the entry of a parked aggregate.
func (l *Lot) Get(id uuid.UUID) (ports.ParkedAggregate, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	parked, ok := l.aggregates[id]
	return parked, ok
}

// All returns every entry, in no order.
func (l *Lot) All() []ports.ParkedAggregate {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]ports.ParkedAggregate, 0, len(l.aggregates))
	for _, parked := range l.aggregates {
		all = append(all, parked)
	}
	return all
}

// Count returns how many aggregates are parked.
func (l *Lot) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.aggregates)
}

// Summary is what a status says about a [Lot].
type Summary struct {
	// Parked is how many aggregates are parked. Waiting is how many of them wait for a newer
	// program.
	Parked, Waiting int
	// Oldest is when the first of them was parked. It is zero if there is none.
	Oldest time.Time
}

// Summary counts what is parked.
func (l *Lot) Summary() Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Summary{Parked: len(l.aggregates)}
	for _, parked := range l.aggregates {
		if s.Oldest.IsZero() || parked.ParkedAt.Before(s.Oldest) {
			s.Oldest = parked.ParkedAt
		}
		if parked.Kind == ports.FailureNewer {
			s.Waiting++
		}
	}
	return s
}

// Park stores what is known about an aggregate that was parked.
func (l *Lot) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	parked.Consumer = l.consumer
	if err := l.parked.Park(ctx, parked); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aggregates[parked.AggregateID] = parked
	return nil
}

// Unpark removes the entry of an aggregate.
func (l *Lot) Unpark(ctx context.Context, id uuid.UUID) error {
	if err := l.parked.Unpark(ctx, l.consumer, id); err != nil {
		return fmt.Errorf("unpark aggregate %s: %w", id, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.aggregates, id)
	return nil
}

// List lists the stored entries, whichever process works as the consumer.
func (l *Lot) List(ctx context.Context, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	return l.parked.Parked(ctx, l.consumer, after, limit)
}
