package porttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenLeases replaces the functions that are set.
type brokenLeases struct {
	ports.Leases
	acquire acquireFunc
	release releaseFunc
}

type (
	acquireFunc = func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error)
	releaseFunc = func(ctx context.Context, name string, owner ports.LeaseOwner) error
)

func (b brokenLeases) AcquireLease(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	if b.acquire == nil {
		return b.Leases.AcquireLease(ctx, name, owner, ttl)
	}
	return b.acquire(ctx, name, owner, ttl)
}

func (b brokenLeases) ReleaseLease(ctx context.Context, name string, owner ports.LeaseOwner) error {
	if b.release == nil {
		return b.Leases.ReleaseLease(ctx, name, owner)
	}
	return b.release(ctx, name, owner)
}

// soundLeases has its own store, because leases need a clock that can be moved.
func soundLeases(*memory.Store) LeasesHarness {
	var shift atomic.Int64
	s := memory.New(memory.Options{Now: func() time.Time { return time.Unix(1_700_000_000, shift.Load()) }})
	return leasesOf(s, func(d time.Duration) { shift.Add(int64(d)) })
}

func leasesOf(s *memory.Store, advance func(time.Duration)) LeasesHarness {
	return LeasesHarness{
		Leases: s, Advance: advance, Close: s.Close,
		Reopen: func(testing.TB) LeasesHarness { return leasesOf(s.Reopen(), advance) },
	}
}

// acquires breaks AcquireLease, releases breaks ReleaseLease.
func acquires(broken func(sound ports.Leases) acquireFunc) func(*memory.Store) LeasesHarness {
	return func(s *memory.Store) LeasesHarness {
		h := soundLeases(s)
		h.Leases = brokenLeases{Leases: h.Leases, acquire: broken(h.Leases)}
		return h
	}
}

func releases(broken func(sound ports.Leases) releaseFunc) func(*memory.Store) LeasesHarness {
	return func(s *memory.Store) LeasesHarness {
		h := soundLeases(s)
		h.Leases = brokenLeases{Leases: h.Leases, release: broken(h.Leases)}
		return h
	}
}

// asks acquires for another owner, time or name than the given one.
func asks(change func(name *string, owner *ports.LeaseOwner, ttl *time.Duration)) func(*memory.Store) LeasesHarness {
	return acquires(func(sound ports.Leases) acquireFunc {
		return func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
			change(&name, &owner, &ttl)
			return sound.AcquireLease(ctx, name, owner, ttl)
		}
	})
}

// numbers gives other epochs.
func numbers(epochs func(epoch uint64, owner ports.LeaseOwner) uint64) func(*memory.Store) LeasesHarness {
	return acquires(func(sound ports.Leases) acquireFunc {
		return func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
			epoch, err := sound.AcquireLease(ctx, name, owner, ttl)
			if err != nil {
				return 0, err
			}
			return epochs(epoch, owner), nil
		}
	})
}

// refusesWith changes the error for those who do not get a lease.
func refusesWith(change func(held *ports.LeaseHeldError) error) func(*memory.Store) LeasesHarness {
	return acquires(func(sound ports.Leases) acquireFunc {
		return func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
			epoch, err := sound.AcquireLease(ctx, name, owner, ttl)
			if held, ok := errors.AsType[*ports.LeaseHeldError](err); ok {
				return 0, change(held)
			}
			return epoch, err
		}
	})
}

func TestLeases_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, leasesScenarios(), soundLeases, slices.Concat(proofsOfHolders(), proofsOfEpochs(), proofsOfReleases(), proofsOfLeaseLifecycle()))
}

