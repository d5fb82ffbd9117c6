package embedded

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// watermark is the file that says what must be there when the directory is opened again, see "Corruption" in the package
// documentation. It is one line of text that is overwritten in place, short enough for one sector of a disk.
type watermark struct {
	fs   vfs.FS
	path string

	mu    sync.Mutex // guards all below
	file  vfs.File
	marks marks
	line  []byte
}

// marks is what a watermark says.
type marks struct {
	// position is that of the last record that was durable.
	position uint64
	// manifests are the last two that were durable, the newer one first, and up to where. Two, because for a moment after a
	// new one is complete the old one is still in force.
	manifests [2]manifestMark
}

type manifestMark struct {
	name string
	size int64
}

// watermarkSize is the length of the line. The numbers are padded, so it never changes.
const watermarkSize = 256

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (m marks) append(line []byte) []byte {
	line = fmt.Appendf(line[:0], "orderflow watermark 1: position %020d manifests %s:%d %s:%d ", m.position,
		m.manifests[0].name, m.manifests[0].size, m.manifests[1].name, m.manifests[1].size)
	for len(line) < watermarkSize-len("crc 00000000\n") {
		line = append(line, '.')
	}
	return fmt.Appendf(line, "crc %08x\n", crc32.Checksum(line, castagnoli))
}

func parseMarks(line []byte) (m marks, err error) {
	fields := strings.Fields(string(line))
	if len(line) != watermarkSize || len(fields) < 8 {
		return marks{}, errors.New("not a watermark")
	}
	if _, err := fmt.Sscanf(fields[4], "%d", &m.position); err != nil {
		return marks{}, fmt.Errorf("position: %w", err)
	}
	for i, field := range fields[6:8] {
		name, size, _ := strings.Cut(field, ":")
		m.manifests[i].name = name
		if _, err := fmt.Sscanf(size, "%d", &m.manifests[i].size); err != nil {
			return marks{}, fmt.Errorf("manifest: %w", err)
		}
	}
	if !slices.Equal(m.append(nil), line) {
		return marks{}, errors.New("wrong checksum")
	}
	return m, nil
}

// openWatermark reads the watermark, or makes one that says that nothing is there yet.
func openWatermark(fs vfs.FS, dir string) (w *watermark, found bool, err error) {
	w = &watermark{fs: fs, path: fs.PathJoin(dir, watermarkName)}
	line, err := readFile(fs, w.path)
	switch {
	case err == nil:
		if w.marks, err = parseMarks(line); err != nil {
			return nil, false, fmt.Errorf("%w: %s: %w; %s", ports.ErrCorrupt, w.path, err, wayOut)
		}
	case !isNotExist(err):
		return nil, false, err
	default:
		if err := writeFile(fs, dir, watermarkName, w.marks.append(nil)); err != nil {
			return nil, false, err
		}
	}
	found = err == nil
	w.file, err = fs.OpenReadWrite(w.path, vfs.WriteCategoryUnspecified)
	return w, found, err
}

// advance notes that the records up to position are durable. It is not synced: should the process die, the operating system
// still has it, and should the machine die, an older mark is true as well.
func (w *watermark) advance(position uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks.position = position
	return w.write()
}

// manifest notes that a MANIFEST is durable up to size.
func (w *watermark) manifest(name string, size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &w.marks.manifests
	if m[0].name != name {
		m[1] = m[0]
	}
	m[0] = manifestMark{name, size}
	if err := w.write(); err != nil {
		return err
	}
	return w.file.Sync()
}

// write overwrites the file. The caller holds mu.
func (w *watermark) write() error {
	w.line = w.marks.append(w.line)
	if _, err := w.file.WriteAt(w.line, 0); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

func (w *watermark) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.file.Sync(), w.file.Close())
}

// checkManifest refuses a MANIFEST that cannot be read as far as it was once durable. Pebble itself would take the place
// where it cannot read on for the end, go on with an older list of its files, and delete the others.
func (m marks) checkManifest(fs vfs.FS, dir string) error {
	current, err := pebble.Peek(dir, fs)
	if isNotExist(err) {
		current, err = &pebble.DBDesc{}, nil
	}
	if err != nil {
		return err
	}
	if m.manifests[0].name == "" {
		return nil // the store was not created to the end
	}
	if !current.Exists {
		return fmt.Errorf("%w: %s: its MANIFEST is gone; %s", ports.ErrCorrupt, dir, wayOut)
	}
	name := fs.PathBase(current.ManifestFilename)
	for _, mark := range m.manifests {
		if mark.name == name {
			return readableUpTo(fs, current.ManifestFilename, mark.size)
		}
	}
	return fmt.Errorf("%w: %s: %s is in force, but %s was written last; %s", ports.ErrCorrupt, dir, name, m.manifests[0].name, wayOut)
}

func readableUpTo(fs vfs.FS, path string, size int64) error {
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	reader := record.NewReader(f, 0)
	for reader.Offset() < size {
		r, err := reader.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return fmt.Errorf("%w: %s cannot be read behind byte %d, but was durable up to byte %d: %w; %s",
				ports.ErrCorrupt, path, reader.Offset(), size, err, wayOut)
		}
	}
	return nil
}
