package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// An operator's night with the real binary. A bug in a reducer parks one order of a thousand. A row
// that was changed by hand makes a rebuild refuse to switch. A consumer is paused for longer than
// the feed keeps records.
func TestNight(t *testing.T) {
	t.Parallel()
	const orders = 999
	data := t.TempDir()
	buggy := buildBuggy(t)
	s := startBinary(t, buggy, data)
	if out, status := tool(t, "demo", fmt.Sprint("--orders=", orders), "--seed=3", "--data="+data); status != 0 {
		t.Fatalf("demo: %d\n%s", status, out)
	}

	// The bug parks one order. The other 999 orders are up to date, and the other consumers handle
	// this one.
	bad := s.place(t, "ada")
	s.call(t, http.StatusOK, "POST", "/v1/orders/"+bad+"/confirm", `{"payment_reference":"POISON"}`)
	s.call(t, http.StatusOK, "POST", "/v1/orders/"+bad+"/ship", `{"carrier":"DHL","tracking_number":"1"}`)
	await(t, "the order to be parked", func() bool { return s.consumer(t, "order-read-model").Parked == 1 })
	s.awaitCurrent(t, "order-read-model")
	s.wantTool(t, 0, bad, "parked", "ls", "order-read-model")
	s.wantTool(t, 0, "bug", "parked", "show", "order-read-model", bad)
	// the program is still the one with the bug
	s.wantTool(t, 3, bad, "parked", "retry", "order-read-model", bad)
	good := s.place(t, "ada")
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+good+"?min_sequence=1&timeout=30s", "")
	s.wantTool(t, 3, bad, "verify", "--patience=0s")
	given := s.place(t, "ada") // of this one somebody decides to do without the event
	s.call(t, http.StatusOK, "POST", "/v1/orders/"+given+"/confirm", `{"payment_reference":"POISON"}`)
	await(t, "the second order to be parked", func() bool { return s.consumer(t, "order-read-model").Parked == 2 })
	s.wantTool(t, 0, "is no longer parked", "parked", "skip", "order-read-model", given, "--reason=asked for")
	s.stop(t)

	// The fix is deployed, and the parked events are handled in order.
	s = start(t, data)
	s.wantTool(t, 0, "", "parked", "retry", "order-read-model", bad)
	var order struct {
		Status         string `json:"status"`
		SequenceNumber int    `json:"sequence_number"`
	}
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+bad, "").into(t, &order)
	if order.Status != "SHIPPED" || order.SequenceNumber != 3 {
		t.Errorf("after the retry, the order is %+v", order)
	}
	s.wantTool(t, 0, "every view equals the fold", "verify")

	// What was skipped stays skipped although the bug is gone, in a rebuild as well, until somebody
	// takes that back.
	s.wantTool(t, 0, "asked for", "parked", "skips", "order-read-model")
	s.wantTool(t, 0, "is live", "consumers", "rebuild", "order-read-model")
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+given, "").into(t, &order)
	if order.Status != "ACTIVE" {
		t.Errorf("the order whose confirmation is skipped is %+v", order)
	}
	s.wantTool(t, 0, "is not skipped any more", "parked", "unskip", "order-read-model", given, "2")
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+given, "").into(t, &order)
	if order.Status != "CONFIRMED" || order.SequenceNumber != 2 {
		t.Errorf("the order whose confirmation is not skipped any more is %+v", order)
	}
	s.wantTool(t, 0, "no event is skipped", "parked", "skips")
	s.wantTool(t, 0, "every view equals the fold", "verify")
	s.stop(t)

	// A row is changed by hand. A rebuild finds it and is refused. After the repair it is switched
	// on. Reads never fail.
	tamper(t, data, bad)
	s = start(t, data)
	reads := s.readAllTheTime(t, bad, good)
	s.wantTool(t, 1, "in the live generation", "consumers", "rebuild", "orders-by-customer")
	s.wantTool(t, 0, "1 orders were repaired", "verify", "--repair", "--patience=1s")
	s.wantTool(t, 0, "is live", "consumers", "rebuild", "orders-by-customer")
	if made, failed := reads(); made == 0 || failed != "" {
		t.Errorf("of %d reads during the rebuild one failed: %s", made, failed)
	}
	if live := s.consumer(t, "orders-by-customer").Live.Number; live == 1 {
		t.Errorf("generation %d is live after the rebuild", live)
	}
	s.wantTool(t, 0, "every view equals the fold", "verify")
	s.stop(t)

	// A consumer is paused for longer than the feed keeps what it has missed.
	s = start(t, data, "--retention=1s")
	s.wantTool(t, 0, "is paused", "consumers", "pause", "orders-by-sku")
	s.place(t, "ada")
	await(t, "the feed to forget", func() bool {
		var outbox struct {
			Rows [][]string `json:"rows"`
		}
		s.call(t, http.StatusOK, "GET", "/v1/tables/outbox_messages", "").into(t, &outbox)
		return len(outbox.Rows) == 0
	})
	s.wantTool(t, 0, "is resumed", "consumers", "resume", "orders-by-sku")
	s.awaitCurrent(t)
	if metrics := s.call(t, http.StatusOK, "GET", "/metrics", "").text; !strings.Contains(metrics, `orderflow_consumer_offsets_expired_total{consumer="orders-by-sku"} 1`) {
		t.Error("the expired offset was not counted")
	}
	s.wantTool(t, 0, "every view equals the fold", "verify")
	s.stop(t)
}

