package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// An export that cannot read an event keeps what it could read. One of nothing leaves no file.
func TestExport_files(t *testing.T) {
	t.Parallel()
	service := func(path, end string) string {
		return "--url=" + newFakeService(t, map[string][]string{
			"GET /v1/operations?limit=200": {`200 {"operations":[]}`},
			"GET /":                        {`200 {"service":"orderflow","store_id":"` + anEvent + `"}`},
			"GET " + path:                  {`200 {"end":` + end + "}\n"},
		}).url
	}
	for name, test := range map[string]struct {
		args   []string
		status int
		says   string
		left   bool
	}{
		"everything":          {[]string{service("/v1/export?", `{}`)}, 0, "exported 0 events", true},
		"an unreadable event": {[]string{service("/v1/export?", `{"unreadable":1,"shown":[{"aggregate_id":"`+anOrder+`","sequence_number":3}]}`)}, 3, "event 3 of " + anOrder, true},
		"an order that is not there": {
			[]string{service("/v1/export?order="+anOrder, `{}`), "--order=" + anOrder}, 1, "there is no order " + anOrder, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "orders.ndjson")
			want(t, test.status, test.says, append([]string{"export", file}, test.args...)...)
			if _, err := os.Stat(file); (err == nil) != test.left {
				t.Errorf("the file: %v", err)
			}
			if _, err := os.Stat(file + ".part"); err == nil {
				t.Error("a part is left")
			}
		})
	}
}
