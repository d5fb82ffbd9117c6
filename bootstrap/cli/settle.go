package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// settle waits until every consumer is as far as it gets by itself, and returns the statuses of then: without lag, or in a
// state in which waiting does not help. When nothing moves for c.stall it returns the newest that it saw.
func (c *client) settle(ctx context.Context) ([]consumerStatus, error) {
	var places []place
	moved := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		statuses, err := c.consumers(ctx)
		if err != nil {
			return nil, err
		}
		if c.passive || !slices.ContainsFunc(statuses, consumerStatus.moving) {
			return statuses, nil
		}
		var now []place
		for _, s := range statuses {
			now = append(now, s.place())
		}
		if !slices.Equal(places, now) {
			places, moved = now, time.Now()
		} else if time.Since(moved) > c.stall {
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

func (s consumerStatus) place() place {
	p := place{state: s.State, handled: s.Handled, duplicates: s.Duplicates, lag: s.Lag.Events}
	if s.Rebuild != nil {
		p.phase, p.rebuiltSoFar = s.Rebuild.Phase, s.Rebuild.Done
	}
	return p
}

// moving reports whether the consumer will get further by itself.
func (s consumerStatus) moving() bool {
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

// obstacle says what keeps the consumer from having handled every event; "" when nothing does.
func (s consumerStatus) obstacle() string {
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
	case s.moving():
		return "is still behind"
	default:
		return ""
	}
}

// printObstacles says of which consumers one must not expect everything.
func printObstacles(out io.Writer, statuses []consumerStatus) {
	for _, s := range statuses {
		if obstacle := s.obstacle(); obstacle != "" {
			fmt.Fprintf(out, "consumer %s %s, see 'orderflow consumers'\n", s.Name, obstacle)
		}
	}
}

// printIdle says what a comparison will find because no consumer works.
func printIdle(out io.Writer, statuses []consumerStatus) {
	for _, s := range statuses {
		switch {
		case s.Parked > 0:
			fmt.Fprintf(out, "consumer %s has set %d orders aside, see 'orderflow consumers'\n", s.Name, s.Parked)
		case !s.Lag.Known:
			fmt.Fprintf(out, "no service runs, so consumer %s does not work: what it has not handled yet counts as a difference\n", s.Name)
		case s.Lag.Events > 0:
			fmt.Fprintf(out, "no service runs, so consumer %s stays %d events behind: they count as differences\n", s.Name, s.Lag.Events)
		}
	}
}
