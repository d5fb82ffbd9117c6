// Package lease lets one of several processes do a piece of work at a time.
//
// A process that cannot renew its lease for half of its time stops, while the lease still protects
// it. A process that was suspended for longer does not know that it lost the lease, because the
// clock that the renewal uses stood still meanwhile. So a lease protects nothing by itself. What
// such a process must not overwrite carries the epoch of the lease, and a higher epoch wins.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderflow/ports"
)

// StandbyPoll is how often a process on standby tries to take the lease over.
const StandbyPoll = time.Second

// ErrLost is the cause with which the work ends when the lease is lost.
var ErrLost = errors.New("the lease is lost")

// Config is what a [Holder] needs. All fields are required.
type Config struct {
	Leases ports.Leases
	// Name is the name of the lease. Owner is this process.
	Name  string
	Owner ports.LeaseOwner
	// TTL is how long a lease lasts after its last renewal.
	TTL time.Duration
	Now func() time.Time
	// Standby is called when another process holds the lease.
	Standby func(owner ports.LeaseOwner)
	Logger  *slog.Logger
}

// Holder takes and renews one lease. Its methods may be called concurrently, but Hold runs once at
// a time.
type Holder struct{ config Config }

// New returns a Holder that holds nothing.
func New(config Config) *Holder { return &Holder{config} }

// held is a lease that this process holds: its epoch, and a moment at which its time had not begun
// to run.
type held struct {
	epoch uint64
	since time.Time
}

// Hold waits for the lease and runs work while this process holds it. The context of work ends with
// [ErrLost] as its cause before another process can have the lease.
func (h *Holder) Hold(ctx context.Context, work func(ctx context.Context, epoch uint64) error) error {
	current, err := h.acquire(ctx)
	if err != nil {
		return err
	}
	holding, lose := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { h.renew(holding, current, lose) })
	err = work(holding, current.epoch)
	lose(nil)
	renewing.Wait()

	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.config.TTL)
	defer cancel()
	if err := h.config.Leases.ReleaseLease(release, h.config.Name, h.config.Owner); err != nil {
		h.config.Logger.Warn("lease not given back, others wait until it expires", "error", err)
	}
	return err
}

// acquire waits until this process has the lease.
func (h *Holder) acquire(ctx context.Context) (held, error) {
	for {
		current, err := h.try(ctx)
		elsewhere := (*ports.LeaseHeldError)(nil)
		if !errors.As(err, &elsewhere) {
			return current, err
		}
		h.config.Standby(elsewhere.Owner)
		timer := time.NewTimer(StandbyPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return held{}, ctx.Err()
		}
	}
}

// Try takes or renews the lease once. It returns *ports.LeaseHeldError when another process holds
// it.
func (h *Holder) Try(ctx context.Context) error {
	_, err := h.try(ctx)
	return err
}

func (h *Holder) try(ctx context.Context) (held, error) {
	since := h.config.Now()
	ctx, cancel := context.WithTimeout(ctx, h.config.TTL/2)
	defer cancel()
	epoch, err := h.config.Leases.AcquireLease(ctx, h.config.Name, h.config.Owner, h.config.TTL)
	if err != nil {
		return held{}, fmt.Errorf("lease of %s: %w", h.config.Name, err)
	}
	return held{epoch, since}, nil
}

// renew renews the lease until ctx ends. The lease counts as lost when another process holds it or
// has held it, or when no renewal has succeeded for half of its time; then it still protects.
func (h *Holder) renew(ctx context.Context, current held, lose context.CancelCauseFunc) {
	tick := time.NewTicker(h.config.TTL / 8)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		renewed, err := h.try(ctx)
		elsewhere := (*ports.LeaseHeldError)(nil)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && renewed.epoch == current.epoch:
			current = renewed
			continue
		case errors.As(err, &elsewhere):
			h.config.Standby(elsewhere.Owner)
		case err != nil && h.config.Now().Sub(current.since) < h.config.TTL/2:
			continue
		}
		h.config.Logger.Warn("the lease is lost", "epoch", current.epoch, "error", err)
		lose(ErrLost)
		return
	}
}
