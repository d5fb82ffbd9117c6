package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// shopWithOrder has one order with three events.
func shopWithOrder(t testing.TB) *shop {
	t.Helper()
	shop := newShop()
	handler := handlerOf(t, shop.config())
	wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
	wantStatus(t, do(t, handler, post("/v1/orders/"+orderID+"/confirm", `{"payment_reference":"pay-1"}`)), http.StatusOK)
	wantStatus(t, do(t, handler, post("/v1/orders/"+orderID+"/ship", `{"carrier":"DHL","tracking_number":"JD1"}`)), http.StatusOK)
	return shop
}

func TestGetOrder_asksForWhatTheParametersSay(t *testing.T) {
	t.Parallel()
	type asked struct {
		MinSequence uint64
		Wait        time.Duration
		Moment      ports.Moment
	}
	for query, want := range map[string]asked{
		"":                                     {Wait: 2 * time.Second},
		"?min_sequence=3":                      {MinSequence: 3, Wait: 2 * time.Second},
		"?min_sequence=0":                      {Wait: 2 * time.Second},
		"?min_sequence=3&timeout=0":            {MinSequence: 3},
		"?timeout=500ms&min_sequence=3":        {MinSequence: 3, Wait: 500 * time.Millisecond},
		"?timeout=30s":                         {Wait: 30 * time.Second},
		"?at_sequence=2":                       {Moment: ports.Moment{SequenceNumber: 2}},
		"?at_time=2026-03-01T12:00:00.5Z":      {Moment: ports.Moment{Time: noon.Add(500 * time.Millisecond)}},
		"?at_time=2026-03-01T13:00:00%2B01:00": {Moment: ports.Moment{Time: noon}},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			shop := shopWithOrder(t)
			var got asked
			row, err := shop.Row(t.Context(), uuid.MustParse(orderID), 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			shop.order = func(_ context.Context, _ uuid.UUID, minSequence uint64, wait time.Duration) (projection.Row, error) {
				got = asked{MinSequence: minSequence, Wait: wait}
				return row, nil
			}
			shop.orderAt = func(_ context.Context, _ uuid.UUID, moment ports.Moment) (projection.Row, error) {
				got = asked{Moment: moment}
				return row, nil
			}
			wantStatus(t, do(t, handlerOf(t, shop.config()), get("/v1/orders/"+orderID+query)), http.StatusOK)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGetOrder_refusesParametersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, shopWithOrder(t).config())
	for query, field := range map[string]string{
		"min_sequence=":                    "min_sequence",
		"min_sequence=-1":                  "min_sequence",
		"min_sequence=x":                   "min_sequence",
		"min_sequence=9223372036854775808": "min_sequence",
		"min_sequence=1&min_sequence=2":    "min_sequence",
		"min_sequence=1&timeout=31s":       "timeout",
		"timeout=-1s":                      "timeout",
		"timeout=2":                        "timeout",
		"timeout=":                         "timeout",
		"at_sequence=0":                    "at_sequence",
		"at_sequence=1.5":                  "at_sequence",
		"at_time=yesterday":                "at_time",
		"at_time=2026-03-01":               "at_time",
		"at_time=":                         "at_time",
		"at_sequence=1&at_time=2026-03-01T12:00:00Z":            "at_time",
		"at_sequence=1&min_sequence=1":                          "min_sequence",
		"at_time=2026-03-01T12:00:00Z&min_sequence=1&timeout=0": "min_sequence",
		"at_sequnce=1": "at_sequnce",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, do(t, handler, get("/v1/orders/"+orderID+"?"+query)), http.StatusBadRequest, "invalid_parameter", field)
		})
	}
}

func TestGetOrder_timeTravel(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, shopWithOrder(t).config())
	for query, want := range map[string]string{
		"at_sequence=1":                  "ACTIVE",
		"at_sequence=2":                  "CONFIRMED",
		"at_time=2026-03-01T12:00:01.5Z": "CONFIRMED",
		"at_time=2030-01-01T00:00:00Z":   "SHIPPED",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			answer := do(t, handler, get("/v1/orders/"+orderID+"?"+query))
			wantStatus(t, answer, http.StatusOK)
			if got := bodyOf[struct{ Status string }](t, answer); got.Status != want {
				t.Errorf("status %s, want %s", got.Status, want)
			}
		})
	}
	t.Run("before it existed it is not found", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, do(t, handler, get("/v1/orders/"+orderID+"?at_time=2020-01-01T00:00:00Z")), http.StatusNotFound, "order_not_found", "")
	})
}

