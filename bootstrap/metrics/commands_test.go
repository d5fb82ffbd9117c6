package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"orderflow/adapters/cdc"
	"orderflow/bootstrap/metrics"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// command is a command with a name.
type command string

func (c command) Name() string           { return string(c) }
func (c command) AggregateID() uuid.UUID { return uuid.Nil }

// refusal is a rule that refuses.
type refusal eventsourcing.RefusalKind

func (r refusal) Error() string { return "refused" }
func (r refusal) Refusal() eventsourcing.Refusal {
	return eventsourcing.Refusal{Kind: eventsourcing.RefusalKind(r)}
}

// answers is a handler with one answer.
type answers struct {
	events int
	err    error
}

func (a answers) Handle(context.Context, ports.CommandRequest[eventsourcing.Command]) (ports.CommandResult[string], error) {
	return ports.CommandResult[string]{Events: make([]eventsourcing.Envelope[string], a.events)}, a.err
}

func TestCommands_countEachOutcome(t *testing.T) {
	t.Parallel()
	wrapped := func(errs ...error) error { return fmt.Errorf("handle: %w", errors.Join(errs...)) }
	for _, test := range []struct {
		command command
		answer  answers
		want    string
	}{
		{"buy", answers{events: 2}, `command="buy",outcome="accepted"`},
		{"buy", answers{}, `command="buy",outcome="unchanged"`},
		{"buy", answers{err: refusal(eventsourcing.RefusedByState)}, `command="buy",outcome="refused"`},
		{"buy", answers{err: wrapped(refusal(eventsourcing.RefusedMalformed))}, `command="buy",outcome="invalid"`},
		{"buy", answers{err: wrapped(ports.ErrNotFound, refusal(eventsourcing.RefusedMissing))}, `command="buy",outcome="not_found"`},
		{"buy", answers{err: wrapped(&ports.VersionConflictError{})}, `command="buy",outcome="conflict"`},
		{"buy", answers{err: wrapped(&ports.CommandIDReusedError{})}, `command="buy",outcome="id_reused"`},
		{"buy", answers{err: wrapped(ports.ErrFull)}, `command="buy",outcome="storage_full"`},
		{"buy", answers{err: wrapped(ports.ErrUnavailable)}, `command="buy",outcome="unavailable"`},
		{"buy", answers{err: wrapped(ports.ErrClosed)}, `command="buy",outcome="unavailable"`},
		{"buy", answers{err: wrapped(ports.ErrOutcomeUnknown, context.DeadlineExceeded)}, `command="buy",outcome="unknown"`},
		{"buy", answers{err: wrapped(context.Canceled)}, `command="buy",outcome="cancelled"`},
		{"buy", answers{err: wrapped(context.DeadlineExceeded)}, `command="buy",outcome="timeout"`},
		{"buy", answers{err: wrapped(ports.ErrCorrupt)}, `command="buy",outcome="failed"`},
		{"sell", answers{events: 1}, `command="other",outcome="accepted"`},
	} {
		registry := prometheus.NewRegistry()
		handler := metrics.Commands(registry, []string{"buy"}, ports.CommandHandler[eventsourcing.Command, string](test.answer))
		result, err := handler.Handle(t.Context(), ports.CommandRequest[eventsourcing.Command]{Command: test.command})
		if len(result.Events) != test.answer.events || err != test.answer.err {
			t.Errorf("%s: the answer was changed: %v, %v", test.want, result, err)
		}
		body := text(t, registry)
		if want := "orderflow_commands_total{" + test.want + "} 1"; strings.Count(body, "} 1\n") != 1 || !strings.Contains(body, want) {
			t.Errorf("no %s, or more than that, in:\n%s", want, body)
		}
	}
}

// Counting takes no memory.
func TestCommands_allocateNothing(t *testing.T) { // not parallel: it counts allocations
	handler := metrics.Commands(prometheus.NewRegistry(), []string{"buy"}, ports.CommandHandler[eventsourcing.Command, string](answers{}))
	history := metrics.NewHistory(prometheus.NewRegistry(), "memory", []string{"bought"})
	store, pages := history.Store(events{}), history.Pages(events{})
	appended := ports.Append{Records: []eventsourcing.Record{{EventType: "bought"}, {EventType: "sold"}}}
	request := ports.CommandRequest[eventsourcing.Command]{Command: command("buy")}
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Handle":   func() error { _, err := handler.Handle(ctx, request); return err },
		"Append":   func() error { _, err := store.Append(ctx, appended); return err },
		"Load":     func() error { _, err := store.Load(ctx, uuid.Nil, 0); return err },
		"LoadPage": func() error { _, err := pages.LoadPage(ctx, uuid.Nil, 0, 1); return err },
	} {
		if got := testing.AllocsPerRun(100, func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		}); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// events is a store with one answer.
