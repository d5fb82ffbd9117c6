package browser_test

import (
	"go/parser"
	"net/http"
	"strings"
	"testing"
)

// shownEvents counts the rows of the tail.
const shownEvents = `document.querySelectorAll('.events tbody tr').length`

func TestEvents_tail(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/events", view{})
	b.awaitText("orderflow demo --follow")
	b.await("the stream", `document.querySelector('.live.live')`)
	id := s.order("ada")
	b.await("the event", shownEvents+" === 1")

	b.keys(" ")
	b.awaitText("Go on")
	s.call(http.MethodPost, "/v1/orders/"+id+"/confirm", fields{"payment_reference": "PAY-1"})
	b.awaitText("Go on: 1 new")
	if n := eval[int](b, shownEvents); n != 1 {
		t.Errorf("a paused page shows %d events, want 1", n)
	}
	b.keys(" ")
	b.await("both events", shownEvents+" === 2")
	if first := eval[string](b, `document.querySelector('.events tbody tr').innerText`); !strings.Contains(first, "confirmed") {
		t.Errorf("the first row is %q, want the newest event", first)
	}

	b.keys("jj")
	b.awaitText("event 1 of order")
	b.await("the event in the URL", `new URLSearchParams(location.search).get('event')`)
	if got := eval[any](b, `document.querySelector('.detail .json').innerText.includes('"customer_id": "ada"')`); got != true {
		t.Error("the payload is not shown")
	}
}

// A filter is a part of the URL, and a URL with a filter shows what it says.
func TestEvents_filtersAreInTheURL(t *testing.T) {
	t.Parallel()
	s := startService(t)
	ada, bob := s.order("ada"), s.order("bob")
	b := open(t, s.url, "/ui/events?from=earliest&customer=bob", view{})
	b.await("the event of bob", shownEvents+" === 1")
	b.await("the filter", `document.querySelector('[name=customer]').value === 'bob'`)
	b.press(".filters", "Clear")
	b.awaitText("No event has come")
	b.press("main", "Show what the feed still holds")
	b.await("both events", shownEvents+" === 2")
	eval[any](b, `(() => { const f = document.querySelector('[name=type]'); f.value = 'order.confirmed'; f.dispatchEvent(new Event('change')); })()`)
	s.call(http.MethodPost, "/v1/orders/"+ada+"/confirm", fields{"payment_reference": "PAY-1"})
	s.call(http.MethodPost, "/v1/orders/"+bob+"/cancel", fields{"reason": "test"})
	b.await("only the confirmation", shownEvents+" === 1")
	if search := eval[string](b, "location.search"); !strings.Contains(search, "type=order.confirmed") {
		t.Errorf("the URL has %q", search)
	}
}

// The page goes on where it was, without a gap and without a double.
func TestEvents_surviveARestart(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/events", view{})
	b.await("the stream", `document.querySelector('.live.live')`)
	first := s.order("ada")
	b.await("the event", shownEvents+" === 1")
	s.kill()
	b.awaitText("the connection is broken")
	s.start()
	s.call(http.MethodPost, "/v1/orders/"+first+"/confirm", fields{"payment_reference": "PAY-1"})
	b.await("the event after the restart", shownEvents+" === 2")
}

// The page stays alive while thousands of events come, and few of them are nodes.
func TestEvents_fiveThousandDoNotFreezeThePage(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.demo(1700)
	b := open(t, s.url, "/ui/", view{})
	eval[any](b, `(() => {
		window.longest = 0;
		let last = performance.now();
		const beat = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; setTimeout(beat, 5); };
		beat();
		history.pushState(null, '', '/ui/events?from=earliest');
		dispatchEvent(new PopStateEvent('popstate'));
	})()`)
	b.await("five thousand events", `Number(/([\d,]+) received/.exec(document.body.innerText)?.[1].replaceAll(',', '')) >= 5000`)
	if nodes := eval[int](b, `document.querySelectorAll('*').length`); nodes > 6000 {
		t.Errorf("the page has %d nodes", nodes)
	}
	t.Logf("the longest time without an answer of the page was %.0f ms", eval[float64](b, "window.longest"))
	b.keys("j") // it still reacts
	b.awaitText("Copy as curl")
}

func TestEvents_copies(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s.url, "/ui/", view{})
	const items = `{"items": [{"sku": "A", "quantity": 2, "unit_price": 5}, {"sku": "B", "quantity": 1, "unit_price": 7}]}`
	for call, want := range map[string]string{
		`asGo('order.confirmed', {payment_reference: 'it"s'})`: `order.OrderConfirmed{PaymentReference: "it\"s"}`,
		`asGo('order.delivered', {})`:                          `order.OrderDelivered{}`,
		`asGo('order.items_updated', ` + items + `)`: "order.OrderItemsUpdated{Items: []order.Item{\n" +
			"\t{SKU: \"A\", Quantity: 2, UnitPrice: 5},\n\t{SKU: \"B\", Quantity: 1, UnitPrice: 7},\n}}",
		`asCurl('1', 'order.cancelled', {reason: "it's late"})`: "curl -s -X POST " + s.url + "/v1/orders/1/cancel \\\n" +
			"  -H 'Content-Type: application/json' \\\n  -d '{\"reason\":\"it'\\''s late\"}'",
	} {
		got := eval[string](b, "import('/ui/assets/eventtext.js').then(({asGo, asCurl}) => "+call+")")
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", call, got, want)
		}
		if strings.HasPrefix(want, "order.") {
			if _, err := parser.ParseExpr(got); err != nil {
				t.Errorf("%s is not Go: %v", got, err)
			}
		}
	}
}
