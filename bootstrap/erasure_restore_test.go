package bootstrap_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow/bootstrap"
)

// eraseAnn erases the data of ann, and waits for the end.
func eraseAnn(t *testing.T, app *bootstrap.App) {
	t.Helper()
	if status, text := send(t, app, "POST /v1/customers/ann/erase", eraseBody); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	if end := erased(t, app, "ann"); end.State != "done" {
		t.Fatalf("%+v", end)
	}
}

// The data are restored from a backup that was made before an erasure: events, views and snapshots
// know nothing of it. When the service is ready, nothing of it can be read, and everything that is
// derived is written again.
func TestErasure_reachesARestoredBackup(t *testing.T) {
	t.Parallel()
	c := withKey(t)
	c.Sink = "none"
	backup := filepath.Join(t.TempDir(), "backup")
	app, stop := run(t, c, io.Discard)
	annsIDs, anns := canaries("ann", 1)
	bobsIDs, bobs := canaries("bob", 2)
	submit(t, app, append(anns, bobs...))
	settled(t, app)
	if status, text := send(t, app, "POST /v1/backup?dir="+url.QueryEscape(backup), ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	eraseAnn(t, app)
	stop()

	restored := c
	restored.Data, restored.PersonalKeys = filepath.Join(t.TempDir(), "data"), c.Data+".keys"
	log := slog.New(slog.DiscardHandler)
	if _, err := bootstrap.Restore(context.Background(), backup, restored.Data, log, func(_, _ uint64) {}); err != nil {
		t.Fatal(err)
	}
	app, stop = run(t, restored, io.Discard) // until it is ready
	nowhere(t, app, annsIDs, bobsIDs)
	if end := erased(t, app, "ann"); end.State != "done" || end.Aggregates != 2 || end.Rewritten < 2*4 {
		t.Errorf("%+v", end)
	}
	settled(t, app)
	nowhere(t, app, annsIDs, bobsIDs)
	if _, text := send(t, app, "GET /v1/orders/"+bobsIDs[0], ""); !strings.Contains(text, canary) {
		t.Errorf("the order of another customer is %s", text)
	}
	stop()
	storedNowhere(t, restored.Data, annsIDs)
}

// The keys are put back from a copy that was made before an erasure. When the service is ready, the
// key is destroyed again.
func TestErasure_reachesOldKeys(t *testing.T) {
	t.Parallel()
	c := withKey(t)
	c.Sink = "none"
	app, stop := run(t, c, io.Discard)
	annsIDs, anns := canaries("ann", 1)
	submit(t, app, anns)
	settled(t, app)
	stop()
	keys, before := c.Data+".keys", filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(before, os.DirFS(keys)); err != nil {
		t.Fatal(err)
	}
	app, stop = run(t, c, io.Discard)
	eraseAnn(t, app)
	stop()
	if err := os.RemoveAll(keys); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(keys, os.DirFS(before)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(keys, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	app, stop = run(t, c, io.Discard)
	nowhere(t, app, annsIDs, nil)
	stop()
	app, _ = run(t, c, io.Discard)
	const another = `{"customer_id":"ann","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":5}]}`
	if status, text := send(t, app, "POST /v1/orders", another); status != http.StatusConflict || !strings.Contains(text, "subject_erased") {
		t.Errorf("a key that came back seals: %d %s", status, text)
	}
	nowhere(t, app, annsIDs, nil)
}

// filesWith returns the files below dir that have the text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// When an erasure has ended, no table has a canary. Old logs of Pebble may have it until the next
// start.
func TestErasure_leavesNoFileWithACanary(t *testing.T) {
	t.Parallel()
	c := withKey(t)
	c.Sink = "none"
	app, stop := run(t, c, io.Discard)
	annsIDs, anns := canaries("ann", 1)
	submit(t, app, anns)
	settled(t, app)
	stop()
	app, stop = run(t, c, io.Discard) // a start writes the log to tables
	inTables := func() []string {
		return slices.DeleteFunc(filesWith(t, c.Data, canary), func(name string) bool { return strings.HasSuffix(name, ".log") })
	}
	if len(inTables()) == 0 {
		t.Fatal("this test does not see the canaries that are in the tables")
	}
	eraseAnn(t, app)
	stop() // Pebble deletes old tables soon, and now at the latest
	if found := inTables(); len(found) > 0 {
		t.Errorf("canaries are in %v", found)
	}
	app, stop = run(t, c, io.Discard)
	nowhere(t, app, annsIDs, nil)
	stop()
	if found := filesWith(t, c.Data, canary); len(found) > 0 {
		t.Errorf("after another start canaries are in %v", found)
	}
}
