package browser_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestOrders_areFoundInThreeWays(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/orders", view{})
	b.awaitText("orderflow demo --orders 200")
	id := s.shipped("ada")
	s.demo(120)
	b.visit("/ui/orders?customer=ada")
	b.await("the order of the customer", `document.querySelectorAll('.orders tbody tr').length === 1`)
	b.awaitText("kept by orders-by-customer")
	b.visit("/ui/orders?sku=TEA-100")
	b.await("the line of the article", `document.querySelector('.orders tbody')?.innerText.includes('3 × EUR 8.90')`)
	b.press(".tabs", "DELIVERED")
	b.await("the URL", `location.search === '?status=DELIVERED'`)
	b.await("orders", `document.querySelectorAll('.orders tbody tr').length > 10`)
	b.typeInto("[name=order]", id+"\r")
	b.await("the page of the order", `location.pathname === '/ui/orders/`+id+`'`)
}

func TestOrders_older(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for range 60 {
		s.order("ada")
	}
	b := open(t, s.url, "/ui/orders?customer=ada", view{})
	b.await("a page", `document.querySelectorAll('.orders tbody tr').length === 50`)
	b.press("main", "Show older ones")
	b.await("the rest", `document.querySelectorAll('.orders tbody tr').length === 60`)
}

func TestConsumers_pauseAndResume(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/consumers/orders-by-sku", view{})
	b.awaitText("orderflow consumers pause orders-by-sku")
	b.press(".action", "Pause")
	b.awaitText("is paused")
	s.order("ada")
	b.awaitText("1 event behind")
	b.press(".action", "Resume")
	b.awaitText("up to date")
}

// A reset shows what would happen first, and does it only when the name was typed.
func TestConsumers_resetAsksFirst(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.order("ada")
	p := newStandIn(t, s)
	var forced atomic.Int32
	p.answer("POST /v1/consumers/file-publisher/reset", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"force":true`) {
			forced.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"consequence": "1 event is published again"}`)
	})
	b := open(t, p.url, "/ui/consumers/file-publisher", view{})
	b.press(".action", "Reset")
	b.press("dialog", "Show what would happen")
	b.awaitText("1 event is published again")
	b.await("a button that does nothing yet", `document.querySelector('dialog button.danger')?.disabled`)
	b.typeInto("dialog [name=typed]", "file-publish")
	if disabled := eval[bool](b, `document.querySelector('dialog button.danger').disabled`); !disabled {
		t.Error("half of the name is enough")
	}
	b.keys("er")
	b.press("dialog", "Reset")
	b.awaitText("Reset: accepted")
	if forced.Load() != 1 {
		t.Errorf("the reset was sent %d times", forced.Load())
	}
}

func TestConsumers_rebuild(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.demo(50)
	b := open(t, s.url, "/ui/consumers/orders-by-status", view{})
	b.press(".action", "Rebuild")
	b.awaitText("is done: the new generation is live")
	b.awaitText("no difference")
	b.press(".action", "Roll back")
	b.typeInto("dialog [name=typed]", "orders-by-status")
	b.press("dialog", "Roll back")
	b.awaitText("Rebuild of generation 1 is done")
}

func TestConsumers_aRefusedRebuildShowsTheDifferences(t *testing.T) {
	t.Parallel()
	s := startService(t)
	p := newStandIn(t, s)
	p.document("GET /v1/consumers", refusedRebuild)
	b := open(t, p.url, "/ui/consumers/orders-by-status", view{})
	b.awaitText("was refused: there are differences")
	b.awaitText("a row is missing")
	b.await("the end of the rebuild", `[...document.querySelectorAll('.action button')].some((n) => n.innerText === 'End the rebuild' && !n.disabled)`)
}

func TestParked_retryAndSkip(t *testing.T) {
	t.Parallel()
	s := startService(t)
	id := s.order("ada")
	p := newStandIn(t, s)
	p.document("GET /v1/consumers", failingConsumers)
	const base = "/v1/consumers/orders-by-customer"
	p.document("GET "+base+"/parked-groups", parkedGroups)
	p.document("GET "+base+"/parked", strings.ReplaceAll(parkedList, "ORDER", id))
	p.document("GET "+base+"/parked/"+id, strings.ReplaceAll(parkedOne, "ORDER", id))
	for _, name := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "redpanda-publisher"} {
		p.document("GET /v1/consumers/"+name+"/skips", `{"skips": []}`)
	}
	asked := make(chan string, 10)
	p.answer("POST "+base+"/retry-parked", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"released": 9, "still_parked": [], "not_tried": 0}`)
	})
	p.answer("POST "+base+"/parked/"+id+"/skip", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
		w.WriteHeader(http.StatusNoContent)
	})

	b := open(t, p.url, "/ui/parked", view{})
	b.awaitText("12 orders")
	b.awaitText("orderflow parked retry orders-by-customer --group=8f14e45fceea")
	b.press(".group", "Retry ten")
	b.awaitText("Retry 10: 9 orders released")
	if got := <-asked; got != "fingerprint=8f14e45fceea&limit=10" {
		t.Errorf("asked with %q", got)
	}
	b.press(".group", "Show the orders")
	b.press(".members", "What waits")
	b.awaitText("order.confirmed")
	b.press(".members", "Skip")
	b.typeInto("dialog [name=reason]", "test data")
	b.typeInto("dialog [name=typed]", "orders-by-customer")
	b.press("dialog", "Skip this event")
	b.awaitText("Skip: done")
	if got := <-asked; got != `{"reason":"test data","sequence_number":2}` {
		t.Errorf("sent %s", got)
	}
}
