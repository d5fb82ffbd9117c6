package bootstrap

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/eventjson/subjectjson"
	"orderflow/adapters/exportfile"
	"orderflow/application/erasure"
	"orderflow/application/orders"
	"orderflow/application/rehearse"
	"orderflow/application/transfer"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// Rehearsal says what this program makes of data that another one has written.
type Rehearsal struct {
	rehearse.Report
	// Views are the views of a store. There are none of an export, and of a store with sealed
	// personal data.
	Views []RehearsedView
}

// RehearsedView compares a view as it is stored with what this program makes of the same events.
type RehearsedView struct {
	Consumer string
	// Stored is the version of the reducer that has filled the view, and Version that of this
	// program. Stored is 0 when there is no such view yet.
	Stored, Version int
	// Rows counts the rows, and Differences the aggregates whose rows would change. Shown describes
	// the first of them.
	Rows, Differences uint64
	Shown             []ports.VerifyDifference
	// Failure says why the view cannot be compared.
	Failure string
}

// Wrong reports whether the view differs although nobody would fill it again.
func (v RehearsedView) Wrong() bool {
	return v.Stored == v.Version && (v.Differences > 0 || v.Failure != "")
}

// Passed reports whether this program can read all the data, and no view differs that keeps its
// version. Decisions that would be other ones now are no reason against it.
func (r Rehearsal) Passed() bool {
	for _, v := range r.Views {
		if v.Wrong() {
			return false
		}
	}
	return len(r.Unreadable) == 0
}

// RehearseOptions say how to rehearse.
type RehearseOptions struct {
	// Scratch is where a copy of a data directory is made for a while. Empty means a directory of
	// the system for temporary files.
	Scratch string
	// Progress, when set, is called with the number of events of each step.
	Progress func(events int)
	// Projections are what the views are compared with. Nil means those of this program.
	Projections []*projection.Projection
}

func newRehearsal() *rehearse.Rehearsal {
	aggregate := orders.Aggregate(withoutKeys{orderjson.New(), orderjson.New().Sealed(eventjson.NewSeal(noKeys{}))})
	return rehearse.New(
		rehearse.For(aggregate, order.CommandOf),
		rehearse.For(erasure.Aggregate(subjectjson.New()), subject.CommandOf))
}

// withoutKeys reads sealed fields as if all subjects were erased. Nothing that it encodes is
// stored.
type withoutKeys struct {
	ports.Codec[order.Event]
	sealed ports.Codec[order.Event]
}

// Decode implements [ports.Codec].
func (c withoutKeys) Decode(r eventsourcing.Record) (eventsourcing.Envelope[order.Event], error) {
	return c.sealed.Decode(r)
}

type noKeys struct{}

// SubjectCipher implements [ports.SubjectCiphers].
func (noKeys) SubjectCipher(ports.Subject, bool) (cipher.AEAD, error) {
	return nil, ports.ErrSubjectErased
}

// RehearseFile rehearses an exported file. Errors: those of the file; the error of ctx.
func RehearseFile(ctx context.Context, in io.Reader, options RehearseOptions) (Rehearsal, error) {
	file, err := exportfile.NewReader(in)
	if err != nil {
		return Rehearsal{}, err
	}
	defer file.Close()
	if h := file.Header(); h.Follow || !h.Since.IsZero() {
		return Rehearsal{}, errors.New("the file was written with --follow or --since, so it does not have one whole history " +
			"after the other; export without them")
	}
	run := newRehearsal()
	for {
		part, err := file.Next()
		var fault *ports.ImportFault
		switch {
		case errors.As(err, &fault):
			run.Lost(fault.AggregateID, fmt.Sprintf("line %d: %s", fault.Line, fault.Reason))
			continue
		case errors.Is(err, io.EOF):
			return Rehearsal{Report: run.Report()}, nil
		case err != nil:
			return Rehearsal{}, err
		}
		for _, record := range part.Records {
			run.Record(record)
		}
		if options.Progress != nil {
			options.Progress(len(part.Records))
		}
		if err := ctx.Err(); err != nil {
			return Rehearsal{}, err
		}
	}
}

