package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// browser keeps cookies, and names its origin as a browser does that has no TLS.
type browser struct{ http.Client }

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{http.Client{Jar: jar}}
}

// send sends a request of a page of the service at url.
func (b *browser) send(t *testing.T, method, url, path, body string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", url)
	answer, err := b.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content)
}

func (b *browser) must(t *testing.T, want int, method, url, path, body string) string {
	t.Helper()
	status, text := b.send(t, method, url, path, body)
	if status != want {
		t.Errorf("%s %s: %d %s, want %d", method, path, status, text, want)
	}
	return text
}

// A login of a browser outlives a restart of a service with a key, and ends with the token.
func TestSession_life(t *testing.T) {
	t.Parallel()
	data, dir := t.TempDir(), t.TempDir()
	secret := strings.Repeat("0123456789abcdef", 2)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--auth=tokens", "--sink=none", "--data=" + data, "--session-key-file=" + key}
	first := serveHere(t, args...)
	url := urlOf(t, first)
	out, _, _ := command(t, "token", "create", "--name=ada", "--role=operator", "--data="+data)
	token := lastLine(out)

	b := newBrowser(t)
	b.must(t, 401, "GET", url, "/v1/consumers", "")
	b.must(t, 401, "POST", url, "/v1/session", `{"token":"`+token[:len(token)-1]+`"}`)
	b.must(t, 200, "POST", url, "/v1/session", `{"token":"`+token+`"}`)
	b.must(t, 200, "GET", url, "/v1/consumers", "")
	b.must(t, 204, "POST", url, "/v1/consumers/orders-by-sku/pause?reason=by+hand", "")
	b.must(t, 403, "GET", url, "/v1/tokens", "")
	if text := b.must(t, 200, "GET", url, "/v1/session", ""); !strings.Contains(text, `"subject":"token:ada"`) {
		t.Error(text)
	}
	if out, _, _ := command(t, "operations", "--data="+data); !strings.Contains(out, "token:ada") {
		t.Errorf("the log does not name who has paused:\n%s", out)
	}
	system := newBrowser(t)
	system.must(t, 200, "POST", url, "/v1/session", `{"token":"`+token+`"}`)
	if text := system.must(t, 200, "GET", url, "/v1/system", ""); strings.Contains(text, secret) || !strings.Contains(text, "session-key-file") {
		t.Errorf("the settings: %s", text)
	}
	first.stop(t)

	second := serveHere(t, args...)
	url = urlOf(t, second) // another port of the same host, to which browsers send the same cookies
	b.must(t, 200, "GET", url, "/v1/consumers", "")
	system.must(t, 204, "DELETE", url, "/v1/session", "")
	system.must(t, 401, "GET", url, "/v1/consumers", "")
	want(t, 0, "ada is revoked", "token", "revoke", "ada", "--data="+data)
	b.must(t, 401, "GET", url, "/v1/consumers", "")
	if text := b.must(t, 200, "GET", url, "/v1/session", ""); !strings.Contains(text, `"refused":"revoked"`) {
		t.Error(text)
	}
	if text := b.must(t, 200, "GET", url, "/v1/session", ""); strings.Contains(text, "refused") {
		t.Errorf("the browser still shows the session: %s", text)
	}
	second.stop(t)
	for name, log := range map[string]string{"first": first.log.String(), "second": second.log.String()} {
		if strings.Contains(log, secret) || strings.Contains(log, token) {
			t.Errorf("the log of the %s process has a secret", name)
		}
	}
}

// Secrets are in files or in the environment, and mistakes about them are said without them.
func TestSession_settings(t *testing.T) {
	t.Parallel()
	data := "--data=" + t.TempDir()
	short := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(short, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, 2, "at least 32", "serve", "--auth=tokens", "--session-key-file="+short, data)
	want(t, 2, "--session-key-file", "serve", "--auth=tokens", "--session-key-file=/nonexistent", data)
	want(t, 2, "--session-life", "serve", "--auth=tokens", "--session-life=1s", data)
	want(t, 2, "--oidc-client-id", "serve", "--auth=tokens", "--oidc-client-secret-file="+short, data)
	want(t, 2, "--auth=oidc", "serve", "--auth=tokens", "--oidc-client-id=console", data)
	for _, address := range []string{"orders.example", "https://orders.example/", "https://orders.example/ui", "ftp://orders.example", "https://"} {
		want(t, 2, "--public-url", "serve", "--auth=tokens", "--public-url="+address, data)
	}
	for _, variable := range []string{"ORDERFLOW_SESSION_KEY", "ORDERFLOW_OIDC_CLIENT_SECRET"} {
		var out bytes.Buffer
		status := Main(t.Context(), []string{"serve", "--auth=tokens", data}, Process{
			In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{variable + "=hunter2"},
		})
		if status != 2 || strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "no setting") {
			t.Errorf("%s: exit status %d\n%s", variable, status, out.String())
		}
	}
}
