package cloudevents

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// part is one of the files that hold the events of a target: the file itself, or one that was
// rotated away.
type part struct {
	path   string
	packed bool
	// start is the offset of its first byte in the target, and length that of its complete lines.
	// The file of a part that is packed is shorter.
	start, length int64
}

// packedSuffix ends the name of a file that was compressed.
const packedSuffix = ".gz"

// rotatedName matches what is added to the name of a file that is rotated away: a number or a date.
var rotatedName = regexp.MustCompile(`^[.-][0-9][0-9TZ:._-]*(\.gz)?$`)

// parts finds the files of a target. It is safe for concurrent use.
type parts struct {
	path string

	mu sync.Mutex
	// lengths are those of packed files, which have to be unpacked to know them.
	lengths map[version]int64
}

// version is one content of a file.
type version struct {
	path     string
	size     int64
	modified time.Time
}

// all returns the files of the target, the oldest first. That is the order of their last writes,
// which rotation and compression keep. The file itself is the last one.
func (p *parts) all(ctx context.Context) ([]part, error) {
	type found struct {
		part
		version
	}
	var all []found
	base := filepath.Base(p.path)
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(entries))
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	for _, entry := range entries {
		name := entry.Name()
		added, ours := strings.CutPrefix(name, base)
		plain, packed := strings.CutSuffix(name, packedSuffix)
		if !ours || added != "" && !rotatedName.MatchString(added) || packed && names[plain] {
			continue // a file that is being compressed is there twice
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was renamed just now; the next look finds it
		}
		if err != nil {
			return nil, err
		}
		path := filepath.Join(filepath.Dir(p.path), name)
		all = append(all, found{part{path: path, packed: packed}, version{path, info.Size(), info.ModTime()}})
	}
	slices.SortStableFunc(all, func(a, b found) int {
		if byName := isLast(a.part, p.path) - isLast(b.part, p.path); byName != 0 {
			return byName
		}
		return a.modified.Compare(b.modified)
	})
	parts, start := make([]part, len(all)), int64(0)
	for i, f := range all {
		if f.length, err = p.length(ctx, f.part, f.version); err != nil {
			return nil, err
		}
		f.start = start
		start += f.length
		parts[i] = f.part
	}
	return parts, nil
}

func isLast(p part, path string) int {
	if p.path == path {
		return 1
	}
	return 0
}

// length returns the length of the complete lines of a part.
func (p *parts) length(ctx context.Context, of part, v version) (int64, error) {
	if !of.packed {
		f, err := os.Open(of.path)
		if err != nil {
			return 0, err
		}
		end, err := endOfLines(f)
		return end, errors.Join(err, f.Close())
	}
	p.mu.Lock()
	length, known := p.lengths[v]
	p.mu.Unlock()
	if known {
		return length, nil
	}
	length, err := lengthUnpacked(ctx, of)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lengths == nil {
		p.lengths = make(map[version]int64)
	}
	p.lengths[v] = length
	return length, nil
}

func lengthUnpacked(ctx context.Context, of part) (end int64, err error) {
	content, closeAll, err := of.open(0)
	if err != nil {
		return 0, err
	}
	block, at := make([]byte, 64<<10), int64(0)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int
		n, err = content.Read(block)
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			end = at + int64(i) + 1
		}
		at += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return end, errors.Join(err, closeAll())
}

// open returns the content of a part from a place in it on.
func (p part) open(from int64) (content io.Reader, closeAll func() error, err error) {
	f, err := os.Open(p.path)
	if err != nil {
		return nil, nil, err
	}
	if !p.packed {
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		return f, f.Close, nil
	}
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if _, err := io.CopyN(io.Discard, unpacked, from); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return unpacked, func() error { return errors.Join(unpacked.Close(), f.Close()) }, nil
}
