package bootstrap_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderflow/bootstrap"
)

// sendAs sends a command with an id of its own, and returns the answer.
func sendAs(t *testing.T, app *bootstrap.App, key, what, body string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(what, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, app.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// Clients write personal data while it is erased. Each command comes before the erasure or after
// it: it is accepted and then erased, or it is refused. Nothing of it can be read at the end.
func TestErasure_againstCommandsAtTheSameTime(t *testing.T) {
	t.Parallel()
	const clients, atLeast = 4, 5
	c := withKey(t)
	c.Sink = "file:" + filepath.Join(c.Data, "order-events.jsonl")
	app, stop := run(t, c, io.Discard)
	var writers, busy sync.WaitGroup
	busy.Add(clients)
	accepted := make([]map[string]bool, clients) // whether the cancellation of each order was
	for client := range accepted {
		accepted[client] = map[string]bool{}
		writers.Go(func() {
			before := sync.OnceFunc(busy.Done)
			defer before()
			for n := 0; ; n++ { // until the customer is erased
				if n == atLeast {
					before()
				}
				id := fmt.Sprintf("018f4e5a-0000-7000-8000-%06d%06d", client, n)
				for step, command := range [][2]string{
					{"POST /v1/orders", `{"order_id":"` + id + `","customer_id":"ann","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`},
					{"POST /v1/orders/" + id + "/cancel", `{"reason":"reason-` + canary + `"}`},
				} {
					status, text := sendAs(t, app, fmt.Sprint(client, "-", n, "-", step), command[0], command[1])
					if status == http.StatusConflict && strings.Contains(text, "subject_erased") {
						return
					}
					if status >= 300 {
						t.Errorf("client %d, order %d: %d %s", client, n, status, text)
						return
					}
					accepted[client][id] = strings.HasSuffix(command[0], "/cancel")
				}
			}
		})
	}
	busy.Wait()
	status, text := send(t, app, "POST /v1/customers/ann/erase", `{"reason":"r","force":true}`)
	for status == http.StatusNotFound { // the list of the customer's orders is behind
		status, text = send(t, app, "POST /v1/customers/ann/erase", `{"reason":"r","force":true}`)
	}
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	writers.Wait()
	var ids []string
	for _, of := range accepted {
		ids = slices.AppendSeq(ids, maps.Keys(of))
	}
	if end := erased(t, app, "ann"); end.State != "done" {
		t.Errorf("%+v", end)
	}
	settled(t, app)
	nowhere(t, app, ids, nil)
	for _, of := range accepted {
		for id, cancelled := range of {
			var document struct {
				Status string  `json:"status"`
				Reason *string `json:"cancel_reason"`
			}
			_, text := send(t, app, "GET /v1/orders/"+id, "")
			err := json.Unmarshal([]byte(text), &document)
			if err != nil || document.Reason != nil || cancelled != (document.Status == "CANCELLED") {
				t.Errorf("cancelled: %v, and it is %s", cancelled, text)
			}
		}
	}
	stop()
	if published, err := os.ReadFile(filepath.Join(c.Data, "order-events.jsonl")); err != nil || strings.Contains(string(published), canary) {
		t.Errorf("a canary was published, %v", err)
	}
}

// A client repeats a command after the erasure. It gets the answer of the command, with nulls, and
// there is no second event. Nobody can tell any more whether the texts are the same, so others get
// the same answer.
func TestErasure_anOldCommandIDGetsItsAnswer(t *testing.T) {
	t.Parallel()
	c := withKey(t)
	c.Sink = "none"
	app, stop := run(t, c, io.Discard)
	ids, commands := canaries("ann", 1)
	submit(t, app, commands[:len(commands)-1])
	const key = "the-cancellation-of-ann"
	cancel := commands[len(commands)-1]
	status, before := sendAs(t, app, key, cancel[0], cancel[1])
	if status != http.StatusOK || !strings.Contains(before, canary) {
		t.Fatalf("%d %s", status, before)
	}
	if status, text := sendAs(t, app, key, cancel[0], `{"reason":"another"}`); status < 400 {
		t.Errorf("another command with the same id: %d %s", status, text)
	}
	settled(t, app)
	history := "GET /v1/orders/" + ids[1] + "/events?limit=200"
	_, events := send(t, app, history, "")
	eraseAnn(t, app)
	events = strings.Replace(events, `"reason-`+canary+`"`, "null", 1)
	want := strings.Replace(before, `"reason-`+canary+`"`, "null", 1)
	for range 2 {
		for _, body := range []string{cancel[1], `{"reason":"another"}`} {
			if status, text := sendAs(t, app, key, cancel[0], body); status != http.StatusOK || text != want {
				t.Errorf("%d %s\nwant %s", status, text, want)
			}
		}
		if _, text := send(t, app, history, ""); text != events {
			t.Errorf("the history is %s\nwant %s", text, events)
		}
		stop()
		app, stop = run(t, c, io.Discard)
	}
}
