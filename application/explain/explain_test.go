package explain_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/explain"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixture is a service with two consumers: "view" is a projection and "broker" is a publisher.
type fixture struct {
	t         *testing.T
	clock     *clock
	store     *memory.Store
	recorder  *explain.Recorder
	explainer *explain.Explainer
}

func setup(t *testing.T, events int) *fixture {
	f := &fixture{t: t, clock: &clock{at: start}, store: memory.New(memory.Options{})}
	consumers := []string{"view", "broker"}
	f.recorder = explain.NewRecorder(explain.RecorderConfig{Consumers: consumers, Events: events, Now: f.clock.now})
	f.explainer = explain.New(explain.Config{
		Store: f.store, Views: f.store, Consumers: consumers, View: viewOf, Recorder: f.recorder,
	})
	return f
}

func viewOf(consumer string) ports.ViewID { return ports.ViewID{Consumer: consumer, Generation: 3} }

// append writes the next event of an order.
func (f *fixture) append(id uuid.UUID, metadata map[string]string) eventsourcing.Record {
	f.t.Helper()
	history, err := f.store.Load(f.t.Context(), id, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	head := uint64(len(history))
	record := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       uuid.New(), AggregateID: id, SequenceNumber: head + 1, CommandID: uuid.New(), CorrelationID: uuid.New(),
			CausationID: uuid.New(), Metadata: metadata, CreatedAt: f.clock.now(),
		},
		EventType: "order.created", EventVersion: 2, Payload: []byte(`{}`),
	}
	if _, err := f.store.Append(f.t.Context(), ports.Append{
		AggregateID: id, Expected: head, CommandID: record.CommandID, Records: []eventsourcing.Record{record},
	}); err != nil {
		f.t.Fatal(err)
	}
	return record
}

// A consumer that does not take the aggregate's type will never apply its events, and does not wait
// for them.
func TestExplain_leavesOutConsumersThatDoNotTakeTheType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		takes func(consumer, aggregateType string) bool
		want  []string
	}{
		{"those of all types", nil, []string{"view", "broker"}},
		{"those of the type", func(consumer, aggregateType string) bool {
			return consumer == "broker" || aggregateType == "stock-item"
		}, []string{"broker"}},
		{"none", func(string, string) bool { return false }, []string{}},
	} {
		f, id := setup(t, 0), uuid.New()
		f.explainer = explain.New(explain.Config{
			Store: f.store, Views: f.store, Consumers: []string{"view", "broker"}, Takes: test.takes, View: viewOf, Recorder: f.recorder,
		})
		f.consume("broker", f.append(id, nil), time.Millisecond)
		f.append(id, nil)
		for n, told := range f.of(id) {
			names := []string{}
			for _, c := range told {
				names = append(names, c.Consumer)
				if want := c.Consumer == "broker" && n == 0; c.Applied != want {
					t.Errorf("%s: event %d: %+v", test.name, n+1, c)
				}
			}
			if diff := cmp.Diff(test.want, names); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	}
}

// apply stores that a consumer has applied record.
func (f *fixture) apply(ctx context.Context, consumer string, record eventsourcing.Record) error {
	return f.store.Apply(ctx, viewOf(consumer), ports.Change{
		AggregateID: record.AggregateID, State: ports.ViewState{SequenceNumber: record.SequenceNumber},
	})
}

// consume delivers record to a consumer, which takes the given time.
func (f *fixture) consume(consumer string, record eventsourcing.Record, takes time.Duration) {
	f.t.Helper()
	if err := f.recorder.Consume(f.t.Context(), consumer, []eventsourcing.Record{record}, func(ctx context.Context) error {
		f.clock.forward(takes)
		return f.apply(ctx, consumer, record)
	}); err != nil {
		f.t.Fatal(err)
	}
}

// of returns what the consumers have done with the events of an order.
func (f *fixture) of(id uuid.UUID) [][]ports.ExplainedConsumer {
	f.t.Helper()
	explanation, err := f.explainer.Explain(f.t.Context(), id, 0, 1_000)
	if err != nil {
		f.t.Fatal(err)
	}
	var told [][]ports.ExplainedConsumer
	for _, e := range explanation.Events {
		told = append(told, e.Consumers)
	}
	return told
}

