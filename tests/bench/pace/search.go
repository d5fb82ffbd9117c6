package pace

import (
	"context"
	"fmt"
	"time"
)

// Probe is what one run at a fixed rate has shown.
type Probe struct {
	// Rate is the rate at which the commands were due, and Lasted how long they were.
	Rate   float64
	Lasted time.Duration
	// Late is how late commands were answered: the 99th percentile.
	Late time.Duration
	// Behind is how old the oldest event was that the slowest consumer had not handled, in all but
	// a hundredth of the run. AtEnd is the same for the last events of the run: their median.
	Behind, AtEnd time.Duration
}

const (
	// Bound is how far every consumer may be behind.
	Bound = time.Second
	// boundAtEnd is how far they may be behind when the commands end. A backlog that grows slowly
	// reaches it before it reaches Bound.
	boundAtEnd = 250 * time.Millisecond
)

// Sustained reports whether the answers and every consumer have kept up.
func (p Probe) Sustained() bool { return p.Late <= Bound && p.Behind <= Bound && p.AtEnd <= boundAtEnd }

// System is a service that is driven.
type System interface {
	// Probe sends commands at a rate for some time, waits until every consumer has handled them,
	// and returns how far they were behind.
	Probe(ctx context.Context, rate float64, lasts time.Duration) (Probe, error)
	// Flood sends so many commands as fast as they are answered, waits until every consumer has
	// handled them, and returns how many were answered and handled a second.
	Flood(ctx context.Context, commands int) (answered, handled float64, err error)
}

// Search is how the highest rate is searched for.
type Search struct {
	// Flood is the number of commands with which the search begins.
	Flood int
	// Lasts is how long each probe is. Probes is how many there are at most.
	Lasts  time.Duration
	Probes int
}

// precise is the ratio of two rates between which the search ends.
const precise = 1.05

// Most is what a search has found.
type Most struct {
	// Rate is the highest rate that every consumer followed, in commands a second. It is 0 when
	// there was none.
	Rate float64
	// Answered is how many commands were answered a second, flat out, while the consumers fell
	// behind.
	Answered float64
}

// Most searches for the highest rate at which commands are answered and every consumer stays within
// [Bound].
func (s Search) Most(ctx context.Context, system System) (found Most, err error) {
	answered, handled, err := system.Flood(ctx, s.Flood)
	if err != nil {
		return found, fmt.Errorf("flat out: %w", err)
	}
	found.Answered = answered
	low, high := 0.0, 0.0
	for rate := handled; ; {
		probe, err := system.Probe(ctx, rate, s.Lasts)
		if err != nil {
			return found, fmt.Errorf("at %.0f/s: %w", rate, err)
		}
		if probe.Sustained() {
			low = rate
		} else {
			high = rate
		}
		s.Probes--
		if s.Probes <= 0 || low > 0 && high > 0 && high <= low*precise {
			found.Rate = low
			return found, nil
		}
		rate = next(low, high)
	}
}

// next returns the rate to try when low was sustained and high was not. 0 means not known yet.
func next(low, high float64) float64 {
	const step = 1.2
	switch {
	case high == 0:
		return low * step
	case low == 0:
		return high / step
	default:
		return (low + high) / 2
	}
}
