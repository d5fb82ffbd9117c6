// Package pushback refuses commands while the consumers are too far behind, so that the age of the
// read models has a bound.
//
// Without it nothing bounds that age. The memory between a commit and the views is bounded: the
// feed stays on the disk, and a consumer reads what it can hold. But a service that answers
// commands faster than its views follow gets an ever longer backlog, until the commands end.
//
// Only a consumer that works counts: it follows the feed, and nothing of it fails. One that is
// paused, parked, failing, catching up, on standby or being rebuilt must not stop the commands, see
// promise P4 of the design: consumers do not delay each other, and they do not delay commands.
//
// The lags are read four times a second. So the bound is exceeded by what is committed in a quarter
// of a second, and by what a consumer handles late after that.
package pushback

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// look is the pause between two looks at the consumers.
const look = 250 * time.Millisecond

// Gate knows whether commands are refused. Its methods are safe for concurrent use.
type Gate struct {
	consumers ports.ConsumerMonitor
	most      time.Duration
	refusal   atomic.Pointer[error]
}

// NewGate returns a Gate that refuses commands while a consumer is further behind than most. Until
// Run is called it refuses none.
func NewGate(consumers ports.ConsumerMonitor, most time.Duration) *Gate {
	return &Gate{consumers: consumers, most: most}
}

// Run looks at the consumers until ctx ends, and returns nil then.
func (g *Gate) Run(ctx context.Context) error {
	for {
		g.look(ctx)
		if portkit.Sleep(ctx, look) != nil {
			return nil
		}
	}
}

func (g *Gate) look(ctx context.Context) {
	var slowest *ports.ConsumerStatus
	for _, s := range g.consumers.Consumers(ctx) {
		if counts(s) && s.Lag.Age > g.most && (slowest == nil || s.Lag.Age > slowest.Lag.Age) {
			slowest = &s
		}
	}
	if slowest == nil {
		g.refusal.Store(nil)
		return
	}
	err := fmt.Errorf("consumer %s is %s behind, and more than %s is not allowed: %w",
		slowest.Name, slowest.Lag.Age.Round(time.Millisecond), g.most, ports.ErrUnavailable)
	g.refusal.Store(&err)
}

// counts reports whether a consumer works, so that its backlog gets shorter when commands wait.
func counts(s ports.ConsumerStatus) bool {
	rebuilding := s.Rebuild != nil && (s.Rebuild.Phase == ports.RebuildFilling || s.Rebuild.Phase == ports.RebuildVerifying)
	return s.State == ports.ConsumerRunning && s.Failure == nil && !rebuilding && s.Lag.Known
}

// Refuses returns why commands are refused now: an [ports.ErrUnavailable]. It returns nil when they
// are not.
func (g *Gate) Refuses() error {
	if err := g.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// Commands puts a Gate before a command handler. A command that is refused was not tried.
func Commands[C, E any](gate *Gate, next ports.CommandHandler[C, E]) ports.CommandHandler[C, E] {
	return gated[C, E]{gate, next}
}

type gated[C, E any] struct {
	gate *Gate
	next ports.CommandHandler[C, E]
}

// Handle implements ports.CommandHandler.
func (g gated[C, E]) Handle(ctx context.Context, request ports.CommandRequest[C]) (ports.CommandResult[E], error) {
	if err := g.gate.Refuses(); err != nil {
		return ports.CommandResult[E]{}, err
	}
	return g.next.Handle(ctx, request)
}
