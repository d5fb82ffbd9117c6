package bootstrap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/bootstrap"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// canary is in every personal field of these tests, and nowhere else.
const canary = "canary-7f3a"

// canaries returns the commands of two orders of a customer with a canary in every personal field.
// The first one is shipped, and long enough to have a snapshot. The second one is cancelled.
func canaries(customer string, n int) (ids []string, commands [][2]string) {
	first, second := fmt.Sprintf("018f4e5a-0000-7000-8000-0000000%05d", n), fmt.Sprintf("018f4e5a-0000-7000-8000-0000001%05d", n)
	const items = `"items":[{"sku":"A","quantity":%d,"unit_price":5}]`
	for _, id := range []string{first, second} {
		commands = append(commands, [2]string{
			"POST /v1/orders", fmt.Sprintf(`{"order_id":"`+id+`","customer_id":"`+customer+`","currency":"EUR",`+items+`}`, 1),
		})
	}
	for n := range 60 {
		commands = append(commands, [2]string{"PUT /v1/orders/" + first + "/items", fmt.Sprintf(`{`+items+`}`, n+2)})
	}
	commands = append(commands,
		[2]string{"POST /v1/orders/" + first + "/confirm", `{"payment_reference":"payment-` + canary + `"}`},
		[2]string{"POST /v1/orders/" + first + "/ship", `{"carrier":"carrier-` + canary + `","tracking_number":"tracking-` + canary + `"}`},
		[2]string{"POST /v1/orders/" + first + "/deliver", `{}`},
		[2]string{"POST /v1/orders/" + second + "/cancel", `{"reason":"reason-` + canary + `"}`},
	)
	return []string{first, second}, commands
}

