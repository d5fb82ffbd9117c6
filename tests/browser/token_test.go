package browser_test

import "testing"

// A service that asks for a token is shown as such: no figure is made up, what is missing has its
// name, and streams can be read with a token, too.
func TestAccess_isAskedForAndNamed(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	viewer := s.newToken("look", "--role=viewer")
	b := open(t, s.url, "/ui/", view{width: 1100, height: 800})
	for _, path := range []string{"/ui/", "/ui/events", "/ui/orders", "/ui/consumers", "/ui/parked", "/ui/verify", "/ui/operations"} {
		b.visit(path)
		b.awaitText("The service asks for a token.")
		b.await("the reason in "+path, `document.querySelector('main .problem')`)
		made := eval[bool](b, `/\b0\b|No order is|is up to date|does not answer/.test(
			document.querySelector('main').innerText.replace(/asking for \d+ s/g, ''))`)
		if made {
			t.Errorf("%s shows what it does not know:\n%s", path, eval[string](b, `document.querySelector('main').innerText`))
		}
	}
	b.typeInto(".access [name=token]", "no-token-of-this-service\r")
	b.awaitText("The token is not accepted.")
	b.typeInto(".access [name=token]", viewer)
	b.press(".access", "Use it")
	b.await("the log", `document.querySelector('.log, .empty')`)
	b.awaitGone("asks for a token")

	b.visit("/ui/events")
	b.await("the stream", `document.querySelector('.live.live')`)
	b.visit("/ui/consumers/orders-by-sku")
	if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("with a token the page is %d pixels wider than its window", over)
	}
	b.press(".action", "Pause")
	b.awaitText("Not allowed: the scope ops:write is missing.")
	b.await("the log and the bar", `document.querySelector('main .problem') && document.querySelector('.access')`)
	b.press(".access", "Hide")
	b.await("no bar", `!document.querySelector('.access')`)
	b.press(".choices", "Forget token")
	b.awaitText("The service asks for a token.")
}

// A token that may not read the stream is told so, once.
func TestAccess_ofTheStream(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	b := open(t, s.url, "/ui/events", view{})
	b.awaitText("The service asks for a token.")
	b.typeInto(".access [name=token]", s.newToken("ops", "--scope=ops:read")+"\r")
	b.awaitText("no stream: not allowed")
	b.awaitText("the scope stream:read is missing")
	b.visit("/ui/orders")
	b.awaitText("the scope orders:read is missing")
}
