package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// The condition on address decides nothing that those on owner and epoch do not decide. It is there
// because the server returns the columns of the condition. So a process that loses a race learns
// who has won.
const (
	selectLease  = `SELECT owner, address, epoch FROM consumer_leases WHERE name = ?`
	countHolder  = `UPDATE consumer_leases SET epoch = ? WHERE name = ? IF owner = ? AND epoch = ? AND address = ?`
	setHolder    = `UPDATE consumer_leases USING TTL ? SET owner = ?, address = ? WHERE name = ?`
	renewHolder  = `UPDATE consumer_leases USING TTL ? SET owner = ?, address = ? WHERE name = ? IF owner = ? AND epoch = ? AND address = ?`
	removeHolder = `DELETE owner, address FROM consumer_leases WHERE name = ? IF owner = ? AND epoch = ?`
)

// leaseAttempts is how often a lease is read and written in one call.
const leaseAttempts = 5

// lease is a stored lease. Without a holder, owner is the nil UUID.
type lease struct {
	owner ports.LeaseOwner
	epoch uint64
}

// heldLeases are the leases that this process has taken or renewed, as it has left them. It is a
// guess at what is stored, and saves a read when it is right. The zero value is empty.
type heldLeases struct {
	mu sync.Mutex
	by map[heldBy]lease
}

type heldBy struct {
	name  string
	owner uuid.UUID
}

// take returns the lease of an owner and removes it.
func (h *heldLeases) take(name string, owner uuid.UUID) (l lease, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := heldBy{name, owner}
	l, known = h.by[key]
	delete(h.by, key)
	return l, known
}

func (h *heldLeases) put(name string, l lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[heldBy]lease{}
	}
	h.by[heldBy{name, l.owner.ID}] = l
}

// AcquireLease implements [ports.Leases].
func (s *Records) AcquireLease(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	epoch, err := s.acquireLease(ctx, name, owner, ttl)
	if err != nil {
		return 0, fmt.Errorf("acquire lease of %s: %w", name, err)
	}
	return epoch, nil
}

// acquireLease writes on condition that the lease is as it knows it: as owner has left it, or as a
// refusal shows it, or else as it reads it. So a holder renews with one request. After a write
// whose outcome is unknown it reads again: if the write happened the lease is held by owner, and is
// renewed.
func (s *Records) acquireLease(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	if ttl < time.Second {
		return 0, fmt.Errorf("a lease of %s; the minimum is a second", ttl)
	}
	if err := s.c.Enter(ctx); err != nil {
		return 0, err
	}
	defer s.c.Leave()
	failure, onItsWay := error(nil), false
	now, known := s.held.take(name, owner.ID)
	for range leaseAttempts {
		if !known {
			var err error
			switch now, err = s.readLease(ctx, name); {
			case err != nil && failure == nil:
				return 0, err
			case err != nil:
				return 0, cluster.Undecided(err, true)
			}
		}
		if now.owner.ID != uuid.Nil && now.owner.ID != owner.ID {
			return 0, &ports.LeaseHeldError{Name: name, Owner: now.owner}
		}
		applied, found, err := s.writeLease(ctx, name, now, owner, ttl)
		now, known = found, err == nil
		switch {
		case applied:
			s.held.put(name, now)
			return now.epoch, nil
		case err != nil && cluster.NotApplied(err, cluster.ConditionalWrite):
			return 0, cluster.Undecided(err, onItsWay)
		case err != nil:
			failure, onItsWay = err, onItsWay || !cluster.Answered(err)
		}
	}
	if known && now.owner.ID != uuid.Nil && now.owner.ID != owner.ID {
		return 0, &ports.LeaseHeldError{Name: name, Owner: now.owner}
	}
	if failure == nil {
		failure = errors.New("its holder changes all the time")
	}
	return 0, cluster.Undecided(failure, onItsWay)
}

