package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/transfer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func id(n byte) uuid.UUID { return uuid.UUID{0: n, 6: 0x70, 8: 0x80, 15: n} }

// commandOf returns the events of a command of an aggregate. first is the sequence number of the
// first of them.
func commandOf(aggregate byte, first uint64, events int) []eventsourcing.Record {
	command := uuid.NewSHA1(id(aggregate), fmt.Append(nil, "command", first))
	records := make([]eventsourcing.Record, events)
	for i := range records {
		sequence := first + uint64(i)
		records[i] = eventsourcing.Record{
			Header: eventsourcing.Header{
				EventID: uuid.NewSHA1(id(aggregate), fmt.Append(nil, sequence)), AggregateType: "order",
				AggregateID: id(aggregate), SequenceNumber: sequence, CommandID: command, CorrelationID: command,
				CausationID: command, Metadata: map[string]string{"digest": "x"},
				CreatedAt: time.Date(2026, time.May, 1, 10, 0, int(first), 0, time.UTC),
			},
			EventType: "order.created", EventVersion: 1, Payload: fmt.Appendf(nil, `{"n":%d}`, sequence),
		}
	}
	return records
}

func appendTo(t testing.TB, store ports.EventStore, records ...eventsourcing.Record) {
	t.Helper()
	_, err := store.Append(t.Context(), ports.Append{
		AggregateID: records[0].AggregateID, Expected: records[0].SequenceNumber - 1, CommandID: records[0].CommandID, Records: records,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filled returns a store with some aggregates: number n has n commands, with two events each.
func filled(t testing.TB, aggregates int) *memory.Store {
	t.Helper()
	store := memory.New(memory.Options{})
	for a := range byte(aggregates) {
		for c := range uint64(a) + 1 {
			appendTo(t, store, commandOf(a+1, 2*c+1, 2)...)
		}
	}
	return store
}

// sink keeps what is exported.
type sink struct {
	mu      sync.Mutex
	records []eventsourcing.Record
	reached chan ports.Place
}

func (s *sink) Record(r eventsourcing.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r.Clone())
	return nil
}

func (s *sink) Reached(place ports.Place) error {
	if s.reached != nil {
		s.reached <- place
	}
	return nil
}

func export(t testing.TB, store transfer.Source, request ports.ExportRequest) []eventsourcing.Record {
	t.Helper()
	var s sink
	if _, err := transfer.NewExporter(store).Export(t.Context(), request, &s); err != nil {
		t.Fatal(err)
	}
	return s.records
}

// source delivers records in parts of whole commands, with faults in between.
type source struct {
	parts []ports.ImportPart
	err   error
}

func newSource(records []eventsourcing.Record) *source {
	s := &source{err: io.EOF}
	for i, r := range records {
		if n := len(s.parts) - 1; n < 0 || s.parts[n].Records[0].CommandID != r.CommandID {
			s.parts = append(s.parts, ports.ImportPart{Line: i + 2})
		}
		s.parts[len(s.parts)-1].Records = append(s.parts[len(s.parts)-1].Records, r)
	}
	return s
}

func (s *source) Next() (ports.ImportPart, error) {
	if len(s.parts) == 0 {
		return ports.ImportPart{}, s.err
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	return part, nil
}

func importer(target transfer.Target, change func(*transfer.ImporterConfig)) *transfer.Importer {
	config := transfer.ImporterConfig{
		Target: target, Workers: 3, Backoff: failure.Backoff{First: time.Nanosecond, Max: time.Nanosecond},
	}
	if change != nil {
		change(&config)
	}
	return transfer.NewImporter(config)
}

func imported(t testing.TB, target transfer.Target, records []eventsourcing.Record) transfer.ImportReport {
	t.Helper()
	report, err := importer(target, nil).Import(t.Context(), newSource(records))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func same(a, b []eventsourcing.Record) bool { return slices.EqualFunc(a, b, transfer.Same) }

// sorted sorts records by aggregate. Stores list aggregates in different orders.
func sorted(records []eventsourcing.Record) []eventsourcing.Record {
	slices.SortStableFunc(records, func(a, b eventsourcing.Record) int {
		return slices.Compare(a.AggregateID[:], b.AggregateID[:])
	})
	return records
}

func TestImport_MakesTheSameStore(t *testing.T) {
	t.Parallel()
	from, to := filled(t, 20), memory.New(memory.Options{})
	all := export(t, from, ports.ExportRequest{})
	if report := imported(t, to, all); report.Appended != uint64(len(all)) || report.Refused > 0 {
		t.Errorf("report %+v of %d events", report, len(all))
	}
	if got := export(t, to, ports.ExportRequest{}); !same(sorted(all), sorted(got)) {
		t.Error("the export of the new store differs")
	}
	if report := imported(t, to, all); report.Appended != 0 || report.Present != uint64(len(all)) || report.Refused > 0 {
		t.Errorf("the second time: report %+v", report)
	}
	again, err := to.Append(t.Context(), ports.Append{
		AggregateID: id(3), Expected: 0, CommandID: commandOf(3, 5, 2)[0].CommandID, Records: renamed(commandOf(3, 1, 2), commandOf(3, 5, 2)),
	})
	if err != nil || !again.Duplicate || !same(again.Records, commandOf(3, 5, 2)) {
		t.Errorf("a repeated command gets %+v, %v: its id must be known", again, err)
	}
}

// renamed gives records the command of others.
func renamed(records, others []eventsourcing.Record) []eventsourcing.Record {
	for i := range records {
		records[i].CommandID = others[0].CommandID
	}
	return records
}

func TestImport_ADifferentByteRefusesThatAggregateAlone(t *testing.T) {
	t.Parallel()
	changes := map[string]func(r *eventsourcing.Record){
		"payload":        func(r *eventsourcing.Record) { r.Payload = []byte(`{"n":6 }`) },
		"metadata":       func(r *eventsourcing.Record) { r.Metadata = nil },
		"created_at":     func(r *eventsourcing.Record) { r.CreatedAt = r.CreatedAt.Add(time.Millisecond) },
		"event_id":       func(r *eventsourcing.Record) { r.EventID = id(99) },
		"event_version":  func(r *eventsourcing.Record) { r.EventVersion++ },
		"correlation_id": func(r *eventsourcing.Record) { r.CorrelationID = uuid.Nil },
		"command_id":     func(r *eventsourcing.Record) { r.CommandID = id(98) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := filled(t, 5) // aggregate 5 has 10 events
			before := export(t, to, ports.ExportRequest{})
			file := slices.Concat(commandOf(5, 1, 2), commandOf(5, 3, 2), commandOf(5, 5, 2), commandOf(5, 11, 2), commandOf(6, 1, 2))
			change(&file[5])
			report := imported(t, to, file)
			if report.Refused != 1 || report.Shown[0].AggregateID != id(5) || report.Shown[0].Line == 0 || report.Appended != 2 {
				t.Errorf("report %+v", report)
			}
			if got := export(t, to, ports.ExportRequest{}); !same(sorted(got), append(sorted(before), commandOf(6, 1, 2)...)) {
				t.Error("the store has changed in another way")
			}
		})
	}
}

func TestImport_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	other := commandOf(3, 1, 2)
	for i := range other {
		other[i].AggregateType = "stock_item"
	}
	for name, file := range map[string][]eventsourcing.Record{
		"events before it are missing":      commandOf(9, 3, 2),
		"a hole behind the stored history":  commandOf(2, 7, 1),
		"half of a stored command":          renamed(commandOf(2, 5, 1), commandOf(2, 3, 2)),
		"the rest of a stored command":      slices.Concat(commandOf(1, 1, 2), renamed(commandOf(1, 3, 1), commandOf(1, 1, 2))),
		"another type":                      append(other, commandOf(8, 1, 1)...)[:2],
		"a record that no store would hold": {func() eventsourcing.Record { r := commandOf(9, 1, 1)[0]; r.EventVersion = 0; return r }()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := filled(t, 3)
			before := export(t, to, ports.ExportRequest{})
			if report := imported(t, to, file); report.Refused != 1 || report.Appended != 0 {
				t.Errorf("report %+v", report)
			}
			if got := export(t, to, ports.ExportRequest{}); !same(got, before) {
				t.Error("something was written")
			}
		})
	}
}

func TestImport_ADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	to := filled(t, 5)
	before := export(t, to, ports.ExportRequest{})
	file := slices.Concat(commandOf(1, 1, 2), commandOf(1, 3, 2), commandOf(9, 1, 2), commandOf(8, 3, 2), commandOf(9, 3, 2))
	report, err := importer(to, func(c *transfer.ImporterConfig) { c.DryRun = true }).Import(t.Context(), newSource(file))
	if err != nil || report.Appended != 6 || report.Present != 2 || report.Refused != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
	if !same(export(t, to, ports.ExportRequest{}), before) {
		t.Error("the store has changed")
	}
	if m, err := to.State(t.Context(), ports.ViewID{Consumer: "import", Generation: 1}, id(9)); err != nil || m.SequenceNumber != 0 {
		t.Errorf("a mark was stored: %+v, %v", m, err)
	}
}

