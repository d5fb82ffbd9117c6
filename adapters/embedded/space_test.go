package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

const plenty = 10 << 30

// free makes a file system in memory say that so much is free.
func free(mem *vfs.MemFS, bytes uint64) {
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: bytes, TotalBytes: 2 * plenty, UsedBytes: 2*plenty - bytes})
}

func TestOpen_OnAFullDiskSaysHowMuchIsNeeded(t *testing.T) {
	t.Parallel()
	mem := oldData(t, "killed").crashable(t)
	options := embedded.Options{Dir: "data", FS: mem}
	before := filesOf(t, mem)
	free(mem, 3<<20)
	_, err := embedded.Open(t.Context(), options)
	if !errors.Is(err, ports.ErrFull) || !strings.Contains(err.Error(), "the disk that holds data has 3 MiB free, and opening needs about 16 MiB") {
		t.Errorf("error %v, want %v with what is free and what is needed", err, ports.ErrFull)
	}
	after := filesOf(t, mem)
	for name, content := range before {
		if name != "data/VERSION" && string(after[name]) != string(content) {
			t.Errorf("%s was changed", name)
		}
	}
	free(mem, plenty)
	checkOldData(t, open(t, nil, options).Store)
}

// TestOpen_EndsWhenSomethingCannotBeWritten opens what a killed process left, and lets each kind of
// write fail permanently.
func TestOpen_EndsWhenSomethingCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, errDisk} {
		names := []string{".sst", ".log", "MANIFEST", "marker", ".dbtmp", "pebble", "OWNER.tmp"}
		if cause != syscall.ENOSPC { // the cause makes a difference to the error only
			names = names[:2]
		}
		for _, name := range names {
			kinds := []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpCreate, errorfs.OpRename, errorfs.OpRemove}
			for _, kind := range kinds {
				mem := oldData(t, "killed").crashable(t)
				fs := newFaultsOn(mem, cause, func(op errorfs.Op) bool { return op.Kind == kind && strings.Contains(op.Path, name) })
				fs.broken.Store(true)
				options := embedded.Options{Dir: "data", FS: fs}
				store, err := embedded.Open(t.Context(), options)
				if err == nil {
					_ = store.Close() // opening can do without, or has no such step
				} else if want := wantOf(cause); !errors.Is(err, want) || fs.happened.Load() == 0 {
					t.Errorf("%v of %v of %s: error %v, want %v", cause, kind, name, err, want)
				}
				fs.broken.Store(false)
				options.FS = mem.CrashClone(vfs.CrashCloneCfg{})
				checkOldData(t, open(t, nil, options).Store)
			}
		}
	}
}

func wantOf(cause error) error {
	if errors.Is(cause, syscall.EIO) {
		return ports.ErrUnavailable
	}
	return ports.ErrFull
}

// TestOpen_IsCancelled lets the context end while Pebble replays what a killed process left behind.
func TestOpen_IsCancelled(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{".log", ".sst", "MANIFEST"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		mem := oldData(t, "killed").crashable(t)
		ended := errors.New("Ctrl-C")
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if strings.Contains(op.Path, suffix) && op.Kind != errorfs.OpList {
				cancel(ended)
				<-ctx.Done()
			}
			return nil
		}))
		if _, err := embedded.Open(ctx, embedded.Options{Dir: "data", FS: fs}); !errors.Is(err, context.Canceled) || errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("%s: error %v, want %v", suffix, err, context.Canceled)
		}
		checkOldData(t, open(t, nil, embedded.Options{Dir: "data", FS: mem.CrashClone(vfs.CrashCloneCfg{})}).Store)
	}
}

