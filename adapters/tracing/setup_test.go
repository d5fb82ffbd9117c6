package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/adapters/tracing"
	"orderflow/domain/eventsourcing"
)

// setup sets the variables, and unsets all others of OpenTelemetry, for the rest of the test.
// Therefore these tests are not parallel.
func setup(t *testing.T, config tracing.Config, variables ...string) (*tracing.Tracing, error) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	config.FlushTimeout = time.Minute // however busy the machine is
	return tracing.Setup(t.Context(), config)
}

func TestSetup_isOffUnlessAskedFor(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for name, variables := range map[string][]string{
		"by default":      nil,
		"by none":         {"OTEL_TRACES_EXPORTER=none", endpoint},
		"by disabling":    {"OTEL_SDK_DISABLED=TRUE", "OTEL_TRACES_EXPORTER=otlp", endpoint},
		"with the others": {"OTEL_SERVICE_NAME=shop"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := setup(t, tracing.Config{}, variables...)
			if tr != nil || err != nil {
				t.Errorf("%v, %v", tr, err)
			}
		})
	}
}

func TestSetup_refusesWhatMakesNoSense(t *testing.T) {
	for variable, others := range map[string][]string{
		"OTEL_TRACES_EXPORTER=zipkin":               nil,
		"OTEL_TRACES_EXPORTER=console,zipkin":       nil,
		"OTEL_EXPORTER_OTLP_PROTOCOL=pigeon":        {"OTEL_TRACES_EXPORTER=otlp"},
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=pigeon": {"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		"OTEL_RESOURCE_ATTRIBUTES=not-a-pair":       {"OTEL_TRACES_EXPORTER=console"},
	} {
		t.Run(variable, func(t *testing.T) {
			tr, err := setup(t, tracing.Config{Console: io.Discard}, append(others, variable)...)
			name, _, _ := strings.Cut(variable, "=")
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v", err)
			}
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSetup_console(t *testing.T) {
	var out bytes.Buffer
	tr, err := setup(t, tracing.Config{Console: &out, Version: "1.2.3"}, "OTEL_TRACES_EXPORTER=console", "OTEL_SERVICE_NAME=shop")
	if err != nil {
		t.Fatal(err)
	}
	place(t, tr, t.Context(), nil)
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{`"create_order"`, `"append"`, `"shop"`, `"1.2.3"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

func TestSetup_collector(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	var body []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
		more, _ := io.ReadAll(r.Body)
		body = append(body, more...)
	}))
	defer collector.Close()
	tr, err := setup(t, tracing.Config{}, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	if err != nil {
		t.Fatal(err)
	}
	place(t, tr, t.Context(), nil)
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(paths) != 1 || paths[0] != "/v1/traces" || !bytes.Contains(body, []byte("create_order")) || !bytes.Contains(body, []byte("orderflow")) {
		t.Errorf("the collector got %v\n%q", paths, body)
	}
}

// With both protocols, a backend that does not answer costs only a line in the log.
func TestSetup_backendIsAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			var log bytes.Buffer
			tr, err := setup(t, tracing.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))},
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://"+address, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_EXPORTER_OTLP_TIMEOUT=200")
			if err != nil {
				t.Fatal(err)
			}
			place(t, tr, t.Context(), nil)
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), "spans were not exported") || !strings.Contains(log.String(), "exporter=otlp") {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}

// Not parallel: it counts allocations.
func TestTracing_costsNothingWhenItIsOff(t *testing.T) {
	var off *tracing.Tracing
	store := memory.New(memory.Options{})
	publisher := &memory.Publisher{}
	handler := handlerFunc(nil)
	log := slog.DiscardHandler
	if off.Store(store) != store || off.Publisher(publisher) != publisher || off.LogHandler(log) != log {
		t.Error("something is around what it was to decorate")
	}
	if _, same := tracing.Commands(off, handler).(handlerFunc); !same {
		t.Error("something is around the command handler")
	}
	record, called := eventsourcing.Record{}, 0
	next := func(context.Context) error { called++; return nil }
	ctx := t.Context()
	if got := testing.AllocsPerRun(10, func() { _ = off.Consume(ctx, "a", []eventsourcing.Record{record}, next) }); got != 0 || called == 0 {
		t.Errorf("%v allocations, called %d times", got, called)
	}
	if err := off.Close(); err != nil {
		t.Error(err)
	}
}
