package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

func leasesScenarios() []scenario[LeasesHarness] {
	return []scenario[LeasesHarness]{
		{"a free lease is taken, and others are told by whom", leaseTaken},
		{"renewing keeps the epoch", leaseRenewed},
		{"a renewal counts from when it was made", renewalCounts},
		{"a lease that lasts is not taken away", leaseLasts},
		{"a lease that has ended is free", leaseEnded},
		{"a lease that was given back is free", leaseReleased},
		{"giving back what one does not hold does nothing", foreignRelease},
		{"leases are separate", separateLeases},
		{"of several who want a lease one gets it", oneTakesLease},
		{"no epoch is given twice", epochsAreUnique},
		{"a lease of less than a second is refused", shortLease},
		{"an ended context stops a call before it does anything", leasesCancelled},
		{"a closed store refuses", leasesClosed},
		{"everything is there after a restart", leasesReopened},
	}
}

const (
	// soon is a time that a test waits for. Nothing must happen within it; such times are long.
	soon, untilSoon = time.Second, 3 * time.Second
	long            = time.Hour
)

func leaseOwner() ports.LeaseOwner {
	id := newID()
	return ports.LeaseOwner{ID: id, Address: "http://" + id.String() + ".example:8080"}
}

// acquire takes or renews a lease.
func (t test) acquire(h LeasesHarness, name string, owner ports.LeaseOwner, ttl time.Duration) (epoch uint64) {
	t.Helper()
	var err error
	t.within("AcquireLease", func(ctx context.Context) { epoch, err = h.Leases.AcquireLease(ctx, name, owner, ttl) })
	t.must("acquire a lease", err)
	if epoch < 1 {
		t.Fatalf("acquire a lease: epoch %d, want 1 or more", epoch)
	}
	return epoch
}

func (t test) release(h LeasesHarness, name string, owner ports.LeaseOwner) {
	t.Helper()
	var err error
	t.within("ReleaseLease", func(ctx context.Context) { err = h.Leases.ReleaseLease(ctx, name, owner) })
	t.must("release a lease", err)
}

// expectHolder checks that a lease is refused to everyone except for its holder.
func (t test) expectHolder(h LeasesHarness, name string, holder ports.LeaseOwner) {
	t.Helper()
	var epoch uint64
	var err error
	t.within("AcquireLease", func(ctx context.Context) { epoch, err = h.Leases.AcquireLease(ctx, name, leaseOwner(), long) })
	if err == nil {
		t.Fatalf("the lease of %s was given to somebody else, with epoch %d, while %s held it", name, epoch, holder.Address)
	}
	want := ports.LeaseHeldError{Name: name, Owner: holder}
	if held, ok := errors.AsType[*ports.LeaseHeldError](err); !ok || *held != want {
		t.Fatalf("acquire a lease that is held: error %v, want %v", err, &want)
	}
}

// above checks that an epoch is higher than an earlier one.
func (t test) above(epoch, earlier uint64) {
	t.Helper()
	if epoch <= earlier {
		t.Fatalf("epoch %d of a new holder, after %d", epoch, earlier)
	}
}

func leaseTaken(t test, h LeasesHarness) {
	owner := leaseOwner()
	t.acquire(h, "a", owner, long)
	t.expectHolder(h, "a", owner)
	t.expectHolder(h, "a", owner)
	nameless := ports.LeaseOwner{ID: newID()}
	t.acquire(h, "b", nameless, long+time.Second/2)
	t.expectHolder(h, "b", nameless)
}

func leaseRenewed(t test, h LeasesHarness) {
	owner := leaseOwner()
	epoch := t.acquire(h, "a", owner, long)
	for n := range 4 {
		if n == 2 {
			owner.Address = "http://moved.example"
		}
		if got := t.acquire(h, "a", owner, long); got != epoch {
			t.Fatalf("epoch %d after a renewal, want %d", got, epoch)
		}
		t.expectHolder(h, "a", owner)
	}
}

func renewalCounts(t test, h LeasesHarness) {
	longer, shorter := leaseOwner(), leaseOwner()
	t.acquire(h, "longer", longer, soon)
	epoch := t.acquire(h, "longer", longer, long)
	before := t.acquire(h, "shorter", shorter, long)
	t.acquire(h, "shorter", shorter, soon)
	h.Advance(untilSoon)
	t.expectHolder(h, "longer", longer)
	if got := t.acquire(h, "longer", longer, long); got != epoch {
		t.Fatalf("epoch %d after a renewal, want %d", got, epoch)
	}
	t.above(t.acquire(h, "shorter", leaseOwner(), long), before)
}

func leaseLasts(t test, h LeasesHarness) {
	owner := leaseOwner()
	t.acquire(h, "a", owner, long)
	h.Advance(untilSoon)
	t.expectHolder(h, "a", owner)
}

func leaseEnded(t test, h LeasesHarness) {
	first, second := leaseOwner(), leaseOwner()
	epoch := t.acquire(h, "a", first, soon)
	h.Advance(untilSoon)
	next := t.acquire(h, "a", second, soon)
	t.above(next, epoch)
	h.Advance(untilSoon)
	back := t.acquire(h, "a", first, long)
	t.above(back, next)
	t.expectHolder(h, "a", first)
	t.release(h, "a", first)
	t.above(t.acquire(h, "a", second, long), back)
}

func leaseReleased(t test, h LeasesHarness) {
	epoch := uint64(0)
	for range 4 {
		owner := leaseOwner()
		next := t.acquire(h, "a", owner, long)
		t.above(next, epoch)
		t.expectHolder(h, "a", owner)
		t.release(h, "a", owner)
		epoch = next
	}
	owner := leaseOwner()
	for range 2 { // also for the one who has released it
		epoch = t.acquire(h, "a", owner, long)
		t.release(h, "a", owner)
	}
	t.above(t.acquire(h, "a", leaseOwner(), long), epoch)
}

