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
