package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// mostRefused bounds how many aggregates are refused before the import gives up.
	mostRefused = 100_000
	// attempts is how often a write is tried while the store is not available.
	attempts = 8
)

// Target is what an import writes to.
type Target interface {
	// Append is as in ports.EventStore.
	Append(ctx context.Context, a ports.Append) (ports.Appended, error)
	ports.HistoryPager
	ports.ViewStore
	// AppendOperation is as in ports.OperationLog.
	AppendOperation(ctx context.Context, e ports.OperationEntry) error
}

// ImporterConfig is what an import needs. All fields are required, except those with a default.
type ImporterConfig struct {
	Target Target
	// Codec refuses events that this program cannot read. Nil means that all are accepted.
	Codec ports.Decoder
	// Seal seals personal data that is not sealed in the source. Nil imports it as it is.
	Seal *Sealing
	// Publish lets publishers publish what is imported.
	Publish bool
	// DryRun compares, and writes nothing.
	DryRun bool
	// Workers is how many aggregates are imported at once.
	Workers int
	Backoff failure.Backoff
	// Progress, when set, is called for each part with the number of its events. Calls are
	// concurrent.
	Progress func(events int)
}

// Importer imports histories. It is for one import.
type Importer struct {
	config  ImporterConfig
	refused map[uuid.UUID]bool // belongs to the goroutine that reads
	report  ImportReport
	// counts of the workers
	appended, present atomic.Uint64
}

// NewImporter returns an Importer.
func NewImporter(config ImporterConfig) *Importer {
	return &Importer{config: config, refused: make(map[uuid.UUID]bool)}
}

// ImportReport is the result of an import, or of a check.
type ImportReport struct {
	// Events counts what was read. Appended and Present count the events that were appended (or
	// would be, in a dry run) and that were there already.
	Events, Appended, Present uint64
	// Operations counts the entries of the log of operations that were read. Those that were there
	// already stay as they are.
	Operations uint64
	// Refused counts the aggregates that were refused, and the faults that name none. Shown
	// describes the first of them.
	Refused uint64
	Shown   []ports.ImportFault
}

// Check reads a source to its end, and remembers which of its aggregates are to be refused. It
// writes nothing. Errors: those of the source.
func (m *Importer) Check(ctx context.Context, source ports.ImportSource) (ImportReport, error) {
	err := m.read(ctx, source, func(part ports.ImportPart) error {
		if len(part.Operations) > 0 {
			return nil
		}
		if fault := m.undecodable(part); fault != nil {
			return m.refuse(*fault)
		}
		return nil
	})
	report := m.report
	m.report.Events, m.report.Operations = 0, 0
	return report, err
}