func TestGetOrder_behind(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	whole := shopWithOrder(t)
	rowAt := func(n uint64) projection.Row {
		row, err := whole.RowAt(t.Context(), id, ports.Moment{SequenceNumber: n})
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	for name, test := range map[string]struct {
		second func() (projection.Row, error)
		status int
		code   string
		actual uint64
	}{
		"a view that stands still":           {func() (projection.Row, error) { return rowAt(2), nil }, 503, "view_behind", 2},
		"a view without the order":           {func() (projection.Row, error) { return nil, ports.ErrNotFound }, 503, "view_behind", 0},
		"a view that cannot be read":         {func() (projection.Row, error) { return nil, ports.ErrUnavailable }, 503, "unavailable", 0},
		"a view that arrives in that moment": {func() (projection.Row, error) { return rowAt(3), nil }, 200, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			shop.order = func(_ context.Context, _ uuid.UUID, minSequence uint64, _ time.Duration) (projection.Row, error) {
				if minSequence > 0 {
					return nil, fmt.Errorf("order %s: %w", id, ports.ErrUnavailable)
				}
				return test.second()
			}
			answer := do(t, handlerOf(t, shop.config()), get("/v1/orders/"+orderID+"?min_sequence=3&timeout=1ms"))
			if test.status == http.StatusOK {
				wantStatus(t, answer, http.StatusOK)
				return
			}
			p := wantProblem(t, answer, test.status, test.code, "")
			if test.code == "view_behind" && (*p.Expected != 3 || *p.Actual != test.actual) {
				t.Errorf("expected %d, actual %d; want 3 and %d", *p.Expected, *p.Actual, test.actual)
			}
		})
	}
}

func TestReads_ifNoneMatch(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, shopWithOrder(t).config())
	for value, status := range map[string]int{
		`"3"`:      304,
		`W/"3"`:    304,
		`"1", "3"`: 304,
		`*`:        304,
		`"2"`:      200,
		`"abc"`:    200,
		`W/"2"`:    200,
		`3`:        400,
		`"3`:       400,
		``:         400,
	} {
		for _, path := range []string{"/v1/orders/" + orderID, "/v1/orders/" + orderID + "/events", "/v1/orders/" + orderID + "?at_sequence=3"} {
			t.Run(path+" "+value, func(t *testing.T) {
				t.Parallel()
				answer := do(t, handler, get(path).with("If-None-Match", value))
				wantStatus(t, answer, status)
				if status < 400 && answer.Header().Get("ETag") != `"3"` {
					t.Errorf("ETag %q, want %q", answer.Header().Get("ETag"), `"3"`)
				}
			})
		}
	}
}

func TestReads_head(t *testing.T) {
	t.Parallel()
	r := get("/v1/orders/" + orderID)
	r.method = http.MethodHead
	answer := do(t, handlerOf(t, shopWithOrder(t).config()), r)
	wantStatus(t, answer, http.StatusOK)
}

func TestReads_ofUnknownOrders_areNotFound(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	for _, suffix := range []string{"", "?at_sequence=1", "/events"} {
		p := wantProblem(t, do(t, handler, get("/v1/orders/"+orderID+suffix)), http.StatusNotFound, "order_not_found", "")
		if p.OrderID != orderID {
			t.Errorf("order_id %q", p.OrderID)
		}
	}
}

func TestReads_ofDamagedRows_areCorrupt(t *testing.T) {
	t.Parallel()
	shop := shopWithOrder(t)
	row, err := shop.Row(t.Context(), uuid.MustParse(orderID), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append(projection.Row{}, row...)
	damaged[5] = "[" // the items
	for name, bad := range map[string]projection.Row{"too short": row[:3], "items no JSON": damaged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			shop.order = func(context.Context, uuid.UUID, uint64, time.Duration) (projection.Row, error) { return bad, nil }
			shop.list = func(context.Context, string, string, ports.Cursor, int) (ports.RowPage, error) {
				return ports.RowPage{Rows: []projection.Row{bad}}, nil
			}
			handler := handlerOf(t, shop.config())
			wantProblem(t, do(t, handler, get("/v1/orders/"+orderID)), http.StatusInternalServerError, "corrupt_data", "")
			wantProblem(t, do(t, handler, get("/v1/orders?sku=A-1")), http.StatusInternalServerError, "corrupt_data", "")
		})
	}
}

func TestLists_askForWhatTheParametersSay(t *testing.T) {
	t.Parallel()
	type asked struct {
		Table, Key string
		After      ports.Cursor
		Limit      int
	}
	const cursor = "\x00\xffany bytes"
	for path, want := range map[string]asked{
		"/v1/customers/ann/orders":                          {"orders_by_customer", "ann", "", 50},
		"/v1/customers/a%3Ab/orders?limit=200":              {"orders_by_customer", "a:b", "", 200},
		"/v1/orders?status=ACTIVE&limit=1":                  {"orders_by_status", "ACTIVE", "", 1},
		"/v1/orders?sku=A-1&cursor=AP9hbnkgYnl0ZXM":         {"orders_by_sku", "A-1", cursor, 50},
		"/v1/orders?cursor=&sku=" + strings.Repeat("x", 64): {"orders_by_sku", strings.Repeat("x", 64), "", 50},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			var got asked
			shop.list = func(_ context.Context, table, key string, after ports.Cursor, limit int) (ports.RowPage, error) {
				got = asked{table, key, after, limit}
				return ports.RowPage{Next: cursor}, nil
			}
			answer := do(t, handlerOf(t, shop.config()), get(path))
			wantStatus(t, answer, http.StatusOK)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if body := strings.TrimSpace(answer.Body.String()); body != `{"orders":[],"next_cursor":"AP9hbnkgYnl0ZXM"}` {
				t.Errorf("answered %s", body)
			}
		})
	}
}

