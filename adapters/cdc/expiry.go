package cdc

import (
	"context"
	"time"

	"orderflow/adapters/cdc/hub"
)

// inspect returns how long the log keeps rows (0 means for ever), when its first stream set starts,
// and what time it is on a server.
func (f *Feed) inspect(ctx context.Context) (keep time.Duration, first, now time.Time, err error) {
	if keep, err = f.log.Retention(ctx); err != nil {
		return 0, first, now, hub.Unavailable(ctx, err)
	}
	if now, err = f.log.Time(ctx); err != nil {
		return 0, first, now, hub.Unavailable(ctx, err)
	}
	if _, first, err = f.log.Sets(ctx, now, now); err != nil {
		return 0, first, now, hub.Unavailable(ctx, err)
	}
	return keep, first, now, nil
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
		keep, first, now, err := f.inspect(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			f.config.Logger.Warn("cannot see how long the CDC log keeps rows; what it was goes on to count", "error", err)
		case err == nil:
			if before := f.hub.Keep(keep, first, now); before != keep {
				f.config.Logger.Warn("the CDC log keeps rows for another time now", "now", keep, "before", before)
			}
		}
		failing = err != nil
	}
}
