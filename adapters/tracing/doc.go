// Package tracing makes OpenTelemetry traces. One trace goes from the HTTP request through command,
// load, append and each consumer to the headers of the messages that are published.
//
// No other package knows of it. It consists of decorators of ports ([Tracing.Commands],
// [Tracing.Store], [Tracing.Publisher]) and of functions around a request ([Tracing.Request]), a
// delivery to a consumer ([Tracing.Consume]) and a log ([Tracing.LogHandler]).
//
// # How to switch it on
//
// The standard environment variables decide. Tracing is on when OTEL_TRACES_EXPORTER names
// exporters (otlp, console; several with commas). When that variable is not set, tracing is on when
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set. It is off with
// OTEL_TRACES_EXPORTER=none, with OTEL_SDK_DISABLED=true, and by default.
// OTEL_EXPORTER_OTLP_PROTOCOL, or the same variable for traces, selects http/protobuf (the default)
// or grpc. The exporters and the SDK also read OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and the limits, as OpenTelemetry
// documents them.
//
// When tracing is off, [Setup] returns nil. The methods of a nil *Tracing return what they should
// decorate unchanged, so there is no cost.
//
// # How the trace travels
//
// The decorator of commands stores the context of its span in the metadata of the events, under the
// names of W3C Trace Context: [MetadataTraceParent] and [MetadataTraceState]. From there every feed
// delivers it, after any time and in any process, and a publisher can copy it into headers. The two
// keys belong to the decorator: a value that a caller put there is replaced or removed. A client
// chooses a trace only with the traceparent header of its request. W3C requires tracestates of up
// to 512 characters to be passed on. A longer one is dropped, so that clients cannot make events
// grow. Baggage is not read, because its contents are not known.
//
// A published message carries the context of the command and not that of the publishing. So an
// event that is published again has the same headers as the first time.
//
// # Child or link
//
// While an event is younger than [ChildFor], a consumer's span is a child of the command's span. So
// request and effects are in one trace, and the gap between them is the time in the feed. For an
// older event, for example after an outage or a reset, the consumer's span starts a new trace with
// a link to the command's span. By then a tracing backend has closed the old trace, and the
// sampling decision was made for another purpose. A child that starts days after its parent would
// make the old trace unreadable. The spans of the publisher are below the consumer's span in both
// cases.
//
// # What is in a span
//
// Ids of aggregates and commands, sequence numbers, event types, names of consumers, kinds of
// errors. No payloads, no customer ids, no error texts and no URL paths: routes are used in place
// of paths. The text of an error is in the log, which carries the trace id.
//
// # Failure
//
// Spans are sent to the exporters in the background. When a backend does not answer, spans are lost
// and a line is logged. Commands do not fail. [Tracing.Close] gives the remaining spans
// Config.FlushTimeout.
//
// # Why not autoexport
//
// go.opentelemetry.io/contrib/exporters/autoexport does with OTEL_TRACES_EXPORTER what Setup does.
// It also adds the exporters for metrics and logs, nine more modules and 4 MB of binary. (OTLP over
// gRPC costs only 0.4 MB, because OTLP over HTTP links gRPC as well.) Its console exporter writes
// to standard output, where this program writes events and answers.
package tracing
