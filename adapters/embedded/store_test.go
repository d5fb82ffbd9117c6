package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

func TestOpen_RefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	first := openNew(t)
	if err := first.SetAddress("http://127.0.0.1:1234"); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Open(t.Context(), first.options)
	if !errors.Is(err, ports.ErrLocked) {
		t.Fatalf("error %v, want %v", err, ports.ErrLocked)
	}
	for _, want := range []string{first.options.Dir, fmt.Sprint("process ", os.Getpid()), "http://127.0.0.1:1234"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	mustAppend(t, first.Store, command(newID(), 0, 1)) // and the owner continues
	first.reopen(t)
}

func TestOpen_RefusesADirectoryOfANewerVersion(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	mustClose(t, o.Store)
	write(t, filepath.Join(o.options.Dir, "VERSION"), "orderflow embedded store\nformat 7\n")
	_, err := embedded.Open(t.Context(), o.options)
	if !errors.Is(err, embedded.ErrNewerFormat) || !strings.Contains(err.Error(), "format 7") || !strings.Contains(err.Error(), "format 4") {
		t.Fatalf("error %v, want %v with both versions", err, embedded.ErrNewerFormat)
	}
}

func TestOpen_RefusesADirectoryWithSomethingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "thesis.txt"), "do not touch")
	_, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, embedded.ErrNotOurs) || !strings.Contains(err.Error(), "thesis.txt") {
		t.Fatalf("error %v, want %v with the name of the file", err, embedded.ErrNotOurs)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("the directory holds %v, error %v", names, err)
	}
}

func TestOpen_RefusesWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "")
	for _, dir := range []string{path, ""} {
		if _, err := embedded.Open(t.Context(), embedded.Options{Dir: dir}); err == nil {
			t.Errorf("%q was opened", dir)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Open(ctx, embedded.Options{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("open with a cancelled context: error %v", err)
	}
}

func TestOpen_MakesTheDirectory(t *testing.T) {
	t.Parallel()
	open(t, nil, embedded.Options{Dir: filepath.Join(t.TempDir(), "a", "b")})
}

func TestReadOwner_SaysWhoHasTheDirectory(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	want := embedded.Owner{PID: os.Getpid()}
	if got, err := embedded.ReadOwner(o.options.Dir); err != nil || got != want {
		t.Fatalf("owner %+v, error %v, want %+v", got, err, want)
	}
	want.Address = "http://127.0.0.1:8080"
	if err := o.SetAddress(want.Address); err != nil {
		t.Fatal(err)
	}
	if got, err := embedded.ReadOwner(o.options.Dir); err != nil || got != want {
		t.Fatalf("owner %+v, error %v, want %+v", got, err, want)
	}
	mustClose(t, o.Store)
	if got, err := embedded.ReadOwner(o.options.Dir); !errors.Is(err, ports.ErrNotFound) {
		t.Fatalf("owner after close %+v, error %v", got, err)
	}
	if err := o.SetAddress(""); !errors.Is(err, ports.ErrClosed) {
		t.Fatalf("set address after close: error %v", err)
	}
}

// gate delays the fsyncs of the log while it is closed.
type gate struct {
	mu      sync.Mutex
	reached chan struct{} // one value for each fsync that waits
	open    chan struct{}
}

// fs returns a file system in memory with this gate in front of it, which is open.
func (g *gate) fs() vfs.FS {
	g.open = make(chan struct{})
	close(g.open)
	g.reached = make(chan struct{}, 1000)
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
			g.mu.Lock()
			open := g.open
			g.mu.Unlock()
			select {
			case <-open:
			default:
				g.reached <- struct{}{}
				<-open
			}
		}
		return nil
	}))
}

// shut closes the gate and returns what opens it again.
func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := make(chan struct{})
	g.open = shut
	return sync.OnceFunc(func() { close(shut) })
}

// outcome is the answer to an append.
type outcome struct {
	append ports.Append
	err    error
}

