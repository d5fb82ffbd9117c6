package embedded_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// backups is how many backups are made under load. 100 take about a minute.
var backups = flag.Int("backups", 5, "backups of TestBackup_underLoad")

func mustBackup(t testing.TB, store *embedded.Store, dir string) ports.BackupReport {
	t.Helper()
	report, err := store.Backup(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// expectHistories checks that a store begins with these histories.
func expectHistories(t testing.TB, store *embedded.Store, want map[uuid.UUID][]eventsourcing.Record) {
	t.Helper()
	for id, records := range want {
		got := mustLoad(t, store, id)
		if len(got) < len(records) {
			t.Fatalf("%s has %d events, and %d were acknowledged before the backup", id, len(got), len(records))
		}
		for i, r := range records {
			if got[i].EventID != r.EventID {
				t.Fatalf("event %d of %s is another one", i+1, id)
			}
		}
	}
}

// TestBackup_underLoad makes backups while others write. Each is restored, has all that was
// acknowledged before it, and takes new events.
func TestBackup_underLoad(t *testing.T) {
	t.Parallel()
	options := embedded.Options{Dir: t.TempDir()}
	startView(t, options)
	store := open(t, nil, options).Store
	var acked acknowledged
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() { written <- workload(ctx, store, 1, &acked) }()
	original, err := store.StoreID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := range *backups {
		<-acked.after(50)
		before := acked.snapshot()
		dir, target := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new")
		report := mustBackup(t, store, dir)
		var steps []uint64
		restored, err := embedded.Restore(t.Context(), dir, embedded.Options{Dir: target, Progress: func(done, total uint64) {
			if total != uint64(report.Bytes) {
				t.Errorf("the total is %d, want %d", total, report.Bytes)
			}
			steps = append(steps, done)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(steps) || len(steps) != report.Files || steps[len(steps)-1] != uint64(report.Bytes) {
			t.Errorf("progress of %d files with %d bytes: %v", report.Files, report.Bytes, steps)
		}
		if restored.From != original || restored.Store == original || restored.Store == uuid.Nil || restored.Events != report.Events {
			t.Errorf("restored %+v from %s with %+v", restored, original, report)
		}
		copied, err := embedded.Open(t.Context(), embedded.Options{Dir: target})
		if err != nil {
			t.Fatal(err)
		}
		if id, err := copied.StoreID(ctx); err != nil || id != restored.Store {
			t.Errorf("backup %d: the new store has id %s (%v), want %s", n, id, err, restored.Store)
		}
		expectHistories(t, copied, before)
		mustAppend(t, copied, command(newID(), 0, 2))
		mustClose(t, copied)
		for _, used := range []string{dir, target} {
			if err := os.RemoveAll(used); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// backedUp makes a store in /data and a backup of it in /backup, and returns what it has. One table
// is on disk, and the
// rest is in the log.
func backedUp(t testing.TB, fs vfs.FS) (want map[uuid.UUID][]eventsourcing.Record) {
	t.Helper()
	want = map[uuid.UUID][]eventsourcing.Record{}
	for range 2 { // closing writes a table
		store, err := embedded.Open(t.Context(), embedded.Options{Dir: "/data", FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a := command(newID(), 0, 3)
			want[a.AggregateID] = mustAppend(t, store, a)
		}
		if len(want) > 20 {
			mustBackup(t, store, "/backup")
		}
		mustClose(t, store)
	}
	return want
}

func TestRestore_FindsAFlippedBitInEachFile(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	want := backedUp(t, fs)
	names, err := fs.List("/backup/pebble")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	files := []string{"/backup/BACKUP"}
	for _, name := range names {
		files = append(files, "/backup/pebble/"+name)
	}
	flipped := 0
	for n, path := range files {
		f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{0, info.Size() / 2, info.Size() - 1} {
			if info.Size() == 0 {
				break // the name of a marker is its content
			}
			flip := func() {
				b := make([]byte, 1)
				if _, err := f.ReadAt(b, at); err != nil {
					t.Fatal(err)
				}
				b[0] ^= 1 << (n % 8)
				if _, err := f.WriteAt(b, at); err != nil {
					t.Fatal(err)
				}
			}
			flip()
			if _, err := embedded.Restore(t.Context(), "/backup", embedded.Options{Dir: "/new", FS: fs}); !errors.Is(err, ports.ErrCorrupt) {
				t.Errorf("a flipped bit at byte %d of %s: %v", at, path, err)
			}
			if left, err := fs.List("/new"); err == nil && len(left) > 0 {
				t.Fatalf("%v is left", left)
			}
			flip()
			flipped++
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range files {
		if err := fs.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Restore(t.Context(), "/backup", embedded.Options{Dir: "/new", FS: fs}); err == nil {
			t.Errorf("%s is missing, and nothing was found", path)
		}
		if err := fs.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := embedded.Restore(t.Context(), "/backup", embedded.Options{Dir: "/new", FS: fs}); err != nil {
		t.Fatalf("the undamaged backup, after %d flipped bits: %v", flipped, err)
	}
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: "/new", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	expectHistories(t, store, want)
	mustClose(t, store)
}

func TestBackupAndRestore_Refusals(t *testing.T) {
	t.Parallel()
	opened := openNew(t)
	mustAppend(t, opened.Store, command(newID(), 0, 1))
	base := t.TempDir()
	good, target := filepath.Join(base, "good"), filepath.Join(base, "target")
	mustBackup(t, opened.Store, good)
	for name, dir := range map[string]string{
		"a backup that exists":  good,
		"a directory with data": base,
		"a relative path":       "backup",
		"the data directory":    opened.options.Dir,
		"a directory in it":     filepath.Join(opened.options.Dir, "backup"),
	} {
		refused := (*ports.RefusedError)(nil)
		if _, err := opened.Backup(t.Context(), dir); !errors.As(err, &refused) {
			t.Errorf("backup into %s: %v", name, err)
		}
	}
	restore := func(from, to string) error {
		_, err := embedded.Restore(t.Context(), from, embedded.Options{Dir: to})
		return err
	}
	if err := restore(base, target); !errors.Is(err, embedded.ErrNoBackup) {
		t.Errorf("restore what is no backup: %v", err)
	}
	if err := restore(filepath.Join(base, "nothing"), target); !errors.Is(err, embedded.ErrNoBackup) || !strings.Contains(err.Error(), "no such directory") {
		t.Errorf("restore what does not exist: %v", err)
	}
	if err := restore(good, base); !errors.Is(err, embedded.ErrNotOurs) {
		t.Errorf("restore into a directory with something: %v", err)
	}
	if err := restore(good, opened.options.Dir); !errors.Is(err, embedded.ErrNotOurs) {
		t.Errorf("restore into a store: %v", err)
	}
	if _, err := embedded.Open(t.Context(), embedded.Options{Dir: good}); !errors.Is(err, embedded.ErrNotOurs) {
		t.Errorf("a backup is opened as a store, which would change it: %v", err)
	}
	if err := restore(good, target); err != nil {
		t.Error(err)
	}
}

// hooked calls before for each operation that changes something below a directory.
func hooked(mem *vfs.MemFS, below string, before func()) vfs.FS {
	var mu sync.Mutex
	return errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, below) && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			before()
		}
		return nil
	}))
}

// TestBackup_survivesACrashInEachPhase crashes before each write of a backup. What is left is a
// whole backup or none.
func TestBackup_survivesACrashInEachPhase(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	var crashed []*vfs.MemFS
	fs := hooked(mem, "/backup", func() { crashed = append(crashed, mem.CrashClone(vfs.CrashCloneCfg{})) })
	want := backedUp(t, fs)
	crashed = append(crashed, mem.CrashClone(vfs.CrashCloneCfg{}))
	whole := 0
	for n, left := range crashed {
		_, err := embedded.Restore(t.Context(), "/backup", embedded.Options{Dir: "/new", FS: left})
		switch {
		case err == nil:
			whole++
			store, err := embedded.Open(t.Context(), embedded.Options{Dir: "/new", FS: left})
			if err != nil {
				t.Fatal(err)
			}
			expectHistories(t, store, want)
			mustClose(t, store)
		case !errors.Is(err, embedded.ErrNoBackup):
			t.Errorf("crash %d of %d: %v", n, len(crashed), err)
		}
	}
	if len(crashed) < 20 || whole == 0 || whole > 5 {
		t.Errorf("%d of %d crashes have left a backup", whole, len(crashed))
	}
}

// TestRestore_survivesACrashInEachPhase does the same for a restore: what is left is a whole store
// or none.
func TestRestore_survivesACrashInEachPhase(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	want := backedUp(t, mem)
	var crashed []*vfs.MemFS
	fs := hooked(mem, "/new", func() { crashed = append(crashed, mem.CrashClone(vfs.CrashCloneCfg{})) })
	if _, err := embedded.Restore(t.Context(), "/backup", embedded.Options{Dir: "/new", FS: fs}); err != nil {
		t.Fatal(err)
	}
	crashed = append(crashed, mem.CrashClone(vfs.CrashCloneCfg{}))
	whole := 0
	for n, left := range crashed {
		names, _ := left.List("/new")
		store, err := embedded.Open(t.Context(), embedded.Options{Dir: "/new", FS: left})
		switch {
		case errors.Is(err, embedded.ErrNotOurs):
		case err != nil:
			t.Errorf("crash %d of %d: %v", n, len(crashed), err)
		case len(names) == 0: // nothing was there yet
			mustClose(t, store)
		default:
			whole++
			expectHistories(t, store, want)
			mustClose(t, store)
		}
	}
	if len(crashed) < 20 || whole == 0 {
		t.Errorf("%d of %d crashes have left a store", whole, len(crashed))
	}
}

// A disk that is full, or broken, where the backup goes is no failure of the store.
func TestBackup_aFailureDoesNotStopTheStore(t *testing.T) {
	t.Parallel()
	for n := 1; n < 60; n += 4 {
		count := 0
		var mu sync.Mutex
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !strings.HasPrefix(op.Path, "/backup") || op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if count++; count >= n {
				return syscall.ENOSPC
			}
			return nil
		}))
		store, err := embedded.Open(t.Context(), embedded.Options{Dir: "/data", FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, store, command(newID(), 0, 1))
		if _, err := store.Backup(t.Context(), "/backup"); err == nil && count >= n {
			t.Errorf("write %d fails, and the backup does not", n)
		}
		mustAppend(t, store, command(newID(), 0, 1))
		if err := store.Err(); err != nil {
			t.Fatal(err)
		}
		mustClose(t, store)
	}
}

// backupUntilKilled writes, and makes one backup after the other.
func backupUntilKilled() int {
	dir := os.Getenv(childDir)
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for n := 0; ; n++ {
		a := command(newID(), 0, 1)
		if _, err = store.Append(context.Background(), a); err == nil {
			fmt.Printf("%s 1 %s\n", a.AggregateID, a.CommandID)
			_, err = store.Backup(context.Background(), filepath.Join(dir, fmt.Sprintf("backup-%d-%d", os.Getpid(), n)))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
}

// TestBackup_survivesKill kills a process that makes backups. Each directory is a whole backup or
// none, and the last one of each process may be none.
func TestBackup_survivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, none := 0, 0
	for n := range 4 {
		startChild(t, "backup until killed", dir).killAfter(t, 2+3*n)
	}
	found, err := filepath.Glob(filepath.Join(dir, "backup-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, backup := range found {
		_, err := embedded.Restore(t.Context(), backup, embedded.Options{Dir: filepath.Join(t.TempDir(), "new")})
		switch {
		case err == nil:
			made++
		case errors.Is(err, embedded.ErrNoBackup):
			none++
		default:
			t.Error(err)
		}
	}
	if made == 0 || none > 4 {
		t.Errorf("%d backups, and %d that are none, of 4 processes", made, none)
	}
}
