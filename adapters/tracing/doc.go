// Package tracing makes OpenTelemetry traces of what happens to an order: one trace from the HTTP request through command, load,
// append and each consumer to the headers of the messages that are published.
//
// Nothing else knows of it. It comes as decorators of ports ([Tracing.Commands], [Tracing.Store], [Tracing.Publisher]) and as
// functions around a request ([Tracing.Request]), a delivery to a consumer ([Tracing.Consume]) and a log ([Tracing.LogHandler]).
//
// # Switching it on
//
// The standard environment variables decide. Tracing is on when OTEL_TRACES_EXPORTER names exporters (otlp, console; several with
// commas), or when it is not set and OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is. It is off with
// OTEL_TRACES_EXPORTER=none, with OTEL_SDK_DISABLED=true, and by default. OTEL_EXPORTER_OTLP_PROTOCOL, or the variable of the same
// kind for traces, chooses http/protobuf, which is the default, or grpc. What exporters and SDK read by themselves works as
// documented there: OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and limits.
//
// When it is off, [Setup] returns nil, and a nil *Tracing hands back what it was to decorate: there is no cost at all.
//
// # How the trace travels
//
// The command's decorator stores the context of its span with the events, in their metadata, under the names that W3C Trace
// Context gives it: [MetadataTraceParent] and [MetadataTraceState]. From there it comes out of every feed, after any time, in any
// process, and a publisher can put it into headers as it is. These two keys are the decorator's: what a caller put there
// is replaced or removed. A client chooses a trace only by sending a traceparent header with its request. A tracestate longer than
// 512 characters, which is what W3C asks everybody to pass on, is left out, so that clients cannot make events grow.
// Baggage is not read, as nobody knows what is in it.
//
// What is published carries the context of the command and not that of the publishing, so an event that is published again
// has the same headers as the first time.
//
// # Child or link
//
// A consumer's span is a child of the command's while the event is younger than [ChildFor]: then request and effects are one
// picture, and the time in the feed is the gap between them. For an older event, after an outage or a reset, it starts a
// trace of its own with a link to the command's. By then a tracing backend has closed the old trace, and its sampling was
// decided for another occasion; a child that starts days after its parent would only make the old trace unreadable. The spans that
// the publisher makes below it follow suit.
//
// # What is in a span
//
// Ids of orders and commands, sequence numbers, types of events, names of consumers, kinds of errors. No payload, no id of a
// customer, no text of an error, no path of a URL: routes stand for those. The text of an error is in the log, which carries the
// trace id.
//
// # Failure
//
// Spans are handed to the exporters in the background. A backend that does not answer costs spans and a line in the log,
// never a command. [Tracing.Close] gives those that are left Config.FlushTimeout.
//
// # Why not autoexport
//
// go.opentelemetry.io/contrib/exporters/autoexport does what Setup does with OTEL_TRACES_EXPORTER. It also brings the exporters for
// metrics and logs, nine more modules and 4 MB of binary (OTLP over gRPC costs 0.4 MB, as its HTTP sibling links gRPC, too). Its
// console exporter writes to standard output, where this program writes events and answers.
package tracing
