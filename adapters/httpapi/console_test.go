package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderflow/adapters/httpapi"
)

func TestIndex_sendsOnlyBrowsersToTheConsole(t *testing.T) {
	t.Parallel()
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page "+r.URL.Path) })
	server, err := httpapi.New(httpapi.Config{Console: pages})
	if err != nil {
		t.Fatal(err)
	}
	get := func(method, path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	for accept, browser := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/plain, */*;q=0.1": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true, "Text/HTML;q=0.9": true,
	} {
		w := get(http.MethodGet, "/", accept)
		if w.Header().Get("Vary") != "Accept" {
			t.Errorf("Accept %q: headers %v", accept, w.Header())
		}
		if browser && (w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/") {
			t.Errorf("Accept %q: status %d, headers %v", accept, w.Code, w.Header())
		}
		if !browser && (w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"routes"`)) {
			t.Errorf("Accept %q: status %d, %s", accept, w.Code, w.Body)
		}
	}
	if w := get(http.MethodGet, "/ui/orders/1", ""); w.Body.String() != "page /ui/orders/1" {
		t.Errorf("a page: status %d, %s", w.Code, w.Body)
	}
	if w := get(http.MethodPost, "/ui/", ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST to a page: status %d, headers %v", w.Code, w.Header())
	}
}
