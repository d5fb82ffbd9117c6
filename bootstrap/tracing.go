package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"orderflow/adapters/fanout"
	"orderflow/adapters/tracing"
	"orderflow/application/consumers"
	"orderflow/application/explain"
	"orderflow/application/query"
	"orderflow/bootstrap/metrics"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// openTracing returns the tracing that the environment asks for. It may be nil, and must be closed
// anyway. It also returns the log, which carries the ids of traces.
func openTracing(ctx context.Context, env Environment) (*tracing.Tracing, *slog.Logger, error) {
	t, err := tracing.Setup(ctx, tracing.Config{Version: release, Logger: env.Logger})
	if t == nil || err != nil {
		return nil, env.Logger, err
	}
	return t, slog.New(t.LogHandler(env.Logger.Handler())), nil
}

// traceRequests is the hook of the HTTP API. It is nil without tracing.
func traceRequests(t *tracing.Tracing) func(*http.Request) (context.Context, func(string, int)) {
	if t == nil {
		return nil
	}
	return t.Request
}

// around returns the functions around every delivery to a consumer.
func around(t *tracing.Tracing, recorder *explain.Recorder, delays *metrics.Delays) []fanout.AroundFunc {
	if t == nil {
		return []fanout.AroundFunc{recorder.Consume, delays.Consume}
	}
	return []fanout.AroundFunc{t.Consume, recorder.Consume, delays.Consume}
}

// consumerNames returns the names of all consumers, in the order in which they are wired.
func consumerNames(target sink) []string {
	names := projectionNames()
	if target.kind != sinkNone {
		names = append(names, target.consumer())
	}
	return names
}

// ConsumerNames returns the names of all consumers of a service with this configuration, in the
// order in which they are wired. A publisher is left out when the sink is not valid.
func (c Config) ConsumerNames() []string {
	target, err := parseSink(c.Sink, c.Data)
	if err != nil {
		target = sink{kind: sinkNone}
	}
	return consumerNames(target)
}

// TableNames returns the names of all tables that the API shows.
func TableNames() []string {
	return query.NewTables(query.TablesConfig{Projections: views.All()}).Names()
}

// newRecorder returns the recorder of the newest events.
func newRecorder(consumers []string) *explain.Recorder {
	return explain.NewRecorder(explain.RecorderConfig{Consumers: consumers, Now: time.Now})
}

// newExplainer combines the recorder with what is stored.
func newExplainer(store *storage, names []string, consumers consumers.Manager, recorder *explain.Recorder) ports.Explainer {
	return explain.New(explain.Config{
		Store: store, Views: store, Consumers: names, Takes: consumers.Takes, View: consumers.LiveView, Recorder: recorder,
	})
}
