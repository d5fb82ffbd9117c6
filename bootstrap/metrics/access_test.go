package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

// door lets nobody in, for the reason that is shown.
type door struct{}

func (door) Authenticate(_ context.Context, shown ports.Credentials) (ports.Principal, error) {
	switch shown.Bearer {
	case "good":
		return ports.Principal{Subject: "token:ci"}, nil
	case "unavailable":
		return ports.Principal{}, ports.ErrAuthUnavailable
	case "broken":
		return ports.Principal{}, errors.New("a bug")
	default:
		return ports.Principal{}, &ports.CredentialError{Reason: ports.CredentialReason(shown.Bearer)}
	}
}

func (d door) BeginSession(ctx context.Context, token string) (ports.Session, error) {
	principal, err := d.Authenticate(ctx, ports.Credentials{Bearer: token})
	return ports.Session{Principal: principal}, err
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := metrics.NewRefusals(door{})
	for shown, times := range map[string]int{"good": 3, "expired": 2, "unavailable": 1, "broken": 1} {
		for range times {
			principal, err := r.Authenticate(t.Context(), ports.Credentials{Bearer: shown})
			if (err == nil) != (shown == "good") || (principal.Subject != "") != (shown == "good") {
				t.Errorf("%s: %+v, %v", shown, principal, err)
			}
		}
	}
	if session, err := r.BeginSession(t.Context(), "good"); err != nil || session.Principal.Subject == "" {
		t.Errorf("%+v, %v", session, err)
	}
	if _, err := r.BeginSession(t.Context(), "expired"); err == nil {
		t.Error("no error")
	}
	text := scrape(r)
	for _, reason := range append(ports.CredentialReasons(), "unavailable") {
		times, refused := map[ports.CredentialReason]string{"expired": "3", "unavailable": "1"}[reason]
		if !refused {
			times = "0" // from the beginning, so that the first one is a change
		}
		if line := `orderflow_auth_refusals_total{reason="` + string(reason) + `"} ` + times + "\n"; !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// scrape returns what a collector exports, as text.
func scrape(c prometheus.Collector) string {
	registry := metrics.NewRegistry(metrics.Build{})
	registry.MustRegister(c)
	answer := httptest.NewRecorder()
	metrics.Handler(registry, slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	var failure error
	c := metrics.Certificate(func() time.Time { return time.Unix(1_800_000_000, 0) }, func() error { return failure })
	for _, failed := range []string{"0", "1"} {
		text := scrape(c)
		for _, line := range []string{"orderflow_tls_certificate_not_after_timestamp_seconds 1.8e+09\n", "orderflow_tls_reload_failed " + failed + "\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
		failure = errors.New("no such file")
	}
}
