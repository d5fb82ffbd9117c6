package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Who has done what is a part of the store: exports and backups have it.
func TestOperations_goWithTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, file, backup := filepath.Join(dir, "from"), filepath.Join(dir, "all.ndjson"), filepath.Join(dir, "backup")
	s := serveHere(t, "--auth=tokens", "--sink=none", "--data="+from)
	want(t, 0, "paused", "consumers", "pause", "orders-by-sku", "--reason=ticket 4711", "--data="+from)
	out, _, _ := command(t, "token", "create", "--name=shop", "--role=writer", "--reason=a <new> \"shop\"", "--data="+from)
	secret := lastLine(out)
	want(t, 0, "exported", "export", file, "--data="+from)
	want(t, 0, "", "backup", backup, "--data="+from)
	s.stop(t)
	log, _, _ := command(t, "operations", "--output=json", "--data="+from)
	if !regexp.MustCompile(`ticket 4711`).MatchString(log) || strings.Contains(log, secret) {
		t.Fatalf("the log: %s", log)
	}

	imported, restored := filepath.Join(dir, "imported"), filepath.Join(dir, "restored")
	want(t, 0, "2 entries of the log of operations", "import", file, "--data="+imported)
	want(t, 0, "2 entries of the log of operations", "import", file, "--data="+imported)
	want(t, 0, "", "restore", backup, "--data="+restored)
	for _, data := range []string{imported, restored} {
		if got, _, _ := command(t, "operations", "--output=json", "--data="+data); got != log {
			t.Errorf("the log of %s is\n%s\nand it was\n%s", filepath.Base(data), got, log)
		}
	}
	if text, _, _ := command(t, "token", "list", "--data="+imported); strings.Contains(text, "shop") {
		t.Errorf("an export has tokens: %s", text)
	}
	want(t, 0, "imported 0 events", "import", file, "--verify", "--data="+filepath.Join(dir, "compared"))
	want(t, 2, "--verify: it reads the file again", "import", "-", "--verify", "--data="+imported)
	want(t, 2, "--verify: it reads the file again", "import", file, "--verify", "--dry-run", "--data="+imported)
	part := filepath.Join(dir, "some.ndjson")
	want(t, 0, "exported", "export", part, "--since=2026-01-01T00:00:00Z", "--data="+from)
	want(t, 0, "imported 0 events; 0 were there already\n", "import", part, "--data="+filepath.Join(dir, "other"))
}
