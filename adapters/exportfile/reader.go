package exportfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// partRecords is how many records a part has, at least, if its run goes on.
	partRecords = 256
	// maxLine bounds a line.
	maxLine = 96 << 20
	// maxWhole bounds the records of one run that are kept in memory.
	maxWhole = 16 << 20
	// buffer is how much is read at once.
	buffer = 64 << 10
)

// ErrIncomplete means that a file has no trailer: the export was interrupted, or the file is cut
// off.
var ErrIncomplete = errors.New("the file is not complete: it has no trailer")

// Reader reads a file, and implements [ports.ImportSource]. It is not safe for concurrent use.
type Reader struct {
	// Whole makes each part a whole run of lines, so that nothing of a run is delivered when one of
	// its lines is wrong.
	Whole bool

	lines  *bufio.Reader
	zstd   *zstd.Decoder
	header Header
	tally  tally

	// line is the number of the last line.
	line int
	// part is what was read of the current run and not delivered yet. bytes is the size of its
	// payloads.
	part  ports.ImportPart
	bytes int
	// id is the aggregate of the current run, and last its last record. skip says that the rest of
	// the run is left out.
	id   uuid.UUID
	last eventsourcing.Record
	skip bool
	// due are delivered next. faulty says that there were some.
	due    []*ports.ImportFault
	faulty bool
	// doubt is the fault of a damaged line that names another aggregate than the line before. If
	// the line after it does not name that one, either, the damage may be in the name.
	doubt *ports.ImportFault
	// after is the record that begins the next part.
	after *eventsourcing.Record
	// operations are entries of the log that were read and not delivered yet.
	operations []ports.OperationEntry
	ended      bool
}

var _ ports.ImportSource = (*Reader)(nil)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// NewReader reads the header of a file. It finds out itself whether the file is compressed.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{lines: bufio.NewReaderSize(in, buffer), tally: newTally()}
	// an error of Peek comes again below
	if magic, _ := r.lines.Peek(len(zstdMagic)); bytes.Equal(magic, zstdMagic) {
		var err error
		r.zstd, err = zstd.NewReader(r.lines, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, err
		}
		r.lines = bufio.NewReaderSize(r.zstd, buffer)
	}
	line, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, err
	}
	if err := strictly(line, &r.header); err != nil || r.header.Format == "" {
		return nil, errors.Join(errors.New("line 1: the file is no export of orderflow"), err)
	}
	if r.header.Format != Format && r.header.Format != FormatOperations {
		return nil, fmt.Errorf("line 1: the format is %q, and this program knows %q and %q", r.header.Format, Format, FormatOperations)
	}
	return r, nil
}

// Header returns the header.
func (r *Reader) Header() Header { return r.header }

// Close ends the reader. It does not close the file.
func (r *Reader) Close() {
	if r.zstd != nil {
		r.zstd.Close()
	}
}

// Next implements [ports.ImportSource]. Errors: [ErrIncomplete]; an error that says that the
// trailer does not fit.
func (r *Reader) Next() (ports.ImportPart, error) {
	if r.after != nil {
		r.add(*r.after)
		r.after = nil
	}
	for {
		if len(r.due) > 0 {
			fault := r.due[0]
			r.due = r.due[1:]
			return ports.ImportPart{}, fault
		}
		if len(r.operations) > 0 && (r.ended || len(r.operations) >= partRecords) {
			part := ports.ImportPart{Line: r.line, Operations: r.operations}
			r.operations = nil
			return part, nil
		}
		if r.ended {
			return ports.ImportPart{}, io.EOF
		}
		part, err := r.take()
		if err != nil || len(part.Records) > 0 {
			return part, err
		}
	}
}

// take reads a line. It returns a part if that is complete now.
func (r *Reader) take() (part ports.ImportPart, err error) {
	line, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return part, fmt.Errorf("after line %d: %w", r.line, ErrIncomplete)
	case err != nil:
		return part, fmt.Errorf("after line %d: %w", r.line, err)
	case IsRecord(line):
		return r.record(line), nil
	case isOperation(line) && r.header.Format == FormatOperations:
		return r.operation(line), nil
	}
	var trailer Trailer
	// JSON ignores the case of names, so the line is compared, too
	if strictly(line, &trailer) != nil || trailer.SHA256 == "" || !bytes.Equal(marshal(trailer), line) {
		r.damaged(line, "it is no line of an export")
		_ = r.tally.add(append(line, '\n')) // the trailer cannot fit any more
		return part, nil
	}
	r.settle(uuid.Nil)
	part, r.part = r.part, ports.ImportPart{}
	return part, r.end(trailer)
}

// end compares the trailer with what was read.
func (r *Reader) end(trailer Trailer) error {
	r.ended = true
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something follows behind the trailer", r.line)
	}
	// A damaged line is a reason for another sum, and is reported by itself.
	if read := r.tally.trailer(); read != trailer && !r.faulty {
		return fmt.Errorf("lines are missing, or they were moved or changed: "+
			"the trailer says %d orders, %d events, %d operations and the sum %.8s…; the file has %d, %d, %d and %.8s…",
			trailer.Orders, trailer.Events, trailer.Operations, trailer.SHA256, read.Orders, read.Events, read.Operations, read.SHA256)
	}
	return nil
}