// flaky fails now and then, before or after it has written.
type flaky struct {
	*memory.Store
	mu    sync.Mutex
	calls int
	stop  int // the call from which on nothing works any more; 0 for never
}

func (f *flaky) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	f.mu.Lock()
	f.calls++
	calls := f.calls
	f.mu.Unlock()
	if f.stop > 0 && calls >= f.stop {
		return ports.Appended{}, ports.ErrClosed
	}
	switch calls % 5 {
	case 1:
		return ports.Appended{}, ports.ErrUnavailable
	case 3:
		if _, err := f.Store.Append(ctx, a); err != nil {
			return ports.Appended{}, err
		}
		return ports.Appended{}, ports.ErrOutcomeUnknown
	}
	return f.Store.Append(ctx, a)
}

func TestImport_ContinuesAfterAnInterruption(t *testing.T) {
	t.Parallel()
	from := filled(t, 8)
	all := export(t, from, ports.ExportRequest{})
	for stop := 1; stop < 60; stop += 7 {
		to := &flaky{Store: memory.New(memory.Options{}), stop: stop}
		if _, err := importer(to, nil).Import(t.Context(), newSource(all)); !errors.Is(err, ports.ErrClosed) {
			t.Fatalf("stopped at call %d: error %v", stop, err)
		}
		to.stop = 0
		if report := imported(t, to, all); report.Refused > 0 || report.Appended+report.Present != uint64(len(all)) {
			t.Fatalf("stopped at call %d: report %+v", stop, report)
		}
		if got := export(t, to.Store, ports.ExportRequest{}); !same(sorted(all), sorted(got)) {
			t.Fatalf("stopped at call %d: the export of the new store differs", stop)
		}
	}
}

