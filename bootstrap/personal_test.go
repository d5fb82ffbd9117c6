package bootstrap_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/bootstrap"
)

const orderURL = "/v1/orders/018f4e5a-0000-7000-8000-000000000001"

// sealing is a configuration with a service key.
func sealing(t *testing.T, data string) bootstrap.Config {
	t.Helper()
	c := config(filepath.Join(data, "data"))
	c.PersonalKey = keyFile(t, filepath.Join(data, "key"), strings.Repeat("a7", 32), 0o600)
	return c
}

func keyFile(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func confirm(t *testing.T, app *bootstrap.App, reference string) string {
	t.Helper()
	resp, err := http.Post(app.URL()+orderURL+"/confirm", "application/json", strings.NewReader(`{"payment_reference":"`+reference+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s, error %v", resp.StatusCode, body, err)
	}
	return string(body)
}

// until waits until get answers with the text.
func until(t *testing.T, what, text string, get func() string) string {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for {
		got := get()
		if strings.Contains(got, text) {
			return got
		}
		select {
		case <-ticker.C:
		case <-patience.C:
			t.Fatalf("%s does not have %q: %s", what, text, got)
		}
	}
}

// What is personal is sealed where events are stored, and shown where somebody asks for the order.
func TestApp_sealsPersonalData(t *testing.T) {
	t.Parallel()
	const canary, file = "canary-4711", "order-events.jsonl"
	for mode, published := range map[bootstrap.PublishPersonal]string{
		bootstrap.PublishOmit: `"payment_reference":null`, bootstrap.PublishSealed: `"payment_reference":{"$sealed":"v1.`,
		bootstrap.PublishPlain: `"payment_reference":"` + canary + `"`,
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			c := sealing(t, t.TempDir())
			c.PublishPersonal = mode
			app, stop := run(t, c, io.Discard)
			place(t, app)
			if answer := confirm(t, app, canary); !strings.Contains(answer, `"payment_reference":"`+canary+`"`) {
				t.Errorf("the answer to the command is %s", answer)
			}
			_, order := get(t, app.URL()+orderURL+"?min_sequence=2")
			_, events := get(t, app.URL()+orderURL+"/events")
			for what, shown := range map[string]string{"the order": order, "its history": events} {
				if !strings.Contains(shown, `"payment_reference":"`+canary+`"`) {
					t.Errorf("%s is %s", what, shown)
				}
			}
			if _, stored := get(t, app.URL()+"/v1/tables/event_store"); strings.Contains(stored, canary) || !strings.Contains(stored, `$sealed`) {
				t.Errorf("stored is %s", stored)
			}
			until(t, "the sink", published, func() string {
				data, err := os.ReadFile(filepath.Join(c.Data, file))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return string(data)
			})
			if code, report := posted(t, app.URL()+"/v1/verify/topic"); code != http.StatusOK || !strings.Contains(report, `"messages":2,"expired":0,"doubled":0,"missing":0,"out_of_order":0,"unknown":0`) {
				t.Errorf("status %d: %s", code, report)
			}
			stop()
			for _, shut := range []string{c.Data, c.Data + ".keys"} {
				if _, err := os.Stat(shut); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func posted(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A store that has sealed data is not opened without its key, nor with another one.
func TestOpen_wantsTheKeyOfSealedData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := sealing(t, dir)
	app, stop := run(t, c, io.Discard)
	place(t, app)
	stop()

	without, other := c, c
	without.PersonalKey = ""
	other.PersonalKey = keyFile(t, filepath.Join(dir, "other"), strings.Repeat("b8", 32), 0o600)
	for want, c := range map[string]bootstrap.Config{
		"personal-key: none given": without, "is wrapped with the service key": other,
	} {
		if _, err := open(t, c, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	run(t, c, io.Discard)
}

// Sealing begins with the key. What was stored before stays readable, and as it is.
func TestApp_sealsFromTheKeyOn(t *testing.T) {
	t.Parallel()
	c := sealing(t, t.TempDir())
	before := c
	before.PersonalKey = ""
	app, stop := run(t, before, io.Discard)
	place(t, app)
	confirm(t, app, "before")
	if _, stored := get(t, app.URL()+"/v1/tables/event_store"); strings.Contains(stored, "$sealed") || strings.Contains(stored, "command_hmac") {
		t.Errorf("without a key stored is %s", stored)
	}
	stop()
	app, stop = run(t, c, io.Discard)
	defer stop()
	if _, events := get(t, app.URL()+orderURL+"/events"); !strings.Contains(events, `"payment_reference":"before"`) {
		t.Errorf("the history is %s", events)
	}
}

func TestOpen_readsTheServiceKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bytes32 := strings.Repeat("k", 32)
	for name, test := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"hexadecimal":    {strings.Repeat("0A", 32) + "\n", 0o600, ""},
		"base64":         {"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=", 0o400, ""},
		"too short":      {strings.Repeat("0a", 31), 0o600, "does not hold 32 bytes"},
		"no text":        {bytes32, 0o600, "does not hold 32 bytes"},
		"read by others": {strings.Repeat("0a", 32), 0o644, "can be read by others"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(filepath.Join(dir, name))
			c.PersonalKey = keyFile(t, filepath.Join(dir, name+".key"), test.text, test.mode)
			app, err := open(t, c, io.Discard)
			if test.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := app.Close(); err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "personal-key: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
	c := config(filepath.Join(dir, "x"))
	c.PersonalKey = filepath.Join(dir, "missing")
	if _, err := open(t, c, io.Discard); err == nil || !strings.Contains(err.Error(), "personal-key: ") {
		t.Errorf("a file that is not there: error %v", err)
	}
}

// Without its key an event is read as before, with null in place of what is erased. That is so
// after a restart, too.
func TestApp_showsNullWithoutTheKeyOfTheCustomer(t *testing.T) {
	t.Parallel()
	c := sealing(t, t.TempDir())
	app, stop := run(t, c, io.Discard)
	place(t, app)
	confirm(t, app, "canary")
	if err := app.DestroyCustomer(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, events := get(t, app.URL()+orderURL+"/events"); code != http.StatusOK || !strings.Contains(events, `"payment_reference":null`) {
			t.Errorf("status %d, the history is %s", code, events)
		}
		stop()
		app, stop = run(t, c, io.Discard)
	}
}
