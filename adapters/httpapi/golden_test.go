package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/ports"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-golden +got), -update writes it again:\n%s", path, diff)
	}
}

// transcript renders requests and their answers.
func transcript(t *testing.T, handler http.Handler, requests ...request) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, r := range requests {
		fmt.Fprintf(&b, ">>> %s %s\n", r.method, r.path)
		writeHeader(&b, r.header)
		if r.body != "" {
			fmt.Fprintf(&b, "%s\n", r.body)
		}
		answer := do(t, handler, r)
		fmt.Fprintf(&b, "\n<<< %d %s\n", answer.Code, http.StatusText(answer.Code))
		header := answer.Header().Clone()
		header.Del("Content-Length")
		writeHeader(&b, header)
		b.Write(pretty(t, answer))
		b.WriteString("\n\n")
	}
	return b.Bytes()
}

func writeHeader(b *bytes.Buffer, header http.Header) {
	var names []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(b, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
}

func pretty(t *testing.T, answer *httptest.ResponseRecorder) []byte {
	t.Helper()
	if answer.Body.Len() == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(answer.Body.Bytes()), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden_commands(t *testing.T) {
	t.Parallel()
	const path = "/v1/orders/" + orderID
	golden(t, "commands.golden", transcript(t, handlerOf(t, newShop().config()),
		post("/v1/orders", creation).with("Idempotency-Key", "create-1").with("X-Correlation-Id", "0195f3a0-0000-7000-8000-00000000000b"),
		post("/v1/orders", creation).with("Idempotency-Key", "create-1"),
		post("/v1/orders", creation),
		put(path+"/items", `{"items":[{"sku":"B-2","quantity":1,"unit_price":99}]}`).with("If-Match", `"1"`),
		post(path+"/confirm", `{"payment_reference":"pay-1"}`).with("If-Match", `"1"`),
		post(path+"/confirm", `{"payment_reference":"pay-1"}`),
		post(path+"/confirm", `{"payment_reference":"pay-2"}`),
		post(path+"/ship", `{"carrier":"DHL","tracking_number":""}`),
		post(path+"/ship", `{"carrier":"DHL","tracking_number":"JD0146"}`),
		post(path+"/deliver", ""),
		post(path+"/cancel", `{"reason":"too late"}`),
		post("/v1/orders/0195f3a0-0000-7000-8000-000000000002/deliver", ""),
	))
}

func TestGolden_queries(t *testing.T) {
	t.Parallel()
	shop := shopWithOrder(t)
	golden(t, "queries.golden", transcript(t, handlerOf(t, shop.config()),
		get("/v1/orders/"+orderID),
		get("/v1/orders/"+orderID).with("If-None-Match", `"3"`),
		get("/v1/orders/"+orderID+"?at_sequence=1"),
		get("/v1/orders/"+orderID+"/events"),
		get("/v1/customers/ann/orders"),
		get("/v1/orders?status=SHIPPED"),
		get("/v1/orders?sku=A-1"),
		get("/v1/orders?sku=none"),
	))
}

func TestGolden_operations(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.consumers = func(context.Context) []ports.ConsumerStatus {
		return []ports.ConsumerStatus{
			{
				Name: "order-read-model", Live: ports.Generation{Number: 1, Version: 1}, State: ports.ConsumerRunning,
				Lag: ports.Lag{Known: true}, Handled: 12, Duplicates: 1, Expired: 1,
			},
			{
				Name: "orders-by-sku", Live: ports.Generation{Number: 2, Version: 1}, State: ports.ConsumerFailing, Retries: 4, Healed: 2,
				Lag: ports.Lag{Events: 3, Age: 1500 * time.Millisecond, Known: true},
				Failure: &ports.ConsumerFailure{
					AggregateID: uuid.MustParse(orderID), AggregateType: "order", SequenceNumber: 2, Kind: ports.FailureStore, Error: "apply: unavailable", Attempts: 4, Since: noon,
				},
				Parked: 2, OldestParked: noon,
			},
			{
				Name: "orders-by-status", Live: ports.Generation{Number: 4, Version: 2}, Previous: ports.Generation{Number: 1, Version: 1},
				State: ports.ConsumerParked, Parked: 1, OldestParked: noon, Lag: ports.Lag{Known: true},
				Rebuild: &ports.RebuildStatus{
					Phase: ports.RebuildRefused, Generation: ports.Generation{Number: 7, Version: 2}, Done: 3, Total: 3, StartedAt: noon,
					Report: &ports.VerifyReport{Aggregates: 3, Events: 9, Rows: 3, Differences: 1, Shown: []ports.VerifyDifference{
						{AggregateID: uuid.MustParse(orderID), AggregateType: "order", Consumer: "orders-by-status", Detail: "a row is missing"},
					}},
				},
			},
			{
				Name: "orders-by-customer", Live: ports.Generation{Number: 1, Version: 1}, State: ports.ConsumerStandby,
				Holder:  ports.LeaseOwner{ID: uuid.MustParse(orderID), Address: "http://10.0.0.7:8080"},
				Rebuild: &ports.RebuildStatus{Phase: ports.RebuildAborted, Error: "store away"},
			},
			{Name: "publisher", State: ports.ConsumerStopped, Failure: &ports.ConsumerFailure{Error: "no offset", Attempts: 1, Since: noon}},
		}
	}
	shop.table = func(_ context.Context, name string, after ports.Cursor, _ int) (ports.TablePage, error) {
		switch {
		case name != "event_store":
			return ports.TablePage{}, fmt.Errorf("table %s: %w", name, ports.ErrNotFound)
		case after != "":
			return ports.TablePage{Columns: []string{"aggregate_id", "head"}}, nil
		}
		return ports.TablePage{Columns: []string{"aggregate_id", "head"}, Rows: [][]string{{orderID, "3"}}, Next: "more"}, nil
	}
	config := shop.config()
	config.Metrics = http.NotFoundHandler()
	notReady := config
	notReady.Ready = func(context.Context) error { return errors.New("order-read-model is catching up") }
	golden(t, "operations.golden", slices.Concat(
		transcript(t, handlerOf(t, config),
			get("/"), get("/livez"), get("/readyz"), get("/v1/consumers"), get("/v1/tables"),
			get("/v1/tables/event_store?limit=1"), get("/v1/tables/event_store?cursor=bW9yZQ"), get("/v1/tables/passwords"),
		),
		transcript(t, handlerOf(t, notReady), get("/readyz")),
	))
}
