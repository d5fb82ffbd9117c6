package bootstrap_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow/bootstrap"
)

// published waits until a file has so many events. It returns the names of the consumers at that
// time.
func published(t *testing.T, c bootstrap.Config, file string, want int, orders int) (names []string) {
	t.Helper()
	app, stop := run(t, c, io.Discard)
	defer stop()
	for range orders {
		placeAnother(t, app)
	}
	await(t, fmt.Sprintf("%d events in %s", want, filepath.Base(file)), func() error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if got := bytes.Count(text, []byte("\n")); got != want {
			return fmt.Errorf("%d events", got)
		}
		return nil
	})
	await(t, "the consumers to be idle", func() error { return idle(t, app) })
	for _, s := range consumers(t, app) {
		names = append(names, s.Name)
	}
	return names
}

// placeAnother places an order under a new id.
func placeAnother(t *testing.T, app *bootstrap.App) {
	t.Helper()
	order := `{"customer_id":"ada","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`
	resp, err := http.Post(app.URL()+"/v1/orders", "application/json", strings.NewReader(order))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("status %d", resp.StatusCode)
	}
}

// A target that has never received anything gets all events. A target that was used before
// continues where it was.
func TestPublisher_isBoundToItsTarget(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	first, second, third := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second"), filepath.Join(t.TempDir(), "third")

	c.Sink = "file:" + first
	names := published(t, c, first, 2, 2)
	if !slices.Contains(names, "file-publisher") {
		t.Errorf("consumers are %q", names)
	}
	c.Sink = "file:" + second
	names = published(t, c, second, 3, 1)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "file-publisher-") }); i < 0 {
		t.Errorf("consumers are %q, want one for the new target", names)
	}
	c.Sink = "file:" + first
	published(t, c, first, 3, 0)
	c.Sink = "file:" + second
	published(t, c, second, 4, 1)

	c.Sink, c.PublishFrom = "file:"+third, bootstrap.PublishFromNow
	published(t, c, third, 1, 1)
}

// The list of consumers of a process names the publisher without its target.
func TestPublisher_isNamedWithoutItsTarget(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	c.Sink = "file:" + first
	published(t, c, first, 1, 1)
	c.Sink, c.Consumers = "file:"+second, []string{"file-publisher"}
	app, stop := run(t, c, io.Discard)
	defer stop()
	await(t, "the event in the second file", func() error {
		text, err := os.ReadFile(second)
		if bytes.Count(text, []byte("\n")) != 1 {
			return fmt.Errorf("%q, %w", text, err)
		}
		return nil
	})
	for _, s := range consumers(t, app) {
		if s.State == "stopped" != !strings.HasPrefix(s.Name, "file-publisher") {
			t.Errorf("consumer %s is %s", s.Name, s.State)
		}
	}
}

func TestSameTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"stdout", "stdout", true},
		{"file:/a", "file:/a", true},
		{"file:/a", "file:/b", false},
		{"file:/a@b,c", "file:/a@c", false},
		{"redpanda:order-events@a:1", "redpanda:order-events@a:1,b:1", true},
		{"redpanda:order-events@a:1,b:1", "redpanda:order-events@b:1,c:1", true},
		{"redpanda:order-events@a:1", "redpanda:order-events@b:1", false},
		{"redpanda:order-events@a:1", "redpanda:other@a:1", false},
	} {
		if got := bootstrap.SameTarget(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

// A file that was deleted is another target, although it is at the same place: it gets everything.
// Until a restart notices that, the publisher continues nowhere and says why; everybody else
// continues.
func TestPublisher_takesADeletedFileForANewTarget(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"while the service runs": true, "while it does not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t.TempDir())
			file := filepath.Join(c.Data, bootstrap.DefaultSinkName)
			published(t, c, file, 2, 2)
			if !running {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			} else {
				deleteWhileRunning(t, c, file)
			}
			want := 3
			if running {
				want = 4 // with the one that could not be published
			}
			names := published(t, c, file, want, 1)
			if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "file-publisher-") }); i < 0 {
				t.Errorf("consumers are %q, want one for the new file", names)
			}
		})
	}
}

func deleteWhileRunning(t *testing.T, c bootstrap.Config, file string) {
	t.Helper()
	app, stop := run(t, c, io.Discard)
	defer stop()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	placeAnother(t, app)
	await(t, "the publisher to say that its file is gone", func() error {
		for _, s := range consumers(t, app) {
			if s.Name != "file-publisher" && s.State != "running" {
				return fmt.Errorf("consumer %s is %s", s.Name, s.State)
			}
			if s.Name == "file-publisher" && (s.State != "failing" || !strings.Contains(s.Failure.Error, "was deleted")) {
				return fmt.Errorf("the publisher: %+v", s)
			}
		}
		return nil
	})
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("there is a new file: %v", err)
	}
}

// The reader of the standard output is gone: that is the publisher's trouble and nobody else's.
func TestPublisher_outlivesTheReaderOfItsOutput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := config(t.TempDir())
	c.Sink = "stdout"
	app, stop := run(t, c, w)
	defer stop()
	placeAnother(t, app)
	await(t, "the publisher to say that nobody reads", func() error {
		for _, s := range consumers(t, app) {
			if s.Name != "stdout-publisher" && (s.State != "running" || s.Lag.Events != 0) {
				return fmt.Errorf("consumer %s is %s with a lag of %d", s.Name, s.State, s.Lag.Events)
			}
			if s.Name == "stdout-publisher" && (s.State != "failing" || !strings.Contains(s.Failure.Error, "nobody reads the output")) {
				return fmt.Errorf("the publisher: %+v", s)
			}
		}
		return nil
	})
}

// Verification holds the file that events are published to against the event store, as it does with
// a topic.
func TestVerifyTopic_holdsAFileAgainstTheStore(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	file := filepath.Join(t.TempDir(), "events")
	c.Sink = "file:" + file
	published(t, c, file, 3, 3)
	verify := func() string {
		t.Helper()
		app, stop := run(t, c, io.Discard)
		defer stop()
		resp, err := http.Post(app.URL()+"/v1/verify/topic?patience=0s", "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s, %v", resp.StatusCode, text, err)
		}
		return string(text)
	}
	if got := verify(); !strings.Contains(got, `"messages":3`) || !strings.Contains(got, `"missing":0`) {
		t.Errorf("report %s", got)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if err := os.WriteFile(file, bytes.Join([][]byte{lines[0], lines[2], lines[2]}, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := verify(); !strings.Contains(got, `"missing":1`) || !strings.Contains(got, `"doubled":1`) {
		t.Errorf("report %s", got)
	}
}

// The file of events is rotated away, and the service goes on in a new one. The comparison with the
// store still finds every event.
func TestSink_aRotationLosesNothing(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	app, _ := run(t, c, io.Discard)
	sink := filepath.Join(c.Data, bootstrap.DefaultSinkName)
	place(t, app)
	for n := range 3 {
		await(t, "an event in the file", func() error {
			if content, err := os.ReadFile(sink); err != nil || len(content) == 0 {
				return fmt.Errorf("%d bytes, %w", len(content), err)
			}
			return nil
		})
		if err := os.Rename(sink, fmt.Sprintf("%s.%d", sink, 9-n)); err != nil {
			t.Fatal(err)
		}
		placeAnother(t, app)
	}
	resp, err := http.Post(app.URL()+"/v1/verify/topic?patience=1m", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"missing":0`) || !strings.Contains(string(body), `"messages":4`) {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}