// expectFull expects a store on a full disk to refuse every write as such, and to answer everything
// that needs none.
func expectFull(t *testing.T, store *embedded.Store, intact ports.Append) {
	t.Helper()
	ctx := t.Context()
	for name, err := range map[string]error{
		"append":        second(store.Append(ctx, command(newID(), 0, 1))),
		"apply":         store.Apply(ctx, view, progress(intact.Records[0])),
		"seek end":      store.SeekEnd(ctx, "consumer"),
		"save consumer": second(store.SaveConsumer(ctx, ports.ConsumerRecord{Name: "consumer"})),
		"park":          store.Park(ctx, ports.ParkedAggregate{Consumer: "consumer"}),
		"record skip":   store.RecordSkip(ctx, ports.Skip{Consumer: "consumer"}),
	} {
		if !errors.Is(err, ports.ErrFull) || !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown) {
			t.Errorf("%s: error %v, want %v", name, err, ports.ErrFull)
		}
	}
	if d := diff(intact.Records, mustLoad(t, store, intact.AggregateID)); d != "" {
		t.Error(d)
	}
	again := intact
	if got, err := store.Append(ctx, again); err != nil || !got.Duplicate {
		t.Errorf("a repeated command: duplicate %t, error %v", got.Duplicate, err)
	}
	if _, err := store.Append(ctx, command(intact.AggregateID, 0, 1)); !errors.Is(err, ports.ErrVersionConflict) {
		t.Errorf("a command that lost: error %v, want %v", err, ports.ErrVersionConflict)
	}
}

// TestStore_OnAFullDiskAnswersReadsAndGoesOnWhenThereIsRoom runs out of the reserve, and gets it
// back.
func TestStore_OnAFullDiskAnswersReadsAndGoesOnWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	mem, logged := vfs.NewMem(), new(lines)
	free(mem, plenty)
	options := embedded.Options{Dir: "data", FS: mem, Logger: logged.logger(), ReserveBytes: 80 << 20}
	store := open(t, nil, options)
	intact := command(newID(), 0, 2)
	mustAppend(t, store.Store, intact)
	mustSeekEnd(t, store.Store, "another")
	sub := mustSubscribe(t, store.Store, "another")

	free(mem, 80<<20-1)
	store.LookAtSpace()
	for range 2 {
		expectFull(t, store.Store, intact)
	}
	if err := store.Beat(t.Context(), time.UnixMilli(7)); err != nil {
		// it shows that the feed works, and leaves nothing on the disk
		t.Errorf("a heartbeat: error %v", err)
	}
	if d := mustNext(t, sub); !d.Beat.Equal(time.UnixMilli(7)) {
		t.Errorf("delivered %+v, want the heartbeat", d)
	}
	if err := errors.Join(store.Expire(t.Context()), store.DropView(t.Context(), view, nil)); err != nil {
		t.Errorf("what makes room: error %v", err)
	}
	if store.Err() != nil {
		t.Errorf("the store has failed: %v", store.Err())
	}

	free(mem, 80<<20) // not enough to start writing again
	store.LookAtSpace()
	expectFull(t, store.Store, intact)
	free(mem, 90<<20)
	store.LookAtSpace()
	mustAppend(t, store.Store, command(newID(), 0, 1))
	mustSeekEnd(t, store.Store, "consumer")
	if n := strings.Count(logged.String(), "the disk is full"); n != 1 || !strings.Contains(logged.String(), "79 MiB free") {
		t.Errorf("logged %d times: %s", n, logged)
	}
	if n := strings.Count(logged.String(), "there is room on the disk again"); n != 1 {
		t.Errorf("logged %d times: %s", n, logged)
	}
}

// TestStore_LooksAtTheFreeSpaceWhenMuchIsWritten fills the disk between two periodic checks of the
// free space.
func TestStore_LooksAtTheFreeSpaceWhenMuchIsWritten(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	free(mem, plenty)
	store := open(t, nil, embedded.Options{Dir: "data", FS: mem})
	free(mem, 1)
	err := appendUntil(store.Store, func() bool { return false }, new(acknowledged))
	if !errors.Is(err, ports.ErrFull) {
		t.Errorf("error %v, want %v", err, ports.ErrFull)
	}
	if c, err := readEvents(store.Store); err != nil || len(c.Events) > 20 {
		t.Errorf("%d MiB were written to a full disk, error %v", len(c.Events), err)
	}
}

// TestStore_OnASmallDiskKeepsATenthFree opens a store on a disk that is smaller than the reserve.
func TestStore_OnASmallDiskKeepsATenthFree(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	small := func(free uint64) {
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 100 << 20, UsedBytes: 100<<20 - free})
	}
	small(30 << 20)
	store := open(t, nil, embedded.Options{Dir: "data", FS: mem})
	intact := command(newID(), 0, 1)
	mustAppend(t, store.Store, intact)
	small(10<<20 - 1)
	store.LookAtSpace()
	expectFull(t, store.Store, intact)
}

