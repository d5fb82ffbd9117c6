package tracing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Config is what [Setup] needs besides the environment.
type Config struct {
	// Version is the version of the service.
	Version string
	// Console is where the console exporter writes. The default is os.Stderr.
	Console io.Writer
	// Logger is told when spans cannot be exported. By default nothing is logged.
	Logger *slog.Logger
	// FlushTimeout bounds how long Close waits for a backend. The default is 5 s.
	FlushTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Console == nil {
		c.Console = os.Stderr
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FlushTimeout == 0 {
		c.FlushTimeout = 5 * time.Second
	}
	return c
}

// Setup returns the Tracing that the environment asks for, or nil when it asks for none. Every
// method of a nil Tracing works. Setup does not wait for a backend. It returns an error when a
// variable has an invalid value.
func Setup(ctx context.Context, config Config) (*Tracing, error) {
	config = config.withDefaults()
	names := asked(os.Getenv)
	if len(names) == 0 {
		return nil, nil
	}
	service, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "orderflow"), attribute.String("service.version", config.Version),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	exporters, err := openAll(ctx, names, config)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(service)}
	for _, exporter := range exporters {
		// this starts a goroutine, which the provider ends
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	provider := sdktrace.NewTracerProvider(options...)
	t := New(provider)
	t.close = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), config.FlushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			config.Logger.Warn("the last spans were not exported", "error", err)
		}
	}
	return t, nil
}

// asked returns the names of the exporters that the environment asks for.
func asked(env func(string) string) []string {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return nil
	}
	setting := env("OTEL_TRACES_EXPORTER")
	if setting == "" && (env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "") {
		setting = "otlp"
	}
	var names []string
	for name := range strings.SplitSeq(setting, ",") {
		if name = strings.TrimSpace(name); name != "" && name != "none" {
			names = append(names, name)
		}
	}
	return names
}

// openAll opens an exporter for each name, or none.
func openAll(ctx context.Context, names []string, config Config) ([]sdktrace.SpanExporter, error) {
	var exporters []sdktrace.SpanExporter
	for _, name := range names {
		exporter, err := open(ctx, name, config.Console)
		if err != nil {
			for _, opened := range exporters {
				err = errors.Join(err, opened.Shutdown(ctx))
			}
			return nil, err
		}
		exporters = append(exporters, reporting{exporter, config.Logger.With("exporter", name)})
	}
	return exporters, nil
}

func open(ctx context.Context, name string, console io.Writer) (sdktrace.SpanExporter, error) {
	switch name {
	case "otlp":
		return openOTLP(ctx)
	case "console":
		return stdouttrace.New(stdouttrace.WithWriter(console))
	default:
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is none of otlp, console and none", name)
	}
}

func openOTLP(ctx context.Context) (sdktrace.SpanExporter, error) {
	setting := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	protocol := os.Getenv(setting)
	if protocol == "" {
		setting = "OTEL_EXPORTER_OTLP_PROTOCOL"
		protocol = os.Getenv(setting)
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, fmt.Errorf("%s: %q is neither http/protobuf nor grpc", setting, protocol)
	}
}

// reporting logs errors that the SDK would give to its global error handler.
type reporting struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans passes the spans on. Spans that a backend does not accept are lost.
func (r reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil {
		r.log.Warn("spans were not exported", "spans", len(spans), "error", err)
	}
	return nil
}
