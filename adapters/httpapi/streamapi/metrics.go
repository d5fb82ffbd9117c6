package streamapi

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/ports"
)

// figures are the metrics of streams.
type figures struct {
	open                        prometheus.Gauge
	sent, resets, slow, refused prometheus.Counter
	resumed                     *prometheus.CounterVec
}

// The results of a request that named an id.
const (
	resumeOK        = "ok"
	resumeBadCursor = "bad_cursor"
	resumeFailed    = "failed"
)

// measure makes the metrics, and registers them unless the registerer is nil.
func (f *figures) measure(registerer prometheus.Registerer) error {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "orderflow_stream_" + name + "_total", Help: help})
	}
	f.open = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "orderflow_streams_open", Help: "Streams that clients have open.",
	})
	f.sent = counter("events_sent", "Events that were sent to clients of streams.")
	f.resets = counter("resets", "Times that a client was told that events are missing.")
	f.slow = counter("slow_ends", "Streams that were ended because the client took nothing for too long.")
	f.refused = counter("refused", "Streams that were refused because there were too many.")
	f.resumed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderflow_stream_resumes_total",
		Help: "Requests to continue after an event, by result: ok, bad_cursor, failed.",
	}, []string{"result"})
	for _, result := range []string{resumeOK, resumeBadCursor, resumeFailed} {
		f.resumed.WithLabelValues(result) // so that it is 0 before the first one
	}
	if registerer == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{f.open, f.sent, f.resets, f.slow, f.refused, f.resumed} {
		if err := registerer.Register(c); err != nil {
			return fmt.Errorf("register the metrics of streams: %w", err)
		}
	}
	return nil
}

// resume counts a request that named an id to continue after.
func (f *figures) resume(id string, err error) {
	switch {
	case id == "":
	case err == nil:
		f.resumed.WithLabelValues(resumeOK).Inc()
	case errors.Is(err, ports.ErrBadCursor):
		f.resumed.WithLabelValues(resumeBadCursor).Inc()
	default:
		f.resumed.WithLabelValues(resumeFailed).Inc()
	}
}