// operation takes the line of an entry of the log. It returns the records before it, if there are
// some left. An entry that is damaged is left out, and nothing else is.
func (r *Reader) operation(line []byte) (part ports.ImportPart) {
	r.settle(uuid.Nil)
	entry, err := parseOperation(line)
	if r.tally.operation(append(line, '\n')); err != nil {
		r.due, r.faulty = append(r.due, &ports.ImportFault{Line: r.line, Reason: "an entry of the log of operations: " + err.Error()}), true
	} else {
		r.operations = append(r.operations, entry)
	}
	part, r.part, r.bytes = r.part, ports.ImportPart{}, 0
	return part
}

// record takes the line of a record. It returns the part before it, if that is complete now.
func (r *Reader) record(line []byte) (part ports.ImportPart) {
	record, err := parseRecord(line)
	if added := r.tally.add(append(line, '\n')); err == nil {
		err = added
	}
	if err != nil {
		r.damaged(line, err.Error())
		return part
	}
	r.settle(record.AggregateID)
	if record.AggregateID != r.id {
		part, r.part = r.part, ports.ImportPart{}
		r.bytes, r.skip = 0, false
		r.id = record.AggregateID
		if record.SequenceNumber != 1 && r.header.Since.IsZero() && !r.header.Follow {
			r.blame(r.id, fmt.Sprintf("it is event %d where event 1 is due", record.SequenceNumber))
			return part
		}
		return r.begin(part, record)
	}
	switch {
	case r.skip:
		return part
	case record.SequenceNumber != r.last.SequenceNumber+1:
		r.blame(r.id, fmt.Sprintf("it is event %d where event %d is due", record.SequenceNumber, r.last.SequenceNumber+1))
		return part
	case record.AggregateType != r.last.AggregateType:
		r.blame(r.id, "its aggregate has two types")
		return part
	}
	full := !r.Whole && len(r.part.Records) >= partRecords && record.CommandID != r.last.CommandID
	if r.Whole && r.bytes > maxWhole {
		r.blame(r.id, fmt.Sprintf("its history has more than %d MiB, which is too long for a pipe: import it from a file",
			maxWhole>>20))
		return part
	}
	if full {
		part, r.part, r.bytes = r.part, ports.ImportPart{}, 0
	}
	return r.begin(part, record)
}

// begin adds a record to the current part. If there is a part to deliver before that, it keeps the
// record for the next call.
func (r *Reader) begin(part ports.ImportPart, record eventsourcing.Record) ports.ImportPart {
	r.last = record
	if len(part.Records) > 0 {
		r.after = &record
	} else {
		r.add(record)
	}
	return part
}

func (r *Reader) add(record eventsourcing.Record) {
	if len(r.part.Records) == 0 {
		r.part.Line = r.line
	}
	r.part.Records = append(r.part.Records, record)
	r.bytes += len(record.Payload)
}

// blame refuses an aggregate because of the last line.
func (r *Reader) blame(id uuid.UUID, reason string) {
	r.refuse(&ports.ImportFault{Line: r.line, AggregateID: id, Reason: reason})
}

func (r *Reader) refuse(fault *ports.ImportFault) {
	if fault.AggregateID == r.id {
		r.part, r.bytes, r.skip = ports.ImportPart{}, 0, true
	}
	r.due, r.faulty = append(r.due, fault), true
}

// damaged refuses the aggregate of a line that cannot be read. When the line does not say which one
// that is, it is the one before: what comes after the line shows its own gap.
func (r *Reader) damaged(line []byte, reason string) {
	r.settle(uuid.Nil)
	named, err := uuid.ParseBytes(aggregateOf(line))
	if err != nil || named == r.id {
		r.blame(r.id, reason)
		return
	}
	r.blame(named, reason)
	r.doubt = &ports.ImportFault{Line: r.line, AggregateID: named, Reason: reason}
}

// settle decides a doubt by the aggregate of the line after it.
func (r *Reader) settle(next uuid.UUID) {
	doubt := r.doubt
	r.doubt = nil
	if doubt != nil && doubt.AggregateID != next && r.id != uuid.Nil {
		r.refuse(&ports.ImportFault{Line: doubt.Line, AggregateID: r.id, Reason: "it may belong to this order: " + doubt.Reason})
	}
}

// next returns the next line, without its end. It is valid until the next call.
func (r *Reader) next() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine {
			line, err = r.lines.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("line %d is longer than %d MiB", r.line+1, maxLine>>20)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, fmt.Errorf("line %d: %w", r.line+1, ErrIncomplete)
	case err != nil:
		return nil, err
	}
	r.line++
	return line[:len(line)-1], nil
}
