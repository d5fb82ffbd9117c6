package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/tests/scyllasim"
)

// exported returns the lines of an export, without the header.
func exported(t *testing.T, args ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.ndjson")
	if out, status := tool(t, append([]string{"export", path}, args...)...); status != 0 {
		t.Fatalf("export %s: exit status %d\n%s", args, status, out)
	}
	return linesOf(t, path)
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(content), "\n")[1:]
}

// verified serves the data, and verifies it.
func verified(t *testing.T, data string, args ...string) *service {
	t.Helper()
	s := start(t, data, args...)
	if out, status := tool(t, "verify", "--patience=60s", "--url="+s.url); status != 0 {
		t.Errorf("verify %s: exit status %d\n%s", data, status, out)
	}
	return s
}

// A store is moved from the embedded store to ScyllaDB and back. Nothing of it changes, and nothing
// is published again.
func TestMove_toAnotherStoreAndBack(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "second")
	scylla := []string{"--store=scylla", "--scylla-hosts=" + strings.Join(sim.Hosts(), ","), "--scylla-keyspace=moved"}
	sink := filepath.Join(t.TempDir(), "events.jsonl")

	if out, status := tool(t, "demo", "--orders=60", "--seed=1", "--sink=none", "--data="+first); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	before := exported(t, "--data="+first)
	file := filepath.Join(t.TempDir(), "orders.ndjson.zst")
	if out, status := tool(t, "export", file, "--data="+first); status != 0 {
		t.Fatalf("export: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, "export", file, "--data="+first); status != 1 || !strings.Contains(out, "exists already") {
		t.Errorf("export to a file that exists: exit status %d\n%s", status, out)
	}

	if out, status := tool(t, append([]string{"schema", "apply"}, scylla...)...); status != 0 {
		t.Fatalf("schema apply: exit status %d\n%s", status, out)
	}
	for n, says := range []string{"would import", "imported", "imported 0 events"} {
		args := append([]string{"import", file}, scylla...)
		if n == 1 {
			args = append(args, "--verify")
		}
		if n == 0 {
			args = append(args, "--dry-run")
		}
		if out, status := tool(t, args...); status != 0 || !strings.Contains(out, says) {
			t.Fatalf("import: exit status %d, want 0 with %q\n%s", status, says, out)
		}
	}
	s := verified(t, t.TempDir(), append(scylla, "--sink=file:"+sink)...)
	between := exported(t, "--url="+s.url)
	if order := strings.Join(slices.Sorted(slices.Values(before[:len(before)-2])), ""); order !=
		strings.Join(slices.Sorted(slices.Values(between[:len(between)-2])), "") {
		t.Error("ScyllaDB has other events")
	}
	s.stop(t)
	if events := publishedEvents(t, sink); len(events) > 0 {
		t.Errorf("%d imported events were published", len(events))
	}

	path := filepath.Join(t.TempDir(), "back.ndjson")
	// no service answers at that address
	if out, status := tool(t, append([]string{"export", path, "--listen=127.0.0.1:9"}, scylla...)...); status != 0 {
		t.Fatalf("export from ScyllaDB: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, "import", path, "--data="+second); status != 0 {
		t.Fatalf("import: exit status %d\n%s", status, out)
	}
	s = verified(t, second, "--sink=file:"+sink)
	if after := exported(t, "--url="+s.url); !slices.Equal(before, after) {
		t.Errorf("after the way back: %d lines and the trailer %s\nwant %d and %s", len(after), after[len(after)-2], len(before), before[len(before)-2])
	}
	if out, status := tool(t, "import", path, "--data="+second); status != 1 || !strings.Contains(out, "is in use by") {
		t.Errorf("import beside a service: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, "demo", "--orders=1", "--seed=9", "--url="+s.url); status != 0 {
		t.Errorf("demo: exit status %d\n%s", status, out)
	}
	s.stop(t)
	if events := publishedEvents(t, sink); len(events) == 0 || len(events) > 20 {
		t.Errorf("%d events were published, want those of one order", len(events))
	}

	sealsOnTheWay(t, path, second)

	// one order differs
	changed := linesOf(t, path)
	header, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := slices.IndexFunc(changed, func(l string) bool { return strings.Contains(l, `"sequence_number":2`) })
	changed[line] = strings.Replace(changed[line], `"sequence_number":2`, `"sequence_number":3`, 1)
	text := string(header[:bytes.IndexByte(header, '\n')+1]) + strings.Join(changed, "")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	third := filepath.Join(t.TempDir(), "third")
	if out, status := tool(t, "import", path, "--data="+third); status != 4 || !strings.Contains(out, "1 orders were refused") {
		t.Errorf("import of a changed file: exit status %d\n%s", status, out)
	}
	if err := os.WriteFile(path, []byte(text[:len(text)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	fourth := filepath.Join(t.TempDir(), "fourth")
	if out, status := tool(t, "import", path, "--data="+fourth); status != 1 || !strings.Contains(out, "not complete") {
		t.Errorf("import of half a file: exit status %d\n%s", status, out)
	}
	if lines := exported(t, "--data="+fourth); len(lines) != 2 {
		t.Errorf("%d lines of half a file were imported", len(lines)-2)
	}
}

// sealsOnTheWay imports a file from a time without a key into a store with one.
func sealsOnTheWay(t *testing.T, file, plain string) {
	t.Helper()
	dir := t.TempDir()
	key, target := filepath.Join(dir, "personal.key"), filepath.Join(dir, "sealed")
	if err := os.WriteFile(key, []byte(strings.Repeat("a7", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := tool(t, "import", file, "--seal", "--data="+target); status != 2 || !strings.Contains(out, "--personal-key") {
		t.Errorf("import --seal without a key: exit status %d\n%s", status, out)
	}
	for _, says := range []string{"imported", "imported 0 events"} {
		out, status := tool(t, "import", file, "--seal", "--personal-key="+key, "--data="+target)
		if status != 0 || !strings.Contains(out, says) {
			t.Fatalf("import --seal: exit status %d, want 0 with %q\n%s", status, says, out)
		}
	}
	s := verified(t, target, "--personal-key="+key, "--sink=none")
	defer s.stop(t)
	events := func(args string) string { return strings.ReplaceAll(strings.Join(exported(t, args), ""), `\"`, `"`) }
	paid := regexp.MustCompile(`"payment_reference":"([^"]+)"`).FindStringSubmatch(events("--data=" + plain))
	if paid == nil {
		t.Fatal("the file has no personal data, so there is nothing to seal")
	}
	fields := regexp.MustCompile(`"(payment_reference|carrier|tracking_number|reason)":"`)
	if after := events("--url=" + s.url); fields.MatchString(after) || strings.Contains(after, `command_digest"`) {
		t.Error("the new store has personal data in plain, or a digest of it")
	}
	if out, status := tool(t, "inspect", "order_read_model", "--limit=100", "-o", "json", "--url="+s.url); status != 0 || !strings.Contains(out, paid[1]) {
		t.Errorf("the sealed texts cannot be read: exit status %d\n%s", status, out)
	}
}

// A store is moved while it works, through a pipe. Only at the end nothing may be written.
func TestMove_underLoad(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sink=none")
	target := filepath.Join(t.TempDir(), "target")
	if out, status := tool(t, "demo", "--orders=40", "--seed=1", "--url="+s.url); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	export := exec.Command(binary, "export", "--follow", "-", "--url="+s.url)
	into := exec.Command(binary, "import", "-", "--data="+target)
	var exportErr, importOut bytes.Buffer
	var err error
	if into.Stdin, err = export.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	export.Stderr, into.Stdout, into.Stderr = &exportErr, &importOut, &importOut
	for _, cmd := range []*exec.Cmd{export, into} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
	}
	await(t, "the import has begun", func() bool {
		_, err := os.Stat(filepath.Join(target, "VERSION"))
		return err == nil
	})
	if out, status := tool(t, "demo", "--orders=100", "--seed=2", "--url="+s.url); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	began := time.Now() // nothing is written from now on
	for _, cmd := range []*exec.Cmd{export, into} {
		// as the terminal does for a pipe
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	if err := into.Wait(); err != nil {
		t.Fatalf("import: %v\n%s", err, &importOut)
	}
	if err := export.Wait(); err != nil {
		t.Fatalf("export: %v\n%s", err, &exportErr)
	}
	t.Logf("nothing could be written for %s; %s", time.Since(began), &importOut)
	before := exported(t, "--url="+s.url)
	if health := s.call(t, http.StatusOK, "GET", "/readyz", ""); health.text == "" {
		t.Error("no answer")
	}
	moved := verified(t, target, "--sink=none")
	if after := exported(t, "--url="+moved.url); !slices.Equal(before, after) {
		t.Errorf("the new store has %d lines, want %d", len(after), len(before))
	}
}

// A backup is made while clients write, and restored beside the original.
func TestBackup_isRestoredBesideTheOriginal(t *testing.T) {
	t.Parallel()
	data, base := t.TempDir(), t.TempDir()
	backup, restored := filepath.Join(base, "backup"), filepath.Join(base, "restored")
	s := start(t, data, "--sink=none")
	if out, status := tool(t, "demo", "--orders=30", "--seed=1", "--url="+s.url); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	before := exported(t, "--url="+s.url)
	load := exec.Command(binary, "demo", "--orders=200", "--seed=2", "--url="+s.url)
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	if out, status := tool(t, "backup", backup, "--data="+data); status != 0 {
		t.Fatalf("backup: exit status %d\n%s", status, out)
	}
	if err := load.Wait(); err != nil {
		t.Errorf("the load: %v", err)
	}
	if out, status := tool(t, "restore", backup); status != 2 || !strings.Contains(out, "data") {
		t.Errorf("restore without --data: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, "restore", backup, "--data="+data); status != 1 || !strings.Contains(out, "empty directory") {
		t.Errorf("restore into the original: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, "restore", backup, "--data="+restored); status != 0 {
		t.Fatalf("restore: exit status %d\n%s", status, out)
	}
	for _, against := range []string{backup, restored} {
		if out, status := tool(t, "rehearse", "--against="+against); status != 0 || !strings.Contains(out, "passed") {
			t.Errorf("rehearse against %s: exit status %d\n%s", against, status, out)
		}
	}
	if out, status := tool(t, "rehearse", "--against="+data); status != 1 || !strings.Contains(out, "orderflow backup") {
		t.Errorf("rehearse against a store that is in use: exit status %d\n%s", status, out)
	}
	copied := verified(t, restored, "--sink=none")
	after := exported(t, "--url="+copied.url)
	have := make(map[string]bool, len(after))
	for _, line := range after {
		have[line] = true
	}
	for _, line := range before[:len(before)-2] {
		if !have[line] {
			t.Fatalf("an event is missing: %s", line)
		}
	}
	if a, b := s.call(t, http.StatusOK, "GET", "/", "").text, copied.call(t, http.StatusOK, "GET", "/", "").text; a == b {
		t.Errorf("both stores have the same id: %s", a)
	}
}

// A store is restored to a time before its last events, which were published. Its publisher stays
// off until the loss is accepted. If the target has nothing more, it publishes at once.
func TestRestore_neverUsesSequenceNumbersAgain(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	data, backup, sink := filepath.Join(base, "data"), filepath.Join(base, "backup"), filepath.Join(base, "events.jsonl")
	toSink := "--sink=file:" + sink
	s := start(t, data, toSink)
	demo := func(s *service, seed string) {
		t.Helper()
		if out, status := tool(t, "demo", "--orders=5", "--seed="+seed, "--url="+s.url); status != 0 {
			t.Fatalf("demo: exit status %d\n%s", status, out)
		}
	}
	restored := func(name string) string {
		t.Helper()
		dir := filepath.Join(base, name)
		if out, status := tool(t, "restore", backup, "--data="+dir); status != 0 {
			t.Fatalf("restore: exit status %d\n%s", status, out)
		}
		return dir
	}
	demo(s, "1")
	if out, status := tool(t, "backup", backup, "--url="+s.url); status != 0 {
		t.Fatalf("backup: exit status %d\n%s", status, out)
	}
	s.stop(t)
	published := len(publishedEvents(t, sink))

	same := start(t, restored("same"), toSink)
	await(t, "the publisher to continue", func() bool { return strings.Contains(same.log.String(), "publishing continues") })
	demo(same, "2")
	same.stop(t)
	if now := len(publishedEvents(t, sink)); now <= published {
		t.Errorf("%d events were published, and %d before", now, published)
	}
	published = len(publishedEvents(t, sink))

	older := restored("older")
	s = start(t, older, toSink)
	await(t, "publishing to be off", func() bool { return strings.Contains(s.log.String(), "publishing is off") })
	s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(uuid.New(), "ada"))
	await(t, "the consumer to say why", func() bool {
		out, _ := tool(t, "consumers", "--url="+s.url, "--check")
		return strings.Contains(out, "publishing is off")
	})
	if ready := s.call(t, http.StatusOK, "GET", "/readyz", "").text; !strings.Contains(ready, "--accept-loss") {
		t.Errorf("/readyz does not tell: %s", ready)
	}
	s.stop(t)
	if now := len(publishedEvents(t, sink)); now != published {
		t.Errorf("%d events were published, want %d", now, published)
	}
	s = start(t, older, toSink, "--accept-loss")
	await(t, "the new event to be published", func() bool { return len(publishedEvents(t, sink)) > published })
	s.stop(t)
}
