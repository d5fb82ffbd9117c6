package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait for something in a page.
const patience = time.Minute

// tab is an open page of the console.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu     sync.Mutex
	faults []string
}

// view is how a page is looked at.
type view struct {
	width, height int64
	theme         string // light or dark
	// bypass switches the Content-Security-Policy off, for code of a test that it would block.
	bypass bool
}

// watchPolicy tells of what a Content-Security-Policy blocks, from before the page's own code on.
const watchPolicy = `addEventListener('securitypolicyviolation', (e) =>
	console.error('blocked by the policy: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));`

// open opens a page of a service, in a browser context of its own. At the end, the test fails if
// the page had a fault.
func open(t *testing.T, base, path string, v view) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(shared.start(t), chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx, base: base}
	t.Cleanup(func() {
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			t.Errorf("%s: %s", path, fault)
		}
	})
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context that opens it
		t.Fatal(err)
	}
	if v.width == 0 {
		v.width, v.height = 1280, 900
	}
	b.theme(v.theme)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if v.bypass {
			if _, err := cdp.Call(ctx, target, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
				return err
			}
		}
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: watchPolicy})
		return err
	}))
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(v.width, v.height), chromedp.Navigate(base+path))
	return b
}

func (b *tab) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type != "error" {
			return
		}
		var parts []string
		for _, arg := range e.Args {
			parts = append(parts, strings.TrimSpace(string(arg.Value)+" "+arg.Description))
		}
		fault = "console.error: " + strings.Join(parts, " ")
	case *log.EventEntryAdded:
		if e.Entry.Source != "security" && e.Entry.Source != "violation" {
			return // a request that was refused, which pages show
		}
		fault = "log: " + e.Entry.Text
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fault)
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the value of an expression, which may be a promise, as JSON decodes it.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v in %.300s", err, expression)
	}
	return value
}

// await waits until an expression is true in the page. When it is not in time, the test ends with
// the text of the page.
func (b *tab) await(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	poll := chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingInterval(30*time.Millisecond),
		chromedp.WithPollingTimeout(patience))
	_, err := chromedp.Run(ctx, poll)
	for err != nil && ctx.Err() == nil && reloaded(err) {
		_, err = chromedp.Run(ctx, poll)
	}
	if err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("waited %s for %s: %v; the page:\n%s", patience, what, err, text)
	}
}

// reloaded reports whether a question has failed because the page was loading itself again.
func reloaded(err error) bool {
	return strings.Contains(err.Error(), "Cannot find context") || strings.Contains(err.Error(), "navigated or closed")
}

// awaitText waits until the page shows a text.
func (b *tab) awaitText(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("the text %q", text), "document.body.innerText.includes("+quoted(text)+")")
}

// awaitGone waits until the page does not show a text any more.
func (b *tab) awaitGone(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("the end of %q", text), "!document.body.innerText.includes("+quoted(text)+")")
}

// press presses the button or follows the link with a text, inside of what a selector finds.
func (b *tab) press(within, text string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%s)].flatMap((n) => [...n.querySelectorAll('button, a, summary')])`+
		`.find((n) => n.innerText.trim().startsWith(%s) && !n.disabled)`, quoted(within), quoted(text))
	b.await(fmt.Sprintf("the button %q in %s", text, within), find)
	eval[any](b, "("+find+").click()")
}

// typeInto writes into the field that a selector finds, as a person does.
func (b *tab) typeInto(selector, text string) {
	b.t.Helper()
	b.await("the field "+selector, "document.querySelector("+quoted(selector)+")")
	b.do(chromedp.Focus(selector), chromedp.KeyEvent(text))
}

// keys presses keys on the page.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// theme lets the browser prefer a theme. An open page follows, because only styles ask for it.
func (b *tab) theme(name string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	}))
}

func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

func quoted(text string) string {
	q, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text can always be quoted
	}
	return string(q)
}
