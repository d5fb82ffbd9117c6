package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// expiryInterval is how often the outbox is swept.
	expiryInterval = time.Minute
	// expiryStep is how many rows one range deletion covers.
	expiryStep = 100_000
)

// RunExpiry sweeps the outbox at an interval, until the DB closes.
func (f *Feed) RunExpiry() {
	if f.options.Retention < 0 {
		return
	}
	ticker := time.NewTicker(min(expiryInterval, f.options.Retention))
	defer ticker.Stop()
	for {
		select {
		case <-f.db.Closing():
			return
		case <-ticker.C:
			err := portkit.Protect(func() error { return f.Expire(context.Background()) })
			if err != nil && !errors.Is(err, ports.ErrClosed) {
				f.db.Log().Error("the outbox could not be swept", "dir", f.db.Dir(), "error", err)
			}
		}
	}
}

// Expire deletes the records from the outbox that are older than the retention. RunExpiry does so
// once a minute; this is for a caller who cannot wait. A consumer that has not read a deleted
// record gets ports.ErrOffsetExpired.
func (f *Feed) Expire(ctx context.Context) error {
	if err := f.expire(ctx); err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	return nil
}

func (f *Feed) expire(ctx context.Context) error {
	if err := f.db.Enter(ctx); err != nil {
		return err
	}
	defer f.db.Leave()
	if f.options.Retention < 0 {
		return nil
	}
	f.expiring.Lock()
	defer f.expiring.Unlock()
	oldest := f.oldest.Load()
	end, err := f.firstAfter(f.options.Now().Add(-f.options.Retention), oldest, f.history.Durable()+1)
	for err == nil && oldest < end {
		if err = ctx.Err(); err == nil {
			oldest = min(oldest+expiryStep, end)
			err = f.deleteBefore(oldest)
		}
	}
	return err
}

// firstAfter returns the position, in [low, high], of the first record that was not committed
// before t. Commit times never fall.
func (f *Feed) firstAfter(t time.Time, low, high uint64) (uint64, error) {
	for low < high {
		middle := low + (high-low)/2
		at, known, err := f.commitTime(middle)
		switch {
		case err != nil:
			return 0, err
		case known && at.Before(t):
			low = middle + 1
		default: // if it is not known, no later time is known either
			high = middle
		}
	}
	return low, nil
}

// deleteBefore deletes the rows before a position. It changes the memory first, so that a
// subscription that misses a row knows why.
func (f *Feed) deleteBefore(position uint64) error {
	batch := f.db.NewBatch()
	engine.DeleteRange(batch, layout.OutboxKey(0), layout.OutboxKey(position))
	engine.Put(batch, layout.OldestKey(), layout.EncodePosition(position))
	f.oldest.Store(position)
	return f.db.WriteSmall(batch)
}
