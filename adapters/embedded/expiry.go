package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// expiryStep is how many rows one range delete covers.
const expiryStep = 100_000

// expire sweeps the outbox from time to time until the store closes.
func (s *Store) expire() {
	if s.options.Retention < 0 {
		return
	}
	ticker := time.NewTicker(min(expiryInterval, s.options.Retention))
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
			err := portkit.Protect(func() error { return s.Expire(context.Background()) })
			if err != nil && !errors.Is(err, ports.ErrClosed) {
				s.log.Error("the outbox could not be swept", "dir", s.dir, "error", err)
			}
		}
	}
}

// Expire drops the records from the outbox that were committed longer ago than the retention. The store does so by itself
// once a minute; this is for those who cannot wait. A subscription that has not got to a dropped record gets
// ports.ErrOffsetExpired, and so does Subscribe.
func (s *Store) Expire(ctx context.Context) error {
	if err := s.expireOnce(ctx); err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	return nil
}

func (s *Store) expireOnce(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	if s.options.Retention < 0 {
		return nil
	}
	s.expiring.Lock()
	defer s.expiring.Unlock()
	oldest := s.oldest.Load()
	end, err := s.firstAfter(s.options.Now().Add(-s.options.Retention), oldest, s.durable.Load()+1)
	for err == nil && oldest < end {
		if err = ctx.Err(); err == nil {
			oldest = min(oldest+expiryStep, end)
			err = s.drop(oldest)
		}
	}
	return err
}

// firstAfter returns the position, in [low, high], of the first record that was not committed before t. Commit times never
// fall.
func (s *Store) firstAfter(t time.Time, low, high uint64) (uint64, error) {
	for low < high {
		middle := low + (high-low)/2
		at, known, err := s.commitTime(middle)
		switch {
		case err != nil:
			return 0, err
		case known && at.Before(t):
			low = middle + 1
		default: // where it is not known, nothing behind it is either
			high = middle
		}
	}
	return low, nil
}

// drop removes the rows of the outbox before a position. Its effect on memory comes first, so that a subscription that finds a
// row missing knows why.
func (s *Store) drop(before uint64) error {
	batch := s.db.NewBatch()
	_ = batch.DeleteRange(outboxKey(0), outboxKey(before), nil) // it fails for a batch with an index only
	put(batch, metaOldest, encodePosition(before))
	s.oldest.Store(before)
	return s.writeSmall(batch)
}
