package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/ports"
)

// Storage is what an app is wired to.
type Storage = storage

// Around returns env with something that changes the store before anything is wired to it.
func (e Environment) Around(change func(*Storage)) Environment {
	e.around = change
	return e
}

// PulseFunc is a [ports.Pulse].
type PulseFunc func(ctx context.Context, at time.Time) error

// Beat implements [ports.Pulse].
func (f PulseFunc) Beat(ctx context.Context, at time.Time) error { return f(ctx, at) }

// Pulse is what the store sends heartbeats with.
func (s *storage) Pulse() ports.Pulse { return s.pulse }

// SetPulse has heartbeats sent with something else.
func (s *storage) SetPulse(p ports.Pulse) { s.pulse = p }

// SetAlive has something else say which part of the change feed is dead.
func (s *storage) SetAlive(alive func() error) { s.alive = alive }

// Metrics serves the metrics of consumers, and of extra unless that is nil.
func Metrics(monitor ports.ConsumerMonitor, extra prometheus.Collector) http.Handler {
	registry := newMetrics(monitor, nil)
	if extra != nil {
		registry.MustRegister(extra)
	}
	return serveMetrics(registry, slog.New(slog.DiscardHandler))
}

// FeedMetrics describes the metrics of the CDC feed, without a feed.
func FeedMetrics() prometheus.Collector { return newFeedMetrics(nil) }

// SameTarget says whether two identities of targets mean one.
func SameTarget(a, b string) bool { return sameTarget(a, b) }