func foreignRelease(t test, h LeasesHarness) {
	first, second := leaseOwner(), leaseOwner()
	t.release(h, "a", first)
	epoch := t.acquire(h, "a", first, soon)
	t.release(h, "a", second)
	t.release(h, "b", first)
	h.Advance(untilSoon)
	t.above(t.acquire(h, "a", second, long), epoch)
	t.release(h, "a", first) // the one who has lost it in the meantime
	t.expectHolder(h, "a", second)
	impostor := ports.LeaseOwner{ID: newID(), Address: second.Address}
	t.release(h, "a", impostor)
	t.expectHolder(h, "a", second)
}

func separateLeases(t test, h LeasesHarness) {
	a, b := leaseOwner(), leaseOwner()
	t.acquire(h, "a", a, long)
	t.acquire(h, "a/b", b, long)
	t.expectHolder(h, "a", a)
	t.expectHolder(h, "a/b", b)
	t.release(h, "a", a)
	t.expectHolder(h, "a/b", b)
	t.acquire(h, "a", b, long)
	t.expectHolder(h, "a", b)
}

func oneTakesLease(t test, h LeasesHarness) {
	epoch := uint64(0)
	for range 3 {
		owners := make([]ports.LeaseOwner, t.Writers)
		epochs := make([]uint64, t.Writers)
		refusals := make([]*ports.LeaseHeldError, t.Writers)
		t.together(t.Writers, "wanting one lease", func(ctx context.Context, i int) (err error) {
			owners[i] = leaseOwner()
			epochs[i], err = h.Leases.AcquireLease(ctx, "a", owners[i], long)
			if held, ok := errors.AsType[*ports.LeaseHeldError](err); ok {
				refusals[i] = held
				return nil
			}
			return err
		})
		winner := -1
		for i, refusal := range refusals {
			switch {
			case refusal == nil && winner >= 0:
				t.Fatalf("the lease was given to %s and to %s", owners[winner].ID, owners[i].ID)
			case refusal == nil:
				winner = i
			}
		}
		if winner < 0 {
			t.Fatalf("nobody got a lease that was free")
		}
		for _, refusal := range refusals {
			if refusal != nil && refusal.Owner != owners[winner] {
				t.Fatalf("somebody was told that %s holds the lease of %s", refusal.Owner.ID, owners[winner].ID)
			}
		}
		t.above(epochs[winner], epoch)
		epoch = epochs[winner]
		t.release(h, "a", owners[winner])
	}
}

// epochsAreUnique lets several owners take the lease from one another as fast as they can.
func epochsAreUnique(t test, h LeasesHarness) {
	const each = 5
	var mu sync.Mutex
	holders := map[uint64]ports.LeaseOwner{}
	t.together(t.Writers/2+1, "taking a lease from one another", func(ctx context.Context, _ int) error {
		for taken := 0; taken < each; {
			owner := leaseOwner()
			epoch, err := h.Leases.AcquireLease(ctx, "a", owner, long)
			if _, held := errors.AsType[*ports.LeaseHeldError](err); held {
				continue
			}
			if err != nil {
				return err
			}
			taken++
			mu.Lock()
			other, given := holders[epoch]
			holders[epoch] = owner
			mu.Unlock()
			if given {
				return fmt.Errorf("epoch %d was given to %s and to %s", epoch, other.ID, owner.ID)
			}
			if err := h.Leases.ReleaseLease(ctx, "a", owner); err != nil {
				return err
			}
		}
		return nil
	})
}

func shortLease(t test, h LeasesHarness) {
	for _, ttl := range []time.Duration{-time.Second, 0, time.Second - 1} {
		var err error
		t.within("AcquireLease", func(ctx context.Context) { _, err = h.Leases.AcquireLease(ctx, "a", leaseOwner(), ttl) })
		if err == nil {
			t.Fatalf("a lease of %s was given", ttl)
		}
	}
	t.acquire(h, "a", leaseOwner(), long)
}

func leaseCalls(h LeasesHarness, holder ports.LeaseOwner) []call {
	return []call{
		{"AcquireLease", func(ctx context.Context) error {
			_, err := h.Leases.AcquireLease(ctx, "free", leaseOwner(), long)
			return err
		}},
		{"ReleaseLease", func(ctx context.Context) error { return h.Leases.ReleaseLease(ctx, "held", holder) }},
	}
}

func leasesCancelled(t test, h LeasesHarness) {
	holder := leaseOwner()
	t.acquire(h, "held", holder, long)
	t.refusesCancelled(leaseCalls(h, holder)...)
	t.expectHolder(h, "held", holder)
	t.acquire(h, "free", leaseOwner(), long)
}

func leasesClosed(t test, h LeasesHarness) {
	holder := leaseOwner()
	t.acquire(h, "held", holder, long)
	t.refusesClosed(h, leaseCalls(h, holder)...)
}

func leasesReopened(t test, h LeasesHarness) {
	holder, late := leaseOwner(), leaseOwner()
	epoch := t.acquire(h, "held", holder, long)
	given := t.acquire(h, "free", late, long)
	t.release(h, "free", late)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectHolder(h, "held", holder)
	if got := t.acquire(h, "held", holder, long); got != epoch {
		t.Fatalf("epoch %d after a renewal, want %d", got, epoch)
	}
	t.above(t.acquire(h, "free", leaseOwner(), long), given)
}
