package pace

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/tests/bench/workload"
)

// Window is how many commands are in flight at most.
const Window = 64

// Local is a System in this process. Its views call Shown for every change that can be read.
type Local struct {
	Handle workload.Handle
	Views  []string

	line atomic.Pointer[Timeline]
}

var _ Measured = (*Local)(nil)

// Shown is to be called when a view has an order up to a sequence number.
func (l *Local) Shown(view string, orderID uuid.UUID, sequence uint64) {
	if line := l.line.Load(); line != nil {
		line.Shown(view, orderID, sequence)
	}
}

// Run sends commands at a rate and waits until every view has them.
func (l *Local) Run(ctx context.Context, commands int, rate float64) (*Timeline, error) {
	line := NewTimeline(commands, rate, l.Views)
	line.Window = Window
	l.line.Store(line)
	defer l.line.Store(nil)
	return line, line.Run(ctx, l.Handle)
}

// Probe implements [System].
func (l *Local) Probe(ctx context.Context, rate float64, lasts time.Duration) (Probe, error) {
	line, err := l.Run(ctx, int(rate*lasts.Seconds()), rate)
	if err != nil {
		return Probe{}, err
	}
	return line.probe(rate, lasts), nil
}

func (t *Timeline) probe(rate float64, lasts time.Duration) Probe {
	behind := make(Quantiles, len(t.due))
	for n := range behind {
		behind[n] = t.last(n) - t.due[n]
	}
	end := slices.Sorted(slices.Values(behind[len(behind)-len(behind)/10:]))
	slices.Sort(behind)
	return Probe{
		Rate: rate, Lasted: lasts, Late: millis(t.Answers().At(0.99)),
		Behind: millis(behind.At(0.99)), AtEnd: millis(Quantiles(end).At(0.5)),
	}
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// flat is a rate at which every command is due at once.
const flat = 1e9

// Flood implements [System].
func (l *Local) Flood(ctx context.Context, commands int) (answered, handled float64, err error) {
	line, err := l.Run(ctx, commands, flat)
	if err != nil {
		return 0, 0, err
	}
	return float64(commands) / slices.Max(line.acked).Seconds(),
		float64(commands) / millis(line.SeenByAll().At(1)).Seconds(), nil
}

// Latencies implements [Measured].
func (l *Local) Latencies(ctx context.Context, commands int, rate float64) (answers, views Quantiles, err error) {
	line, err := l.Run(ctx, commands, rate)
	if err != nil {
		return nil, nil, err
	}
	return line.Answers(), line.SeenByAll(), nil
}
