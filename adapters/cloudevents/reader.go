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
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// FileReader reads a file of events, so that it can be compared with the event store. It implements
// [ports.TopicReader]: the file is the only partition, number 0, and offsets are bytes. It keeps
// nothing open between calls. It is safe for concurrent use, also while a [Publisher] writes the
// file.
type FileReader struct{ path string }

var _ ports.TopicReader = (*FileReader)(nil)

// NewFileReader returns a FileReader. The file need not exist yet.
func NewFileReader(path string) *FileReader { return &FileReader{path} }

// Ranges implements [ports.TopicReader]. Bytes after the last complete line were never
// acknowledged.
func (r *FileReader) Ranges(ctx context.Context) ([]ports.TopicRange, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file of events: %w: %w", ports.ErrNotFound, err)
	}
	if err != nil {
		return nil, unavailable("open", err)
	}
	end, err := endOfLines(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, unavailable("read "+r.path, err)
	}
	return []ports.TopicRange{{End: end}}, nil
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
	f, err := os.Open(r.path)
	if err != nil {
		return unavailable("open", err)
	}
	defer f.Close()
	from := of.Begin
	if from > 0 {
		from-- // to see whether a line begins at the range
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return unavailable("read "+r.path, err)
	}
	lines := bufio.NewReaderSize(f, 64<<10)
	if of.Begin > 0 {
		rest, err := readLine(lines)
		if err != nil {
			return unavailable("read "+r.path, err)
		}
		from += int64(len(rest))
	}
	for from < of.End {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			// The bytes existed before, so the file was cut or replaced.
			return fmt.Errorf("read %s: it ends at %d, before %d: %w", r.path, from, of.End, ports.ErrOffsetExpired)
		}
		if err != nil {
			return unavailable("read "+r.path, err)
		}
		if err := visit(messageOf(line, from)); err != nil {
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

// decodeEvent reads what encodeEvent wrote. The metadata is not published. A line of an earlier
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
