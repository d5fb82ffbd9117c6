package exportfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"orderflow/ports"
)

// The formats of the files that this package writes. Files of the second one have entries of the
// log of operations, too.
const (
	Format           = "orderflow/1"
	FormatOperations = "orderflow/2"
)

// Header is the first line of a file.
type Header struct {
	Format string `json:"format"`
	// Store is the id of the store. It is the nil UUID when the store has none.
	Store   uuid.UUID `json:"store,omitzero"`
	Created time.Time `json:"created"`
	// Since, Order, Type and Follow are what was asked for.
	Since  time.Time `json:"since,omitzero"`
	Order  uuid.UUID `json:"order,omitzero"`
	Type   string    `json:"type,omitempty"`
	Follow bool      `json:"follow,omitempty"`
	// Operations says that the log of operations comes after the records.
	Operations bool `json:"operations,omitempty"`
}

// Trailer is the last line of a file, see the package documentation.
type Trailer struct {
	Orders uint64 `json:"orders"`
	Events uint64 `json:"events"`
	// Operations counts the entries of the log of operations.
	Operations uint64 `json:"operations,omitempty"`

	SHA256 string `json:"sha256"`
}

// Compressed reports whether a file of that name is written with zstd.
func Compressed(name string) bool { return strings.HasSuffix(name, ".zst") }

// Writer writes a file. It is not safe for concurrent use.
type Writer struct {
	out  io.Writer
	zstd *zstd.Encoder // nil for a file that is not compressed
	tally
}

// NewWriter writes the header of a file.
func NewWriter(out io.Writer, compress bool, header Header) (*Writer, error) {
	w := &Writer{out: out, tally: newTally()}
	if compress {
		var err error
		// One goroutine and a small window: the writer of a long export must not need much memory.
		if w.zstd, err = zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)); err != nil {
			return nil, err
		}
		w.out = w.zstd
	}
	header.Format = Format
	if header.Operations {
		header.Format = FormatOperations
	}
	return w, w.document(header)
}

// Record writes the line of a record, see [AppendRecord].
func (w *Writer) Record(line []byte) error {
	if err := w.add(line); err != nil {
		return err
	}
	_, err := w.out.Write(line)
	return err
}

// Operation writes an entry of the log of operations. The header must say that there are some.
func (w *Writer) Operation(e ports.OperationEntry) error {
	line := AppendOperation(nil, e)
	w.operation(line)
	_, err := w.out.Write(line)
	return err
}

// Flush sends what was written to the file.
func (w *Writer) Flush() error {
	if w.zstd == nil {
		return nil
	}
	return w.zstd.Flush()
}

// Close writes the trailer. It does not close the file.
func (w *Writer) Close() (Trailer, error) {
	trailer := w.trailer()
	err := w.document(trailer)
	if w.zstd != nil && err == nil {
		err = w.zstd.Close()
	}
	return trailer, err
}

func (w *Writer) document(d any) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(line, '\n'))
	return err
}

// tally counts what the trailer says.
type tally struct {
	sum    hash.Hash
	counts Trailer
	last   [uuidText]byte
}

// uuidText is the length of a UUID as text.
const uuidText = 36

func newTally() tally { return tally{sum: sha256.New()} }

// add counts the line of a record, with its line end.
func (t *tally) add(line []byte) error {
	id := aggregateOf(line)
	if id == nil {
		return fmt.Errorf("a line of a record has no aggregate_id: %.100q", line)
	}
	_, _ = t.sum.Write(line) // it never fails
	t.counts.Events++
	if !bytes.Equal(t.last[:], id) {
		t.counts.Orders++
		copy(t.last[:], id)
	}
	return nil
}

// operation counts the line of an entry, with its line end.
func (t *tally) operation(line []byte) {
	_, _ = t.sum.Write(line) // it never fails
	t.counts.Operations++
}

func (t *tally) trailer() Trailer {
	t.counts.SHA256 = hex.EncodeToString(t.sum.Sum(nil))
	return t.counts
}

// aggregateOf finds the aggregate id in a line, also in one that is damaged elsewhere. It is nil
// when there is none.
func aggregateOf(line []byte) []byte {
	_, rest, found := bytes.Cut(line, []byte(`"aggregate_id":"`))
	if !found || len(rest) < uuidText+1 || rest[uuidText] != '"' {
		return nil
	}
	return rest[:uuidText]
}