// collector is the effect of a publisher.
type collector struct{ published []eventsourcing.Record }

func (c *collector) Apply(_ context.Context, _ []byte, records []eventsourcing.Record) (ports.Change, error) {
	c.published = append(c.published, records...)
	return ports.Change{}, nil
}

func published(t *testing.T, store *memory.Store) []eventsourcing.Record {
	t.Helper()
	var c collector
	effect := transfer.Unpublished(filling.Effect(&c), store)
	records := export(t, store, ports.ExportRequest{})
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].AggregateID == records[0].AggregateID {
			n++
		}
		if _, err := effect.Apply(t.Context(), nil, records[:n]); err != nil {
			t.Fatal(err)
		}
		records = records[n:]
	}
	return c.published
}

func TestUnpublished(t *testing.T) {
	t.Parallel()
	t.Run("leaves out what was imported, and nothing else", func(t *testing.T) {
		t.Parallel()
		store := filled(t, 2)
		imported(t, store, slices.Concat(commandOf(2, 1, 2), commandOf(2, 3, 2), commandOf(2, 5, 2), commandOf(7, 1, 2), commandOf(7, 3, 2)))
		appendTo(t, store, commandOf(7, 5, 2)...)
		want := slices.Concat(commandOf(1, 1, 2), commandOf(2, 1, 2), commandOf(2, 3, 2), commandOf(7, 5, 2))
		if got := published(t, store); !same(got, want) {
			t.Errorf("published %d events, want %d", len(got), len(want))
		}
	})
	t.Run("publishes what was imported to be published", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Options{})
		m := importer(store, func(c *transfer.ImporterConfig) { c.Publish = true })
		if _, err := m.Import(t.Context(), newSource(commandOf(7, 1, 2))); err != nil {
			t.Fatal(err)
		}
		if got := published(t, store); len(got) != 2 {
			t.Errorf("published %d events, want 2", len(got))
		}
	})
	t.Run("is needed from the first mark on", func(t *testing.T) {
		t.Parallel()
		for name, test := range map[string]struct {
			change func(*transfer.ImporterConfig)
			want   bool
		}{
			"an import":           {nil, true},
			"one to be published": {func(c *transfer.ImporterConfig) { c.Publish = true }, false},
			"a dry run":           {func(c *transfer.ImporterConfig) { c.DryRun = true }, false},
		} {
			store := filled(t, 2)
			if has, err := transfer.Imported(t.Context(), store); has || err != nil {
				t.Errorf("before: %t, %v", has, err)
			}
			if _, err := importer(store, test.change).Import(t.Context(), newSource(commandOf(7, 1, 2))); err != nil {
				t.Fatal(err)
			}
			if has, err := transfer.Imported(t.Context(), store); has != test.want || err != nil {
				t.Errorf("after %s: %t, %v", name, has, err)
			}
		}
	})
	t.Run("publishes other events where the imported ones never came", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Options{})
		to := &flaky{Store: store, stop: 1} // the mark is stored, and nothing else
		if _, err := importer(to, nil).Import(t.Context(), newSource(commandOf(7, 1, 2))); !errors.Is(err, ports.ErrClosed) {
			t.Fatal(err)
		}
		real := renamed(commandOf(7, 1, 2), commandOf(7, 9, 1))
		appendTo(t, store, real...)
		if got := published(t, store); !same(got, real) {
			t.Errorf("published %d events, want 2", len(got))
		}
	})
}

