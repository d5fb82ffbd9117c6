package browser_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func TestOrder_scrubsThroughItsHistory(t *testing.T) {
	t.Parallel()
	s := startService(t)
	id := s.shipped("ada")
	b := open(t, s.url, "/ui/orders/"+id, view{})
	b.awaitText("after event 4 of 4")
	b.await("the state", `document.querySelector('.state-fields ins')`)
	state := `document.querySelector('[aria-label="The order at a moment"]').innerText`
	b.await("the carrier", state+".includes('DHL0001')")
	b.keys(kb.ArrowLeft + kb.ArrowLeft)
	b.awaitText("after event 2 of 4")
	b.await("the article that was added", `document.querySelector('.lines .added')?.innerText.includes('MUG-03')`)
	b.await("the quantity that has changed", `document.querySelector('.lines del')?.innerText === '2'`)
	if strings.Contains(eval[string](b, state), "DHL0001") {
		t.Error("the past shows what came later")
	}
	if search := eval[string](b, "location.search"); search != "?at=2" {
		t.Errorf("the URL has %q", search)
	}
	b.await("the way of the event to every consumer", `document.querySelectorAll('.waterfall .work').length === 5`)
}

// What happens to the order comes into an open page, and its commands are those of its status.
func TestOrder_commandsAndTheirRefusals(t *testing.T) {
	t.Parallel()
	s := startService(t)
	id := s.order("ada")
	b := open(t, s.url, "/ui/orders/"+id, view{})
	b.awaitText("only a CONFIRMED order can be shipped; this one is ACTIVE")
	b.press(".commands", "Confirm")
	b.typeInto(".command[open] input", "PAY-7")
	b.await("the command line", `document.querySelector('.command[open] .cli')?.innerText.includes('PAY-7')`)
	b.press(".command[open] form", "Confirm")
	b.awaitText("after event 2 of 2")
	b.awaitText("only an ACTIVE order can be confirmed; this one is CONFIRMED")
	s.call(http.MethodPost, "/v1/orders/"+id+"/ship", fields{"carrier": "DHL", "tracking_number": "1"})
	b.awaitText("after event 3 of 3")
	b.awaitText("this one is SHIPPED")

	b.visit("/ui/orders/018f4e5a-0000-7000-8000-00000000dead")
	b.awaitText("not_found")
}

// Who looks at an order of a customer who was erased sees that, and the log says who did it.
func TestOrder_showsAnErasure(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "personal.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("a7", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startService(t, "--personal-key="+key)
	id := s.shipped("ada")
	s.call(http.MethodGet, "/v1/customers/ada/orders?order_id="+id+"&min_sequence=4&timeout=20s", nil)
	b := open(t, s.url, "/ui/orders/"+id, view{})
	b.awaitText("DHL0001")
	if strings.Contains(eval[string](b, "document.body.innerText"), "erased") {
		t.Error("it is shown before it has happened")
	}
	s.call(http.MethodPost, "/v1/customers/ada/erase", fields{"reason": "ticket 4711", "force": true})
	b = open(t, s.url, "/ui/orders/"+id, view{})
	b.await("the fact", `[...document.querySelectorAll('.facts div')].some(f => f.innerText.includes('Personal data') && f.innerText.includes('erased'))`)
	b.await("the event", `document.querySelector('.timeline').innerText.includes('erased erased')`)
	if strings.Contains(eval[string](b, "document.body.innerText"), "DHL0001") {
		t.Error("what was erased is shown")
	}
	b.visit("/ui/operations")
	b.await("the log", `[...document.querySelectorAll('.log tr')].some(r => r.innerText.includes('erase') && r.innerText.includes('ticket 4711'))`)
}

// A history that comes in several parts is shown around the chosen event.
func TestOrder_aLongHistory(t *testing.T) {
	t.Parallel()
	s := startService(t)
	id := s.order("ada")
	for n := range 1010 {
		s.call(http.MethodPut, "/v1/orders/"+id+"/items", fields{
			"items": []fields{{"sku": "TEA-100", "quantity": 3 + n, "unit_price": 890}},
		})
	}
	b := open(t, s.url, "/ui/orders/"+id+"?at=500", view{})
	b.awaitText("after event 500 of 1011")
	b.await("the way of the event", `document.querySelectorAll('.waterfall .work').length === 5`)
	b.awaitText("439 events before these")
	if shown := eval[int](b, `document.querySelectorAll('.timeline button').length`); shown != 121 {
		t.Errorf("%d events are listed", shown)
	}
	b.keys(kb.End)
	b.awaitText("after event 1011 of 1011")
	s.call(http.MethodPost, "/v1/orders/"+id+"/cancel", fields{"reason": "test"})
	b.awaitText("after event 1012 of 1012")
}
