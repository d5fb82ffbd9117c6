package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// panicking is a clock that panics once for each time that it is armed.
type panicking struct{ armed atomic.Bool }

func (p *panicking) now() time.Time {
	if p.armed.Swap(false) {
		panic("the clock is broken")
	}
	return time.Now()
}

// TestAppend_APanicOfTheLeaderIsItsGroupsAlone lets the leader of a group panic before anything is
// written. The group is told that nothing was written, and that is true. All others continue.
func TestAppend_APanicOfTheLeaderIsItsGroupsAlone(t *testing.T) {
	t.Parallel()
	clock, logged := new(panicking), new(lines)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), Now: clock.now, Logger: logged.logger()})
	before := mustAppend(t, store.Store, command(newID(), 0, 2))

	clock.armed.Store(true)
	lost := command(newID(), 0, 1)
	if _, err := store.Append(t.Context(), lost); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "the clock is broken") {
		t.Errorf("error %v, want %v with the cause", err, ports.ErrUnavailable)
	}
	clock.armed.Store(true)
	if err := store.Beat(t.Context(), time.Now()); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, ports.ErrUnavailable)
	}
	if n := strings.Count(logged.String(), "panic"); n < 2 || !strings.Contains(logged.String(), "panic_test.go") {
		t.Errorf("the panics were logged %d times, or without a stack: %s", n, logged)
	}
	if records := mustLoad(t, store.Store, lost.AggregateID); len(records) > 0 {
		t.Errorf("what was refused is there: %+v", records)
	}
	after := mustAppend(t, store.Store, lost) // the positions must have no gap
	store = store.reopen(t)
	c, err := readEvents(store.Store)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.checkOutbox(); err != nil || !sameRecords(c.Outbox, append(before, after...)) {
		t.Errorf("%d rows of the outbox, error %v", len(c.Outbox), err)
	}
}

// TestAppend_APanicOfTheLeaderAnswersAllWhoWait lets the leader panic while others wait for the
// next group.
func TestAppend_APanicOfTheLeaderAnswersAllWhoWait(t *testing.T) {
	t.Parallel()
	const callers = 8
	leading, gathered := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), Now: func() time.Time {
		if armed.Swap(false) {
			close(leading)
			<-gathered
			panic("once")
		}
		return time.Now()
	}})
	armed.Store(true)
	errs := make(chan error, callers+1)
	go func() { errs <- second(store.Append(context.Background(), command(newID(), 0, 1))) }()
	<-leading
	for range callers {
		go func() { errs <- second(store.Append(context.Background(), command(newID(), 0, 1))) }()
	}
	waiting(t, store.Store, callers)
	close(gathered)
	failed := 0
	for range callers + 1 {
		if err := <-errs; err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of %d callers failed, want the one whose group it was", failed, callers+1)
	}
}

// TestAppend_APanicBehindTheWriteLeavesTheOutcomeUnknown lets the leader panic when the group may
// be on the disk already.
func TestAppend_APanicBehindTheWriteLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	mem := vfs.NewMem()
	options := embedded.Options{Dir: "data", FS: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileWriteAt && strings.HasSuffix(op.Path, "WATERMARK") {
			panic("behind the write")
		}
		return nil
	}))}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	intact := command(newID(), 0, 2)
	mustAppend(t, store, intact)
	broken.Store(true)
	doubtful := command(newID(), 0, 1)
	if _, err := store.Append(t.Context(), doubtful); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Errorf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	expectStopped(t, store, intact)
	if _, err := store.Load(t.Context(), doubtful.AggregateID, 0); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("load of what may be there: error %v, want %v", err, ports.ErrUnavailable)
	}
	broken.Store(false)
	_ = store.Close() // it may report the failure
	again := open(t, nil, options)
	if d := diff(doubtful.Records, mustLoad(t, again.Store, doubtful.AggregateID)); d != "" {
		t.Error(d) // it was durable
	}
}

// TestStore_APanicInsideOfPebbleEndsTheStoreAndNotTheProcess runs as a process of its own, because
// the goroutines of Pebble continue after that.
func TestStore_APanicInsideOfPebbleEndsTheStoreAndNotTheProcess(t *testing.T) {
	t.Parallel()
	c := startChild(t, "panic inside of pebble", t.TempDir())
	var out []string
	for c.stdout.Scan() {
		out = append(out, c.stdout.Text())
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, strings.Join(out, "\n"), c.stderr)
	}
	if !strings.Contains(strings.Join(out, "\n"), "all is well") {
		t.Errorf("the child said %q", out)
	}
}

// panicInsideOfPebble lets Pebble panic in the middle of a write, while another call hangs inside
// of it.
func panicInsideOfPebble() int {
	fail := func(format string, args ...any) int {
		fmt.Printf(format+"\n", args...)
		return 1
	}
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: os.Getenv(childDir)})
	if err != nil {
		return fail("%v", err)
	}
	store.HangInside()
	if err := store.PanicInside(); !errors.Is(err, ports.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "batch db mismatch") {
		return fail("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	<-store.Failed()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for name, err := range map[string]error{
		"append": second(store.Append(ctx, command(newID(), 0, 1))),
		"beat":   store.Beat(ctx, time.Now()),
		"offset": store.SeekEnd(ctx, "consumer"),
	} {
		if !errors.Is(err, ports.ErrUnavailable) {
			return fail("%s: error %v, want %v", name, err, ports.ErrUnavailable)
		}
	}
	if _, err := store.Load(ctx, uuid.New(), 0); err != nil {
		return fail("load: %v", err)
	}
	for range 2 {
		if err := store.Close(); err == nil {
			return fail("closed without an error")
		}
	}
	if _, err := embedded.Open(ctx, embedded.Options{Dir: os.Getenv(childDir)}); !errors.Is(err, ports.ErrLocked) {
		return fail("opened while Pebble may still write: error %v", err)
	}
	fmt.Println("all is well")
	return 0
}

// TestAppend_APanicUnderPebbleStopsTheStore lets the file system panic where Pebble calls it.
func TestAppend_APanicUnderPebbleStopsTheStore(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]errorfs.OpKind{"create": errorfs.OpCreate, "write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && op.Kind == kind && strings.HasSuffix(op.Path, ".log") {
					panic("under Pebble")
				}
				return nil
			}))
			store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			intact := command(newID(), 0, 1)
			mustAppend(t, store, intact)
			broken.Store(true)
			if err := appendUntil(store, func() bool { return false }, new(acknowledged)); !errors.Is(err, ports.ErrOutcomeUnknown) && !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("error %v, want %v", err, ports.ErrOutcomeUnknown)
			}
			expectStopped(t, store, intact)
			broken.Store(false)
			_ = store.Close() // it may report the failure
		})
	}
}

// TestExpire_APanicInTheBackgroundEndsNothing lets the background sweep panic.
func TestExpire_APanicInTheBackgroundEndsNothing(t *testing.T) {
	t.Parallel()
	clock, logged := new(panicking), new(lines)
	clock.armed.Store(true)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), Now: clock.now, Retention: time.Millisecond, Logger: logged.logger()})
	for !strings.Contains(logged.String(), "could not be swept") {
		runtime.Gosched()
	}
	mustAppend(t, store.Store, command(newID(), 0, 1))
}