type events struct {
	duplicate bool
	err       error
}

func (e events) Load(context.Context, uuid.UUID, uint64) ([]eventsourcing.Record, error) {
	return nil, e.err
}

func (e events) LoadPage(context.Context, uuid.UUID, uint64, int) ([]eventsourcing.Record, error) {
	return nil, e.err
}

func (e events) Append(context.Context, ports.Append) (ports.Appended, error) {
	return ports.Appended{Duplicate: e.duplicate}, e.err
}

func TestHistory_countsWhatIsAppended(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	history := metrics.NewHistory(registry, "memory", []string{"bought"})
	request := ports.Append{Records: []eventsourcing.Record{{EventType: "bought"}, {EventType: "bought"}, {EventType: "sold"}}}
	for _, store := range []events{{}, {duplicate: true}, {err: ports.ErrUnavailable}} {
		if _, err := history.Store(store).Append(t.Context(), request); err != store.err {
			t.Error(err)
		}
		if _, err := history.Store(store).Load(t.Context(), uuid.Nil, 0); err != store.err {
			t.Error(err)
		}
		if _, err := history.Pages(store).LoadPage(t.Context(), uuid.Nil, 0, 1); err != store.err {
			t.Error(err)
		}
	}
	body := text(t, registry)
	for _, want := range []string{
		`orderflow_events_appended_total{event_type="bought"} 2`,
		`orderflow_events_appended_total{event_type="other"} 1`,
		`orderflow_store_append_duration_seconds_count{store="memory"} 3`,
		`orderflow_store_load_duration_seconds_count{store="memory"} 6`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in:\n%s", want, body)
		}
	}
}

// The delay of every record counts, in fixed and in native buckets, once its effect has happened.
func TestDelays_measureFromTheCommitToTheEffect(t *testing.T) {
	t.Parallel()
	registry, now := prometheus.NewRegistry(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	delays := metrics.NewDelays(registry, []string{"view", "idle"}, func() time.Time { return now })
	at := func(before time.Duration) eventsourcing.Record {
		return eventsourcing.Record{Header: eventsourcing.Header{CreatedAt: now.Add(-before)}}
	}
	ok := func(context.Context) error { now = now.Add(10 * time.Millisecond); return nil }
	// the last one is of a clock that is ahead
	records := []eventsourcing.Record{at(0), at(20 * time.Millisecond), at(-time.Hour)}
	if err := delays.Consume(t.Context(), "view", records, ok); err != nil {
		t.Error(err)
	}
	if err := delays.Consume(t.Context(), "stranger", records, ok); err != nil {
		t.Error(err)
	}
	if err := delays.Consume(t.Context(), "view", records, func(context.Context) error { return ports.ErrUnavailable }); !errors.Is(err, ports.ErrUnavailable) {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || len(families[0].Metric) != 2 {
		t.Fatalf("%v, %v", families, err)
	}
	view := families[0].Metric[1].Histogram
	if view.GetSampleCount() != 3 || view.GetSampleSum() < 0.0399 || view.GetSampleSum() > 0.0401 {
		t.Errorf("%d records, %f seconds, want 3 and 0.04", view.GetSampleCount(), view.GetSampleSum())
	}
	within := map[float64]uint64{}
	for _, b := range view.Bucket {
		within[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	if within[.01] != 2 || within[.05] != 3 {
		t.Errorf("fixed buckets: %v", view.Bucket)
	}
	if len(view.PositiveSpan) == 0 || view.GetZeroCount() != 1 {
		t.Errorf("no native buckets: %v", view)
	}
}

// These metrics are only in services on ScyllaDB, with TLS or with credentials.
// TestMetrics_followTheConventions has the others.
func TestMetrics_ofSomeServicesFollowTheConventions(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.Certificate(func() time.Time { return time.Unix(7, 0) }, func() error { return nil }), metrics.NewRefusals(nil),
		metrics.Feed(func() cdc.Stats { return cdc.Stats{} }),
		metrics.Posture(func() ([]metrics.Finding, time.Time) {
			return []metrics.Finding{{Code: "cdc-off", Severity: "fatal"}}, time.Unix(5, 0)
		}),
	)
	if problems, n := lint(t, registry); len(problems) > 0 || n < 20 {
		t.Errorf("%v in %d metrics", problems, n)
	}
	// and the check finds what is wrong
	registry.MustRegister(metrics.Gauge("orderflow_things_total", "A gauge.", func() float64 { return 1 }))
	if problems, _ := lint(t, registry); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
}

// lint returns what is wrong with the metrics of a registry, and how many there are.
func lint(t *testing.T, registry *prometheus.Registry) ([]promlint.Problem, int) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	return problems, len(families)
}

// text returns the metrics of a registry as they are served.
func text(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	metrics.Handler(registry, slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d", answer.Code)
	}
	return answer.Body.String()
}
