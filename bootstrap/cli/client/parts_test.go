package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"orderflow/bootstrap/cli/client"
)

// All parts are read, each once, and an answer that names the same part again ends the reading.
func TestClient_Parts(t *testing.T) {
	t.Parallel()
	next := map[string]uint64{"5": 1_005, "1005": 2_005, "2005": 2_005}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after := r.URL.Query().Get("after")
		asked = append(asked, after)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"events":[],"next_after":%d}`, next[after])
	}))
	defer server.Close()
	parts := 0
	err := client.New(server.URL).Parts(t.Context(), "/v1/orders/x/events", 5, func(json.RawMessage) error { parts++; return nil })
	if want := []string{"5", "1005", "2005"}; err != nil || parts != 3 || !slices.Equal(asked, want) {
		t.Errorf("%d parts after %v, %v; want after %v", parts, asked, err, want)
	}
}
