package cloudevents_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// childVariable names the file that a child process of the tests publishes to, and childHeads what
// was acknowledged before.
const (
	childVariable = "CLOUDEVENTS_TEST_PATH"
	childHeads    = "CLOUDEVENTS_TEST_HEADS"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		os.Exit(publishUntilKilled(path))
	}
	goleak.VerifyTestMain(m)
}

// pack compresses a file as gzip does: the copy is complete before the original goes, and has its
// times.
func pack(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	f, err := os.Create(path + ".gz")
	must(t, err)
	w := gzip.NewWriter(f)
	_, err = w.Write(content)
	must(t, errors.Join(err, w.Close(), f.Close()))
	must(t, os.Chtimes(path+".gz", time.Time{}, info.ModTime()))
	must(t, os.Remove(path))
}

// The reader finds all events of a target, in the order in which they were published, whatever was
// rotated away and compressed.
func TestFileReader_ReadsWhatWasRotatedAway(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	records := history(9)
	p := openFile(t, path)
	publish(t, p, records[0], records[1])
	must(t, os.Rename(path, path+".3"))
	publish(t, p, records[2], records[3])
	must(t, os.Rename(path, path+"-20260301"))
	pack(t, path+".3") // the next rotation compresses the one before
	publish(t, p, records[4])
	must(t, os.Rename(path, path+".1"))
	publish(t, p, records[5:]...)
	for _, stranger := range []string{path + ".bak", path + ".1.tmp", path + "x", path + ".1.gz"} {
		// .1.gz is what a compression in progress has made of .1
		must(t, os.WriteFile(stranger, encoded(t, newRecord(uuid.New(), 1))[:20], 0o600))
	}

	whole := readAll(t, path, 0)
	ignored := cmp.Options{cmpopts.IgnoreFields(eventsourcing.Header{}, "Metadata"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(records, recordsOf(t, whole), ignored); diff != "" {
		t.Fatalf("(-published +read):\n%s", diff)
	}
	for from := range whole {
		if diff := cmp.Diff(whole[from:], readAll(t, path, whole[from].Offset)); diff != "" {
			t.Errorf("from the beginning of line %d (-want +got):\n%s", from, diff)
		}
		if from > 0 {
			if diff := cmp.Diff(whole[from:], readAll(t, path, whole[from-1].Offset+1)); diff != "" {
				t.Errorf("from within line %d (-want +got):\n%s", from-1, diff)
			}
		}
	}
	// another rotation changes no offset
	must(t, os.Rename(path, path+".0"))
	if diff := cmp.Diff(whole, readAll(t, path, 0)); diff != "" {
		t.Errorf("after another rotation (-want +got):\n%s", diff)
	}
	// the end of a line that a crash has left in a file that was rotated away then
	f, err := os.OpenFile(path+".0", os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.Write(encoded(t, records[0])[:30])
	must(t, errors.Join(err, f.Close()))
	closePublisher(t, p)
	last := newRecord(records[0].AggregateID, 10)
	publish(t, openFile(t, path), last)
	got := recordsOf(t, readAll(t, path, 0))
	if diff := cmp.Diff(append(slices.Clone(records), last), got, ignored); diff != "" {
		t.Errorf("after a crash (-want +got):\n%s", diff)
	}
}

// publishUntilKilled publishes the events of some aggregates, from several goroutines, and writes
// each that was acknowledged to the standard output.
func publishUntilKilled(path string) int {
	p, err := cloudevents.OpenFile(path, cloudevents.Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, "identity", p.Identity())
	var group sync.WaitGroup
	for _, head := range strings.Fields(os.Getenv(childHeads)) {
		aggregate, number, _ := strings.Cut(head, "=")
		id := uuid.MustParse(aggregate)
		var next uint64
		if _, err := fmt.Sscan(number, &next); err != nil {
			panic(err)
		}
		group.Go(func() {
			for n := next + 1; ; n++ {
				if err := p.Publish(context.Background(), newRecord(id, n)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Fprintln(os.Stdout, id, n)
			}
		})
	}
	group.Wait()
	return 0
}

// Rotations happen while events are published, and the process dies again and again. Every event
// that was acknowledged is there, in order, and the target keeps its identity.
func TestFile_RotationUnderLoadWithCrashes(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	heads := make(map[uuid.UUID]uint64)
	for range 8 {
		heads[uuid.New()] = 0
	}
	const lives, rotations, between = 5, 4, 60
	rotated, identity := 0, ""
	rotate := func() {
		for { // notifempty: the child has not noticed the last rotation yet
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				break
			}
			runtime.Gosched()
		}
		rotated++
		must(t, os.Rename(path, fmt.Sprintf("%s-%08d", path, rotated)))
		if rotated > 1 { // delaycompress
			pack(t, fmt.Sprintf("%s-%08d", path, rotated-1))
		}
	}
	for range lives {
		lines, kill := startPublishing(t, path, heads)
		acknowledged := 0
		read := func() bool {
			if !lines.Scan() {
				return false
			}
			name, value, _ := strings.Cut(lines.Text(), " ")
			if name == "identity" {
				if identity == "" {
					identity = value
				}
				if value != identity {
					t.Errorf("identity %s, want %s", value, identity)
				}
				return true
			}
			var n uint64
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			heads[uuid.MustParse(name)] = n
			acknowledged++
			return true
		}
		for range rotations {
			for until := acknowledged + between; acknowledged < until; {
				if !read() {
					t.Fatal("the child ended by itself")
				}
			}
			rotate()
		}
		kill()
		for read() { // what it had acknowledged before it died
		}
		if info, err := os.Stat(path); err == nil && info.Size() > 0 { // notifempty
			rotate() // while nobody has the file open
		}
	}
	var messages []ports.TopicMessage
	reader := cloudevents.NewFileReader(path)
	ranges, err := reader.Ranges(t.Context())
	must(t, err)
	must(t, reader.Read(t.Context(), ranges[0], func(m ports.TopicMessage) error {
		messages = append(messages, m)
		return nil
	}))
	seen := make(map[uuid.UUID]uint64)
	for _, r := range recordsOf(t, messages) {
		if r.SequenceNumber > seen[r.AggregateID]+1 {
			t.Errorf("event %d of %s comes after %d", r.SequenceNumber, r.AggregateID, seen[r.AggregateID])
		}
		seen[r.AggregateID] = max(seen[r.AggregateID], r.SequenceNumber)
	}
	for id, head := range heads {
		if seen[id] < head {
			t.Errorf("%s: %d events of %d acknowledged ones", id, seen[id], head)
		}
	}
	if rotated < lives*rotations || len(messages) < lives*rotations*between {
		t.Errorf("only %d rotations, and %d events", rotated, len(messages))
	}
	if found, err := filepath.Glob(path + "-*.gz"); err != nil || len(found) != rotated-1 {
		t.Errorf("%d compressed files of %d, %v", len(found), rotated, err)
	}
}

// startPublishing starts a child that continues after heads. kill ends it at once.
func startPublishing(t *testing.T, path string, heads map[uuid.UUID]uint64) (lines *bufio.Scanner, kill func()) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	var after []string
	for id, head := range heads {
		after = append(after, fmt.Sprintf("%s=%d", id, head))
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childVariable+"="+path, childHeads+"="+strings.Join(after, " "))
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines = bufio.NewScanner(stdout)
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait() // killed
		if stderr.Len() > 0 {
			t.Errorf("the child said: %s", &stderr)
		}
	})
	return lines, func() { must(t, child.Process.Kill()) }
}

