package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderflow/adapters/console"
)

func serve(t *testing.T) http.Handler {
	t.Helper()
	h, err := console.New("/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// files returns the paths of the static files.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("static", pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	return found
}

func TestHandler_everyFileIsServedWithItsType(t *testing.T) {
	t.Parallel()
	h := serve(t)
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for _, name := range files(t, "assets/*") {
		answer := get(h, console.Root+strings.TrimPrefix(name, "static/"))
		if want := types[filepath.Ext(name)]; answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != want {
			t.Errorf("%s: status %d, type %q, want %q", name, answer.StatusCode, answer.Header.Get("Content-Type"), want)
		}
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: headers %v", name, answer.Header)
		}
	}
	if answer := get(h, "/ui/assets/none.js"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a file that does not exist has status %d", answer.StatusCode)
	}
}

func TestHandler_everyViewIsThePage(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, view := range []string{"/ui/", "/ui/events", "/ui/orders/018f4e5a-0000-7000-8000-000000000001", "/ui/a/b/c"} {
		answer := get(h, view)
		policy := answer.Header.Get("Content-Security-Policy")
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: status %d, %v", view, answer.StatusCode, answer.Header)
		}
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", view, policy)
		}
	}
}

func TestHandler_aFileThatHasNotChangedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, path := range []string{"/ui/", "/ui/assets/app.js", "/ui/api/"} {
		first := get(h, path)
		tag := first.Header.Get("ETag")
		if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: headers %v", path, first.Header)
		}
		if again := get(h, path, "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s with its ETag: status %d", path, again.StatusCode)
		}
		if other := get(h, path, "If-None-Match", `"old"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s with another ETag: status %d", path, other.StatusCode)
		}
	}
}

func TestHandler_theDescriptionHasItsFiles(t *testing.T) {
	t.Parallel()
	h := serve(t)
	page := get(h, "/ui/api/")
	if page.StatusCode != http.StatusOK {
		t.Fatalf("status %d", page.StatusCode)
	}
	text, err := os.ReadFile("static/api.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="(/ui/[^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		if answer := get(h, match[1], "Accept-Encoding", "gzip"); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", match[1], answer.StatusCode)
		}
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self';") {
		t.Errorf("policy %q allows other scripts", policy)
	}
}

// What the policy would block must not be in the files: a browser without a violation proves only
// what it has run.
func TestFiles_haveNoInlineCode(t *testing.T) {
	t.Parallel()
	for _, name := range files(t, "*.html") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]+|\son\w+=|\sstyle=|<style|https?://`).FindAllString(string(text), -1) {
			t.Errorf("%s contains %q", name, match)
		}
	}
	for _, name := range files(t, "assets/*.js") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|\beval\(|new Function|document\.write`).FindAllString(string(text), -1) {
			t.Errorf("%s contains %q", name, match)
		}
	}
}

// The helper stays small, and lines can be read beside each other.
func TestFiles_areSmall(t *testing.T) {
	t.Parallel()
	for _, name := range append(files(t, "assets/*.js"), files(t, "assets/*.css")...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		limit := 500
		if filepath.Base(name) == "html.js" {
			limit = 199
		}
		if len(lines) > limit {
			t.Errorf("%s has %d lines, at most %d are allowed", name, len(lines), limit)
		}
		for i, line := range lines {
			if n := len([]rune(line)); n > 125 {
				t.Errorf("%s:%d: %d characters, at most 125 are allowed", name, i+1, n)
			}
			if n := len([]rune(line)); n > 100 && regexp.MustCompile(`^\s*(//|\*|/\*)`).MatchString(line) {
				t.Errorf("%s:%d: a comment of %d characters, at most 100 are allowed", name, i+1, n)
			}
		}
	}
}

// Every module that is imported exists, and every module is imported.
func TestFiles_areAllUsed(t *testing.T) {
	t.Parallel()
	imported := map[string]bool{"app.js": true, "apipage.js": true}
	for _, name := range files(t, "assets/*.js") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(string(text), -1) {
			imported[match[1]] = true
			if _, err := os.Stat(filepath.Join("static/assets", match[1])); err != nil {
				t.Errorf("%s imports %s, which does not exist", name, match[1])
			}
		}
	}
	for _, name := range files(t, "assets/*.js") {
		if !imported[filepath.Base(name)] {
			t.Errorf("nothing imports %s", name)
		}
	}
}