func TestExport_Selections(t *testing.T) {
	t.Parallel()
	store := filled(t, 4)
	since := commandOf(1, 3, 1)[0].CreatedAt
	for name, tt := range map[string]struct {
		request ports.ExportRequest
		events  int
	}{
		"all":          {ports.ExportRequest{}, 20},
		"one":          {ports.ExportRequest{AggregateID: id(3)}, 6},
		"of a type":    {ports.ExportRequest{AggregateType: "order"}, 20},
		"of another":   {ports.ExportRequest{AggregateType: "stock_item"}, 0},
		"since":        {ports.ExportRequest{Since: since}, 12},
		"nobody knows": {ports.ExportRequest{AggregateID: id(77)}, 0},
	} {
		if got := len(export(t, store, tt.request)); got != tt.events {
			t.Errorf("%s: %d events, want %d", name, got, tt.events)
		}
	}
}

// damaged has events that cannot be read.
type damaged struct {
	*memory.Store
	id       uuid.UUID
	sequence uint64
}

func (d damaged) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := d.Store.ListEvents(ctx, after, limit)
	for i, r := range page.Records {
		if r.AggregateID == d.id && r.SequenceNumber == d.sequence {
			page.Records[i] = eventsourcing.Record{Header: eventsourcing.Header{
				AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber,
			}}
		}
	}
	return page, err
}

func TestExport_NeverWritesHalfACommand(t *testing.T) {
	t.Parallel()
	var s sink
	report, err := transfer.NewExporter(damaged{filled(t, 4), id(3), 4}).Export(t.Context(), ports.ExportRequest{}, &s)
	if err != nil || report.Unreadable != 1 || report.Shown[0] != (ports.UnreadableEvent{AggregateID: id(3), SequenceNumber: 4}) {
		t.Errorf("report %+v, error %v", report, err)
	}
	if len(s.records) != 20-4 {
		t.Errorf("%d events, want 16: both events of the command with the damaged one are left out", len(s.records))
	}
}

// TestExport_Follows appends while an export follows, ends the export, and exports the rest. An
// import of all that makes the same store.
func TestExport_Follows(t *testing.T) {
	t.Parallel()
	from := filled(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	s := &sink{reached: make(chan ports.Place)}
	ended := make(chan error, 1)
	go func() {
		_, err := transfer.NewExporter(from).Export(ctx, ports.ExportRequest{Follow: true}, s)
		ended <- err
	}()
	place := <-s.reached // the histories are written
	for n := range 300 {
		aggregate := byte(1 + n%7)
		first := uint64(1)
		if history := export(t, from, ports.ExportRequest{AggregateID: id(aggregate)}); len(history) > 0 {
			first = uint64(len(history)) + 1
		}
		appendTo(t, from, commandOf(aggregate, first, 1+n%3)...)
		select {
		case place = <-s.reached:
		default:
		}
	}
	cancel()
	for over := false; !over; {
		select {
		case place = <-s.reached:
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			over = true
		}
	}
	written := append(s.records, export(t, from, ports.ExportRequest{After: place})...)
	to := memory.New(memory.Options{})
	if report := imported(t, to, written); report.Refused > 0 {
		t.Errorf("report %+v", report)
	}
	if got, want := export(t, to, ports.ExportRequest{}), export(t, from, ports.ExportRequest{}); !same(sorted(got), sorted(want)) {
		t.Errorf("the new store has %d events, want %d", len(got), len(want))
	}
}
