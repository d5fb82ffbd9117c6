package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
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

// fullDisk is an event store that can write nothing while it is full.
type fullDisk struct {
	ports.EventStore
	full *atomic.Bool
}

// Append implements [ports.EventStore].
func (f fullDisk) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if f.full.Load() {
		return ports.Appended{}, fmt.Errorf("append: %w", ports.ErrFull)
	}
	return f.EventStore.Append(ctx, a)
}

// A full disk stops commands, and says what to do. All else continues.
func TestOutage_aFullDiskStopsWritesOnly(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	app, _ := runAround(t, func(s *bootstrap.Storage) { s.EventStore = fullDisk{s.EventStore, &full} })
	place(t, app)
	await(t, "event with every consumer", func() error { return handled(t, app, 1) })

	full.Store(true)
	resp, err := http.Post(app.URL()+"/v1/orders", "application/json",
		strings.NewReader(`{"customer_id":"ada","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusInsufficientStorage || !strings.Contains(string(body), "free disk space") {
		t.Errorf("status %d, %v: %s", resp.StatusCode, err, body)
	}
	for _, path := range []string{"/v1/orders?sku=A", "/v1/consumers", "/v1/tables/event_store", "/metrics", "/readyz"} {
		if status, body := get(t, app.URL()+path); status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, status, body)
		}
	}
	full.Store(false)
	placeAnother(t, app)
}
