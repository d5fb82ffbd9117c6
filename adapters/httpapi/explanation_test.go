package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/ports"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	const path = "/v1/orders/" + orderID + "/explain"
	ids := []uuid.UUID{{1}, {2}, {3}, {4}}

	t.Run("tells what became of every event", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.explain = func(_ context.Context, id uuid.UUID) (ports.Explanation, error) {
			return ports.Explanation{AggregateID: id, AggregateType: "order", Events: []ports.ExplainedEvent{{
				EventID: ids[0], SequenceNumber: 1, EventType: "order.created", EventVersion: 3,
				CommandID: ids[1], CorrelationID: ids[2], CausationID: ids[3], TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", CreatedAt: noon,
				Consumers: []ports.ExplainedConsumer{
					{
						Consumer: "redpanda-publisher", Applied: true, SeenAt: noon.Add(1500 * time.Microsecond), HandledAt: noon.Add(time.Second),
						Deliveries: 2, Placement: &ports.Placement{Partition: 0, Offset: 0},
					},
					{Consumer: "orders-by-sku", Unknown: ports.GapWaiting},
				},
			}}}, nil
		}
		answer := do(t, handlerOf(t, shop.config()), get(path))
		wantStatus(t, answer, http.StatusOK)
		want := map[string]any{"aggregate_id": orderID, "aggregate_type": "order", "order_id": orderID, "events": []any{map[string]any{
			"event_id": ids[0].String(), "sequence_number": 1.0, "event_type": "order.created", "event_version": 3.0,
			"command_id": ids[1].String(), "correlation_id": ids[2].String(), "causation_id": ids[3].String(),
			"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "created_at": "2026-03-01T12:00:00.000Z",
			"consumers": []any{
				map[string]any{
					"consumer": "redpanda-publisher", "applied": true, "deliveries": 2.0,
					"seen_at": "2026-03-01T12:00:00.0015Z", "handled_at": "2026-03-01T12:00:01Z",
					"placement": map[string]any{"partition": 0.0, "offset": 0.0},
				},
				map[string]any{"consumer": "orders-by-sku", "applied": false, "unknown": "waiting"},
			},
		}}}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("reasons for which there are no times are described", func(t *testing.T) {
		t.Parallel()
		for _, gap := range []ports.ExplainGap{ports.GapBeforeStart, ports.GapForgotten, ports.GapElsewhere, ports.GapWaiting} {
			shop := newShop()
			shop.explain = func(_ context.Context, id uuid.UUID) (ports.Explanation, error) {
				return ports.Explanation{AggregateID: id, AggregateType: "order", Events: []ports.ExplainedEvent{{
					SequenceNumber: 1, EventVersion: 1, Consumers: []ports.ExplainedConsumer{{Unknown: gap}},
				}}}, nil
			}
			// do compares it with the description
			wantStatus(t, do(t, handlerOf(t, shop.config()), get(path)), http.StatusOK)
		}
	})

	t.Run("of an aggregate of any type, below another path", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.explain = func(_ context.Context, id uuid.UUID) (ports.Explanation, error) {
			return ports.Explanation{AggregateID: id, AggregateType: "stock-item"}, nil
		}
		handler := handlerOf(t, shop.config())
		answer := do(t, handler, get("/v1/aggregates/"+orderID+"/explain"))
		wantStatus(t, answer, http.StatusOK)
		want := map[string]any{"aggregate_id": orderID, "aggregate_type": "stock-item", "events": []any{}}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		wantProblem(t, do(t, handler, get(path)), http.StatusNotFound, "order_not_found", "")
	})

	t.Run("knows no order without events", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, do(t, handlerOf(t, newShop().config()), get(path)), http.StatusNotFound, "order_not_found", "")
	})

	t.Run("needs the id of an order", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, do(t, handlerOf(t, newShop().config()), get("/v1/orders/x/explain")), http.StatusBadRequest, "invalid_parameter", "id")
	})
}