func proofsOfHolders() []proof[LeasesHarness] {
	const taken = "a free lease is taken, and others are told by whom"
	generous := asks(func(_ *string, owner *ports.LeaseOwner, _ *time.Duration) { owner.ID = [16]byte{1} })
	return []proof[LeasesHarness]{
		{broken: "gives a lease to everybody", scenario: taken, says: "was given to somebody else", adapter: generous},
		{broken: "gives a lease to everybody", scenario: "of several who want a lease one gets it", says: "the lease was given to", adapter: generous},
		{
			broken: "does not say who has a lease", scenario: taken, says: "error is taken, want",
			adapter: refusesWith(func(*ports.LeaseHeldError) error { return errors.New("is taken") }),
		},
		{
			broken: "does not say where the holder is", scenario: taken, says: "want the lease of a",
			adapter: refusesWith(func(held *ports.LeaseHeldError) error {
				held.Owner.Address = ""
				return held
			}),
		},
		{
			broken: "loses the address at a renewal", scenario: "renewing keeps the epoch", says: "want the lease of a",
			adapter: refusesWith(func(held *ports.LeaseHeldError) error {
				held.Owner.Address = strings.ReplaceAll(held.Owner.Address, "moved", "old")
				return held
			}),
		},
		{
			broken: "says that somebody has it who lost the race as well", scenario: "of several who want a lease one gets it", says: "holds the lease of",
			adapter: refusesWith(func(held *ports.LeaseHeldError) error {
				held.Owner = leaseOwner()
				return held
			}),
		},
		{
			broken: "lets leases end at once", scenario: "a lease that lasts is not taken away", says: "was given to somebody else",
			adapter: asks(func(_ *string, _ *ports.LeaseOwner, ttl *time.Duration) { *ttl = min(*ttl, soon) }),
		},
		{
			broken: "lets leases last for ever", scenario: "a lease that has ended is free", says: "is held by",
			adapter: asks(func(_ *string, _ *ports.LeaseOwner, ttl *time.Duration) { *ttl = max(*ttl, long) }),
		},
		{
			broken: "does not renew", scenario: "a renewal counts from when it was made", says: "was given to somebody else",
			adapter: renewsWith(func(first, _ time.Duration) time.Duration { return first }),
		},
		{
			broken: "only makes leases longer", scenario: "a renewal counts from when it was made", says: "is held by",
			adapter: renewsWith(func(first, next time.Duration) time.Duration { return max(first, next) }),
		},
		{
			broken: "mixes leases", scenario: "leases are separate", says: "is held by",
			adapter: asks(func(name *string, _ *ports.LeaseOwner, _ *time.Duration) { *name, _, _ = strings.Cut(*name, "/") }),
		},
		{
			broken: "makes short leases longer", scenario: "a lease of less than a second is refused", says: "was given",
			adapter: asks(func(_ *string, _ *ports.LeaseOwner, ttl *time.Duration) { *ttl = max(*ttl, soon) }),
		},
		{
			broken: "acquires although the context has ended", scenario: "an ended context stops a call before it does anything", says: "AcquireLease with an ended context: error <nil>",
			adapter: acquires(func(sound ports.Leases) acquireFunc {
				return func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
					return sound.AcquireLease(context.WithoutCancel(ctx), name, owner, ttl)
				}
			}),
		},
	}
}

// renewsWith renews for another time. choose gets the time of the first lease and the requested
// one.
func renewsWith(choose func(first, next time.Duration) time.Duration) func(*memory.Store) LeasesHarness {
	return acquires(func(sound ports.Leases) acquireFunc {
		taken := map[ports.LeaseOwner]time.Duration{}
		return func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
			if first, renews := taken[owner]; renews {
				ttl = choose(first, ttl)
			}
			taken[owner] = ttl
			return sound.AcquireLease(ctx, name, owner, ttl)
		}
	})
}