// RehearseDir rehearses a data directory that no process uses, or a backup. It works on a copy, so
// that nothing changes there, and the program that has written it can still open it.
//
// Errors: those of embedded.Copy and embedded.Restore; those of the store; the error of ctx.
func RehearseDir(ctx context.Context, dir string, log *slog.Logger, options RehearseOptions) (_ Rehearsal, err error) {
	scratch, err := os.MkdirTemp(options.Scratch, "orderflow-rehearsal-")
	if err != nil {
		return Rehearsal{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	config := DefaultConfig()
	config.Data, config.Sink = filepath.Join(scratch, "data"), string(sinkNone)
	to := embedded.Options{Dir: config.Data, Logger: log}
	backup, err := embedded.IsBackup(dir, to)
	if err != nil {
		return Rehearsal{}, err
	}
	if backup {
		_, err = embedded.Restore(ctx, dir, to)
	} else {
		err = embedded.Copy(ctx, dir, to)
	}
	if errors.Is(err, ports.ErrLocked) {
		return Rehearsal{}, fmt.Errorf("%w; or take a backup with 'orderflow backup', and rehearse against that", err)
	}
	if err != nil {
		return Rehearsal{}, err
	}
	return RehearseStore(ctx, config, log, options)
}

// RehearseStore rehearses the store of config, which must not be the embedded store of a service
// that is to go on with an earlier version. It writes nothing into a keyspace in ScyllaDB.
//
// Errors: those of [Open]; those of the store; the error of ctx.
func RehearseStore(ctx context.Context, config Config, log *slog.Logger, options RehearseOptions) (_ Rehearsal, err error) {
	config.Passive = true
	if err := config.Validate(); err != nil {
		return Rehearsal{}, err
	}
	store, err := openStorage(ctx, config, log, func(string) uint64 { return 0 })
	if err != nil {
		return Rehearsal{}, err
	}
	defer func() { err = errors.Join(err, closeAll(store.closers)) }()
	run := newRehearsal()
	exporter := transfer.NewExporter(exportSource{store, store, store.tails})
	report, err := exporter.Export(ctx, ports.ExportRequest{}, rehearsalSink{run, options.Progress})
	if err != nil {
		return Rehearsal{}, err
	}
	for _, u := range report.Shown {
		run.Lost(u.AggregateID, fmt.Sprintf("event %d cannot be read from the store", u.SequenceNumber))
	}
	for range report.Unreadable - uint64(len(report.Shown)) {
		run.Lost(uuid.Nil, "an event cannot be read from the store")
	}
	result := Rehearsal{Report: run.Report()}
	projections := options.Projections
	if projections == nil {
		projections = views.All()
	}
	if result.Sealed > 0 {
		return result, nil // the rows have what cannot be read here
	}
	for _, p := range projections {
		view, err := rehearseView(ctx, store, p)
		if err != nil {
			return result, err
		}
		result.Views = append(result.Views, view)
	}
	return result, nil
}

// rehearseView compares one view with what the reducer of this program makes of the events.
func rehearseView(ctx context.Context, store *storage, p *projection.Projection) (RehearsedView, error) {
	view := RehearsedView{Consumer: p.Name, Version: p.Version}
	record, err := store.Consumer(ctx, p.Name)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return view, nil
	case err != nil:
		return view, fmt.Errorf("the record of %s: %w", p.Name, err)
	}
	view.Stored = record.Live.Version
	live := only{ports.ViewID{Consumer: p.Name, Generation: record.Live.Number}, record.Live.Version}
	config := verify.Config{
		Store: store, Codec: newMux(), States: store, Rows: store, Live: live, Skips: store,
		Projections: []*projection.Projection{p},
	}
	report, err := verify.New(config).Verify(ctx, 0)
	switch {
	case ctx.Err() != nil:
		return view, ctx.Err()
	case err != nil:
		// a table with other columns cannot be read with those of this program
		view.Failure = err.Error()
	}
	// What cannot be read was reported before, and a consumer that was behind is no fault here.
	view.Rows, view.Differences = report.Rows, report.Differences-report.Behind-report.Broken
	for _, d := range report.Shown {
		if d.Consumer != "" && !d.Behind {
			view.Shown = append(view.Shown, d)
		}
	}
	return view, nil
}

// rehearsalSink gives exported records to a rehearsal.
type rehearsalSink struct {
	run      *rehearse.Rehearsal
	progress func(events int)
}

// Record implements [ports.ExportSink].
func (s rehearsalSink) Record(record eventsourcing.Record) error {
	s.run.Record(record)
	if s.progress != nil {
		s.progress(1)
	}
	return nil
}

// Reached implements [ports.ExportSink].
func (s rehearsalSink) Reached(ports.Place) error { return nil }
