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

func TestVerify(t *testing.T) {
	t.Parallel()

	t.Run("says how far it is", func(t *testing.T) {
		t.Parallel()
		answer := do(t, handlerOf(t, newShop().config()), get("/v1/verify"))
		wantStatus(t, answer, http.StatusOK)
		want := map[string]any{
			"running": true, "phase": "folding", "done": 300.0, "total": 1000.0, "per_second": 100.0,
			"started_at": "2026-03-01T11:59:55Z",
		}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("progress differs (-want +got):\n%s", diff)
		}
	})

	t.Run("says what was compared and what differs", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		var asked time.Duration
		shop.verify = func(_ context.Context, patience time.Duration) (ports.VerifyReport, error) {
			asked = patience
			return ports.VerifyReport{Aggregates: 2, Events: 5, Rows: 9, Differences: 2, Shown: []ports.VerifyDifference{
				{AggregateID: uuid.MustParse(orderID), AggregateType: "order", Consumer: "orders-by-sku", Detail: "a row is missing"},
				{AggregateID: uuid.MustParse(orderID), AggregateType: "stock-item", Consumer: "stock", Detail: "a row is wrong"},
				{Detail: "the history has a hole"},
			}}, nil
		}
		answer := do(t, handlerOf(t, shop.config()), post("/v1/verify?patience=1m30s", ""))
		wantStatus(t, answer, http.StatusOK)
		if asked != 90*time.Second {
			t.Errorf("patience %s, want 1m30s", asked)
		}
		want := map[string]any{
			"orders": 2.0, "events": 5.0, "rows": 9.0, "skipped": 0.0, "repaired": 0.0, "differences": 2.0,
			"shown": []any{
				map[string]any{
					"aggregate_id": orderID, "aggregate_type": "order", "order_id": orderID, "consumer": "orders-by-sku", "detail": "a row is missing",
				},
				map[string]any{"aggregate_id": orderID, "aggregate_type": "stock-item", "consumer": "stock", "detail": "a row is wrong"},
				map[string]any{"detail": "the history has a hole"},
			},
		}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("puts right when it is asked to", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.repair = func(context.Context, time.Duration) (ports.VerifyReport, error) {
			return ports.VerifyReport{Aggregates: 3, Repaired: 2, Skipped: 1}, nil
		}
		answer := do(t, handlerOf(t, shop.config()), post("/v1/verify/repair", ""))
		wantStatus(t, answer, http.StatusOK)
		want := map[string]any{"orders": 3.0, "events": 0.0, "rows": 0.0, "skipped": 1.0, "repaired": 2.0, "differences": 0.0}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("takes as long as it takes", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.verify = func(ctx context.Context, _ time.Duration) (ports.VerifyReport, error) {
			if deadline, limited := ctx.Deadline(); limited {
				t.Errorf("it must end at %s", deadline)
			}
			return ports.VerifyReport{}, nil
		}
		wantStatus(t, do(t, handlerOf(t, shop.config()), post("/v1/verify", "")), http.StatusOK)
	})

	t.Run("outlasts the limits of the server", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		config := shop.config()
		config.WriteTimeout = 10 * time.Millisecond
		expired := make(chan struct{})
		time.AfterFunc(5*config.WriteTimeout, func() { close(expired) })
		shop.verify = func(context.Context, time.Duration) (ports.VerifyReport, error) {
			<-expired
			return ports.VerifyReport{Aggregates: 7}, nil
		}
		server := start(t, config)
		answer, body := server.send(t, http.MethodPost, "/v1/verify", "")
		if answer.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", answer.StatusCode, body)
		}
		server.stop()
		server.wait(t)
	})

	t.Run("cannot be patient for ever", func(t *testing.T) {
		t.Parallel()
		for _, patience := range []string{"", "x", "-1s", "11m"} {
			answer := do(t, handlerOf(t, newShop().config()), post("/v1/verify?patience="+patience, ""))
			wantProblem(t, answer, http.StatusBadRequest, "invalid_parameter", "patience")
		}
	})

	t.Run("reports that it could not be completed", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.verify = func(context.Context, time.Duration) (ports.VerifyReport, error) {
			return ports.VerifyReport{}, ports.ErrUnavailable
		}
		wantProblem(t, do(t, handlerOf(t, shop.config()), post("/v1/verify", "")), http.StatusServiceUnavailable, "unavailable", "")
	})

	t.Run("is not for pages of other sites", func(t *testing.T) {
		t.Parallel()
		answer := do(t, handlerOf(t, newShop().config()), post("/v1/verify", "").with("Sec-Fetch-Site", "cross-site"))
		wantProblem(t, answer, http.StatusForbidden, "cross_origin", "")
	})
}
