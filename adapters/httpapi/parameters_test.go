package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestGetOrder_beyondTheHead(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.orderAt = func(_ context.Context, id uuid.UUID, moment ports.Moment) (projection.Row, error) {
		return nil, fmt.Errorf("order: %w", &ports.BeyondHeadError{AggregateID: id, SequenceNumber: moment.SequenceNumber, Head: 3})
	}
	p := wantProblem(t, do(t, handlerOf(t, shop.config()), get("/v1/orders/"+orderID+"?at_sequence=5")), http.StatusNotFound, "no_such_version", "")
	if p.Detail != "the order has no event 5 yet; its last one is 3" || *p.Expected != 5 || *p.Actual != 3 || p.OrderID != orderID {
		t.Errorf("%+v", p)
	}
}

// Problems about parameters that depend on each other say what the description says.
func TestQueries_saysWhatGoesTogether(t *testing.T) {
	t.Parallel()
	const (
		one    = "exactly one of status and sku must be given"
		both   = "min_sequence and order_id must be given together or not at all"
		moment = "at most one of min_sequence, at_time and at_sequence may be given"
		id     = "order_id=" + orderID
	)
	for path, want := range map[string][]string{
		"/v1/orders":                              {one, "status", "sku"},
		"/v1/orders?limit=1":                      {one, "status", "sku"},
		"/v1/orders?status=ACTIVE&sku=A-1":        {one, "status", "sku"},
		"/v1/orders?status=ACTIVE&" + id:          {both, "min_sequence", "order_id"},
		"/v1/customers/ann/orders?min_sequence=1": {both, "min_sequence", "order_id"},
		"/v1/orders/" + orderID + "?at_sequence=1&at_time=2026-03-01T12:00:00Z":                {moment, "at_time", "at_sequence"},
		"/v1/orders/" + orderID + "?at_sequence=1&min_sequence=1":                              {moment, "min_sequence", "at_sequence"},
		"/v1/orders/" + orderID + "?at_sequence=1&min_sequence=1&at_time=2026-03-01T12:00:00Z": {moment, "min_sequence", "at_time", "at_sequence"},
		// Faults of single parameters come first, all of them.
		"/v1/orders?status=LOST&sku=&limit=0&cursor=*&sort=up&order_id=x": {
			"cursor was not issued for this listing; start over without it; errors has 5 more", "cursor", "limit", "order_id", "sku", "sort", "status",
		},
	} {
		p := wantProblem(t, do(t, handlerOf(t, newShop().config()), get(path)), 400, "", "")
		got := []string{p.Detail}
		for _, e := range p.Errors {
			got = append(got, e.Field)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// The description says only by a pattern which durations are accepted.
func TestParameters_durationsAreWhatTheirPatternSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path, parameter string
		most                    time.Duration
	}{
		"a wait":         {http.MethodGet, "/v1/orders/" + orderID, "timeout", 30 * time.Second},
		"a verification": {http.MethodPost, "/v1/verify", "patience", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := shopWithOrder(t)
			var asked time.Duration
			shop.verify = func(_ context.Context, patience time.Duration) (ports.VerifyReport, error) {
				asked = patience
				return ports.VerifyReport{}, nil
			}
			shop.order = func(_ context.Context, id uuid.UUID, _ uint64, wait time.Duration) (projection.Row, error) {
				asked = wait
				return shop.row(id, func(projection.Event) bool { return true })
			}
			handler := handlerOf(t, shop.config())
			send := func(duration string) int {
				path := test.path + "?" + url.Values{test.parameter: {duration}}.Encode()
				return do(t, handler, request{method: test.method, path: path}).Code
			}
			pattern := parameterOf(test.method, test.path, test.parameter)["schema"].(object)["pattern"].(string)
			rapid.Check(t, func(rt *rapid.T) {
				text := rapid.StringMatching(pattern).Draw(rt, "text")
				want, err := time.ParseDuration(text)
				if code := send(text); code != http.StatusOK || err != nil || want > test.most || asked != want {
					rt.Errorf("%q: status %d, %v; asked for %s", text, code, err, asked)
				}
				// What a Go program writes for a duration is accepted, too.
				d := time.Duration(rapid.Int64Range(0, int64(test.most/time.Millisecond)).Draw(rt, "ms")) * time.Millisecond
				if code := send(d.String()); code != http.StatusOK || asked != d {
					rt.Errorf("%s: status %d; asked for %s", d, code, asked)
				}
			})
			for _, text := range []string{"", "1", "-1s", "+1s", "1h", "1us", ".5s", "1.s", "1e3ms", "s", (test.most + time.Millisecond).String()} {
				if code := send(text); code != http.StatusBadRequest {
					t.Errorf("%q: status %d", text, code)
				}
			}
		})
	}
}

// parameterOf returns a parameter as it is described.
func parameterOf(method, path, name string) object {
	for _, p := range served().operation(method, path)["parameters"].([]any) {
		if p.(object)["name"] == name {
			return p.(object)
		}
	}
	panic(fmt.Sprintf("%s %s has no parameter %s", method, path, name))
}
