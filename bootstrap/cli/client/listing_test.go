package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/bootstrap/cli/client"
)

// A listing is read to its end or to the limit, no more is asked for than is wanted, and it is said
// whether there is more.
func TestPages(t *testing.T) {
	t.Parallel()
	type page struct {
		client.Next
		Numbers []int `json:"numbers"`
	}
	const all = 450
	for _, test := range []struct {
		limit int
		asked []string
		more  bool
	}{
		{1 << 30, []string{"limit=200", "limit=200&cursor=200", "limit=200&cursor=400"}, false},
		{250, []string{"limit=200", "limit=50&cursor=200"}, true},
		{all, []string{"limit=200", "limit=200&cursor=200", "limit=50&cursor=400"}, false},
		{3, []string{"limit=3"}, true},
	} {
		t.Run(fmt.Sprint(test.limit), func(t *testing.T) {
			t.Parallel()
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.RawQuery)
				var from, limit int
				fmt.Sscan(r.URL.Query().Get("cursor"), &from)
				fmt.Sscan(r.URL.Query().Get("limit"), &limit)
				to, next := min(from+limit, all), ""
				if to < all {
					next = fmt.Sprint(to)
				}
				numbers := fmt.Sprint(from)
				for n := from + 1; n < to; n++ {
					numbers += fmt.Sprintf(",%d", n)
				}
				fmt.Fprintf(w, `{"numbers":[%s],"next_cursor":%q}`, numbers, next)
			}))
			defer server.Close()
			c := client.New(server.URL)
			defer c.Close()
			var got []int
			more, err := client.Pages(t.Context(), c, "/v1/numbers", test.limit, func(p page) int {
				got = append(got, p.Numbers...)
				return len(p.Numbers)
			})
			if err != nil || more != test.more {
				t.Errorf("more %v, want %v: %v", more, test.more, err)
			}
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Error(diff)
			}
			want := min(test.limit, all)
			if len(got) != want || got[0] != 0 || got[want-1] != want-1 {
				t.Errorf("%d numbers from %d, want %d", len(got), got[0], want)
			}
		})
	}
}