// Import imports a source. It leaves out the aggregates that Check has found to be wrong. An
// aggregate that is refused does not stop the others.
//
// Errors: those of the source; those of the target that are not about one aggregate.
func (m *Importer) Import(ctx context.Context, source ports.ImportSource) (ImportReport, error) {
	workers, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan ports.ImportPart, m.config.Workers)
	faults := make(chan ports.ImportFault, m.config.Workers)
	for i := range lanes {
		lanes[i] = make(chan ports.ImportPart, 1)
		workers.Go(func() error { return m.work(ctx, lanes[i], faults) })
	}
	err := m.read(ctx, source, func(part ports.ImportPart) error {
		if len(part.Operations) > 0 {
			return m.operations(ctx, part.Operations)
		}
		id := part.Records[0].AggregateID
		for lane := lanes[int(id[15])%len(lanes)]; ; {
			select {
			case lane <- part:
				return nil
			case fault := <-faults:
				if err := m.refuse(fault); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	for _, lane := range lanes {
		close(lane)
	}
	ended := make(chan error, 1)
	go func() { ended <- workers.Wait(); close(faults) }()
	for fault := range faults {
		err = errors.Join(err, m.refuse(fault))
	}
	if broken := <-ended; broken != nil {
		err = broken // it is the cause, if the reading has failed, too
	}
	m.report.Appended, m.report.Present = m.appended.Load(), m.present.Load()
	return m.report, err
}

// read reads a source to its end.
func (m *Importer) read(ctx context.Context, source ports.ImportSource, take func(ports.ImportPart) error) error {
	for {
		part, err := source.Next()
		fault := (*ports.ImportFault)(nil)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &fault):
			err = m.refuse(*fault)
		case err != nil:
			return err
		case len(part.Operations) > 0:
			m.report.Operations += uint64(len(part.Operations))
			err = take(part)
		default:
			m.report.Events += uint64(len(part.Records))
			if !m.refused[part.Records[0].AggregateID] {
				err = take(part)
			}
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// operations appends entries to the log of operations.
func (m *Importer) operations(ctx context.Context, entries []ports.OperationEntry) error {
	for _, e := range entries {
		if m.config.DryRun {
			return nil
		}
		if err := m.retry(ctx, func() error { return m.config.Target.AppendOperation(ctx, e) }); err != nil {
			return err
		}
	}
	return nil
}

// refuse counts a fault, the first time for each aggregate.
func (m *Importer) refuse(fault ports.ImportFault) error {
	if fault.AggregateID != uuid.Nil {
		if m.refused[fault.AggregateID] {
			return nil
		}
		m.refused[fault.AggregateID] = true
	}
	m.report.Refused++
	if len(m.report.Shown) < maxShown {
		m.report.Shown = append(m.report.Shown, fault)
	}
	if m.report.Refused > mostRefused {
		return fmt.Errorf("more than %d aggregates are refused", mostRefused)
	}
	return nil
}

// undecodable returns why a part cannot be read by this program, or nil.
func (m *Importer) undecodable(part ports.ImportPart) *ports.ImportFault {
	for i, r := range part.Records {
		if m.config.Codec == nil {
			break
		}
		if _, err := m.config.Codec.Decode(r); err != nil {
			return &ports.ImportFault{Line: part.Line + i, AggregateID: r.AggregateID, Reason: err.Error()}
		}
	}
	return nil
}

// work imports the parts of a lane.
func (m *Importer) work(ctx context.Context, lane <-chan ports.ImportPart, faults chan<- ports.ImportFault) error {
	w := worker{Importer: m}
	if m.config.DryRun {
		w.would, w.owners = make(map[uuid.UUID]uint64), make(map[uuid.UUID]ports.Subject)
	}
	for part := range lane {
		err := w.part(ctx, part)
		fault := (*ports.ImportFault)(nil)
		if errors.As(err, &fault) {
			w.bad, err = fault.AggregateID, nil
			select {
			case faults <- *fault:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
		if m.config.Progress != nil {
			m.config.Progress(len(part.Records))
		}
	}
	return nil
}

// worker imports some of the aggregates.
type worker struct {
	*Importer
	owning
	// id is the aggregate of the last part, and reached its last sequence number.
	id      uuid.UUID
	reached uint64
	// would is how far each aggregate would be, in a dry run. It is nil otherwise.
	would map[uuid.UUID]uint64
	// bad is an aggregate that was refused, of which the reader may not know yet.
	bad uuid.UUID
}

// part imports a part. A *ports.ImportFault refuses its aggregate.
func (w *worker) part(ctx context.Context, part ports.ImportPart) error {
	id, first := part.Records[0].AggregateID, part.Records[0].SequenceNumber
	if id == w.bad {
		return nil
	}
	refuse := func(i int, format string, args ...any) error {
		return &ports.ImportFault{Line: part.Line + i, AggregateID: id, Reason: fmt.Sprintf(format, args...)}
	}
	if fault := w.undecodable(part); fault != nil {
		return fault
	}
	records, err := w.sealed(ctx, part)
	if err != nil {
		return err
	}
	part.Records = records
	continues := w.id == id && w.reached == first-1 || w.would[id] >= first-1
	w.id, w.reached = uuid.Nil, 0
	there, err := w.load(ctx, id, first-1, len(part.Records))
	if errors.Is(err, ports.ErrCorrupt) {
		return refuse(0, "the stored history cannot be read: %v", err)
	}
	if err != nil {
		return err
	}
	for i, stored := range there {
		if !w.same(stored, part.Records[i]) {
			return refuse(i, "%s", w.differs(stored, part.Records[i]))
		}
	}
	if len(there) == 0 && first > 1 && !continues {
		before, err := w.load(ctx, id, first-2, 1)
		switch {
		case err != nil:
			return err
		case len(before) == 0:
			return refuse(0, "the events before event %d are neither in the store nor in the file", first)
		case before[0].CommandID == part.Records[0].CommandID:
			return refuse(0, "event %d belongs to a command that the store has without it", first)
		}
	}
	w.present.Add(uint64(len(there)))
	if missing := part.Records[len(there):]; len(missing) > 0 {
		if len(there) > 0 && missing[0].CommandID == there[len(there)-1].CommandID {
			return refuse(len(there), "event %d belongs to a command that the store has without it", missing[0].SequenceNumber)
		}
		if !w.config.DryRun {
			err = w.append(ctx, missing)
		}
		if reason := (*conflict)(nil); errors.As(err, &reason) {
			return refuse(len(there), "%s", reason.text)
		}
		if err != nil {
			return err
		}
		w.appended.Add(uint64(len(missing)))
	}
	w.id, w.reached = id, first-1+uint64(len(part.Records))
	if w.would != nil {
		w.would[id] = max(w.would[id], w.reached)
	}
	return nil
}

// conflict is why the store does not take a command.
type conflict struct{ text string }

func (c *conflict) Error() string { return c.text }

// append appends whole commands, which are not in the store.
func (w *worker) append(ctx context.Context, records []eventsourcing.Record) error {
	if !w.config.Publish {
		if err := w.mark(ctx, records); err != nil {
			return err
		}
	}
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].CommandID == records[0].CommandID {
			n++
		}
		if err := w.command(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// mark stores that publishers leave these records out.
func (w *worker) mark(ctx context.Context, records []eventsourcing.Record) error {
	id := records[0].AggregateID
	return w.retry(ctx, func() error {
		m, err := loadMark(ctx, w.config.Target, id)
		if err != nil {
			return err
		}
		change := ports.Change{AggregateID: id, State: m.extend(records).state()}
		return w.config.Target.Apply(ctx, marks, change)
	})
}

// command appends one command.
func (w *worker) command(ctx context.Context, records []eventsourcing.Record) error {
	request := ports.Append{
		AggregateID: records[0].AggregateID, Expected: records[0].SequenceNumber - 1, CommandID: records[0].CommandID,
		Records: records,
	}
	if err := request.Check(); err != nil {
		return &conflict{err.Error()}
	}
	var appended ports.Appended
	err := w.retry(ctx, func() (err error) {
		appended, err = w.config.Target.Append(ctx, request)
		return err
	})
	other := (*ports.OtherTypeError)(nil)
	switch {
	case errors.Is(err, ports.ErrVersionConflict), errors.As(err, &other), errors.Is(err, ports.ErrCorrupt):
		return &conflict{err.Error()}
	case err != nil && !failure.Transient(err):
		return &conflict{"the store refuses it: " + err.Error()}
	case err != nil:
		return err
	case len(appended.Records) != len(records):
		return &conflict{fmt.Sprintf("command %s has %d events in the store and %d in the file",
			request.CommandID, len(appended.Records), len(records))}
	}
	for i, stored := range appended.Records {
		if !w.same(stored, records[i]) {
			return &conflict{fmt.Sprintf("event %d of command %s is another one in the store",
				stored.SequenceNumber, request.CommandID)}
		}
	}
	return nil
}

func (w *worker) load(
	ctx context.Context, id uuid.UUID, after uint64, limit int,
) (records []eventsourcing.Record, err error) {
	err = w.retry(ctx, func() error {
		records, err = w.config.Target.LoadPage(ctx, id, after, limit)
		return err
	})
	return records, err
}

// retry repeats work while the store is not available.
func (m *Importer) retry(ctx context.Context, work func() error) error {
	for attempt := 1; ; attempt++ {
		err := work()
		if err == nil || !failure.Transient(err) || attempt == attempts || ctx.Err() != nil ||
			errors.Is(err, ports.ErrClosed) {
			return err
		}
		if err := m.config.Backoff.Wait(ctx, nil, attempt); err != nil {
			return err
		}
	}
}

// DefaultBackoff is for imports from the command line. All attempts together take about a minute.
var DefaultBackoff = failure.Backoff{First: 100 * time.Millisecond, Max: 20 * time.Second}

// Same reports whether two records are the same, byte by byte.
func Same(a, b eventsourcing.Record) bool {
	return a.EventID == b.EventID && a.AggregateType == b.AggregateType && a.AggregateID == b.AggregateID &&
		a.SequenceNumber == b.SequenceNumber && a.CommandID == b.CommandID && a.CorrelationID == b.CorrelationID &&
		a.CausationID == b.CausationID && a.CreatedAt.Equal(b.CreatedAt) && maps.Equal(a.Metadata, b.Metadata) &&
		a.EventType == b.EventType && a.EventVersion == b.EventVersion && bytes.Equal(a.Payload, b.Payload)
}
