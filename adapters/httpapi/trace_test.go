package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/ports"
)

func TestTrace(t *testing.T) {
	t.Parallel()
	type key struct{}

	t.Run("is told how every request ended, by route", func(t *testing.T) {
		t.Parallel()
		var told []string
		shop := newShop()
		shop.consumers = func(ctx context.Context) []ports.ConsumerStatus {
			if ctx.Value(key{}) != "traced" {
				t.Error("the request does not have the context of its trace")
			}
			panic("boom")
		}
		config := shop.config()
		config.Trace = func(r *http.Request) (context.Context, func(string, int)) {
			return context.WithValue(r.Context(), key{}, "traced"), func(route string, status int) {
				told = append(told, fmt.Sprint(route, " ", status))
			}
		}
		handler := handlerOf(t, config)
		do(t, handler, post("/v1/orders", creation))
		do(t, handler, get("/v1/customers/ann/orders"))
		do(t, handler, get("/v1/orders/x"))
		do(t, handler, get("/nothing/of/ann"))
		do(t, handler, get("/v1/consumers"))
		gone, leave := context.WithCancel(t.Context())
		shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
			leave()
			return ports.CommandResult[order.Event]{}, context.Canceled
		}
		handler.ServeHTTP(httptest.NewRecorder(), post("/v1/orders", creation).http(gone))
		want := []string{
			"/v1/orders 201", "/v1/customers/{id}/orders 200", "/v1/orders/{id} 400", "unmatched 404", "/v1/consumers 500", "/v1/orders 499",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Clients cannot write the metadata of events: no header and no member of a body gets there. So
// none can look like a trace context.
func TestCommands_clientsCannotWriteMetadata(t *testing.T) {
	t.Parallel()
	shop := newShop()
	handler := handlerOf(t, shop.config())
	request := post("/v1/orders", creation).with("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").
		with("Tracestate", "a=1").with("Metadata", "traceparent=x").with("X-Metadata", "x")
	wantStatus(t, do(t, handler, request), http.StatusCreated)
	if got := shop.requests[0].Metadata; len(got) != 0 {
		t.Errorf("metadata %v", got)
	}
	forged := strings.Replace(creation, orderID, uuid.NewString(), 1)
	forged = strings.TrimSuffix(forged, "}") + `,"metadata":{"traceparent":"x"}}`
	wantProblem(t, do(t, handler, post("/v1/orders", forged)), http.StatusBadRequest, "invalid_body", "metadata")
}
