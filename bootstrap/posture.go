package bootstrap

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/bootstrap/metrics"
)

const (
	// postureEvery is the pause between two looks at how the keyspace is set up.
	postureEvery = time.Hour
	// postureAtMost bounds one look.
	postureAtMost = time.Minute
)

// posture looks now and then at how the keyspace is set up, which others can change at any time.
type posture struct {
	look func(context.Context) (scylla.Posture, error)
	log  *slog.Logger
	now  func() time.Time

	mu   sync.Mutex
	last scylla.Posture
	at   time.Time // of the last look that succeeded; zero before the first one
}

// run looks at once and then every hour, until ctx ends. Each finding is logged when it is new.
func (p *posture) run(ctx context.Context) error {
	again := time.NewTicker(postureEvery)
	defer again.Stop()
	for {
		p.check(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *posture) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, postureAtMost)
	defer cancel()
	found, err := p.look(ctx)
	if err != nil {
		p.log.Warn("cannot look at how the keyspace is set up; the next look is in an hour", "error", err)
		return
	}
	p.mu.Lock()
	before := map[scylla.Finding]bool{}
	for _, f := range p.last.Findings {
		before[f] = true
	}
	p.last, p.at = found, p.now()
	p.mu.Unlock()
	for _, f := range found.Findings {
		if !before[f] {
			p.log.Warn("the keyspace should be set up differently",
				"code", f.Code, "severity", f.Severity, "meaning", f.Meaning, "mend", f.Mend)
		}
	}
}

// Findings returns what the last look has found, and when that was.
func (p *posture) Findings() ([]scylla.Finding, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.Findings, p.at
}

// figures returns the findings for the metrics.
func (p *posture) figures() (figures []metrics.Finding, at time.Time) {
	found, at := p.Findings()
	for _, f := range found {
		figures = append(figures, metrics.Finding{Code: f.Code, Severity: string(f.Severity)})
	}
	return figures, at
}

// err returns the findings with which the service cannot work.
func (p *posture) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.Err()
}

// notes returns all findings as texts.
func (p *posture) notes() (notes []string) {
	found, _ := p.Findings()
	for _, f := range found {
		notes = append(notes, f.String())
	}
	return notes
}
