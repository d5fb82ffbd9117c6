package client

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Settle waits until every consumer has no lag, or has a state in which waiting does not help, and
// returns the statuses. When nothing changes for c.Stall it returns the latest ones. While it waits
// it calls each with the statuses.
func (c *Client) Settle(ctx context.Context, each func([]Status)) ([]Status, error) {
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
		each(statuses)
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

// place is how far a consumer is. While it changes, the consumer makes progress.
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

// Moving reports whether the consumer will make progress by itself.
func (s Status) Moving() bool {
	switch s.State {
	case "failing", "failed", "paused", "standby":
		return false
	case "rebuilding":
		return s.Rebuild == nil || s.Rebuild.Phase != "refused"
	case "running", "parked":
		return !s.Lag.Known || s.Lag.Events > 0
	default: // catching-up, expired and stopped lead to one of these
		return true
	}
}

// Obstacle says why the consumer has not handled every event. It returns "" when it has.
func (s Status) Obstacle() string {
	switch {
	case s.State == "paused" || s.State == "failing" || s.State == "stopped":
		return "is " + s.State
	case s.State == "failed":
		return "has stopped itself"
	case s.State == "standby":
		return "runs in another process, which was not waited for"
	case s.Parked > 0:
		return fmt.Sprintf("has parked %d orders", s.Parked)
	case s.State == "rebuilding":
		return "has no generation yet that this version of the program can fill"
	case s.Moving():
		return "is still behind"
	default:
		return ""
	}
}