// readLease reads at the serial level, which completes or discards what was left unfinished.
func (s *Records) readLease(ctx context.Context, name string) (now lease, err error) {
	var address *string
	var epoch *int64
	err = s.c.Insist(ctx, cluster.LookAttempts, func() error {
		err := s.c.Query(ctx, selectLease, name).Consistency(s.c.Config.SerialConsistency).Scan(&now.owner.ID, &address,
			&epoch)
		if errors.Is(err, gocql.ErrNotFound) {
			return nil
		}
		return err
	})
	if address != nil {
		now.owner.Address = *address
	}
	if epoch != nil {
		now.epoch = uint64(*epoch)
	}
	return now, cluster.Translate(ctx, err, cluster.Read)
}

// writeLease takes a lease that is free, in a new epoch, or renews it, if it is as now says. It
// returns the lease as it is after that.
//
// Taking a lease is a batch, because a statement has one TTL for all that it writes, and the epoch
// must not expire. The server counts the TTL of a cell from the beginning of a second, so a second
// is added.
func (s *Records) writeLease(
	ctx context.Context, name string, now lease, owner ports.LeaseOwner, ttl time.Duration,
) (applied bool, after lease, err error) {
	seconds := int(ttl/time.Second) + 1
	condition := now.condition()
	after = lease{owner: owner, epoch: now.epoch}
	var row map[string]any
	if now.owner.ID == owner.ID {
		args := append([]any{seconds, owner.ID, owner.Address, name}, condition...)
		applied, row, err = s.c.Conditional(ctx, renewHolder, args...)
	} else {
		after.epoch++
		batch := s.c.ConditionalBatch(ctx)
		batch.Query(countHolder, append([]any{int64(after.epoch), name}, condition...)...)
		batch.Query(setHolder, seconds, owner.ID, owner.Address, name)
		applied, row, err = s.c.ExecConditional(batch)
	}
	if !applied {
		after = leaseIn(row)
	}
	return applied, after, err
}

// leaseIn returns the lease in a row of an answer.
func leaseIn(row map[string]any) (l lease) {
	if id, ok := row["owner"].(gocql.UUID); ok {
		l.owner.ID = uuid.UUID(id)
	}
	l.owner.Address, _ = row["address"].(string)
	epoch, _ := row["epoch"].(int64)
	l.epoch = uint64(max(epoch, 0))
	return l
}

// condition returns the values of owner, epoch and address. Each is null when there is none.
func (l lease) condition() []any {
	condition := []any{nil, nil, nil}
	if l.owner.ID != uuid.Nil {
		condition[0], condition[2] = l.owner.ID, l.owner.Address
	}
	if l.epoch > 0 {
		condition[1] = int64(l.epoch)
	}
	return condition
}

// ReleaseLease implements [ports.Leases]. The condition on the epoch keeps an attempt that arrives
// late from ending a lease that the owner has taken again.
func (s *Records) ReleaseLease(ctx context.Context, name string, owner ports.LeaseOwner) error {
	if err := s.releaseLease(ctx, name, owner); err != nil {
		return fmt.Errorf("release lease of %s: %w", name, err)
	}
	return nil
}

func (s *Records) releaseLease(ctx context.Context, name string, owner ports.LeaseOwner) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	s.held.take(name, owner.ID)
	failure, onItsWay := error(nil), false
	for range leaseAttempts {
		now, err := s.readLease(ctx, name)
		switch {
		case err != nil && failure == nil:
			return err
		case err != nil:
			return cluster.Undecided(err, true)
		case now.owner.ID != owner.ID:
			return nil
		}
		_, _, err = s.c.Conditional(ctx, removeHolder, name, owner.ID, int64(now.epoch))
		switch {
		case err == nil: // if it was not applied, the lease has ended already
			return nil
		case cluster.NotApplied(err, cluster.ConditionalWrite):
			return cluster.Undecided(err, onItsWay)
		default:
			failure, onItsWay = err, onItsWay || !cluster.Answered(err)
		}
	}
	return cluster.Undecided(failure, onItsWay)
}
