package browser_test

import (
	"net/http"
	"testing"
)

func TestFlow_showsWhatFlowsAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/", view{})
	b.await("the console", "location.pathname === '/ui/'")
	b.awaitText("demo --follow") // an empty view says which command fills it
	s.demo(20)
	b.awaitText("Nothing needs attention")
	b.await("a rate of events", `[...document.querySelectorAll('.box-foot .figure')].some((n) => parseFloat(n.innerText) > 0)`)
	b.await("a line to each consumer", `document.querySelectorAll('.wire').length === 12`)

	s.stop()
	b.awaitText("The service does not answer")
	s.start()
	b.awaitGone("The service does not answer")
	b.awaitText("demo --follow") // the new process has handled nothing
}

// A lag that is not known is not 0, and what is wrong is said, with what to do.
func TestFlow_tellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := startService(t)
	p := newStandIn(t, s)
	p.document("GET /v1/consumers", failingConsumers)
	b := open(t, p.url, "/ui/", view{})
	b.awaitText("Needs attention")
	for _, text := range []string{
		"stopped by itself: append: disk is gone", "orderflow consumers resume orders-by-status",
		"2 orders are parked", "orderflow parked ls orders-by-customer", "is paused", "unknown",
	} {
		b.awaitText(text)
	}
	if bad := eval[int](b, `document.querySelectorAll('.box.bad').length`); bad != 3 {
		t.Errorf("%d boxes are red, want 3", bad)
	}
	if cut := eval[int](b, `document.querySelectorAll('.wire.cut .cut-mark').length`); cut == 0 {
		t.Error("no line is cut")
	}
	p.answer("GET /v1/consumers", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	b.awaitText("What you see is old")
}
