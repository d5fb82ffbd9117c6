package otherdomain_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/otherdomain"
)

// chance decides what fails. All that can fail shares it.
type chance struct {
	mu     sync.Mutex
	random *rand.Rand
	off    atomic.Bool
	hits   atomic.Int64
}

func newChance(seed uint64) *chance { return &chance{random: rand.New(rand.NewPCG(seed, 7))} }

// of reports whether something happens this time. It happens once in n times.
func (c *chance) of(n int) bool {
	if c.off.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.random.IntN(n) > 0 {
		return false
	}
	c.hits.Add(1)
	return true
}

// unavailable returns the error of a call that certainly had no effect.
func (c *chance) unavailable(n int) error {
	if c.of(n) {
		return fmt.Errorf("by chance: %w", ports.ErrUnavailable)
	}
	return nil
}

// faultyStore fails calls by chance, in the ways that the ports allow.
type faultyStore struct {
	otherdomain.Store
	*chance
}

func (s faultyStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if err := s.unavailable(30); err != nil {
		return ports.Appended{}, err
	}
	if s.of(30) {
		return ports.Appended{}, fmt.Errorf("by chance, before: %w", ports.ErrOutcomeUnknown)
	}
	appended, err := s.Store.Append(ctx, a)
	if err == nil && s.of(20) {
		return ports.Appended{}, fmt.Errorf("by chance, after: %w", ports.ErrOutcomeUnknown)
	}
	return appended, err
}

func (s faultyStore) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if err := s.unavailable(30); err != nil {
		return nil, err
	}
	return s.Store.Load(ctx, id, after)
}

func (s faultyStore) State(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
	if err := s.unavailable(30); err != nil {
		return ports.ViewState{}, err
	}
	return s.Store.State(ctx, view, id)
}

// Apply may fail although it took effect.
func (s faultyStore) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if err := s.unavailable(20); err != nil {
		return err
	}
	if err := s.Store.Apply(ctx, view, changes...); err != nil {
		return err
	}
	return s.unavailable(20)
}

func (s faultyStore) DropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	if err := s.unavailable(5); err != nil {
		return err
	}
	return s.Store.DropView(ctx, view, table)
}

func (s faultyStore) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	if err := s.unavailable(10); err != nil {
		return ports.HeadPage{}, err
	}
	return s.Store.ScanHeads(ctx, after, limit)
}

func (s faultyStore) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	if err := s.unavailable(10); err != nil {
		return ports.RecordPage{}, err
	}
	return s.Store.ListEvents(ctx, after, limit)
}

// SaveConsumer may fail although it took effect.
func (s faultyStore) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := s.unavailable(10); err != nil {
		return record, err
	}
	saved, err := s.Store.SaveConsumer(ctx, record)
	if err == nil && s.of(20) {
		return record, fmt.Errorf("by chance, after: %w", ports.ErrOutcomeUnknown)
	}
	return saved, err
}

func (s faultyStore) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	if err := s.unavailable(10); err != nil {
		return nil, err
	}
	sub, err := s.Store.Subscribe(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return faultySubscription{sub, s.chance}, nil
}

type faultySubscription struct {
	ports.Subscription
	*chance
}

func (s faultySubscription) Next(ctx context.Context) (ports.Delivery, error) {
	if err := s.unavailable(50); err != nil {
		return ports.Delivery{}, err
	}
	return s.Subscription.Next(ctx)
}

func (s faultySubscription) Commit(ctx context.Context, p ports.Position) error {
	if err := s.unavailable(5); err != nil {
		return err
	}
	return s.Subscription.Commit(ctx, p)
}

// faultyPublisher fails by chance, also when it has published.
type faultyPublisher struct {
	ports.Publisher
	*chance
}

func (p faultyPublisher) Publish(ctx context.Context, r eventsourcing.Record) error {
	if err := p.unavailable(10); err != nil {
		return err
	}
	if err := p.Publisher.Publish(ctx, r); err != nil {
		return err
	}
	return p.unavailable(20)
}
