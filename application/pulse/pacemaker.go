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

// DefaultInterval is the default time between two heartbeats.
const DefaultInterval = time.Second

// PacemakerConfig configures a [Pacemaker]. Pulse is required. Zero values of the other fields mean
// the defaults.
type PacemakerConfig struct {
	Pulse ports.Pulse
	// Interval is the time between two heartbeats. The default is [DefaultInterval].
	Interval time.Duration
	// Timeout bounds one heartbeat. The default is two intervals.
	Timeout time.Duration
	// Now is the clock whose time the heartbeats carry. The default is time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Pacemaker sends heartbeats.
type Pacemaker struct {
	config PacemakerConfig

	mu sync.Mutex // guards all fields below
	// last is the last heartbeat that succeeded. err is the error of a later one that failed.
	last time.Time
	err  error
	// begun is when the heartbeat in progress began. It is zero when none is in progress.
	begun        time.Time
	sent, failed uint64
}

// NewPacemaker returns a pacemaker. It works while [Pacemaker.Run] runs.
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

// Run sends a heartbeat at once and then one every interval, until ctx ends. Then it returns nil. A
// heartbeat that fails or takes long does not move the later ones. While a heartbeat is in
// progress, no other is sent: a store that neither answers nor gives up is not asked a second time.
func (p *Pacemaker) Run(ctx context.Context) error {
	schedule := time.NewTicker(p.config.Interval)
	defer schedule.Stop()
	for {
		p.beat(ctx)
		select {
		case <-schedule.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // also when both channels were ready
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

// end records the result of a heartbeat. A heartbeat that fails because Run ends does not count as
// a failure.
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

// kind returns the error value that an error wraps, or nil for another error. The text of an error
// may differ each time although its kind is the same.
func kind(err error) error {
	for _, known := range []error{context.DeadlineExceeded, ports.ErrClosed, ports.ErrOutcomeUnknown, ports.ErrUnavailable} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// Last returns the time of the last heartbeat that was sent; it is zero before the first. err says
// why none has been sent since: it is the error of the latest one, or says that the latest one
// takes longer than its timeout.
func (p *Pacemaker) Last() (at time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun.IsZero() {
		if since := p.config.Now().Sub(p.begun); since > p.config.Timeout {
			return p.last, fmt.Errorf("%w: a heartbeat has been in progress for %s",
				ports.ErrUnavailable, since.Round(time.Millisecond))
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
