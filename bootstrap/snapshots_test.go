package bootstrap_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/bootstrap"
)

// Snapshots are deleted, nothing that anybody asks for changes, and it is known who did it.
func TestApp_dropsSnapshots(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	c.Sink = "none"
	app, _ := run(t, c, io.Discard)
	place(t, app)
	for n := range 60 { // the first one changes nothing
		asks(t, app, http.MethodPut, orderURL+"/items", fmt.Sprintf(`{"items":[{"sku":"A","quantity":%d,"unit_price":5}]}`, n+1), `"sequence_number"`)
	}
	_, before := get(t, app.URL()+orderURL+"?at_sequence=55")
	for deadline := time.Now().Add(time.Minute); ; { // they are written in the background
		answer := asks(t, app, http.MethodDelete, "/v1/snapshots?reason=ticket+4711", "", `"aggregates"`)
		if strings.Contains(answer, `{"aggregates":1}`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there are no snapshots")
		}
	}
	if _, after := get(t, app.URL()+orderURL+"?at_sequence=55"); after != before || !strings.Contains(after, `"quantity":55`) {
		t.Errorf("the order was\n%s\nand is\n%s", before, after)
	}
	asks(t, app, http.MethodPost, orderURL+"/confirm", `{"payment_reference":"PAY-1"}`, `"sequence_number":61`)
	if _, log := get(t, app.URL()+"/v1/operations"); !strings.Contains(log, `"drop-snapshots"`) || !strings.Contains(log, "ticket 4711") {
		t.Errorf("the log: %s", log)
	}
}

// asks sends a request whose answer has a text.
func asks(t *testing.T, app *bootstrap.App, method, path, body, text string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, app.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), text) {
		t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, answer, err)
	}
	return string(answer)
}
