package bootstrap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/bootstrap"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(data string) bootstrap.Config {
	c := bootstrap.DefaultConfig()
	c.Data, c.Listen = data, "127.0.0.1:0"
	return c
}

func open(t *testing.T, c bootstrap.Config, stdout io.Writer) (*bootstrap.App, error) {
	t.Helper()
	return bootstrap.Open(t.Context(), c, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: stdout})
}

// run starts the service. The returned function stops it, and fails the test if it does not stop
// cleanly.
func run(t *testing.T, c bootstrap.Config, stdout io.Writer) (app *bootstrap.App, stop func()) {
	t.Helper()
	return runIn(t, c, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: stdout})
}

// runIn is run with an environment.
func runIn(t *testing.T, c bootstrap.Config, env bootstrap.Environment) (app *bootstrap.App, stop func()) {
	t.Helper()
	app, err := bootstrap.Open(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		for range 2 {
			if err := app.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(stop)
	if err := app.WaitReady(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	return app, stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const anOrder = `{"order_id":"018f4e5a-0000-7000-8000-000000000001","customer_id":"ada","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`

func place(t *testing.T, app *bootstrap.App) {
	t.Helper()
	resp, err := http.Post(app.URL()+"/v1/orders", "application/json", strings.NewReader(anOrder))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	// 200: the order existed already
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
}

func TestApp_servesAndStops(t *testing.T) {
	t.Parallel()
	var stdout lockedBuffer
	c := config(t.TempDir())
	c.Sink = "stdout"
	app, stop := run(t, c, &stdout)
	if address, err := bootstrap.RunningService(c.Data); err != nil || address != app.URL() {
		t.Errorf("RunningService = %q, %v, want %s", address, err, app.URL())
	}
	place(t, app)
	if status, body := get(t, app.URL()+"/v1/orders/018f4e5a-0000-7000-8000-000000000001?min_sequence=1&timeout=10s"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, app.URL()+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}
	deadline := time.After(time.Minute)
	for !strings.Contains(stdout.String(), `"type":"order.created"`) {
		select {
		case <-deadline:
			t.Fatalf("not published: %q", stdout.String())
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if address, err := bootstrap.RunningService(c.Data); err != nil || address != "" {
		t.Errorf("RunningService after the end = %q, %v", address, err)
	}
}

func TestApp_startsAndStopsAgainAndAgain(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	for range 5 {
		app, stop := run(t, c, io.Discard)
		place(t, app) // the same order: nothing changes after the first time
		stop()
	}
	app, _ := run(t, c, io.Discard)
	if status, body := get(t, app.URL()+"/v1/orders/018f4e5a-0000-7000-8000-000000000001/events"); status != http.StatusOK || strings.Count(body, "event_id") != 1 {
		t.Errorf("%d %s", status, body)
	}
}

// The index names the store that answers, whatever its address is.
func TestApp_tellsTheIDOfItsStore(t *testing.T) {
	t.Parallel()
	id := func(c bootstrap.Config) string {
		app, stop := run(t, c, io.Discard)
		defer stop()
		var index struct {
			StoreID string `json:"store_id"`
		}
		status, body := get(t, app.URL()+"/")
		if err := json.Unmarshal([]byte(body), &index); status != http.StatusOK || err != nil || index.StoreID == "" {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return index.StoreID
	}
	c := config(t.TempDir())
	if first, again := id(c), id(c); first != again {
		t.Errorf("the id was %s, and after a restart it is %s", first, again)
	}
	if one, other := id(c), id(config(t.TempDir())); one == other {
		t.Errorf("two stores have the id %s", one)
	}
}

func TestApp_metricsTellOfEveryConsumer(t *testing.T) {
	t.Parallel()
	app, _ := run(t, config(t.TempDir()), io.Discard)
	place(t, app)
	_, body := get(t, app.URL()+"/metrics")
	for _, consumer := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "file-publisher"} {
		for _, metric := range []string{
			"orderflow_consumer_lag_known", "orderflow_consumer_events_handled_total", "orderflow_consumer_events_duplicate_total",
			"orderflow_consumer_events_healed_total", "orderflow_consumer_retries_total", "orderflow_consumer_failing_seconds",
		} {
			if !strings.Contains(body, metric+`{consumer="`+consumer+`"} `) {
				t.Errorf("no %s of %s", metric, consumer)
			}
		}
		if !strings.Contains(body, `orderflow_consumer_state{consumer="`+consumer+`",state="`) {
			t.Errorf("no state of %s", consumer)
		}
	}
	for _, metric := range []string{"go_goroutines", "orderflow_http_request_duration_seconds"} {
		if !strings.Contains(body, metric) {
			t.Errorf("no %s", metric)
		}
	}
}

func TestOpen_leavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := t.TempDir()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, []byte("no directory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*bootstrap.Config){
		"the address is taken":       func(c *bootstrap.Config) { c.Listen = taken.Addr().String() },
		"the sink cannot be written": func(c *bootstrap.Config) { c.Sink = "file:" + filepath.Join(blocked, "x") },
		"a setting makes no sense":   func(c *bootstrap.Config) { c.Lanes = -1 },
		"the data is no directory":   func(c *bootstrap.Config) { c.Data = blocked },
	} {
		c := config(data)
		change(&c)
		if app, err := open(t, c, io.Discard); err == nil {
			app.Close()
			t.Errorf("%s: no error", name)
		}
	}
	_, stop := run(t, config(data), io.Discard)
	if _, err := open(t, config(data), io.Discard); !errors.Is(err, ports.ErrLocked) {
		t.Errorf("a second service on the same data: %v", err)
	}
	stop()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestApp_exportsHowItsStoreIs(t *testing.T) {
	t.Parallel()
	app, _ := run(t, config(t.TempDir()), io.Discard)
	_, body := get(t, app.URL()+"/metrics")
	for _, want := range []string{"orderflow_store_damaged_rows_total 0", "orderflow_store_full 0", "orderflow_store_failed 0", "orderflow_store_free_bytes "} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
}