func proofsOfEpochs() []proof[LeasesHarness] {
	const (
		ended    = "a lease that has ended is free"
		released = "a lease that was given back is free"
		unique   = "no epoch is given twice"
	)
	constant := numbers(func(uint64, ports.LeaseOwner) uint64 { return 1 })
	return []proof[LeasesHarness]{
		{
			broken: "counts from 0", scenario: "a free lease is taken, and others are told by whom", says: "epoch 0, want 1 or more",
			adapter: numbers(func(epoch uint64, _ ports.LeaseOwner) uint64 { return epoch - 1 }),
		},
		{broken: "gives the same epoch to all", scenario: ended, says: "epoch 1 of a new holder, after 1", adapter: constant},
		{broken: "gives the same epoch to all", scenario: released, says: "epoch 1 of a new holder, after 1", adapter: constant},
		{broken: "gives the same epoch to all", scenario: unique, says: "epoch 1 was given to", adapter: constant},
		{
			broken: "gives who comes back the epoch that it had", scenario: ended, says: "of a new holder, after",
			adapter: func(s *memory.Store) LeasesHarness {
				had := map[ports.LeaseOwner]uint64{}
				return numbers(func(epoch uint64, owner ports.LeaseOwner) uint64 {
					if had[owner] == 0 {
						had[owner] = epoch
					}
					return had[owner]
				})(s)
			},
		},
		{
			broken: "gives a new epoch at each renewal", scenario: "renewing keeps the epoch", says: "after a renewal, want",
			adapter: func(s *memory.Store) LeasesHarness {
				var last atomic.Uint64
				return numbers(func(uint64, ports.LeaseOwner) uint64 { return last.Add(1) })(s)
			},
		},
		{
			broken: "now and then gives an epoch twice", scenario: unique, says: "was given to",
			adapter: numbers(func(epoch uint64, _ ports.LeaseOwner) uint64 { return epoch - epoch%7/6 }),
		},
	}
}

func proofsOfReleases() []proof[LeasesHarness] {
	const (
		free    = "a lease that was given back is free"
		foreign = "giving back what one does not hold does nothing"
	)
	return []proof[LeasesHarness]{
		{
			broken: "keeps what was given back", scenario: free, says: "is held by",
			adapter: releases(func(ports.Leases) releaseFunc {
				return func(ctx context.Context, _ string, _ ports.LeaseOwner) error { return ctx.Err() }
			}),
		},
		{
			broken: "wants a lease to give back", scenario: foreign, says: "not found",
			adapter: releases(func(ports.Leases) releaseFunc {
				return func(context.Context, string, ports.LeaseOwner) error { return ports.ErrNotFound }
			}),
		},
		{broken: "takes a lease from its holder", scenario: foreign, says: "was given to somebody else", adapter: releasesForAll},
		{
			broken: "gives all leases back", scenario: "leases are separate", says: "was given to somebody else",
			adapter: func(s *memory.Store) LeasesHarness {
				h := releasesForAll(s)
				all := h.Leases
				h.Leases = brokenLeases{Leases: all, release: func(ctx context.Context, _ string, owner ports.LeaseOwner) error {
					return errors.Join(all.ReleaseLease(ctx, "a", owner), all.ReleaseLease(ctx, "a/b", owner))
				}}
				return h
			},
		},
		{
			broken: "gives back although the context has ended", scenario: "an ended context stops a call before it does anything", says: "ReleaseLease with an ended context: error <nil>",
			adapter: releases(func(sound ports.Leases) releaseFunc {
				return func(ctx context.Context, name string, owner ports.LeaseOwner) error {
					return sound.ReleaseLease(context.WithoutCancel(ctx), name, owner)
				}
			}),
		},
	}
}

// releasesForAll releases a lease without checking its owner.
func releasesForAll(s *memory.Store) LeasesHarness {
	h := soundLeases(s)
	sound := h.Leases
	var mu sync.Mutex
	holders := map[string]ports.LeaseOwner{}
	h.Leases = brokenLeases{
		Leases: sound,
		acquire: func(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
			epoch, err := sound.AcquireLease(ctx, name, owner, ttl)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				holders[name] = owner
			}
			return epoch, err
		},
		release: func(ctx context.Context, name string, _ ports.LeaseOwner) error {
			mu.Lock()
			defer mu.Unlock()
			return sound.ReleaseLease(ctx, name, holders[name])
		},
	}
	return h
}

func proofsOfLeaseLifecycle() []proof[LeasesHarness] {
	const restart = "everything is there after a restart"
	return []proof[LeasesHarness]{
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "AcquireLease after close: error <nil>",
			adapter: func(s *memory.Store) LeasesHarness {
				h := soundLeases(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: restart, says: "was given to somebody else",
			adapter: func(s *memory.Store) LeasesHarness {
				h := soundLeases(s)
				h.Reopen = func(testing.TB) LeasesHarness { return soundLeases(s) }
				return h
			},
		},
	}
}
