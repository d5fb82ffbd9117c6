package e2e_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One trace goes from the client's request to every consumer. explain shows the same without a
// tracing backend. Not parallel: it changes the environment of the process.
func TestTracing_oneTraceFromTheRequestToEveryConsumer(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	// so that the client's trace is the only one
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	s := start(t, t.TempDir())
	var created struct {
		OrderID string `json:"order_id"`
		Events  []struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"events"`
	}
	s.call(t, 201, "POST", "/v1/orders", `{"customer_id":"ann-of-the-secret","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`,
		"traceparent: 00-"+trace+"-00f067aa0ba902b7-01").into(t, &created)
	if got := created.Events[0].Metadata["traceparent"]; !strings.HasPrefix(got, "00-"+trace+"-") {
		t.Errorf("the event's traceparent is %q", got)
	}

	consumers := []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "file-publisher"}
	var out string
	await(t, "explain to tell when every consumer was done", func() bool {
		out, _ = tool(t, "explain", created.OrderID, "--data="+s.data)
		return len(regexp.MustCompile(`(?m)^ +[a-z-]+ +[0-9.]+ms +[0-9.]+ms +\.*#+$`).FindAllString(out, -1)) == len(consumers)
	})
	for _, want := range append([]string{"order.created", "committed ", "command ", trace}, consumers...) {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.stop(t) // this exports the remaining spans

	var names []string
	for text := range strings.Lines(s.log.String()) {
		if !strings.HasPrefix(text, "{") {
			continue
		}
		var span struct {
			Name        string
			SpanContext struct{ TraceID string }
		}
		if err := json.Unmarshal([]byte(text), &span); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if span.SpanContext.TraceID != trace {
			t.Errorf("%s is in the trace %s", span.Name, span.SpanContext.TraceID)
		}
		if strings.Contains(text, "secret") {
			t.Errorf("a customer is in a span: %s", text)
		}
		names = append(names, span.Name)
	}
	want := []string{"POST /v1/orders", "append", "create_order", "publish"}
	for _, c := range consumers {
		want = append(want, "consume "+c)
	}
	slices.Sort(want)
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}

	// The next process does not know the times, and says why.
	out, status := tool(t, "explain", created.OrderID, "--data="+s.data)
	if got := strings.Count(out, "applied; committed before this process started"); status != 0 || got != len(consumers) {
		t.Errorf("explain after a restart: exit status %d\n%s", status, out)
	}
}
