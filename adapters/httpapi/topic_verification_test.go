package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/ports"
)

func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	for _, document := range []string{"asyncapi: 3.0.0\n", ""} {
		config.AsyncAPI = []byte(document)
		answer := httptest.NewRecorder() // without the checks of JSON
		handlerOf(t, config).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/asyncapi.yaml", nil))
		switch {
		case document == "" && answer.Code != http.StatusNotFound:
			t.Errorf("without a document: status %d", answer.Code)
		case document != "" && (answer.Code != http.StatusOK || answer.Body.String() != document || answer.Header().Get("Content-Type") != "application/yaml"):
			t.Errorf("status %d, %s: %q", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
		}
	}
}

func TestVerifyTopic(t *testing.T) {
	t.Parallel()

	t.Run("says what was compared and what is wrong", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		var asked ports.TopicOptions
		shop.verifyTopic = func(_ context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
			asked = options
			return ports.TopicReport{
				Aggregates: 1, Unjudged: 2, Messages: 3, Expired: 4, Doubled: 5, Missing: 6, OutOfOrder: 7, Unknown: 8, Scattered: 9,
				Shown: []ports.TopicFinding{
					{Kind: ports.TopicMissing, AggregateID: uuid.MustParse(orderID), AggregateType: "order", SequenceNumber: 2, Detail: "event 2 of 3 did not come"},
					{Kind: ports.TopicUnknown, Detail: "no event"},
				},
			}, nil
		}
		answer := do(t, handlerOf(t, shop.config()), post("/v1/verify/topic?from=17&patience=1m", ""))
		wantStatus(t, answer, http.StatusOK)
		if asked.From != 17 || asked.Patience != time.Minute {
			t.Errorf("asked for %+v", asked)
		}
		want := map[string]any{"report": map[string]any{
			"orders": 1.0, "unjudged": 2.0, "messages": 3.0, "expired": 4.0, "doubled": 5.0,
			"missing": 6.0, "out_of_order": 7.0, "unknown": 8.0, "scattered": 9.0,
			"shown": []any{
				map[string]any{
					"kind": "missing", "aggregate_id": orderID, "aggregate_type": "order", "order_id": orderID, "sequence_number": 2.0,
					"detail": "event 2 of 3 did not come",
				},
				map[string]any{"kind": "unknown", "detail": "no event"},
			},
		}}
		if diff := cmp.Diff(want, bodyOf[map[string]any](t, answer)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("reads the whole topic unless told otherwise", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{"", "?from=begin"} {
			shop := newShop()
			shop.verifyTopic = func(ctx context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
				if _, limited := ctx.Deadline(); limited || options.From != ports.FromBegin || options.Patience != 0 {
					t.Errorf("asked for %+v, limited %t", options, limited)
				}
				return ports.TopicReport{}, nil
			}
			wantStatus(t, do(t, handlerOf(t, shop.config()), post("/v1/verify/topic"+query, "")), http.StatusOK)
		}
	})

	t.Run("shows that it gets on, line by line, and not too often", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.verifyTopic = func(_ context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
			for read := range uint64(1000) {
				options.Progress(read+1, 1000)
			}
			return ports.TopicReport{Aggregates: 1}, nil
		}
		server := start(t, shop.config())
		defer server.stop()
		answer, body := server.send(t, http.MethodPost, "/v1/verify/topic", "")
		if got := answer.Header.Get("Content-Type"); got != "application/x-ndjson" {
			t.Errorf("content type %q", got)
		}
		written := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
		if len(written) < 2 || len(written) > 100 || written[0] != `{"progress":{"read":1,"total":1000}}` {
			t.Fatalf("%d lines: %s", len(written), written[0])
		}
		var last struct{ Report *struct{ Orders int } }
		if err := json.Unmarshal([]byte(written[len(written)-1]), &last); err != nil || last.Report == nil || last.Report.Orders != 1 {
			t.Errorf("last line %s: %v", written[len(written)-1], err)
		}
	})

	t.Run("a failure before anything was said is a status", func(t *testing.T) {
		t.Parallel()
		for err, want := range map[error]int{ports.ErrUnavailable: 503, ports.ErrNotFound: 404, errors.New("broken"): 500} {
			shop := newShop()
			shop.verifyTopic = func(context.Context, ports.TopicOptions) (ports.TopicReport, error) { return ports.TopicReport{}, err }
			wantStatus(t, do(t, handlerOf(t, shop.config()), post("/v1/verify/topic", "")), want)
		}
	})

	t.Run("a failure after that is the last line", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		shop.verifyTopic = func(_ context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
			options.Progress(1, 2)
			return ports.TopicReport{}, ports.ErrUnavailable
		}
		server := start(t, shop.config())
		defer server.stop()
		answer, body := server.send(t, http.MethodPost, "/v1/verify/topic", "")
		if answer.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), "\n") || !strings.Contains(string(body), `{"problem":{`) ||
			!strings.Contains(string(body), `"code":"unavailable"`) || strings.Contains(string(body), `"report"`) {
			t.Errorf("status %d: %s", answer.StatusCode, body)
		}
	})

	t.Run("does not take what is no offset", func(t *testing.T) {
		t.Parallel()
		for _, from := range []string{"", "end", "-1", "1.5", "9223372036854775808"} {
			answer := do(t, handlerOf(t, newShop().config()), post("/v1/verify/topic?from="+from, ""))
			wantProblem(t, answer, http.StatusBadRequest, "invalid_parameter", "from")
		}
		answer := do(t, handlerOf(t, newShop().config()), post("/v1/verify/topic?patience=x", ""))
		wantProblem(t, answer, http.StatusBadRequest, "invalid_parameter", "patience")
	})

	t.Run("is not there without a topic", func(t *testing.T) {
		t.Parallel()
		config := newShop().config()
		config.TopicVerifier = nil
		if answer := do(t, handlerOf(t, config), post("/v1/verify/topic", "")); answer.Code != http.StatusNotFound {
			t.Errorf("status %d", answer.Code)
		}
	})
}