// withKey returns a configuration with a service key of personal data.
func withKey(t *testing.T) bootstrap.Config {
	t.Helper()
	dir := t.TempDir()
	c := config(filepath.Join(dir, "data"))
	c.PersonalKey = filepath.Join(dir, "key")
	if err := os.WriteFile(c.PersonalKey, []byte(strings.Repeat("5c", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends a request and returns the answer.
func send(t *testing.T, app *bootstrap.App, what, body string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(what, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, app.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func submit(t *testing.T, app *bootstrap.App, commands [][2]string) {
	t.Helper()
	for _, c := range commands {
		if status, text := send(t, app, c[0], c[1]); status >= 300 {
			t.Fatalf("%s: %d %s", c[0], status, text)
		}
	}
}

// settled waits until no view is behind.
func settled(t *testing.T, app *bootstrap.App) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		status, text := send(t, app, "POST /v1/verify?patience=10s", "")
		var report struct {
			Differences *int `json:"differences"`
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil || status != http.StatusOK || report.Differences == nil {
			t.Fatalf("verify: %d %s", status, text)
		}
		if *report.Differences == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("verify: %s", text)
		}
	}
}

const eraseBody = `{"reason":"the customer has asked for it","reference":"ticket 4711"}`

// erased waits until an erasure has another state than requested, and returns it.
func erased(t *testing.T, app *bootstrap.App, customer string) (document struct {
	State, Subject, Waits              string
	Aggregates, Rewritten, PlainEvents int
},
) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		status, text := send(t, app, "GET /v1/customers/"+customer+"/erasure", "")
		text = strings.ReplaceAll(text, "plain_events", "PlainEvents")
		if err := json.Unmarshal([]byte(text), &document); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		if document.State != "requested" {
			return document
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
}

// shown is everything that the API shows of the orders: the orders and their histories, every
// table, the log of operations, an export.
func shown(t *testing.T, app *bootstrap.App, ids []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	read := func(path string) {
		status, text := send(t, app, "GET "+path, "")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, text)
		}
		all[path] = text
	}
	for _, id := range ids {
		for _, path := range []string{"", "?at_sequence=1", "/events?limit=200", "/commands", "/explain"} {
			read("/v1/orders/" + id + path)
		}
	}
	for _, table := range []string{"event_store", "outbox_messages", "order_read_model", "orders_by_customer", "orders_by_status", "orders_by_sku"} {
		for path := "/v1/tables/" + table + "?limit=200"; path != ""; {
			read(path)
			var page struct {
				NextCursor string `json:"next_cursor"`
			}
			if err := json.Unmarshal([]byte(all[path]), &page); err != nil {
				t.Fatal(err)
			}
			if path = ""; page.NextCursor != "" {
				path = "/v1/tables/" + table + "?limit=200&cursor=" + url.QueryEscape(page.NextCursor)
			}
		}
	}
	read("/v1/operations?limit=200")
	read("/v1/export")
	return all
}

// A canary in every personal field of a customer is nowhere after the erasure: not in what the API
// shows, in what is stored, in what was published, in the log. The canaries of another customer are
// where they were.
func TestErasure_leavesNoCanary(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	c := withKey(t)
	c.Sink = "file:" + filepath.Join(c.Data, "order-events.jsonl")
	env := bootstrap.Environment{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	app, stop := runIn(t, c, env)
	annsIDs, anns := canaries("ann", 1)
	bobsIDs, bobs := canaries("bob", 2)
	submit(t, app, append(anns, bobs...))
	settled(t, app)
	before := shown(t, app, annsIDs)
	for _, path := range []string{"/v1/orders/" + annsIDs[0], "/v1/orders/" + annsIDs[1] + "/events?limit=200"} {
		if !strings.Contains(before[path], canary) {
			t.Fatalf("%s has no canary: %s", path, before[path])
		}
	}
	bobsBefore, _ := json.Marshal(shown(t, app, bobsIDs)["/v1/orders/"+bobsIDs[0]])

	if status, text := send(t, app, "POST /v1/customers/ann/erase", eraseBody); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	for path, text := range shown(t, app, annsIDs) { // at once, whatever is rewritten
		if strings.Contains(path, "/v1/orders/") && strings.Contains(text, canary) {
			t.Errorf("%s still has a canary: %s", path, text)
		}
	}
	end := erased(t, app, "ann")
	if end.State != "done" || end.Aggregates != 2 || end.PlainEvents != 0 || end.Rewritten < 2*4 {
		t.Errorf("%+v", end)
	}
	settled(t, app)

	const another = `{"customer_id":"ann","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`
	if status, text := send(t, app, "POST /v1/orders", another); status != http.StatusConflict || !strings.Contains(text, "subject_erased") {
		t.Errorf("a new order: %d %s", status, text)
	}
	nowhere(t, app, annsIDs, bobsIDs)
	bobsAfter, _ := json.Marshal(shown(t, app, bobsIDs)["/v1/orders/"+bobsIDs[0]])
	if string(bobsBefore) != string(bobsAfter) || !strings.Contains(string(bobsAfter), canary) {
		t.Errorf("the order of another customer was %s and is %s", bobsBefore, bobsAfter)
	}

	stop()
	if text := log.String(); strings.Contains(text, canary) || strings.Contains(text, "customer_id=ann") {
		t.Errorf("the log has a canary:\n%s", text)
	}
	published, err := os.ReadFile(filepath.Join(c.Data, "order-events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(published)) {
		if strings.Contains(line, canary) {
			t.Errorf("published: %s", line)
		}
	}
	for _, kind := range []string{`"type":"subject.erasure_requested"`, `"type":"subject.erased"`} {
		if strings.Count(string(published), kind) != 1 {
			t.Errorf("%s was published %d times", kind, strings.Count(string(published), kind))
		}
	}
	storedNowhere(t, c.Data, annsIDs)

	// It stays so after a restart, in a rebuild, and the customer can be asked for.
	app, _ = runIn(t, c, env)
	if again := erased(t, app, "ann"); again != end {
		t.Errorf("after a restart %+v, before %+v", again, end)
	}
	if status, text := send(t, app, "POST /v1/consumers/order-read-model/rebuild", ""); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	settled(t, app)
	nowhere(t, app, annsIDs, bobsIDs)
}

// An erasure with unfinished orders has to be forced. After it, they take only what is not
// personal. While a consumer is paused, the erasure waits for it and says so, and nothing is shown.
func TestErasure_ofUnfinishedOrdersWhileAConsumerIsPaused(t *testing.T) {
	t.Parallel()
	c := withKey(t)
	c.Sink = "none"
	app, _ := run(t, c, io.Discard)
	ids, commands := canaries("ann", 1)
	confirmed := commands[:len(commands)-3] // not shipped, and the other one not cancelled
	submit(t, app, confirmed)
	settled(t, app)
	if status, text := send(t, app, "POST /v1/customers/ann/erase", eraseBody); status != http.StatusConflict || !strings.Contains(text, "2 of 2 orders") {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send(t, app, "POST /v1/customers/nobody/erase", eraseBody); status != http.StatusNotFound {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send(t, app, "POST /v1/consumers/order-read-model/pause", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, text := send(t, app, "GET /v1/consumers", ""); strings.Contains(text, `"paused"`) {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
	if status, text := send(t, app, "POST /v1/customers/ann/erase", `{"reason":"r","force":true}`); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		_, text := send(t, app, "GET /v1/customers/ann/erasure", "")
		if strings.Contains(text, `"state":"requested"`) && strings.Contains(text, "consumer order-read-model is paused") {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
	nowhere(t, app, ids, nil)
	for what, body := range map[string]string{
		"POST /v1/orders/" + ids[0] + "/ship":    `{"carrier":"c","tracking_number":"t"}`,
		"POST /v1/orders/" + ids[1] + "/confirm": `{"payment_reference":"p"}`,
		"POST /v1/orders/" + ids[1] + "/cancel":  `{"reason":"r"}`,
	} {
		if status, text := send(t, app, what, body); status != http.StatusConflict || !strings.Contains(text, "subject_erased") {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if status, text := send(t, app, "PUT /v1/orders/"+ids[1]+"/items", `{"items":[{"sku":"B","quantity":1,"unit_price":5}]}`); status != http.StatusOK {
		t.Errorf("what is not personal: %d %s", status, text)
	}
	if status, text := send(t, app, "POST /v1/consumers/order-read-model/resume", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	if end := erased(t, app, "ann"); end.State != "done" || end.Aggregates != 2 {
		t.Errorf("%+v", end)
	}
	settled(t, app)
	nowhere(t, app, ids, nil)
}

// nowhere fails when something that is about ann has a canary.
func nowhere(t *testing.T, app *bootstrap.App, anns, bobs []string) {
	t.Helper()
	for path, text := range shown(t, app, anns) {
		if path == "/v1/tables/order_read_model?limit=200" { // it has those of bob
			for row := range strings.SplitSeq(text, "],[") {
				ofBob := slices.ContainsFunc(bobs, func(id string) bool { return strings.Contains(row, id) })
				if strings.Contains(row, canary) && !ofBob {
					t.Errorf("%s has a canary: %s", path, row)
				}
			}
			continue
		}
		if strings.Contains(text, canary) {
			t.Errorf("%s has a canary: %s", path, text)
		}
		if strings.Contains(text, eventsourcing.Erased) && !strings.HasPrefix(path, "/v1/tables/") {
			t.Errorf("%s shows what stands for an erased text: %s", path, text)
		}
	}
}

// storedNowhere opens the store and looks for the canary in every state and snapshot of orders.
func storedNowhere(t *testing.T, data string, ids []string) {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: data, Retention: -1, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	found := 0
	for _, text := range ids {
		id := uuid.MustParse(text)
		for _, consumer := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"} {
			state, err := store.State(context.Background(), ports.ViewID{Consumer: consumer, Generation: 1}, id)
			if err != nil {
				t.Error(err)
			}
			if found++; strings.Contains(string(state.Data), canary) || len(state.Data) == 0 {
				t.Errorf("the state of %s has a canary, or there is none: %q", consumer, state.Data)
			}
		}
		snapshot, err := store.LoadSnapshot(context.Background(), id, "command", 1<<62)
		if err != nil || strings.Contains(string(snapshot.Data), canary) {
			t.Errorf("snapshot at %d: %q, %v", snapshot.SequenceNumber, snapshot.Data, err)
		}
	}
	if found != 8 {
		t.Errorf("%d states", found)
	}
}
