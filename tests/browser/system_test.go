package browser_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestVerify_runsAndShowsDifferences(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.demo(20)
	p := newStandIn(t, s)
	b := open(t, p.url, "/ui/verify", view{})
	b.press(".verify", "Verify")
	b.awaitText("no difference")
	b.press(".verify", "Repair")
	b.typeInto("dialog [name=typed]", "repair")
	b.press("dialog", "Repair")
	b.awaitText("20 orders")

	p.answer("POST /v1/verify/topic", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, line := range []string{`{"progress": {"read": 10, "total": 40}}`, topicWithFindings} {
			// the page may have left
			_, _ = w.Write([]byte(strings.ReplaceAll(line, "\n", " ") + "\n"))
			_ = http.NewResponseController(w).Flush()
		}
	})
	b.press(".verify", "Verify the topic")
	b.awaitText("partition 3: event 2 has no message")
}

// A verification and a rebuild are seen on the way, whoever has started them, and what is not known
// is no number.
func TestVerify_showsHowFarTheyAre(t *testing.T) {
	t.Parallel()
	s := startService(t)
	p := newStandIn(t, s)
	b := open(t, p.url, "/ui/verify", view{})
	b.awaitText("has not verified anything")
	b.awaitText("No view is rebuilt")
	p.document("GET /v1/verify", `{"running": true, "phase": "counting", "done": 0, "total": 0, "per_second": 0}`)
	b.await("unknown figures", `document.querySelectorAll('[aria-label=Views] .progress-facts .unknown').length === 4`)
	p.document("GET /v1/verify", verificationInProgress)
	b.awaitText("reads the rows of the views")
	b.awaitText("88,400 of 240,000 rows")
	b.awaitText("5,120 / s")
	b.awaitText("about 30 s")
	p.document("GET /v1/consumers", failingConsumers)
	b.awaitText("41,200 of 120,000 orders")
	b.awaitText("830 / s")
}

func TestLog_hasPagesAndSaysWhatFillsIt(t *testing.T) {
	t.Parallel()
	s := startService(t)
	p := newStandIn(t, s)
	b := open(t, p.url, "/ui/operations", view{})
	b.awaitText("orderflow consumers resume orders-by-status")
	for range 30 {
		s.call(http.MethodPost, "/v1/consumers/orders-by-status/pause", nil)
		s.call(http.MethodPost, "/v1/consumers/orders-by-status/resume", nil)
	}
	b.await("a page", `document.querySelectorAll('.log tbody tr').length === 50`)
	b.press("main", "Show older ones")
	b.await("all", `document.querySelectorAll('.log tbody tr').length === 60`)
	b.awaitText("These are all")
	p.document("GET /v1/operations", operationsLog)
	b.visit("/ui/operations")
	b.awaitText("failed: the event does not fail any more")
	b.awaitText("ticket 4711")
	p.document("GET /readyz", readyWithNotes)
	b.visit("/ui/system")
	b.awaitText("the keyspace has 1 replica")
}

func TestSystem_settingsAndTheirSources(t *testing.T) {
	t.Parallel()
	s := startService(t, "--lanes=7", "--scylla-password=hush")
	b := open(t, s.url, "/ui/system", view{})
	b.awaitText("The service can do its work")
	b.await("the settings", `document.querySelectorAll('.settings tbody tr').length > 20`)
	eval[any](b, `document.querySelector('.check input').click()`)
	b.await("the URL", `location.search === '?changed=yes'`)
	b.await("only what was set", `document.querySelectorAll('.settings tbody tr').length === 4`)
	text := eval[string](b, `document.querySelector('.settings').innerText`)
	if !strings.Contains(text, "--lanes") || strings.Contains(text, "hush") || !strings.Contains(text, "••••••") {
		t.Errorf("settings:\n%s", text)
	}
}

func TestDescription_isShown(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/api/", view{})
	b.await("the operations", `document.querySelectorAll('.opblock').length > 30`)
	b.awaitText("/v1/orders/{id}/commands")
}

// Theme, UTC and the way through the views by keyboard.
func TestFrame_keyboardAndChoices(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/", view{theme: "light"})
	b.await("the page", `document.querySelector('h1')`)
	for key, path := range map[string]string{
		"e": "/ui/events", "o": "/ui/orders", "c": "/ui/consumers", "p": "/ui/parked", "v": "/ui/verify", "s": "/ui/system",
		"l": "/ui/operations",
	} {
		b.keys("g" + key)
		b.await("the view "+path, "location.pathname === "+quoted(path))
		b.await("its heading", `document.querySelector('h1')`)
	}
	background := `getComputedStyle(document.documentElement).backgroundColor`
	light := eval[string](b, background)
	b.keys("tt") // auto, light, dark
	b.await("the dark theme", background+" !== "+quoted(light))
	b.keys("u")
	b.await("UTC", `document.querySelector('.choices [aria-pressed=true]')`)
	b.visit("/ui/system")
	b.await("the theme after a load", background+" !== "+quoted(light))
	b.keys("?")
	b.await("the list of keys", `document.querySelector('dialog[open] kbd')`)
	b.visit("/ui/none/such")
	b.awaitText("There is no view with this address")
}
