package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/httpapi/opsapi"
)

func TestSystem(t *testing.T) {
	t.Parallel()
	var notReady error
	config := newShop().config()
	config.System = &opsapi.System{
		Version: "0.1.0", StartedAt: noon, Store: "embedded", Place: "data", StoreID: uuid.MustParse(orderID),
		Ready: func(context.Context) error { return notReady },
		Settings: []opsapi.Setting{
			{Name: "lanes", Value: "32"}, {Name: "retention", Value: "1h0m0s", Source: "ORDERFLOW_RETENTION"},
		},
	}
	handler := handlerOf(t, config)
	for _, ready := range []bool{true, false} {
		if !ready {
			notReady = errors.New("consumer a is stopped")
		}
		answer := do(t, handler, get("/v1/system"))
		wantStatus(t, answer, http.StatusOK)
		got := bodyOf[object](t, answer)
		want := object{
			"version": "0.1.0", "started_at": "2026-03-01T12:00:00.000Z", "now": got["now"],
			"store": object{"kind": "embedded", "place": "data", "id": orderID}, "ready": ready,
			"settings": []any{
				object{"name": "lanes", "value": "32", "source": "default"},
				object{"name": "retention", "value": "1h0m0s", "source": "ORDERFLOW_RETENTION"},
			},
		}
		if !ready {
			want["reasons"] = "consumer a is stopped"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	}
}