func TestLists_refuse(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.list = func(_ context.Context, _, _ string, after ports.Cursor, _ int) (ports.RowPage, error) {
		if after == "elsewhere" {
			return ports.RowPage{}, fmt.Errorf("list: %w", ports.ErrBadCursor)
		}
		return ports.RowPage{}, nil
	}
	handler := handlerOf(t, shop.config())
	for path, want := range map[string][2]string{
		"/v1/orders":                                           {"invalid_parameter", ""},
		"/v1/orders?status=ACTIVE&sku=A-1":                     {"invalid_parameter", ""},
		"/v1/orders?status=LOST":                               {"invalid_parameter", "status"},
		"/v1/orders?status=active":                             {"invalid_parameter", "status"},
		"/v1/orders?status=":                                   {"invalid_parameter", "status"},
		"/v1/orders?sku=":                                      {"invalid_parameter", "sku"},
		"/v1/orders?sku=%ff":                                   {"invalid_parameter", "sku"},
		"/v1/orders?sku=" + strings.Repeat("x", 65):            {"invalid_parameter", "sku"},
		"/v1/customers/" + strings.Repeat("x", 65) + "/orders": {"invalid_parameter", "id"},
		"/v1/orders?sku=A-1&limit=0":                           {"invalid_parameter", "limit"},
		"/v1/orders?sku=A-1&limit=201":                         {"invalid_parameter", "limit"},
		"/v1/orders?sku=A-1&limit=many":                        {"invalid_parameter", "limit"},
		"/v1/orders?sku=A-1&limit=":                            {"invalid_parameter", "limit"},
		"/v1/orders?sku=A-1&cursor=*":                          {"bad_cursor", "cursor"},
		"/v1/orders?sku=A-1&cursor=QQ%0A":                      {"bad_cursor", "cursor"},
		"/v1/orders?sku=A-1&cursor=QR":                         {"bad_cursor", "cursor"},
		"/v1/orders?sku=A-1&cursor=ZWxzZXdoZXJl":               {"bad_cursor", "cursor"},
		"/v1/tables/event_store?cursor=!":                      {"bad_cursor", "cursor"},
		"/v1/tables/event_store?limit=1000":                    {"invalid_parameter", "limit"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, do(t, handler, get(path)), http.StatusBadRequest, want[0], want[1])
		})
	}
}

func TestLists_statusesAreThoseOfTheDomain(t *testing.T) {
	t.Parallel()
	var want []any
	for _, status := range order.Statuses() {
		want = append(want, string(status))
	}
	schemas := served().root["components"].(object)["schemas"].(object)
	for _, name := range []string{"OrderDocument", "SummaryDocument"} {
		status := schemas[name].(object)["properties"].(object)["status"].(object)
		if diff := cmp.Diff(want, status["enum"]); diff != "" {
			t.Errorf("statuses of %s (-domain +described):\n%s", name, diff)
		}
	}
}

func TestLists_readYourWrites(t *testing.T) {
	t.Parallel()
	type asked struct {
		table    string
		sequence uint64
		wait     time.Duration
	}
	for path, want := range map[string]asked{
		"/v1/customers/ada/orders?order_id=" + orderID + "&min_sequence=3":               {"orders_by_customer", 3, 2 * time.Second},
		"/v1/orders?status=ACTIVE&order_id=" + orderID + "&min_sequence=1&timeout=500ms": {"orders_by_status", 1, 500 * time.Millisecond},
		"/v1/orders?sku=A&order_id=" + orderID + "&min_sequence=1":                       {"orders_by_sku", 1, 2 * time.Second},
	} {
		shop := newShop()
		var got asked
		shop.await = func(_ context.Context, table string, id uuid.UUID, sequence uint64, wait time.Duration) error {
			if id.String() != orderID {
				t.Errorf("%s: order %s", path, id)
			}
			got = asked{table, sequence, wait}
			return nil
		}
		wantStatus(t, do(t, handlerOf(t, shop.config()), get(path)), http.StatusOK)
		if got != want {
			t.Errorf("%s: waited for %+v, want %+v", path, got, want)
		}
		shop.await = func(context.Context, string, uuid.UUID, uint64, time.Duration) error { return ports.ErrUnavailable }
		wantProblem(t, do(t, handlerOf(t, shop.config()), get(path)), http.StatusServiceUnavailable, "view_behind", "")
	}
	for path, field := range map[string]string{
		"/v1/orders?status=ACTIVE&order_id=" + orderID:                "min_sequence",
		"/v1/orders?status=ACTIVE&min_sequence=1":                     "min_sequence",
		"/v1/orders?status=ACTIVE&min_sequence=1&order_id=x":          "order_id",
		"/v1/orders?status=ACTIVE&min_sequence=x&order_id=" + orderID: "min_sequence",
	} {
		wantProblem(t, do(t, handlerOf(t, newShop().config()), get(path)), http.StatusBadRequest, "invalid_parameter", field)
	}
}
