package datadir

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

// Watermark is the file WATERMARK, see the package documentation. It is one line of text that is
// overwritten in place. The line fits into one sector of a disk. It is safe for concurrent use.
type Watermark struct {
	fs   vfs.FS
	path string

	mu    sync.Mutex // guards all below
	file  vfs.File
	marks marks
	line  []byte
}

// marks is what a watermark says.
type marks struct {
	// position is the position of the last record that was durable.
	position uint64
	// manifests are the last two MANIFESTs, the newer one first, and up to where each was durable.
	// There are two, because for a moment a new one is complete and the old one is still in use.
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

// openWatermark reads the watermark. If there is none, it makes one that says that nothing is
// there.
func openWatermark(fs vfs.FS, dir string) (w *Watermark, found bool, err error) {
	w = &Watermark{fs: fs, path: fs.PathJoin(dir, watermarkName)}
	line, err := readFile(fs, w.path)
	switch {
	case err == nil:
		if w.marks, err = parseMarks(line); err != nil {
			return nil, false, fmt.Errorf("%w: %s: %w; %s", ports.ErrCorrupt, w.path, err, WayOut)
		}
	case !IsNotExist(err):
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

// Advance records that the records up to position are durable. It is not synced. If the process
// dies, the operating system still has the mark. If the machine dies, an older mark is correct as
// well.
func (w *Watermark) Advance(position uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks.position = position
	return w.write()
}

// Manifest records that a MANIFEST is durable up to size.
func (w *Watermark) Manifest(name string, size int64) error {
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
func (w *Watermark) write() error {
	w.line = w.marks.append(w.line)
	if _, err := w.file.WriteAt(w.line, 0); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Close makes the marks durable.
func (w *Watermark) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.file.Sync(), w.file.Close())
}

// checkManifest refuses a MANIFEST that cannot be read as far as it was durable. Pebble would take
// the place where it cannot read for the end. It would continue with an older list of its files,
// and delete the others.
func (m marks) checkManifest(fs vfs.FS, dir string) error {
	current, err := pebble.Peek(dir, fs)
	if IsNotExist(err) {
		current, err = &pebble.DBDesc{}, nil
	}
	if err != nil {
		return err
	}
	if m.manifests[0].name == "" {
		return nil // the store was not completed yet
	}
	if !current.Exists {
		return fmt.Errorf("%w: %s: its MANIFEST is gone; %s", ports.ErrCorrupt, dir, WayOut)
	}
	name := fs.PathBase(current.ManifestFilename)
	for _, mark := range m.manifests {
		if mark.name == name {
			return readableUpTo(fs, current.ManifestFilename, mark.size)
		}
	}
	return fmt.Errorf("%w: %s: %s is in use, but %s was written last; %s",
		ports.ErrCorrupt, dir, name, m.manifests[0].name, WayOut)
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
			return fmt.Errorf("%w: %s cannot be read after byte %d, but was durable up to byte %d: %w; %s",
				ports.ErrCorrupt, path, reader.Offset(), size, err, WayOut)
		}
	}
	return nil
}
