package cdc

import (
	"context"
	"time"

	"orderflow/adapters/cdc/hub"
)

// inspect returns how long the log keeps rows (0 means for ever) and when its first stream set
// starts.
func (f *Feed) inspect(ctx context.Context) (keep time.Duration, first time.Time, err error) {
	if keep, err = f.log.Retention(ctx); err != nil {
		return 0, first, hub.Unavailable(ctx, err)
	}
	now := f.config.Now()
	if _, first, err = f.log.Sets(ctx, now, now); err != nil {
		return 0, first, hub.Unavailable(ctx, err)
	}
	return keep, first, nil
}

// believe checks now and then how long the log keeps rows, until ctx ends. The current option of
// the table applies, whatever it was before.
func (f *Feed) believe(ctx context.Context) {
	again := time.NewTicker(f.config.SafeDelay)
	defer again.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		keep, first, err := f.inspect(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			f.config.Logger.Warn("cannot see how long the CDC log keeps rows; what it was goes on to count", "error", err)
		case err == nil:
			if before := f.hub.Keep(keep, first); before != keep {
				f.config.Logger.Warn("the CDC log keeps rows for another time now", "now", keep, "before", before)
			}
		}
		failing = err != nil
	}
}
