package verify_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// writeOther appends n events of an aggregate whose type no projection takes and no codec knows.
func (b *bundle) writeOther(t *testing.T, n uint64) uuid.UUID {
	t.Helper()
	id := uuid.New()
	for sequence := uint64(1); sequence <= n; sequence++ {
		r := eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "stock-item", EventID: uuid.New(), AggregateID: id, SequenceNumber: sequence, CommandID: uuid.New(),
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "stock.received", EventVersion: 1, Payload: []byte("cannot be read by anybody here"),
		}
		if _, err := b.store.Append(t.Context(), ports.Append{
			AggregateID: id, Expected: sequence - 1, CommandID: r.CommandID, Records: []eventsourcing.Record{r},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// An aggregate that no projection takes is counted. It is not decoded, and it is no difference.
func TestVerify_aTypeThatNoProjectionTakesIsNoDifference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.writeOther(t, 3)
	config := b.config()
	for range 2 {
		report, err := verify.New(config).Verify(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if report.Differences != 0 || report.Aggregates != 3 || report.Events != 7 || report.Rows != 10 {
			t.Errorf("report = %+v", report)
		}
		config.Lister = b.store
	}
	p := views.All()[0]
	a := b.ahead(t, p, func(*verify.Config) {})
	if report, err := a.Verify(t.Context(), true); err != nil || report.Differences != 0 || report.Aggregates != 2 {
		t.Errorf("report = %+v, %v", report, err)
	}
}

// A publisher takes all types, so every aggregate is compared with it.
func TestVerify_aPublisherIsAskedAboutEveryType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.writeOther(t, 3)
	config := b.config()
	config.Others = []string{"publisher"}
	for _, done := range append(b.orders, id) {
		change := ports.Change{AggregateID: done, State: ports.ViewState{SequenceNumber: 2}}
		if err := b.store.Apply(t.Context(), firstGeneration{}.LiveView("publisher"), change); err != nil {
			t.Fatal(err)
		}
	}
	report, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if report.Differences != 1 || report.Shown[0].AggregateID != id || report.Shown[0].AggregateType != "stock-item" ||
		report.Shown[0].Detail != "has handled 2 of 3 events" {
		t.Errorf("report = %+v", report)
	}
}

// A history with a gap is a difference, whether or not a projection takes its type.
func TestVerify_aBrokenHistoryOfAnyTypeIsADifference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.writeOther(t, 3)
	config := b.config()
	config.Store = holedIn{b.store, id}
	report, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if report.Differences != 1 || report.Shown[0].AggregateID != id || report.Shown[0].Consumer != "" {
		t.Errorf("report = %+v", report)
	}
}

// holedIn loses the second event of one aggregate.
type holedIn struct {
	*memory.Store
	id uuid.UUID
}

func (s holedIn) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := s.Store.Load(ctx, id, after)
	if id == s.id && len(records) > 1 {
		records = slices.Delete(records, 1, 2)
	}
	return records, err
}

func (s holedIn) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.Store.ListEvents(ctx, after, limit)
	page.Records = slices.DeleteFunc(page.Records, func(r eventsourcing.Record) bool {
		return r.AggregateID == s.id && r.SequenceNumber == 2
	})
	return page, err
}
