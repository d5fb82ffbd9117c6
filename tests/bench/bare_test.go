package bench_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// BenchmarkBareLoop measures the least that the consumers can cost: one loop decodes each event
// once, folds it into the state of every read model, and stores state and rows without a sync. The
// figure is the CPU time of the process. scripts/bench compares it with an earlier version, for
// which testdata/bare has the same loop.
func BenchmarkBareLoop(b *testing.B) {
	h := openHistory(b, 4_000)
	records := h.outbox(b)
	store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // nothing depends on it any more
	b.ResetTimer()
	before := cpuTime()
	for n := range b.N {
		for _, record := range records {
			event, err := h.codec.Decode(record)
			if err != nil {
				b.Fatal(err)
			}
			for _, p := range views.All() {
				if err := applyBare(b.Context(), store, p, n+1, event); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	spent := cpuTime() - before
	effects := float64(b.N * len(records) * len(views.All()))
	b.ReportMetric(float64(spent.Microseconds())/effects, "us/event-and-consumer")
}

func applyBare(ctx context.Context, store *embedded.Store, p *projection.Projection, generation int, event projection.Event) error {
	view := ports.ViewID{Consumer: p.Name, Generation: generation}
	state, err := store.State(ctx, view, event.AggregateID)
	if err != nil {
		return err
	}
	step, err := p.Advance(state.Data, []projection.Event{event})
	if err != nil {
		return err
	}
	return store.Apply(ctx, view, ports.Change{
		AggregateID: event.AggregateID, State: ports.ViewState{SequenceNumber: event.SequenceNumber, Data: step.State},
		Table: p.Table, Put: step.Put, Delete: step.Delete,
	})
}

// outbox returns all events in the order in which they were committed.
func (h *history) outbox(tb testing.TB) []eventsourcing.Record {
	tb.Helper()
	var records []eventsourcing.Record
	for cursor := ports.Cursor(""); ; {
		page, err := h.store.ListOutbox(tb.Context(), cursor, 1000)
		if err != nil {
			tb.Fatal(err)
		}
		records = append(records, page.Records...)
		if cursor = page.Next; cursor == "" {
			return records
		}
	}
}

// cpuTime returns how long this process was on a core.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// The bare loop must do all the work, else it looks cheap.
func TestBareLoop_MakesTheRowsOfEveryOrder(t *testing.T) {
	t.Parallel()
	const orders = 20
	h := openHistory(t, orders)
	records := h.outbox(t)
	if len(records) != h.events {
		t.Fatalf("%d records of %d", len(records), h.events)
	}
	ids := map[uuid.UUID]bool{}
	for _, record := range records {
		ids[record.AggregateID] = true
		event, err := h.codec.Decode(record)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range views.All() {
			if err := applyBare(t.Context(), h.store, p, 7, event); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range views.All() {
		page, err := h.store.Rows(t.Context(), ports.RowQuery{
			View: ports.ViewID{Consumer: p.Name, Generation: 7}, Table: p.Table, Limit: 1000,
		})
		if err != nil || len(page.Rows) < len(ids) || len(ids) != orders {
			t.Errorf("%s has %d rows of %d orders, %v", p.Name, len(page.Rows), len(ids), err)
		}
	}
}