// buildBuggy builds the service with a bug in one reducer, like a bad release.
func buildBuggy(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	source, err := filepath.Abs("../../application/filling/effect.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const before = "	for i, r := range records {\n"
	const bug = `		if p.projection.Name == "order-read-model" && string(r.Payload) == ` + "`{\"payment_reference\":\"POISON\"}`" + ` {
			panic("a bug of this release")
		}
`
	if strings.Count(string(text), before) != 1 {
		t.Fatalf("the place for the bug is not in %s", source)
	}
	replaced := filepath.Join(dir, "effect.go")
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(text), before, before+bug, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	overlayPath := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayPath, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "orderflow-buggy")
	if out, err := exec.Command("go", "build", "-overlay="+overlayPath, "-o", path, "orderflow/bootstrap/orderflow").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// tamper changes the row of an order in the live generation of orders-by-customer, without the
// service.
func tamper(t *testing.T, data, order string) {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p, id := views.OrdersByCustomer(), uuid.MustParse(order)
	view := ports.ViewID{Consumer: p.Name, Generation: 1}
	page, err := store.Rows(t.Context(), ports.RowQuery{View: view, Table: p.Table, Prefix: []any{"ada"}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	state, err := store.State(t.Context(), view, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range page.Rows {
		if p.Table.Get(row, "order_id") != id {
			continue
		}
		for i, column := range p.Table.Columns {
			if column.Name == "total" {
				row[i] = int64(1)
			}
		}
		if err := store.Replace(t.Context(), view, ports.Change{AggregateID: id, State: state, Table: p.Table, Put: []projection.Row{row}}, state.SequenceNumber); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("order %s has no row in %v", order, page.Rows)
}

// readAllTheTime reads orders and a list until the returned function is called. That function
// returns how many reads there were, and the error of the first that failed.
func (s *service) readAllTheTime(t *testing.T, orders ...string) (stop func() (made int64, failed string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	var made atomic.Int64
	failures := make(chan string, 1)
	paths := []string{"/v1/customers/ada/orders"}
	for _, id := range orders {
		paths = append(paths, "/v1/orders/"+id)
	}
	for _, path := range paths {
		reading.Go(func() {
			for ctx.Err() == nil {
				a, err := s.try(ctx, "GET", path, "")
				if ctx.Err() != nil {
					return
				}
				missing := err == nil && a.status == http.StatusOK && strings.HasSuffix(path, "/orders") && !strings.Contains(a.text, orders[0])
				if err != nil || a.status != http.StatusOK || missing {
					select {
					case failures <- fmt.Sprintf("%s: %d %s %v", path, a.status, a.text, err):
					default:
					}
				}
				made.Add(1)
				select {
				case <-time.After(2 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() (int64, string) {
		cancel()
		reading.Wait()
		select {
		case f := <-failures:
			return made.Load(), f
		default:
			return made.Load(), ""
		}
	}
}
