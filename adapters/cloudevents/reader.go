package cloudevents

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// FileReader reads a file of events, with the files that were rotated away, so that they can be
// compared with the event store. It implements [ports.TopicReader]: the files are the only
// partition, number 0, and offsets are bytes of their complete lines, one file after the other. It
// keeps nothing open between calls. It is safe for concurrent use, also while a [Publisher] writes
// the file and while files are rotated away. When the oldest file is deleted, the offsets change.
type FileReader struct{ parts parts }

var _ ports.TopicReader = (*FileReader)(nil)

// NewFileReader returns a FileReader. The file need not exist yet.
func NewFileReader(path string) *FileReader { return &FileReader{parts{path: path}} }

// Ranges implements [ports.TopicReader]. Bytes after the last complete line of a file were never
// acknowledged.
func (r *FileReader) Ranges(ctx context.Context) ([]ports.TopicRange, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := r.parts.all(ctx)
	if errors.Is(err, fs.ErrNotExist) && !exists(filepath.Dir(r.parts.path)) || err == nil && len(all) == 0 {
		return nil, fmt.Errorf("file of events %s: %w", r.parts.path, ports.ErrNotFound)
	}
	if err != nil {
		return nil, r.failed(ctx, err)
	}
	last := all[len(all)-1]
	return []ports.TopicRange{{End: last.start + last.length}}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// failed returns the error of a read. A file that is renamed at that moment is one of the reasons,
// so it may be tried again.
func (r *FileReader) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable("read "+r.parts.path, err)
}

// endOfLines returns the end of the last complete line.
func endOfLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	const step = 64 << 10
	for end := info.Size(); end > 0; {
		from := max(0, end-step)
		block := make([]byte, end-from)
		if _, err := f.ReadAt(block, from); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}

// Read implements [ports.TopicReader]. It skips a line that begins before the range.
func (r *FileReader) Read(ctx context.Context, of ports.TopicRange, visit func(ports.TopicMessage) error) error {
	all, err := r.parts.all(ctx)
	if err != nil {
		return r.failed(ctx, err)
	}
	end := int64(0)
	for _, p := range all {
		end = p.start + p.length
		if end <= of.Begin || p.start >= of.End {
			continue
		}
		if err := r.readPart(ctx, p, of, visit); err != nil {
			return err
		}
	}
	if end < of.End { // the bytes existed before, so a file was cut, replaced or deleted
		return fmt.Errorf("read %s: it ends at %d, before %d: %w", r.parts.path, end, of.End, ports.ErrOffsetExpired)
	}
	return nil
}

// readPart reads what a part has of a range.
func (r *FileReader) readPart(ctx context.Context, p part, of ports.TopicRange, visit func(ports.TopicMessage) error) (err error) {
	begin, end := max(of.Begin-p.start, 0), min(of.End-p.start, p.length)
	from := max(begin-1, 0) // to see whether a line begins at the range
	content, closeAll, err := p.open(from)
	if err != nil {
		return r.failed(ctx, err)
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	lines := bufio.NewReaderSize(content, 64<<10)
	if begin > 0 {
		rest, err := readLine(lines)
		if err != nil {
			return r.failed(ctx, err)
		}
		from += int64(len(rest))
	}
	for from < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: it ends at %d, before %d: %w", p.path, from, end, ports.ErrOffsetExpired)
		}
		if err != nil {
			return r.failed(ctx, err)
		}
		if err := visit(messageOf(line, p.start+from)); err != nil {
			return err
		}
		from += int64(len(line))
	}
	return nil
}

// readLine returns a line with its newline. A line that is longer than any event is returned up to
// that length.
func readLine(lines *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > maxEvent {
			return line, err
		}
	}
}

// messageOf returns the event of a line. A line that is no event of this format has an error.
func messageOf(line []byte, at int64) ports.TopicMessage {
	m := ports.TopicMessage{Offset: at}
	m.Record, m.Err = decodeEvent(line)
	m.Key = m.Record.AggregateID.String()
	return m
}

// lineEvent is a line as JSON.
type lineEvent struct {
	ID            uuid.UUID       `json:"id"`
	Type          string          `json:"type"`
	Subject       uuid.UUID       `json:"subject"`
	Time          time.Time       `json:"time"`
	Sequence      string          `json:"sequence"`
	EventVersion  int             `json:"eventversion"`
	AggregateType string          `json:"aggregatetype"`
	CommandID     uuid.UUID       `json:"commandid"`
	CorrelationID uuid.UUID       `json:"correlationid"`
	CausationID   uuid.UUID       `json:"causationid"`
	Data          json.RawMessage `json:"data"`
	DataBase64    []byte          `json:"data_base64"`
}

// decodeEvent reads what appendEvent wrote. The metadata is not published. A line of an earlier
// version has no aggregate type, which means [ports.LegacyAggregateType].
func decodeEvent(line []byte) (eventsourcing.Record, error) {
	var e lineEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return eventsourcing.Record{}, fmt.Errorf("the line is no event: %w", err)
	}
	sequence, err := strconv.ParseUint(e.Sequence, 10, 64)
	if err != nil {
		return eventsourcing.Record{}, fmt.Errorf("the event has no sequence number: %w", err)
	}
	if e.AggregateType == "" {
		e.AggregateType = ports.LegacyAggregateType
	}
	payload := []byte(e.Data)
	if e.DataBase64 != nil {
		payload = e.DataBase64
	}
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: e.AggregateType, EventID: e.ID, AggregateID: e.Subject, SequenceNumber: sequence,
			CommandID: e.CommandID, CorrelationID: e.CorrelationID, CausationID: e.CausationID, CreatedAt: e.Time.UTC(),
		},
		EventType: e.Type, EventVersion: e.EventVersion, Payload: payload,
	}, nil
}
