package bootstrap_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"orderflow/bootstrap"
	"orderflow/ports"
)

// outage is a change feed that cannot determine the lag of some consumers.
type outage struct {
	ports.ChangeFeed
	hangs, fails string
}

// Lag implements [ports.ChangeFeed].
func (o outage) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	switch consumer {
	case o.hangs:
		<-ctx.Done()
		return ports.Lag{}, ctx.Err()
	case o.fails:
		return ports.Lag{}, fmt.Errorf("count what is behind: %w", ports.ErrUnavailable)
	default:
		return o.ChangeFeed.Lag(ctx, consumer)
	}
}

// In an outage the figures are needed most. A figure of one consumer that cannot be determined
// hides no other figure, and a port that does not answer is not waited for.
func TestOutage_figuresStandAlone(t *testing.T) {
	t.Parallel()
	const hangs, fails = "orders-by-status", "orders-by-sku"
	app, _ := runAround(t, func(s *bootstrap.Storage) { s.ChangeFeed = outage{s.ChangeFeed, hangs, fails} })
	place(t, app)
	await(t, "readiness", func() error { return ready(t, app) })
	await(t, "event with every consumer", func() error { return handled(t, app, 1) })

	status, body := get(t, app.URL()+"/metrics")
	if status != http.StatusOK {
		t.Errorf("/metrics: status %d", status)
	}
	for _, consumer := range allConsumers {
		known := !slices.Contains([]string{hangs, fails}, consumer)
		for want, there := range map[string]bool{
			`orderflow_consumer_lag_known{consumer="%s"} 1`:            known,
			`orderflow_consumer_lag_known{consumer="%s"} 0`:            !known,
			`orderflow_consumer_lag_events{consumer="%s"} 0`:           known,
			`orderflow_consumer_state{consumer="%s",state="running"}`:  true,
			`orderflow_consumer_events_handled_total{consumer="%s"} 1`: true,
		} {
			if strings.Contains(body, fmt.Sprintf(want, consumer)) != there {
				t.Errorf("/metrics has %s: %t, want %t", fmt.Sprintf(want, consumer), !there, there)
			}
		}
	}
	for _, c := range consumers(t, app) {
		if unknown := c.Name == hangs || c.Name == fails; c.Lag.Known == unknown || (c.Lag.Error != "") != unknown {
			t.Errorf("/v1/consumers: %+v", c)
		}
	}
}
