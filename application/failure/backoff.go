package failure

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Backoff computes how long to wait between attempts. The first wait is First. Each further one is
// twice as long, up to Max. Each is shortened by a random part of up to a half, so that the retries
// of many aggregates spread.
type Backoff struct {
	First, Max time.Duration
}

func (b Backoff) pause(attempt int) time.Duration {
	d := b.First
	for range attempt - 1 {
		if d *= 2; d >= b.Max {
			d = b.Max
			break
		}
	}
	return d - rand.N(d/2+1)
}

// ErrStopping is the error of a wait that was ended early.
var ErrStopping = errors.New("the consumer is stopping")

// Wait pauses after the given attempt, counted from 1. It returns early, with an error, when ctx
// ends or stop is closed. A nil channel never closes.
func (b Backoff) Wait(ctx context.Context, stop <-chan struct{}, attempt int) error {
	timer := time.NewTimer(b.pause(attempt))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
		return ErrStopping
	case <-timer.C:
		return nil
	}
}
