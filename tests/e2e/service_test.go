package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

const oneItem = `[{"sku":"A-1","quantity":2,"unit_price":1250}]`

func createBody(id uuid.UUID, customer string) string {
	return fmt.Sprintf(`{"order_id":%q,"customer_id":%q,"currency":"EUR","items":%s}`, id, customer, oneItem)
}

func TestService_takesAnOrderThroughItsLife(t *testing.T) {
	t.Parallel()
	s, id := start(t, t.TempDir()), uuid.New()
	path := "/v1/orders/" + id.String()

	a := s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(id, "ada"))
	if a.header.Get("Location") != path || a.header.Get("ETag") != `"1"` {
		t.Errorf("headers = %v", a.header)
	}
	s.call(t, http.StatusPreconditionFailed, "PUT", path+"/items", `{"items":[{"sku":"B","quantity":1,"unit_price":5}]}`, `If-Match: "7"`)
	s.call(t, http.StatusOK, "PUT", path+"/items", `{"items":[{"sku":"B","quantity":1,"unit_price":5}]}`, `If-Match: "1"`)
	s.call(t, http.StatusUnprocessableEntity, "POST", path+"/ship", `{"carrier":"DHL","tracking_number":"1"}`)
	s.call(t, http.StatusOK, "POST", path+"/confirm", `{"payment_reference":"P"}`)
	s.call(t, http.StatusOK, "POST", path+"/ship", `{"carrier":"DHL","tracking_number":"1"}`)
	s.call(t, http.StatusOK, "POST", path+"/deliver", ``)
	s.call(t, http.StatusBadRequest, "POST", "/v1/orders", `{"customer_id":"ada","currency":"EUR","items":[{"sku":"A","quantity":0,"unit_price":1}]}`)
	s.call(t, http.StatusNotFound, "POST", "/v1/orders/"+uuid.NewString()+"/deliver", ``)

	var order struct {
		Status         string `json:"status"`
		Total          int64  `json:"total"`
		SequenceNumber int    `json:"sequence_number"`
	}
	s.call(t, http.StatusOK, "GET", path+"?min_sequence=5&timeout=10s", "").into(t, &order)
	if order.Status != "DELIVERED" || order.Total != 5 || order.SequenceNumber != 5 {
		t.Errorf("order = %+v", order)
	}
	s.call(t, http.StatusOK, "GET", path+"?at_sequence=1", "").into(t, &order)
	if order.Status != "ACTIVE" || order.Total != 2500 {
		t.Errorf("order at 1 = %+v", order)
	}
	a = s.call(t, http.StatusServiceUnavailable, "GET", path+"?min_sequence=6&timeout=50ms", "")
	if a.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", a.header)
	}
	var events struct {
		Events []struct {
			EventType string `json:"event_type"`
		} `json:"events"`
	}
	s.call(t, http.StatusOK, "GET", path+"/events", "").into(t, &events)
	if len(events.Events) != 5 || events.Events[4].EventType != "order.delivered" {
		t.Errorf("events = %+v", events)
	}
	await(t, "the lists to show the order", func() bool {
		for _, list := range []string{"/v1/customers/ada/orders", "/v1/orders?status=DELIVERED", "/v1/orders?sku=B"} {
			if !strings.Contains(s.call(t, http.StatusOK, "GET", list, "").text, id.String()) {
				return false
			}
		}
		return true
	})
	for _, gone := range []string{"/v1/orders?status=ACTIVE", "/v1/orders?sku=A-1"} {
		if strings.Contains(s.call(t, http.StatusOK, "GET", gone, "").text, id.String()) {
			t.Errorf("%s still shows the order", gone)
		}
	}
	for _, page := range []string{"/livez", "/readyz", "/metrics", "/openapi.json", "/v1/consumers"} {
		s.call(t, http.StatusOK, "GET", page, "")
	}
	if metrics := s.call(t, http.StatusOK, "GET", "/metrics", "").text; !strings.Contains(metrics, `orderflow_consumer_lag_events{consumer="orders-by-sku"} 0`) {
		t.Error("no lag in the metrics")
	}
	s.stop(t)
}

