package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/ports"
)

// Certificate exports when the certificate in use ends, and whether its files cannot be used now.
func Certificate(expires func() time.Time, failure func() error) prometheus.Collector {
	return certificateFigures{
		expires: expires, failure: failure,
		notAfter: prometheus.NewDesc("orderflow_tls_certificate_not_after_timestamp_seconds",
			"When the certificate in use ends, in Unix time.", nil, nil),
		failed: prometheus.NewDesc("orderflow_tls_reload_failed",
			"1 while the files of the certificate cannot be used and the one before is in use, else 0.", nil, nil),
	}
}

type certificateFigures struct {
	expires          func() time.Time
	failure          func() error
	notAfter, failed *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c certificateFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.notAfter
	descs <- c.failed
}

// Collect implements prometheus.Collector.
func (c certificateFigures) Collect(metrics chan<- prometheus.Metric) {
	failed := 0.0
	if c.failure() != nil {
		failed = 1
	}
	metrics <- prometheus.MustNewConstMetric(c.notAfter, prometheus.GaugeValue, float64(c.expires().Unix()))
	metrics <- prometheus.MustNewConstMetric(c.failed, prometheus.GaugeValue, failed)
}

// Door tells who a client is, and begins sessions of browsers.
type Door interface {
	ports.Authenticator
	ports.Sessions
}

// Refusals is a [Door] that counts whom another one does not let in, by the reason. It is a
// prometheus.Collector, too.
type Refusals struct {
	*prometheus.CounterVec
	door Door
}

var _ Door = (*Refusals)(nil)

// reasonUnavailable is for clients of whom it cannot be known who they are.
const reasonUnavailable = "unavailable"

// NewRefusals returns Refusals of a door. Every reason begins with 0, so that the first refusal is
// a change that can be seen.
func NewRefusals(door Door) *Refusals {
	r := &Refusals{door: door, CounterVec: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderflow_auth_refusals_total", Help: "Credentials that were not accepted, by the reason. A scope that is missing is no reason here.",
	}, []string{"reason"})}
	for _, reason := range ports.CredentialReasons() {
		r.WithLabelValues(string(reason))
	}
	r.WithLabelValues(reasonUnavailable)
	return r
}

// Authenticate implements [ports.Authenticator].
func (r *Refusals) Authenticate(ctx context.Context, shown ports.Credentials) (ports.Principal, error) {
	principal, err := r.door.Authenticate(ctx, shown)
	r.count(err)
	return principal, err
}

// BeginSession implements [ports.Sessions].
func (r *Refusals) BeginSession(ctx context.Context, token string) (ports.Session, error) {
	session, err := r.door.BeginSession(ctx, token)
	r.count(err)
	return session, err
}

func (r *Refusals) count(err error) {
	var refused *ports.CredentialError
	switch {
	case errors.As(err, &refused):
		r.WithLabelValues(string(refused.Reason)).Inc()
	case errors.Is(err, ports.ErrAuthUnavailable):
		r.WithLabelValues(reasonUnavailable).Inc()
	}
}
