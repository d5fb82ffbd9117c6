package browser_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// views are the views of a service with a parked order, by their names.
func views(order string) map[string]string {
	return map[string]string{
		"flow": "/ui/", "events": "/ui/events?from=earliest", "order": "/ui/orders/" + order + "?at=2", "orders": "/ui/orders?status=SHIPPED",
		"consumers": "/ui/consumers", "consumer": "/ui/consumers/orders-by-status", "parked": "/ui/parked", "verify": "/ui/verify",
		"log": "/ui/operations", "system": "/ui/system",
	}
}

// TestAccessibility has axe-core look at every view, in both themes, on a good and on a bad day.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	path := os.Getenv("AXE_CORE")
	if path == "" {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" {
			t.Fatal("REQUIRE_INTEGRATION is set, and AXE_CORE is not")
		}
		t.Skip("AXE_CORE does not name the file axe.min.js")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := startService(t)
	order := s.shipped("ada")
	s.demo(20)
	p := newStandIn(t, s)
	badDay(p, order)
	locked := startService(t, "--auth=tokens")
	for day, base := range map[string]string{"good": s.url, "bad": p.url, "locked": locked.url} {
		b := open(t, base, "/ui/", view{bypass: true}) // axe-core sets markup
		for name, path := range views(order) {
			if day == "locked" && name != "flow" {
				continue // the same bar and the same problem on every page
			}
			b.visit(path)
			b.await("the page", `document.querySelector('h1') && !document.querySelector('.waiting')`)
			eval[any](b, string(axe)+"; undefined")
			for _, theme := range []string{"light", "dark"} {
				b.theme(theme)
				found := eval[string](b, `axe.run(document, {resultTypes: ['violations']}).then((r) => JSON.stringify(
					r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary)}))))`)
				var violations []struct {
					ID, Help string
					Nodes    []string
				}
				if err := json.Unmarshal([]byte(found), &violations); err != nil {
					t.Fatal(err)
				}
				for _, v := range violations {
					t.Errorf("%s, %s, %s day: %s: %s\n\t%s", name, theme, day, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
				}
			}
		}
	}
}

// badDay lets a stand-in answer as a service does that has every kind of trouble.
func badDay(p *standIn, order string) {
	const base = "/v1/consumers/orders-by-customer"
	p.document("GET /v1/consumers", failingConsumers)
	p.document("GET /v1/verify", verificationInProgress)
	p.document("GET /v1/operations", operationsLog)
	p.document("GET /readyz", readyWithNotes)
	p.document("GET "+base+"/parked-groups", parkedGroups)
	p.document("GET "+base+"/parked", strings.ReplaceAll(parkedList, "ORDER", order))
	for _, name := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "redpanda-publisher"} {
		p.document("GET /v1/consumers/"+name+"/skips", `{"skips": []}`)
	}
}

// No view is wider than a narrow window, or than a wide one.
func TestViews_fitTheWindow(t *testing.T) {
	t.Parallel()
	s := startService(t)
	order := s.shipped("ada")
	s.demo(20)
	p := newStandIn(t, s)
	badDay(p, order)
	locked := startService(t, "--auth=tokens")
	for day, base := range map[string]string{"good": s.url, "bad": p.url, "locked": locked.url} {
		b := open(t, base, "/ui/", view{theme: "dark"})
		for name, path := range views(order) {
			b.visit(path)
			b.await("the page", `document.querySelector('h1') && !document.querySelector('.waiting')`)
			for _, width := range []int64{360, 768, 1280, 3840} {
				b.do(chromedp.EmulateViewport(width, 800))
				if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s on a %s day is %d pixels wider than a window of %d", name, day, over, width)
				}
			}
		}
	}
}
