package bootstrap_test

import (
	"io"
	"net/http"
	"testing"

	"orderflow/bootstrap"
)

// The service listens on the loopback interface by default, where a browser may reach it under the
// name of any page.
func TestApp_answersUnderItsNamesOnly(t *testing.T) {
	t.Parallel()
	config := bootstrap.DefaultConfig()
	config.Data, config.Listen, config.AllowedHosts = t.TempDir(), "127.0.0.1:0", []string{"shop.example"}
	app, _ := run(t, config, io.Discard)
	for host, want := range map[string]int{"": http.StatusOK, "shop.example": http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.URL()+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			request.Host = host
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("host %q: status %d, want %d", host, answer.StatusCode, want)
		}
	}
}