func appendLater(ctx context.Context, store *embedded.Store, a ports.Append) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		_, err := store.Append(ctx, a)
		done <- outcome{a, err}
	}()
	return done
}

func TestAppend_CancelledWhileItWaitsIsWithdrawn(t *testing.T) {
	t.Parallel()
	var g gate
	o := open(t, nil, embedded.Options{Dir: "data", FS: g.fs()})
	let := g.shut()
	defer let()
	first := appendLater(t.Context(), o.Store, command(newID(), 0, 1))
	<-g.reached // it has been taken, and will be followed by:
	ctx, cancel := context.WithCancel(t.Context())
	second := appendLater(ctx, o.Store, command(newID(), 0, 1))
	waiting(t, o.Store, 1)
	third := appendLater(t.Context(), o.Store, command(newID(), 0, 1))
	waiting(t, o.Store, 2)
	cancel()
	withdrawn := <-second
	if !errors.Is(withdrawn.err, context.Canceled) {
		t.Fatalf("error %v, want %v", withdrawn.err, context.Canceled)
	}
	let()
	for _, done := range []<-chan outcome{first, third} {
		got := <-done
		if got.err != nil {
			t.Fatal(got.err)
		}
		if d := diff(got.append.Records, mustLoad(t, o.Store, got.append.AggregateID)); d != "" {
			t.Fatal(d)
		}
	}
	if got := mustLoad(t, o.Store, withdrawn.append.AggregateID); len(got) != 0 {
		t.Fatalf("what was withdrawn was written: %v", got)
	}
}

func TestAppend_CancelledAfterItWasTakenTellsTheTruth(t *testing.T) {
	t.Parallel()
	var g gate
	o := open(t, nil, embedded.Options{Dir: "data", FS: g.fs()})
	let := g.shut()
	defer let()
	ctx, cancel := context.WithCancel(t.Context())
	done := appendLater(ctx, o.Store, command(newID(), 0, 2))
	<-g.reached
	cancel()
	let()
	got := <-done
	if got.err != nil {
		t.Fatalf("error %v, although it was written", got.err)
	}
	if d := diff(got.append.Records, mustLoad(t, o.Store, got.append.AggregateID)); d != "" {
		t.Fatal(d)
	}
}

func TestAppend_IsSeenByNobodyBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	var g gate
	o := open(t, nil, embedded.Options{Dir: "data", FS: g.fs()})
	a := command(newID(), 0, 2)
	mustAppend(t, o.Store, a)
	mustSeekEnd(t, o.Store, "consumer")
	let := g.shut()
	defer let()
	more, other := command(a.AggregateID, 2, 3), command(newID(), 0, 1)
	first := appendLater(t.Context(), o.Store, more)
	<-g.reached // both the log and Pebble's memory have it now
	second := appendLater(t.Context(), o.Store, other)
	waiting(t, o.Store, 1)

	if d := diff(a.Records, mustLoad(t, o.Store, a.AggregateID)); d != "" {
		t.Errorf("load: %s", d)
	}
	if found, err := o.FindCommand(t.Context(), more.AggregateID, more.CommandID); len(found) > 0 || err != nil {
		t.Errorf("find: %+v, error %v", found, err)
	}
	heads, err := o.ScanHeads(t.Context(), "", 10)
	if d := diff(ports.HeadPage{Heads: []ports.Head{{AggregateType: typeOf(a.AggregateID), AggregateID: a.AggregateID, SequenceNumber: 2}}}, heads); d != "" || err != nil {
		t.Errorf("heads, error %v: %s", err, d)
	}
	for name, list := range map[string]func(context.Context, ports.Cursor, int) (ports.RecordPage, error){"events": o.ListEvents, "outbox": o.ListOutbox} {
		if got, err := readList(list); err != nil || diff(a.Records, got) != "" {
			t.Errorf("%s, error %v: %s", name, err, diff(a.Records, got))
		}
	}
	if lag, err := o.Lag(t.Context(), "consumer"); err != nil || lag.Events != 0 {
		t.Errorf("lag %+v, error %v", lag, err)
	}
	sub := mustSubscribe(t, o.Store, "consumer")
	delivered := make(chan ports.Delivery, 1)
	go func() {
		delivery, _ := sub.Next(context.Background())
		delivered <- delivery
	}()
	select {
	case d := <-delivered:
		t.Errorf("delivered %+v", d)
	default:
	}

	let()
	for _, done := range []<-chan outcome{first, second} {
		if got := <-done; got.err != nil {
			t.Fatal(got.err)
		}
	}
	if d := diff(more.Records[0], (<-delivered).Record); d != "" {
		t.Error(d)
	}
	if got := mustLoad(t, o.Store, a.AggregateID); len(got) != 5 {
		t.Errorf("%d records, want 5", len(got))
	}
}

