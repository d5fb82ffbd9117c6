package browser_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A service that asks for a token is shown as such: no figure is made up, what is missing has its
// name, and streams can be read with a token, too.
func TestAccess_isAskedForAndNamed(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	viewer := s.newToken("look", "--role=viewer")
	b := open(t, s.url, "/ui/", view{width: 1100, height: 800})
	for _, path := range []string{"/ui/", "/ui/events", "/ui/orders", "/ui/consumers", "/ui/parked", "/ui/verify", "/ui/operations"} {
		b.visit(path)
		b.awaitText("The service asks who you are.")
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
	b.press(".access", "Log in")
	b.await("the log", `document.querySelector('.log, .empty')`)
	b.awaitGone("asks who you are")
	b.await("who is logged in", `document.querySelector('.choices .who')?.textContent === 'token:look'`)
	// the page has nothing that a script could take away
	if kept := eval[string](b, `document.cookie + JSON.stringify(sessionStorage) + JSON.stringify(localStorage)`); strings.Contains(kept, "ofk_") || strings.Contains(kept, "session\"") || strings.Contains(kept, "orderflow-session") {
		t.Errorf("scripts can read %s", kept)
	}

	b.visit("/ui/events")
	b.await("the stream", `document.querySelector('.live.live')`)
	b.visit("/ui/consumers/orders-by-sku")
	if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("with a token the page is %d pixels wider than its window", over)
	}
	b.await("disabled actions", `[...document.querySelectorAll('.action')].length > 3 &&
		[...document.querySelectorAll('.action')].every((one) => one.querySelector('button').disabled &&
			one.textContent.includes('token:look does not have the scope ops:write'))`)
	for _, path := range []string{"/ui/verify", "/ui/parked"} {
		b.visit(path)
		b.awaitText("token:look does not have the scope ops:write")
	}
	// the API refuses it all the same
	if status := eval[int](b, `fetch('/v1/consumers/orders-by-sku/pause', {method: 'POST'}).then((r) => r.status)`); status != 403 {
		t.Errorf("a viewer pauses with status %d", status)
	}
	b.press(".choices", "Log out")
	b.awaitText("The service asks who you are.")
	if status := eval[int](b, `fetch('/v1/consumers').then((r) => r.status)`); status != 401 {
		t.Errorf("after the logout the status is %d", status)
	}
}

// An operator may act. When the token is revoked, the page says so and shows what it knows as old.
func TestAccess_endsWithTheToken(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	b := open(t, s.url, "/ui/consumers/orders-by-sku", view{width: 1100, height: 800})
	b.awaitText("The service asks who you are.")
	b.typeInto(".access [name=token]", s.newToken("ops", "--role=operator")+"\r")
	b.await("the page", `document.querySelector('.choices .who')?.textContent === 'token:ops'`)
	b.press(".action", "Pause")
	b.awaitText("paused")
	if out, err := exec.Command(binary, "token", "revoke", "ops", "--data="+s.data).CombinedOutput(); err != nil {
		t.Fatalf("token revoke: %v\n%s", err, out)
	}
	b.awaitText("The session has ended: log in again.")
}

// What went wrong at an identity provider is said, and does not stay in the address.
func TestAccess_failedLogin(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	b := open(t, s.url, "/ui/?login=unavailable", view{})
	b.awaitText("The identity provider does not answer.")
	if at := eval[string](b, `location.search`); at != "" {
		t.Errorf("the address still has %s", at)
	}
	b.visit("/ui/?login=%3Cb%3Eevil%3C/b%3E")
	b.awaitText("The login has failed; the log of the service says why.")
}

// A token that may not read the stream is told so, once.
func TestAccess_ofTheStream(t *testing.T) {
	t.Parallel()
	s := startService(t, "--auth=tokens")
	b := open(t, s.url, "/ui/events", view{})
	b.awaitText("The service asks who you are.")
	b.typeInto(".access [name=token]", s.newToken("ops", "--scope=ops:read")+"\r")
	b.awaitText("no stream: not allowed")
	b.awaitText("the scope stream:read is missing")
	b.visit("/ui/orders")
	b.awaitText("the scope orders:read is missing")
}
