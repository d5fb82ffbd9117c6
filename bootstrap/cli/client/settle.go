package client

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Settle waits until every consumer is as far as it gets by itself, and returns the statuses of then: without lag, or in a
// state in which waiting does not help. When nothing moves for c.Stall it returns the newest that it saw.
func (c *Client) Settle(ctx context.Context) ([]Status, error) {
	var places []place
	moved := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		statuses, err := c.Consumers(ctx)
		if err != nil {
			return nil, err
		}
		if c.Passive || !slices.ContainsFunc(statuses, Status.Moving) {
			return statuses, nil
		}
		var now []place
		for _, s := range statuses {
			now = append(now, s.place())
		}
		if !slices.Equal(places, now) {
			places, moved = now, time.Now()
		} else if time.Since(moved) > c.Stall {
			return statuses, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// place is how far a consumer is. As long as it changes, the consumer gets on.
type place struct {
	state, phase                           string
	handled, duplicates, lag, rebuiltSoFar uint64
}

func (s Status) place() place {
	p := place{state: s.State, handled: s.Handled, duplicates: s.Duplicates, lag: s.Lag.Events}
	if s.Rebuild != nil {
		p.phase, p.rebuiltSoFar = s.Rebuild.Phase, s.Rebuild.Done
	}
	return p
}

// Moving reports whether the consumer will get further by itself.
func (s Status) Moving() bool {
	switch s.State {
	case "failing", "failed", "paused", "standby":
		return false
	case "rebuilding":
		return s.Rebuild == nil || s.Rebuild.Phase != "refused"
	case "running", "parked":
		return !s.Lag.Known || s.Lag.Events > 0
	default: // catching-up, expired, stopped: on the way to one of these
		return true
	}
}

// Obstacle says what keeps the consumer from having handled every event; "" when nothing does.
func (s Status) Obstacle() string {
	switch {
	case s.State == "paused" || s.State == "failing" || s.State == "stopped":
		return "is " + s.State
	case s.State == "failed":
		return "has stopped itself"
	case s.State == "standby":
		return "works in another process, which was not waited for"
	case s.Parked > 0:
		return fmt.Sprintf("has set %d orders aside", s.Parked)
	case s.State == "rebuilding":
		return "has no generation yet that this version of the program can fill"
	case s.Moving():
		return "is still behind"
	default:
		return ""
	}
}