func TestAppend_ACommandTwiceInOneGroupHappensOnce(t *testing.T) {
	t.Parallel()
	var g gate
	o := open(t, nil, embedded.Options{Dir: "data", FS: g.fs()})
	let := g.shut()
	defer let()
	first := appendLater(t.Context(), o.Store, command(newID(), 0, 1))
	<-g.reached
	a := command(newID(), 0, 2)
	answers := make(chan ports.Appended, 2)
	for i := range 2 { // both wait for the same group
		go func() {
			got, err := o.Append(context.Background(), a)
			if err != nil {
				t.Error(err)
			}
			answers <- got
		}()
		waiting(t, o.Store, i+1)
	}
	let()
	<-first
	one, two := <-answers, <-answers
	if one.Duplicate == two.Duplicate || !sameRecords(a.Records, one.Records) || !sameRecords(a.Records, two.Records) {
		t.Errorf("answers %+v and %+v", one, two)
	}
	if got := mustLoad(t, o.Store, a.AggregateID); !sameRecords(a.Records, got) {
		t.Errorf("history %+v", got)
	}
}

func TestClose_AnswersAppendsTruthfully(t *testing.T) {
	t.Parallel()
	var g gate
	options := embedded.Options{Dir: "data", FS: g.fs()}
	o := open(t, nil, options)
	let := g.shut()
	defer let()
	taken := appendLater(t.Context(), o.Store, command(newID(), 0, 1))
	<-g.reached
	waits := appendLater(t.Context(), o.Store, command(newID(), 0, 1))
	waiting(t, o.Store, 1)
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- o.Close() }()
	}
	refused := <-waits
	if !errors.Is(refused.err, ports.ErrClosed) {
		t.Errorf("append that waited: error %v, want %v", refused.err, ports.ErrClosed)
	}
	select {
	case err := <-closed:
		t.Errorf("close did not wait, error %v", err)
	default:
	}
	let()
	written := <-taken
	if written.err != nil {
		t.Errorf("append that was taken: error %v", written.err)
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	o = open(t, nil, options)
	if d := diff(written.append.Records, mustLoad(t, o.Store, written.append.AggregateID)); d != "" {
		t.Error(d)
	}
	if got := mustLoad(t, o.Store, refused.append.AggregateID); len(got) != 0 {
		t.Errorf("what was refused was written: %v", got)
	}
}

func TestClose_UnderLoad(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	mustSeekEnd(t, o.Store, "consumer")
	sub := mustSubscribe(t, o.Store, "consumer")
	var group sync.WaitGroup
	acknowledged := make(chan ports.Append, 10_000)
	for range 8 {
		group.Go(func() {
			for {
				a := command(newID(), 0, 1)
				_, err := o.Append(context.Background(), a)
				if errors.Is(err, ports.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged <- a
			}
		})
	}
	for range 200 {
		mustNext(t, sub)
	}
	again := o.reopen(t)
	group.Wait()
	close(acknowledged)
	if _, err := sub.Next(t.Context()); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("next after close: error %v", err)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	for a := range acknowledged {
		if d := diff(a.Records, mustLoad(t, again.Store, a.AggregateID)); d != "" {
			t.Fatal(d)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
