package embedded_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// files is a directory in memory.
type files map[string][]byte

// filesOf reads what is in the directory "data".
func filesOf(t *testing.T, fs vfs.FS) files {
	t.Helper()
	all := files{}
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := fs.Stat(path.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				walk(path.Join(dir, name))
				continue
			}
			f, err := fs.Open(path.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if all[path.Join(dir, name)], err = io.ReadAll(f); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	walk("data")
	return all
}

// fs writes the files into a new file system, with one of them changed.
func (all files) fs(t *testing.T, name string, content []byte) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	all.write(t, fs, name, content)
	return fs
}

// crashable writes the files into a new file system, durably.
func (all files) crashable(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	all.write(t, fs, "", nil)
	return fs
}

func (all files) write(t *testing.T, fs vfs.FS, name string, content []byte) {
	t.Helper()
	for file := range all {
		if err := fs.MkdirAll(path.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create(file, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		now := all[file]
		if file == name {
			now = content
		}
		if _, err := f.Write(bytes.Clone(now)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"data/pebble", "data", ""} {
		d, err := fs.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// names returns the files that are not empty, sorted.
func (all files) names() (names []string) {
	for name, content := range all {
		if len(content) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sample fills a store over three sessions, so that there are tables as well as a log, and returns
// it still open.
func sample(t *testing.T, fs vfs.FS) *embedded.Store {
	t.Helper()
	options := embedded.Options{Dir: "data", FS: fs}
	startView(t, options)
	rng := rand.New(rand.NewPCG(1, 2))
	var store *embedded.Store
	var heads []ports.Append
	for session := range 3 {
		if store != nil {
			mustClose(t, store)
		}
		var err error
		if store, err = embedded.Open(t.Context(), options); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			a := command(newID(), 0, 2)
			if len(heads) > 10 && rng.IntN(2) == 0 {
				i := rng.IntN(len(heads))
				a = command(heads[i].AggregateID, heads[i].Expected+uint64(len(heads[i].Records)), 1)
				heads[i] = a
			} else {
				heads = append(heads, a)
			}
			// bytes that do not compress, so that there is more to damage
			for i := range a.Records {
				a.Records[i].Payload = make([]byte, 300)
				for j := range a.Records[i].Payload {
					a.Records[i].Payload[j] = byte(rng.Uint32())
				}
			}
			mustAppend(t, store, a)
			if session < 2 && rng.IntN(30) == 0 {
				catchUp(t, store)
			}
		}
		catchUp(t, store)
	}
	return store
}

// damage is what a test does to a file.
type damage struct {
	name    string
	file    string
	content []byte
}

// damages returns n flipped bits and n truncations, spread evenly over the files.
func (all files) damages(n int, rng *rand.Rand) (list []damage) {
	names := all.names()
	for i := range n {
		name := names[i%len(names)]
		content := bytes.Clone(all[name])
		at, bit := rng.IntN(len(content)), rng.IntN(8)
		if i%3 == 0 { // logs tolerate damage at the ends of files
			at = len(content) - 1 - rng.IntN(min(len(content), 64))
		}
		content[at] ^= 1 << bit
		list = append(list, damage{fmt.Sprintf("flip bit %d of byte %d of %d of %s", bit, at, len(content), name), name, content})
		to := rng.IntN(len(content))
		list = append(list, damage{fmt.Sprintf("truncate %s to %d of %d bytes", name, to, len(content)), name, all[name][:to]})
	}
	return list
}

func samples() int {
	if testing.Short() || raceDetector {
		return 40
	}
	return 300
}

// TestOpen_ReportsDamageAfterACleanShutdown damages one file after the other. The answer is an
// error, or exactly what was written.
func TestOpen_ReportsDamageAfterACleanShutdown(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	store := sample(t, mem)
	want, err := read(store)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	all := filesOf(t, mem)
	noticed := 0
	for _, d := range all.damages(samples(), rand.New(rand.NewPCG(3, 4))) {
		got, err := openAndRead(t, all.fs(t, d.file, d.content))
		switch {
		case isDamage(err):
			noticed++
		case err != nil:
			t.Errorf("%s: error %v, want %v", d.name, err, ports.ErrCorrupt)
		case !got.equal(want):
			t.Errorf("%s: other data in silence", d.name)
		}
	}
	t.Logf("noticed %d of %d", noticed, 2*samples())
}

// TestOpen_ReportsDamageAfterACrash does the same to what a killed process leaves. What was
// acknowledged is there, or there is an error. What was not yet synced, offsets and views, may be
// older.
func TestOpen_ReportsDamageAfterACrash(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	store := sample(t, mem)
	all := filesOf(t, mem)
	mustClose(t, store)
	want, err := openAndRead(t, all.fs(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	noticed, older := 0, 0
	for _, d := range all.damages(samples(), rand.New(rand.NewPCG(5, 6))) {
		got, err := openAndRead(t, all.fs(t, d.file, d.content))
		if err != nil {
			noticed++
			if !isDamage(err) {
				t.Errorf("%s: error %v, want %v", d.name, err, ports.ErrCorrupt)
			}
			continue
		}
		if err := got.checkViews(); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
		if !got.equal(want) {
			older++
			got.Rows, got.States, got.Offset, got.Consumer = want.Rows, want.States, want.Offset, want.Consumer
		}
		if !got.equal(want) {
			t.Errorf("%s: other events in silence", d.name)
		}
	}
	t.Logf("noticed %d of %d; %d left older views", noticed, 2*samples(), older)
}

// isDamage reports whether an error of Open says that the directory is damaged, or not what it was.
func isDamage(err error) bool {
	return errors.Is(err, ports.ErrCorrupt) || errors.Is(err, embedded.ErrNewerFormat) || errors.Is(err, embedded.ErrNotOurs)
}

// openAndRead reads everything that a store on fs has, and does not panic.
func openAndRead(t *testing.T, fs vfs.FS) (c contents, err error) {
	t.Helper()
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return read(store)
}

// TestOpen_LeavesADamagedDirectoryAlone damages the MANIFEST, by which Pebble knows its tables, and
// repairs it after the attempt to open: everything is still there.
func TestOpen_LeavesADamagedDirectoryAlone(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	store := sample(t, mem)
	killed := filesOf(t, mem)
	mustClose(t, store)
	for state, all := range map[string]files{"clean shutdown": filesOf(t, mem), "crash": killed} {
		want, err := openAndRead(t, all.fs(t, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		manifests := files{}
		for name, content := range all {
			if strings.Contains(name, "MANIFEST") {
				manifests[name] = content
			}
		}
		noticed := 0
		for _, d := range manifests.damages(samples()/4, rand.New(rand.NewPCG(7, 8))) {
			fs := all.fs(t, d.file, d.content)
			if _, err := openAndRead(t, fs); err == nil {
				continue // not the MANIFEST that is in use, or not a part that it needs
			}
			noticed++
			after := filesOf(t, fs)
			after[d.file] = all[d.file]
			if got, err := openAndRead(t, after.fs(t, "", nil)); err != nil || !got.equal(want) {
				t.Errorf("%s after a %s: after the repair, error %v", d.name, state, err)
			}
		}
		if noticed == 0 {
			t.Errorf("no damage after a %s was noticed", state)
		}
	}
}

func TestOpen_ReportsAMissingFile(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	store := sample(t, mem)
	killed := filesOf(t, mem)
	mustClose(t, store)
	for state, all := range map[string]files{"clean shutdown": filesOf(t, mem), "crash": killed} {
		want, err := openAndRead(t, all.fs(t, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range all.names() {
			fs := all.fs(t, "", nil)
			if err := fs.Remove(name); err != nil {
				t.Fatal(err)
			}
			got, err := openAndRead(t, fs)
			switch harmless := slices.Contains([]string{"data/SEAL", "data/WATERMARK", "data/OWNER"}, name); {
			case err == nil && !got.equal(want):
				t.Errorf("without %s after a %s: other data in silence", name, state)
			case err == nil && !harmless && state != "crash":
				t.Errorf("without %s after a %s: no error", name, state)
			case err != nil && (harmless || !isDamage(err)):
				t.Errorf("without %s after a %s: error %v", name, state, err)
			}
		}
	}
}

// TestOpen_WayOut does what the message about a damaged directory proposes: without the checks,
// what is left can be read.
func TestOpen_WayOut(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	store := sample(t, mem)
	want, err := read(store)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	all := filesOf(t, mem)
	for _, name := range all.names() {
		if strings.HasSuffix(name, ".log") {
			all[name] = all[name][:len(all[name])/2]
		}
	}
	_, err = openAndRead(t, all.fs(t, "", nil))
	if !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(err.Error(), ".log") || !strings.Contains(err.Error(), "delete its files SEAL and WATERMARK") {
		t.Fatalf("error %v, want %v with the name of the file and the way out", err, ports.ErrCorrupt)
	}
	delete(all, "data/SEAL")
	delete(all, "data/WATERMARK")
	got, err := openAndRead(t, all.fs(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Outbox); n == 0 || n >= len(want.Outbox) || !sameRecords(want.Outbox[:n], got.Outbox) {
		t.Fatalf("%d of %d records are left, or others", n, len(want.Outbox))
	}
	if err := got.checkViews(); err != nil {
		t.Fatal(err)
	}
}
