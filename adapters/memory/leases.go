package memory

import (
	"context"
	"fmt"
	"time"

	"orderflow/ports"
)

// lease is the last lease of a name. When it has ended, epochs continue from it.
type lease struct {
	owner ports.LeaseOwner
	epoch uint64
	ends  time.Time
}

// AcquireLease implements [ports.Leases], by the clock of the store.
func (s *Store) AcquireLease(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	epoch, err := s.acquire(ctx, name, owner, ttl)
	if err != nil {
		return 0, fmt.Errorf("acquire lease: %w", err)
	}
	return epoch, nil
}

func (s *Store) acquire(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	if ttl < time.Second {
		return 0, fmt.Errorf("%s: a lease of %s; the minimum is a second", name, ttl)
	}
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	defer s.mu.Unlock()
	l, now := s.data.leases[name], s.now()
	switch held := now.Before(l.ends); {
	case !held:
		l.epoch++
	case l.owner.ID != owner.ID:
		return 0, &ports.LeaseHeldError{Name: name, Owner: l.owner}
	}
	l.owner, l.ends = owner, now.Add(ttl.Truncate(time.Second))
	s.data.leases[name] = l
	return l.epoch, nil
}

// ReleaseLease implements [ports.Leases].
func (s *Store) ReleaseLease(ctx context.Context, name string, owner ports.LeaseOwner) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("release lease: %s: %w", name, err)
	}
	defer s.mu.Unlock()
	if l := s.data.leases[name]; l.owner.ID == owner.ID {
		s.data.leases[name] = lease{epoch: l.epoch}
	}
	return nil
}
