package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// faults is a file system in memory that fails some operations while it is broken.
type faults struct {
	vfs.FS
	mem    *vfs.MemFS
	broken atomic.Bool
	// happened counts the failures.
	happened atomic.Int64
}

var errDisk = fmt.Errorf("disk: %w", syscall.EIO)

func newFaults(err error, match func(op errorfs.Op) bool) *faults {
	return newFaultsOn(vfs.NewMem(), err, match)
}

func newFaultsOn(mem *vfs.MemFS, err error, match func(op errorfs.Op) bool) *faults {
	f := &faults{mem: mem}
	f.FS = errorfs.Wrap(f.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f.broken.Load() && match(op) {
			f.happened.Add(1)
			return err
		}
		return nil
	}))
	return f
}

// newFaultyFrom returns a file system on which everything fails from operation n on that changes
// something.
func newFaultyFrom(mem *vfs.MemFS, n int64) *faults {
	f := &faults{mem: mem}
	var count atomic.Int64
	f.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead || count.Add(1) < n {
			return nil
		}
		f.broken.Store(true)
		return errDisk
	}))
	return f
}

func on(suffix string, kinds ...errorfs.OpKind) func(op errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		for _, kind := range kinds {
			if op.Kind == kind && (strings.HasSuffix(op.Path, suffix) || strings.Contains(op.Path, suffix+"-")) {
				return true
			}
		}
		return false
	}
}

// expectStopped expects a store that has failed to refuse all writes, and to continue to read.
func expectStopped(t *testing.T, store *embedded.Store, intact ports.Append) {
	t.Helper()
	<-store.Failed()
	ctx := context.Background()
	for name, err := range map[string]error{
		"err":           store.Err(),
		"append":        second(store.Append(ctx, command(newID(), 0, 1))),
		"apply":         store.Apply(ctx, view, progress(intact.Records[0])),
		"seek end":      store.SeekEnd(ctx, "consumer"),
		"save consumer": second(store.SaveConsumer(ctx, ports.ConsumerRecord{Name: "consumer"})),
		"park":          store.Park(ctx, ports.ParkedAggregate{Consumer: "consumer"}),
		"unpark":        store.Unpark(ctx, "consumer", intact.AggregateID),
		"record skip":   store.RecordSkip(ctx, ports.Skip{Consumer: "consumer"}),
		"drop view":     store.DropView(ctx, view, nil),
	} {
		if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s: error %v, want %v with the way out", name, err, ports.ErrUnavailable)
		}
	}
	if d := diff(intact.Records, mustLoad(t, store, intact.AggregateID)); d != "" {
		t.Error(d)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAppend_AnFsyncThatFailsLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for name, fs := range map[string]*faults{
		"fsync": newFaults(errDisk, on(".log", errorfs.OpFileSyncData, errorfs.OpFileSync)),
		"write": newFaults(syscall.ENOSPC, on(".log", errorfs.OpFileWrite)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logged := new(lines)
			options := embedded.Options{Dir: "data", FS: fs, Logger: logged.logger()}
			store, err := embedded.Open(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			intact := command(newID(), 0, 2)
			mustAppend(t, store, intact)
			mustSeekEnd(t, store, view.Consumer)
			sub := mustSubscribe(t, store, view.Consumer)
			fs.broken.Store(true)
			lost := command(newID(), 0, 1)
			if _, err := store.Append(t.Context(), lost); !errors.Is(err, ports.ErrOutcomeUnknown) {
				t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
			}
			fs.broken.Store(false) // an fsync that works now does not undo the failure
			expectStopped(t, store, intact)
			if _, err := store.Load(t.Context(), lost.AggregateID, 0); !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("load of what may be there: error %v, want %v", err, ports.ErrUnavailable)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if d, err := sub.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("delivered %+v, error %v", d, err)
			}
			if n := strings.Count(logged.String(), "the store writes no more"); n != 1 {
				t.Errorf("logged %d times: %s", n, logged)
			}
			_ = store.Close() // it may report the broken file

			again := open(t, nil, options)
			if d := diff(intact.Records, mustLoad(t, again.Store, intact.AggregateID)); d != "" {
				t.Error(d)
			}
			c, err := readEvents(again.Store)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.checkOutbox(); err != nil {
				t.Error(err)
			}
			mustAppend(t, again.Store, command(newID(), 0, 1))
		})
	}
}

// readEvents reads what a store without a view has.
func readEvents(store *embedded.Store) (contents, error) {
	c, err := read(store)
	if errors.Is(err, ports.ErrNotFound) {
		err = nil
	}
	return c, err
}

// appendUntil makes Pebble begin new logs and write tables, until an append fails or something
// happened.
func appendUntil(store *embedded.Store, happened func() bool, acked *acknowledged) error {
	for !happened() {
		a := command(newID(), 0, 1)
		a.Records[0].Payload = make([]byte, 1<<20)
		if _, err := store.Append(context.Background(), a); err != nil {
			return err
		}
		acked.add(a.Records)
	}
	return nil
}