func (f *fixture) want(id uuid.UUID, want ...[]ports.ExplainedConsumer) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.of(id)); diff != "" {
		f.t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplain_tellsTheWayOfAnEvent(t *testing.T) {
	t.Parallel()
	f, id := setup(t, 0), uuid.New()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	record := f.append(id, map[string]string{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"})
	f.clock.forward(2 * time.Millisecond)
	f.consume("view", record, time.Millisecond)
	f.recorder.Published("broker", record, 7, 42)
	f.consume("broker", record, 5*time.Millisecond)
	f.recorder.Published("broker", record, 1, 99) // published again: the first offset counts

	got, err := f.explainer.Explain(t.Context(), id, 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	at := func(ms time.Duration) time.Time { return start.Add(ms * time.Millisecond) }
	want := ports.Explanation{AggregateID: id, AggregateType: "order", Events: []ports.ExplainedEvent{{
		EventID: record.EventID, SequenceNumber: 1, EventType: "order.created", EventVersion: 2,
		CommandID: record.CommandID, CorrelationID: record.CorrelationID, CausationID: record.CausationID,
		TraceID: trace, CreatedAt: start,
		Consumers: []ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, SeenAt: at(2), HandledAt: at(3), Deliveries: 1},
			{Consumer: "broker", Applied: true, SeenAt: at(3), HandledAt: at(8), Deliveries: 1, Placement: &ports.Placement{Partition: 7, Offset: 42}},
		},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplain_deliveries(t *testing.T) {
	t.Parallel()

	t.Run("of which the first times count", func(t *testing.T) {
		t.Parallel()
		f, id := setup(t, 0), uuid.New()
		record := f.append(id, nil)
		f.consume("view", record, time.Second)
		f.clock.forward(time.Hour)
		f.consume("view", record, time.Second)
		f.want(id, []ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, SeenAt: start, HandledAt: start.Add(time.Second), Deliveries: 2},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
	})

	t.Run("that fail are not handled", func(t *testing.T) {
		t.Parallel()
		f, id := setup(t, 0), uuid.New()
		record, failure := f.append(id, nil), errors.New("boom")
		if err := f.recorder.Consume(t.Context(), "view", []eventsourcing.Record{record}, func(context.Context) error { return failure }); !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
		f.want(id, []ports.ExplainedConsumer{
			{Consumer: "view", SeenAt: start, Deliveries: 1},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
	})

	t.Run("that a consumer sets aside are not applied", func(t *testing.T) {
		t.Parallel()
		f, id := setup(t, 0), uuid.New()
		record := f.append(id, nil)
		if err := f.recorder.Consume(t.Context(), "view", []eventsourcing.Record{record}, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		f.want(id, []ports.ExplainedConsumer{
			{Consumer: "view", SeenAt: start, HandledAt: start, Deliveries: 1},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
	})

	t.Run("to consumers that nobody knows are not recorded", func(t *testing.T) {
		t.Parallel()
		f, id := setup(t, 0), uuid.New()
		record := f.append(id, nil)
		f.consume("stranger", record, 0)
		f.recorder.Published("stranger", record, 1, 1)
		f.want(id, []ports.ExplainedConsumer{
			{Consumer: "view", Unknown: ports.GapWaiting},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
	})
}

// An event without recorded times is still reported as applied, with the reason why there are no
// times.
func TestExplain_gaps(t *testing.T) {
	t.Parallel()
	f := setup(t, 2)
	early, late := uuid.New(), uuid.New()

	f.clock.at = start.Add(-time.Hour)
	before := f.append(early, nil)
	f.clock.at = start.Add(time.Second)
	first, second, third := f.append(early, nil), f.append(late, nil), f.append(late, nil)
	for _, consumer := range []string{"view", "broker"} {
		if err := f.apply(t.Context(), consumer, before); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []eventsourcing.Record{first, second, third} {
		f.consume("view", r, time.Second)
	}
	f.clock.forward(time.Second)
	fourth := f.append(late, nil)
	if err := f.apply(t.Context(), "view", fourth); err != nil { // by another process
		t.Fatal(err)
	}
	f.recorder.Published("broker", third, 4, 2) // from the event store: the feed did not deliver it
	if err := f.apply(t.Context(), "broker", third); err != nil {
		t.Fatal(err)
	}

	f.want(early,
		[]ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, Unknown: ports.GapBeforeStart},
			{Consumer: "broker", Applied: true, Unknown: ports.GapBeforeStart},
		},
		[]ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, Unknown: ports.GapForgotten},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
	at := func(s time.Duration) time.Time { return start.Add(s * time.Second) }
	f.want(late,
		[]ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, SeenAt: at(2), HandledAt: at(3), Deliveries: 1},
			{Consumer: "broker", Applied: true, Unknown: ports.GapElsewhere},
		},
		[]ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, SeenAt: at(3), HandledAt: at(4), Deliveries: 1},
			{Consumer: "broker", Applied: true, Unknown: ports.GapElsewhere, Placement: &ports.Placement{Partition: 4, Offset: 2}},
		},
		[]ports.ExplainedConsumer{
			{Consumer: "view", Applied: true, Unknown: ports.GapElsewhere},
			{Consumer: "broker", Unknown: ports.GapWaiting},
		})
}

func TestExplain_traceID(t *testing.T) {
	t.Parallel()
	f, id := setup(t, 0), uuid.New()
	for _, parent := range []string{"", "x", "00-short-00f067aa0ba902b7-01", strings.Repeat("-", 60)} {
		f.append(id, map[string]string{"traceparent": parent})
	}
	explanation, err := f.explainer.Explain(t.Context(), id, 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range explanation.Events {
		if e.TraceID != "" {
			t.Errorf("event %d: trace id %q", e.SequenceNumber, e.TraceID)
		}
	}
}

func TestExplain_errors(t *testing.T) {
	t.Parallel()

	t.Run("an unknown order is not found", func(t *testing.T) {
		t.Parallel()
		if _, err := setup(t, 0).explainer.Explain(t.Context(), uuid.New(), 0, 1_000); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("error %v", err)
		}
	})

	t.Run("a store that is closed is told", func(t *testing.T) {
		t.Parallel()
		f, id := setup(t, 0), uuid.New()
		f.append(id, nil)
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.explainer.Explain(t.Context(), id, 0, 1_000); !errors.Is(err, ports.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

// An event is dropped from the ring while it is being handled. It does not come back without the
// time at which it was seen.
func TestRecorder_forgetsWhatWasPushedOutMeanwhile(t *testing.T) {
	t.Parallel()
	f, id := setup(t, 2), uuid.New()
	record := f.append(id, nil)
	if err := f.recorder.Consume(t.Context(), "view", []eventsourcing.Record{record}, func(ctx context.Context) error {
		for range 2 {
			f.consume("view", f.append(uuid.New(), nil), 0)
		}
		return f.apply(ctx, "view", record)
	}); err != nil {
		t.Fatal(err)
	}
	f.want(id, []ports.ExplainedConsumer{
		{Consumer: "view", Applied: true, Unknown: ports.GapForgotten},
		{Consumer: "broker", Unknown: ports.GapWaiting},
	})
}

// The ring keeps the newest events and no more, also when events arrive concurrently.
func TestRecorder_remembersTheNewestEvents(t *testing.T) {
	t.Parallel()
	const capacity, writers, each = 64, 8, 60
	f := setup(t, capacity)
	ids := make([]uuid.UUID, writers)
	var working sync.WaitGroup
	for i := range ids {
		ids[i] = uuid.New()
		working.Go(func() {
			for n := range uint64(each) {
				record := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: ids[i], SequenceNumber: n + 1, CreatedAt: start}}
				if err := f.recorder.Consume(context.Background(), "view", []eventsourcing.Record{record}, func(context.Context) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	newest := uuid.New()
	for range capacity / 2 {
		f.consume("view", f.append(newest, nil), 0)
	}
	for i, told := range f.of(newest) {
		if told[0].Deliveries != 1 {
			t.Errorf("event %d of the newest %d is not remembered", i+1, capacity/2)
		}
	}
	remembered := 0
	for _, id := range ids {
		for range each {
			f.append(id, nil)
		}
		for _, told := range f.of(id) {
			remembered += told[0].Deliveries
		}
	}
	if want := capacity / 2; remembered != want {
		t.Errorf("%d older events are remembered, want %d", remembered, want)
	}
}