// The settings for logrotate that the project has do what the package comment asks for.
func TestFile_Logrotate(t *testing.T) {
	t.Parallel()
	logrotate, err := exec.LookPath("logrotate")
	if err != nil && os.Getenv("REQUIRE_INTEGRATION") == "1" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("the settings of logrotate are not tried: %v", err)
	}
	path := filepath.Join(t.TempDir(), "order-events.jsonl")
	settings, err := os.ReadFile("../../scripts/deploy/logrotate/orderflow")
	must(t, err)
	const inProduction = "/var/lib/orderflow/order-events.jsonl"
	if strings.Count(string(settings), inProduction) != 1 {
		t.Fatalf("%s is not in the settings once", inProduction)
	}
	config := filepath.Join(t.TempDir(), "config")
	dated := strings.Replace(string(settings), inProduction, path, 1)
	// names with a date are different once a second, so the later rotations number the files
	numbered := strings.NewReplacer("dateext", "", "dateformat -%Y%m%d-%s", "").Replace(dated)
	records := history(4)
	p := openFile(t, path)
	identity := p.Identity()
	for i, record := range records {
		publish(t, p, record)
		text := numbered
		if i == 0 {
			text = dated
		}
		must(t, os.WriteFile(config, []byte(text), 0o600))
		rotation := exec.CommandContext(t.Context(), logrotate, "--force", "--state", config+".state", config)
		if out, err := rotation.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	closePublisher(t, p)
	if again := openFile(t, path); again.Identity() != identity {
		t.Errorf("identity %s, want %s", again.Identity(), identity)
	}
	ignored := cmp.Options{cmpopts.IgnoreFields(eventsourcing.Header{}, "Metadata"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(records, recordsOf(t, readAll(t, path, 0)), ignored); diff != "" {
		t.Errorf("(-published +read):\n%s", diff)
	}
	date, err := filepath.Glob(path + "-20*")
	packed, err2 := filepath.Glob(path + ".*.gz")
	if err := errors.Join(err, err2); err != nil || len(date) != 1 || len(packed) != len(records)-2 {
		t.Errorf("dated: %v, compressed: %v, %v", date, packed, err)
	}
}

// A process that dies right after the first line of a file must leave an identity that names it.
func TestFile_TheIdentityKnowsTheFirstLineBeforeTheFileDoes(t *testing.T) {
	t.Parallel()
	path, record := tempPath(t), newRecord(uuid.New(), 1)
	var before string
	p, err := cloudevents.OpenFaulty(path, &cloudevents.Faults{Write: func(b []byte) (int, error) {
		content, err := os.ReadFile(path + ".id")
		before = string(content)
		return len(b), err
	}})
	must(t, err)
	publish(t, p, record)
	after, err := os.ReadFile(path + ".id")
	must(t, err)
	if !strings.Contains(before, `"first":`) || before != string(after) {
		t.Errorf("the identity was %s and is %s", before, after)
	}
	closePublisher(t, p)
	must(t, os.Rename(path, path+".1"))
	if again := openFile(t, path); again.Identity() != p.Identity() {
		t.Error("it has another identity after a rotation")
	}
}
