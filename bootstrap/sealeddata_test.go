package bootstrap_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/bootstrap"
)

// What an earlier version sealed is opened, and what was erased stays erased.
// testdata/sealed1/README.md says how the sample came about.
func TestApp_opensWhatAnEarlierVersionSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	packed := filepath.Join("testdata", "sealed1", "sealed.tar.gz")
	if out, err := exec.Command("tar", "-xzf", packed, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v: %s", packed, err, out)
	}
	published, err := os.ReadFile(filepath.Join(dir, "data", "order-events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(published), "ann") { // so what is open below was sealed
		t.Errorf("the file of the publisher has personal data:\n%s", published)
	}
	c := config(filepath.Join(dir, "data"))
	c.PersonalKey, c.CustomerIDs = filepath.Join(dir, "key"), bootstrap.CustomerIDsHashed
	app, _ := run(t, c, io.Discard)

	const id = "018f4e5a-0000-7000-8000-00000000000"
	const order = "/v1/orders/" + id
	for path, want := range map[string][]string{
		order + "1/events": {`"payment of ann"`, `"carrier of ann"`, `"tracking of ann"`},
		order + "1":        {`"SHIPPED"`, `"payment of ann"`, `"carrier of ann"`, `"tracking of ann"`},
		order + "2/events": {`"payment_reference":null`, `"carrier":null`, `"tracking_number":null`},
		order + "2":        {`"SHIPPED"`},
		order + "3/events": {`"reason of ann"`},
		// the names of people come from the service key as before
		"/v1/customers/ann/orders":  {id + "1", id + "3"},
		"/v1/customers/bob/orders":  {id + "2"},
		"/v1/customers/bob/erasure": {`"state":"done"`},
	} {
		status, answer := get(t, app.URL()+path)
		for _, text := range want {
			if status != http.StatusOK || !strings.Contains(answer, text) {
				t.Errorf("%s: %d, want %s in %s", path, status, text, answer)
			}
		}
		if strings.Contains(answer, " of bob") {
			t.Errorf("%s has erased data: %s", path, answer)
		}
	}
	// the fourth is the erasure itself
	if report := verifyOnce(t, app.URL()); report.Orders != 4 || report.Differences != 0 {
		t.Errorf("verified %+v", report)
	}
}