// TestStore_StopsWhenItCannotGoOn breaks what Pebble does when a memtable is full.
func TestStore_StopsWhenItCannotGoOn(t *testing.T) {
	t.Parallel()
	for name, fs := range map[string]*faults{
		"no new log":           newFaults(syscall.ENOSPC, on(".log", errorfs.OpCreate, errorfs.OpReuseForWrite)),
		"no fsync of MANIFEST": newFaults(errDisk, on("MANIFEST", errorfs.OpFileSync, errorfs.OpFileSyncData)),
		"no write to MANIFEST": newFaults(syscall.ENOSPC, on("MANIFEST", errorfs.OpFileWrite)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopsWhenBroken(t, fs)
		})
	}
}

func stopsWhenBroken(t *testing.T, fs *faults) {
	t.Helper()
	options := embedded.Options{Dir: "data", FS: fs}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	intact := command(newID(), 0, 2)
	mustAppend(t, store, intact)
	fs.broken.Store(true)
	acked := new(acknowledged)
	err = appendUntil(store, func() bool { return store.Err() != nil }, acked)
	if err != nil && !errors.Is(err, ports.ErrOutcomeUnknown) && !errors.Is(err, ports.ErrUnavailable) {
		t.Fatal(err)
	}
	expectStopped(t, store, intact)
	_ = store.Close() // it may report the broken file
	fs.broken.Store(false)
	again := open(t, nil, options)
	c, err := readEvents(again.Store)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.checkOutbox(); err != nil {
		t.Error(err)
	}
	acked.add(intact.Records)
	for id, want := range acked.snapshot() {
		if !sameRecords(want, mustLoad(t, again.Store, id)) {
			t.Errorf("what was acknowledged for %s is not there", id)
		}
	}
	mustAppend(t, again.Store, command(newID(), 0, 1))
}

func TestStore_GoesOnAfterAFlushThatFailed(t *testing.T) {
	t.Parallel()
	fs := newFaults(syscall.ENOSPC, on(".sst", errorfs.OpFileWrite))
	logged := new(lines)
	options := embedded.Options{Dir: "data", FS: fs, Logger: logged.logger()}
	store := open(t, nil, options)
	fs.broken.Store(true)
	err := appendUntil(store.Store, func() bool { return fs.happened.Load() > 0 }, new(acknowledged))
	if err != nil && !errors.Is(err, ports.ErrFull) { // which the flush may have found out by then
		t.Fatal(err)
	}
	fs.broken.Store(false)
	want, err := readEvents(store.Store)
	if err != nil {
		t.Fatal(err)
	}
	store = store.reopen(t)
	got, err := readEvents(store.Store)
	if err != nil || !got.equal(want) {
		t.Fatalf("%d records, want %d, error %v", len(got.Events), len(want.Events), err)
	}
	if n := strings.Count(logged.String(), "background job"); n != 1 {
		t.Errorf("logged %d times: %s", n, logged)
	}
}

func TestStore_AWatermarkThatCannotBeWrittenStopsIt(t *testing.T) {
	t.Parallel()
	fs := newFaults(errDisk, on("WATERMARK", errorfs.OpFileWriteAt))
	options := embedded.Options{Dir: "data", FS: fs}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	fs.broken.Store(true)
	written := command(newID(), 0, 1)
	mustAppend(t, store, written) // it is durable
	expectStopped(t, store, written)
	fs.broken.Store(false)
	_ = store.Close() // it cannot write the end of the log
	again := open(t, nil, options)
	if d := diff(written.Records, mustLoad(t, again.Store, written.AggregateID)); d != "" {
		t.Error(d)
	}
}

func TestLoad_AReadErrorIsUnavailableAndDamageIsCorrupt(t *testing.T) {
	t.Parallel()
	fs := newFaults(errDisk, on(".sst", errorfs.OpFileReadAt))
	options := embedded.Options{Dir: "data", FS: fs}
	store := open(t, nil, options)
	a := command(newID(), 0, 1)
	a.Records[0].Payload = make([]byte, 50_000) // blocks of its own, which do not compress
	for i := range a.Records[0].Payload {
		a.Records[0].Payload[i] = byte(rand.Uint32())
	}
	mustAppend(t, store.Store, a)
	store = store.reopen(t) // now it is in a table
	fs.broken.Store(true)
	if _, err := store.Load(t.Context(), a.AggregateID, 0); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, ports.ErrUnavailable)
	}
	fs.broken.Store(false)
	if d := diff(a.Records, mustLoad(t, store.Store, a.AggregateID)); d != "" {
		t.Error(d)
	}

	mustClose(t, store.Store)
	all := filesOf(t, fs.mem)
	for name, content := range all {
		if at := bytes.Index(content, a.Records[0].Payload[20_000:20_100]); at > 0 && strings.HasSuffix(name, ".sst") {
			content[at] ^= 1
		}
	}
	damaged := open(t, nil, embedded.Options{Dir: "data", FS: all.fs(t, "", nil)})
	if _, err := damaged.Load(t.Context(), a.AggregateID, 0); !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(err.Error(), ".sst") {
		t.Errorf("error %v, want %v with the name of the file", err, ports.ErrCorrupt)
	}
}
