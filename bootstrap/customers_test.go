package bootstrap_test

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/adapters/exportfile"
	"orderflow/application/transfer"
	"orderflow/bootstrap"
)

const (
	given      = "canary-customer"
	givenOrder = `{"order_id":"018f4e5a-0000-7000-8000-000000000001","customer_id":"` + given + `","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`
)

func hashing(t *testing.T, dir string) bootstrap.Config {
	t.Helper()
	c := sealing(t, dir)
	c.CustomerIDs = bootstrap.CustomerIDsHashed
	return c
}

// The store never sees what clients give, and they find their orders with it.
func TestApp_hashesCustomers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := hashing(t, dir)
	app, stop := run(t, c, io.Discard)
	send(t, app, "POST /v1/orders", givenOrder)
	send(t, app, "POST /v1/orders", givenOrder) // the same order, and no other one
	confirm(t, app, "PAY-1")
	_, order := get(t, app.URL()+orderURL+"?min_sequence=2")
	_, rest, found := strings.Cut(order, `"customer_id":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if !found || !strings.HasPrefix(token, "c1.") {
		t.Fatalf("the order is %s", order)
	}
	for _, customer := range []string{given, token} {
		until(t, "the orders of "+customer, `"order_id":"018f4e5a`, func() string {
			_, orders := get(t, app.URL()+"/v1/customers/"+customer+"/orders")
			return orders
		})
	}
	for customer, want := range map[string]bool{given: true, token: true, "another": false} {
		if got := streamHas(t, app, customer); got != want {
			t.Errorf("the stream of %s has events: %v, want %v", customer, got, want)
		}
	}
	status, erased := send(t, app, "POST /v1/customers/"+given+"/erase", `{"reason":"r","force":true}`)
	if status != http.StatusAccepted {
		t.Fatalf("erase: %d %s", status, erased)
	}
	until(t, "the order", `"payment_reference":null`, func() string { _, order := get(t, app.URL()+orderURL); return order })
	if status, body := get(t, app.URL()+"/v1/customers/"+given+"/erasure"); status != http.StatusOK {
		t.Errorf("the erasure: %d %s", status, body)
	}
	stop()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), given) {
			t.Errorf("%s has what the client gave", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// streamHas reports whether the stream of a customer has an event. It ends with the first heartbeat
// or boundary.
func streamHas(t *testing.T, app *bootstrap.App, customer string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.URL()+"/v1/stream?from=earliest&customer="+customer, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.Contains(line, `"order.created"`):
			return true
		case strings.Contains(line, "caught-up"):
			return false
		}
	}
	t.Fatal("the stream has ended")
	return false
}

// A store has ids of one kind only.
func TestOpen_refusesAnotherKindOfCustomerIDs(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][2]bootstrap.CustomerIDs{
		{bootstrap.CustomerIDsPlain, bootstrap.CustomerIDsHashed}, {bootstrap.CustomerIDsHashed, bootstrap.CustomerIDsPlain},
	} {
		c := sealing(t, t.TempDir())
		refused := func(passive bool) string {
			t.Helper()
			c.Passive = passive
			app, err := open(t, c, io.Discard)
			if err == nil {
				app.Close()
				return ""
			}
			if setting := (*bootstrap.SettingError)(nil); !errors.As(err, &setting) || setting.Setting != "customer-ids" {
				t.Errorf("error %v", err)
			}
			return err.Error()
		}
		// an empty store may still change
		for _, kind := range []bootstrap.CustomerIDs{kinds[1], kinds[0]} {
			if c.CustomerIDs = kind; refused(false) != "" {
				t.Errorf("an empty store refuses %s", kind)
			}
		}
		app, stop := run(t, c, io.Discard)
		send(t, app, "POST /v1/orders", givenOrder)
		stop()
		c.CustomerIDs = kinds[1]
		for _, passive := range []bool{false, true} {
			if refused(passive) == "" {
				t.Errorf("a store with %s ids is opened for %s", kinds[0], kinds[1])
			}
		}
		c.CustomerIDs = kinds[0]
		if text := refused(false); text != "" {
			t.Errorf("the same kind: %s", text)
		}
	}
	c := config(t.TempDir())
	for _, c.CustomerIDs = range []bootstrap.CustomerIDs{bootstrap.CustomerIDsHashed, "other"} {
		if err := c.Validate(); err == nil {
			t.Errorf("%s without a key is accepted", c.CustomerIDs)
		}
	}
}

// An import brings no id of the other kind.
func TestImport_refusesAnotherKindOfCustomerIDs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	from := hashing(t, dir)
	app, stop := run(t, from, io.Discard)
	send(t, app, "POST /v1/orders", givenOrder)
	_, lines := get(t, app.URL()+"/v1/export")
	stop()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := exportfile.NewWriter(flushed{out}, false, exportfile.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(lines) {
		if exportfile.IsRecord([]byte(line)) {
			if err := w.Record([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, refused := range map[bootstrap.CustomerIDs]uint64{bootstrap.CustomerIDsPlain: 1, bootstrap.CustomerIDsHashed: 0} {
		c := sealing(t, t.TempDir())
		c.CustomerIDs = kind
		err := bootstrap.Import(t.Context(), c, slog.New(slog.DiscardHandler), bootstrap.ImportOptions{}, func(m *transfer.Importer) error {
			in, err := os.Open(file)
			if err != nil {
				return err
			}
			defer in.Close()
			r, err := exportfile.NewReader(in)
			if err != nil {
				return err
			}
			defer r.Close()
			report, err := m.Import(t.Context(), r)
			if report.Refused != refused || refused > 0 && !strings.Contains(report.Shown[0].Reason, "customer-ids") {
				t.Errorf("%s: report %+v", kind, report)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// flushed is a file that needs no flush.
type flushed struct{ *os.File }

func (flushed) Flush() error { return nil }
