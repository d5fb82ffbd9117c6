package bootstrap_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// oldData unpacks a data directory that an earlier version wrote. testdata/format2/README.md of the
// embedded store describes it. It returns the ids of its two orders that have an event which cannot
// be decoded.
func oldData(t *testing.T, name string) (dir string, unreadable []string) {
	t.Helper()
	packed, err := filepath.Abs(filepath.Join("..", "adapters", "embedded", "testdata", "format2", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if out, err := exec.Command("tar", "-xzf", packed, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v: %s", packed, err, out)
	}
	return filepath.Join(dir, name), []string{"01a2295f-1355-71ac-b70a-8b2d1717bd58", "01a2295f-1355-71b2-b4d3-dbc343c87c18"}
}

// verifyAll compares every view with the events until only the given orders have differences.
func verifyAll(t *testing.T, url string, orders uint64, unreadable []string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		report := verifyOnce(t, url)
		if report.Orders != orders || report.Rows < 300 || report.Skipped != 4 {
			t.Fatalf("verified %+v", report)
		}
		differs := slices.ContainsFunc(report.Shown, func(d difference) bool { return !slices.Contains(unreadable, d.OrderID) })
		if !differs && report.Differences == uint64(len(report.Shown)) {
			return
		}
		if time.Now().After(deadline) { // the consumers have had time to handle all events
			t.Fatalf("verified %+v", report)
		}
	}
}

// listsAll lists all orders by status. Their layout is that of the earlier version at first, and
// the view in the new one is refused while an event cannot be decoded.
func listsAll(t *testing.T, url string, orders int) {
	t.Helper()
	listed := 0
	for _, status := range []string{"ACTIVE", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"} {
		resp, err := http.Get(url + "/v1/orders?limit=100&status=" + status)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Orders []json.RawMessage }
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("list %s: %d, error %v", status, resp.StatusCode, err)
		}
		listed += len(page.Orders)
	}
	if listed != orders {
		t.Errorf("%d orders are in some status, want %d", listed, orders)
	}
}

type difference struct {
	OrderID string `json:"order_id"`
	Detail  string `json:"detail"`
}

type verified struct {
	Orders, Rows, Skipped, Differences uint64
	Shown                              []difference
}

func verifyOnce(t *testing.T, url string) (report verified) {
	t.Helper()
	resp, err := http.Post(url+"/v1/verify", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("verify: %d, error %v", resp.StatusCode, err)
	}
	return report
}

// TestApp_goesOnWithTheDataOfAnEarlierVersion starts on the data of an earlier version, after a
// clean shutdown and after a kill. Every view is what the events say, commands work, and all of
// this is still so after another start.
func TestApp_goesOnWithTheDataOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"closed", "killed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, unreadable := oldData(t, name)
			published, err := os.ReadFile(filepath.Join(dir, "order-events.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			c := config(dir)
			app, stop := run(t, c, io.Discard)
			listsAll(t, app.URL(), 54)
			verifyAll(t, app.URL(), 54, unreadable)
			listsAll(t, app.URL(), 54)
			place(t, app)
			verifyAll(t, app.URL(), 55, unreadable)
			stop()
			app, stop = run(t, c, io.Discard)
			verifyAll(t, app.URL(), 55, unreadable)
			stop()
			now, err := os.ReadFile(filepath.Join(dir, "order-events.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if added, went := strings.CutPrefix(string(now), string(published)); !went || strings.Count(added, "\n") != 1 {
				t.Errorf("the file of the publisher went on with %q", added)
			}
		})
	}
}