// TestStore_WithoutAReserveWritesToTheEnd turns the reserve off.
func TestStore_WithoutAReserveWritesToTheEnd(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	free(mem, plenty)
	store := open(t, nil, embedded.Options{Dir: "data", FS: mem, ReserveBytes: -1})
	free(mem, 1)
	store.LookAtSpace()
	mustAppend(t, store.Store, command(newID(), 0, 1))
}

// TestStore_AFlushWithoutRoomStopsWritesUntilItSucceeds runs into a limit that the free space of
// the disk does not show, such as a quota.
func TestStore_AFlushWithoutRoomStopsWritesUntilItSucceeds(t *testing.T) {
	t.Parallel()
	fs := newFaults(fmt.Errorf("quota: %w", syscall.EDQUOT), on(".sst", errorfs.OpFileWrite))
	free(fs.mem, plenty)
	store := open(t, nil, embedded.Options{Dir: "data", FS: fs})
	intact := command(newID(), 0, 1)
	mustAppend(t, store.Store, intact)
	fs.broken.Store(true)
	acked := new(acknowledged)
	if err := appendUntil(store.Store, func() bool { return false }, acked); !errors.Is(err, ports.ErrFull) {
		t.Fatalf("error %v, want %v", err, ports.ErrFull)
	}
	expectFull(t, store.Store, intact)
	fs.broken.Store(false)
	for { // until Pebble has tried again
		store.LookAtSpace()
		if _, err := store.Append(t.Context(), command(newID(), 0, 1)); err == nil {
			break
		} else if !errors.Is(err, ports.ErrFull) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	for id, want := range acked.snapshot() {
		if !sameRecords(want, mustLoad(t, store.Store, id)) {
			t.Errorf("what was acknowledged for %s is not there", id)
		}
	}
}

// TestStore_ClosesWhileTheDiskIsFull ends a store whose flushes find no room.
func TestStore_ClosesWhileTheDiskIsFull(t *testing.T) {
	t.Parallel()
	fs := newFaults(syscall.ENOSPC, on(".sst", errorfs.OpFileWrite))
	options := embedded.Options{Dir: "data", FS: fs}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	acked := new(acknowledged)
	fs.broken.Store(true)
	if err := appendUntil(store, func() bool { return false }, acked); !errors.Is(err, ports.ErrFull) {
		t.Fatalf("error %v, want %v", err, ports.ErrFull)
	}
	_ = store.Close() // it may report the disk
	fs.broken.Store(false)
	again := open(t, nil, options)
	for id, want := range acked.snapshot() {
		if !sameRecords(want, mustLoad(t, again.Store, id)) {
			t.Errorf("what was acknowledged for %s is not there", id)
		}
	}
}

// TestStore_ALogWithoutRoomEndsWritingAndTheProcessWhenThereIsRoom uses a disk that others have
// filled in an instant. What the log holds is not known, so writing needs a new process, which
// could not start before there is room.
func TestStore_ALogWithoutRoomEndsWritingAndTheProcessWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	mem := vfs.NewMem()
	free(mem, plenty)
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") {
			return syscall.ENOSPC
		}
		return nil
	}))
	options := embedded.Options{Dir: "data", FS: fs}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	intact := command(newID(), 0, 2)
	mustAppend(t, store, intact)
	broken.Store(true)
	free(mem, 0)
	if _, err := store.Append(t.Context(), command(newID(), 0, 1)); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	store.LookAtSpace()
	select {
	case <-store.Failed():
		t.Error("the process is told to end while it could not start again")
	default:
	}
	if err := store.Err(); !errors.Is(err, ports.ErrFull) {
		t.Errorf("error %v, want %v", err, ports.ErrFull)
	}
	if _, err := store.Append(t.Context(), command(newID(), 0, 1)); !errors.Is(err, ports.ErrFull) || errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Errorf("error %v, want %v", err, ports.ErrFull)
	}
	if d := diff(intact.Records, mustLoad(t, store, intact.AggregateID)); d != "" {
		t.Error(d)
	}
	broken.Store(false)
	free(mem, plenty)
	store.LookAtSpace()
	expectStopped(t, store, intact)
	_ = store.Close() // it may report the log
	again := open(t, nil, options)
	mustAppend(t, again.Store, command(newID(), 0, 1))
}
