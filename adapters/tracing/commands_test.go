package tracing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"orderflow/adapters/memory"
	"orderflow/adapters/tracing"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

func TestCommands_metadata(t *testing.T) {
	t.Parallel()

	t.Run("keeps what the caller says, except about the trace", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		mine := map[string]string{"channel": "web", "traceparent": clientParent, "tracestate": "forged=1"}
		record := place(t, tr, t.Context(), mine)
		delete(record.Metadata, "command_digest")
		span := single(t, exporter, "create_order").SpanContext
		want := map[string]string{"channel": "web", "traceparent": "00-" + span.TraceID().String() + "-" + span.SpanID().String() + "-01"}
		if diff := cmp.Diff(want, record.Metadata); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if mine["traceparent"] != clientParent {
			t.Error("the caller's map was changed")
		}
	})

	t.Run("stores the decision not to sample", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording(sdktrace.WithSampler(sdktrace.NeverSample()))
		record := place(t, tr, t.Context(), nil)
		if got := record.Metadata["traceparent"]; !strings.HasSuffix(got, "-00") || len(exporter.GetSpans()) != 0 {
			t.Errorf("traceparent %q, %d spans", got, len(exporter.GetSpans()))
		}
	})

	for length, want := range map[int]bool{512: true, 513: false} {
		t.Run(fmt.Sprintf("a tracestate of %d characters is stored: %t", length, want), func(t *testing.T) {
			t.Parallel()
			tr, _ := recording()
			state := "a=" + strings.Repeat("x", 254) + ",b=" + strings.Repeat("x", length-259)
			ctx := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": clientParent, "tracestate": state})
			record := place(t, tr, ctx, nil)
			if got := record.Metadata["tracestate"] == state; got != want {
				t.Errorf("tracestate of %d characters, stored %q", len(state), record.Metadata["tracestate"])
			}
			if !strings.Contains(record.Metadata["traceparent"], clientTrace) {
				t.Errorf("traceparent %q", record.Metadata["traceparent"])
			}
		})
	}
}

func TestCommands_outcomes(t *testing.T) {
	t.Parallel()
	answering := func(err error) ports.CommandHandler[order.Command, order.Event] {
		return handlerFunc(func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
			return ports.CommandResult[order.Event]{}, err
		})
	}
	for name, test := range map[string]struct {
		err    error
		status codes.Code
		want   map[string]string
	}{
		"a refusal is an answer": {
			&order.RuleError{Code: order.CodeOrderNotFound, Detail: "ann"}, codes.Unset, map[string]string{"orderflow.refused": string(order.CodeOrderNotFound)},
		},
		"a known error is told by its kind": {
			fmt.Errorf("ann: %w", ports.ErrUnavailable), codes.Error, map[string]string{"error.type": "unavailable"},
		},
		"a lost race is told with its type": {
			&ports.VersionConflictError{}, codes.Error, map[string]string{"error.type": "version conflict"},
		},
		"any other error is not told": {
			fmt.Errorf("ann"), codes.Error, map[string]string{"error.type": "other"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, exporter := recording()
			id := uuid.New()
			_, err := tracing.Commands(tr, answering(test.err)).Handle(t.Context(), ports.CommandRequest[order.Command]{Command: order.DeliverOrder{OrderID: id}})
			if err != test.err {
				t.Errorf("error %v", err)
			}
			span := single(t, exporter, "deliver_order")
			test.want["orderflow.order_id"] = id.String()
			if diff := cmp.Diff(test.want, attributesOf(span)); diff != "" || span.Status.Code != test.status {
				t.Errorf("status %v, attributes (-want +got):\n%s", span.Status, diff)
			}
			if text := everything(exporter); strings.Contains(text, "ann") {
				t.Errorf("the text of the error is in the span:\n%s", text)
			}
		})
	}

	t.Run("a request without a command is refused as ever", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		if _, err := commands(tr, memory.New(memory.Options{})).Handle(t.Context(), ports.CommandRequest[order.Command]{}); err == nil {
			t.Error("no error")
		}
		if len(exporter.GetSpans()) != 0 {
			t.Error("a span of nothing")
		}
	})
}

type handlerFunc func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error)

func (f handlerFunc) Handle(ctx context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
	return f(ctx, r)
}

func TestStore_tracesOnlyWhatBelongsToATrace(t *testing.T) {
	t.Parallel()
	tr, exporter := recording()
	store, id := tr.Store(memory.New(memory.Options{})), uuid.New()
	record := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       uuid.New(), AggregateID: id, SequenceNumber: 1, CommandID: id, CreatedAt: eventsourcing.Timestamp(time.Now()),
		}, EventType: "order.created", EventVersion: 1, Payload: []byte(`{}`),
	}
	if _, err := store.Append(t.Context(), ports.Append{AggregateID: id, CommandID: id, Records: []eventsourcing.Record{record}}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	if spans := exporter.GetSpans(); len(spans) != 0 {
		t.Errorf("%d spans without a trace", len(spans))
	}
}
