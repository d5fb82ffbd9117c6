package pulse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// DefaultInterval is the time between two heartbeats when none is given.
const DefaultInterval = time.Second

// PacemakerConfig is what a [Pacemaker] works with. Pulse is required; zero values elsewhere mean the defaults.
type PacemakerConfig struct {
	Pulse ports.Pulse
	// Interval is the time between two heartbeats; default [DefaultInterval].
	Interval time.Duration
	// Timeout bounds one heartbeat; default two intervals.
	Timeout time.Duration
	// Now is the clock whose time heartbeats carry; default time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Pacemaker sends heartbeats.
type Pacemaker struct {
	config PacemakerConfig

	mu sync.Mutex // guards all below
	// last is the heartbeat that succeeded last, and err why the one after it did not.
	last time.Time
	err  error
	// begun is when the heartbeat began that is under way; zero when none is.
	begun        time.Time
	sent, failed uint64
}

// NewPacemaker returns a pacemaker that [Pacemaker.Run] makes work.
func NewPacemaker(config PacemakerConfig) *Pacemaker {
	config.Interval = cmp.Or(config.Interval, DefaultInterval)
	config.Timeout = cmp.Or(config.Timeout, 2*config.Interval)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pacemaker{config: config}
}

// Run sends a heartbeat at once and then one every interval, until ctx ends; then it returns nil. A heartbeat that fails or takes
// long does not move the later ones, but while one is under way no other is sent: a store that does not answer in time and
// does not give up either is not asked again.
func (p *Pacemaker) Run(ctx context.Context) error {
	schedule := time.NewTicker(p.config.Interval)
	defer schedule.Stop()
	for {
		p.beat(ctx)
		select {
		case <-schedule.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // also when both were ready
			return nil
		}
	}
}

func (p *Pacemaker) beat(ctx context.Context) {
	at := eventsourcing.Timestamp(p.config.Now())
	p.begin()
	bounded, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	err := p.config.Pulse.Beat(bounded, at)
	p.end(at, err, ctx.Err() != nil)
}

func (p *Pacemaker) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = p.config.Now()
}

// end notes what became of a heartbeat. One that failed because Run ends is no failure.
func (p *Pacemaker) end(at time.Time, err error, ending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = time.Time{}
	before := p.err
	switch {
	case err == nil:
		p.last, p.err = at, nil
		p.sent++
		if before != nil {
			p.config.Logger.Info("heartbeats are sent again", "failed", p.failed)
		}
	case !ending:
		p.err = err
		p.failed++
		if before == nil || kind(err) != kind(before) {
			p.config.Logger.Warn("heartbeats cannot be sent; consumers will seem silent", "error", err)
		}
	}
}

// kind is what an error amounts to: its text may differ each time without anything having changed.
func kind(err error) error {
	for _, known := range []error{context.DeadlineExceeded, ports.ErrClosed, ports.ErrOutcomeUnknown, ports.ErrUnavailable} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// Last returns the heartbeat that was sent last, zero before the first, and why none was since: the error of the latest one, or
// that it has been under way for longer than it may take.
func (p *Pacemaker) Last() (at time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun.IsZero() {
		if since := p.config.Now().Sub(p.begun); since > p.config.Timeout {
			return p.last, fmt.Errorf("%w: a heartbeat has been under way for %s", ports.ErrUnavailable, since.Round(time.Millisecond))
		}
	}
	return p.last, p.err
}

// Counts returns how many heartbeats were sent and how many failed.
func (p *Pacemaker) Counts() (sent, failed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.failed
}