// 200 clients update one order at once.
func TestService_oneOrderManyClients(t *testing.T) {
	t.Parallel()
	s, id := start(t, t.TempDir()), uuid.New()
	s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(id, "ada"))
	type success struct {
		SequenceNumber int `json:"sequence_number"`
		quantity       int
	}
	var mu sync.Mutex
	told := map[int]int{}
	var clients sync.WaitGroup
	for i := range 200 {
		clients.Go(func() {
			body := fmt.Sprintf(`{"items":[{"sku":"A-1","quantity":%d,"unit_price":1}]}`, i+1)
			a, err := s.try(t.Context(), "PUT", "/v1/orders/"+id.String()+"/items", body)
			if err != nil || a.status != http.StatusOK && a.status != http.StatusConflict {
				t.Errorf("%d, %v: %s", a.status, err, a.text)
				return
			}
			if a.status == http.StatusOK {
				r := success{quantity: i + 1}
				a.into(t, &r)
				mu.Lock()
				told[r.SequenceNumber] = r.quantity
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	var history struct {
		Events []struct {
			SequenceNumber int `json:"sequence_number"`
			Data           struct {
				Items []struct {
					Quantity int `json:"quantity"`
				} `json:"items"`
			} `json:"data"`
		} `json:"events"`
	}
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+id.String()+"/events", "").into(t, &history)
	if len(history.Events) != 1+len(told) || len(told) == 0 {
		t.Errorf("%d events for %d successes", len(history.Events), len(told))
	}
	for i, e := range history.Events {
		if e.SequenceNumber != i+1 {
			t.Errorf("event %d has sequence number %d", i, e.SequenceNumber)
		}
		if i > 0 && e.Data.Items[0].Quantity != told[e.SequenceNumber] {
			t.Errorf("event %d has quantity %d, the client was told %d", e.SequenceNumber, e.Data.Items[0].Quantity, told[e.SequenceNumber])
		}
	}
	if out, status := tool(t, "verify", "--data="+s.data); status != 0 {
		t.Errorf("verify: %d\n%s", status, out)
	}
}

// P2 and P6. The service is killed again and again under load. It keeps what it acknowledged, gives
// a repeated command the same answer, and delivers every event to every consumer.
func TestService_survivesKills(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	type ack struct {
		body string
		text string
	}
	var mu sync.Mutex
	acked := map[string]ack{} // by idempotency key
	for round := range rounds {
		s := start(t, data)
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				for n := 0; ; n++ {
					key := fmt.Sprintf("round-%d-client-%d-%d", round, c, n)
					body := fmt.Sprintf(`{"customer_id":"c%d","currency":"EUR","items":%s}`, c, oneItem)
					a, err := s.try(t.Context(), "POST", "/v1/orders", body, "Idempotency-Key: "+key)
					if err != nil {
						return // killed
					}
					if a.status != http.StatusCreated {
						t.Errorf("%d: %s", a.status, a.text)
						return
					}
					mu.Lock()
					acked[key] = ack{body, a.text}
					mu.Unlock()
				}
			})
		}
		<-time.After(time.Duration(150+50*round) * time.Millisecond)
		s.kill()
		clients.Wait()
	}
	s := start(t, data)
	if len(acked) < 10*rounds {
		t.Fatalf("only %d commands were acknowledged", len(acked))
	}
	for key, a := range acked {
		again := s.call(t, http.StatusCreated, "POST", "/v1/orders", a.body, "Idempotency-Key: "+key)
		if again.text != a.text {
			t.Fatalf("%s was told\n%s\nand then\n%s", key, a.text, again.text)
		}
	}
	out, status := tool(t, "verify", "--data="+data)
	if status != 0 {
		t.Fatalf("verify: %d\n%s", status, out)
	}
	s.stop(t)
	published := publishedEvents(t, filepath.Join(data, "order-events.jsonl"))
	for key, a := range acked {
		var answer struct {
			Events []struct {
				EventID string `json:"event_id"`
			} `json:"events"`
		}
		if err := json.Unmarshal([]byte(a.text), &answer); err != nil || len(answer.Events) != 1 {
			t.Fatalf("%s: %v", a.text, err)
		}
		if published[answer.Events[0].EventID] == 0 {
			t.Errorf("the event of %s was not published", key)
		}
	}
	t.Logf("%d commands acknowledged over %d kills", len(acked), rounds)
}

// publishedEvents counts how often each event id is in a file of CloudEvents.
func publishedEvents(t *testing.T, path string) map[string]int {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	times := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.ID == "" {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		times[e.ID]++
	}
	return times
}

func TestService_refusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	out, status := tool(t, "serve", "--listen=127.0.0.1:0", "--data="+s.data)
	if status != 1 || !strings.Contains(out, s.data) || !strings.Contains(out, fmt.Sprint(s.cmd.Process.Pid)) {
		t.Errorf("exit status %d: %s; want the directory and the owner named", status, out)
	}
	out, status = tool(t, "serve", "--listen="+strings.TrimPrefix(s.url, "http://"), "--data="+t.TempDir())
	if status != 1 || !strings.Contains(out, "address already in use") {
		t.Errorf("exit status %d: %s", status, out)
	}
}
