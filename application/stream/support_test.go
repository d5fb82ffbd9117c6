package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/stream"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feed is the feed of a store, which tests can break.
type feed struct {
	*memory.Store
	mu   sync.Mutex
	open int
	// opening, when set, replaces OpenTail. change changes each page.
	opening func(ctx context.Context, after ports.Place) (ports.Tail, error)
	change  func(page *ports.TailPage)
	// loading, when set, can make Load fail.
	loading func() error
}

func (f *feed) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if f.loading != nil {
		if err := f.loading(); err != nil {
			return nil, err
		}
	}
	return f.Store.Load(ctx, id, after)
}

func (f *feed) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	f.mu.Lock()
	opening := f.opening
	f.mu.Unlock()
	if opening == nil {
		opening = f.Store.OpenTail
	}
	tail, err := opening(ctx, after)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open++
	return &openTail{Tail: tail, feed: f}, nil
}

func (f *feed) set(opening func(ctx context.Context, after ports.Place) (ports.Tail, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opening = opening
}

func (f *feed) isOpen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

type openTail struct {
	ports.Tail
	feed *feed
	once sync.Once
}

func (t *openTail) Next(ctx context.Context) (ports.TailPage, error) {
	page, err := t.Tail.Next(ctx)
	if t.feed.change != nil && err == nil {
		t.feed.change(&page)
	}
	return page, err
}

func (t *openTail) Close() error {
	t.once.Do(func() {
		t.feed.mu.Lock()
		defer t.feed.mu.Unlock()
		t.feed.open--
	})
	return t.Tail.Close()
}

// fixture is a service of streams on a store in memory.
type fixture struct {
	*testing.T
	feed    *feed
	streams *stream.Streams
	heads   map[uuid.UUID]uint64
}

// withStreams runs a test in a bubble of synctest.
func withStreams(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		f := &fixture{T: t, feed: &feed{Store: memory.New(memory.Options{})}, heads: map[uuid.UUID]uint64{}}
		f.streams = stream.New(stream.Config{
			Tails: f.feed, Store: f.feed, History: f.feed, Identity: f.feed, Codec: orderjson.NewMux(),
			Properties: []stream.Property{
				{Name: "customer", Projection: views.OrdersByCustomer()},
				{Name: "status", Projection: views.OrdersByStatus()},
				{Name: "sku", Projection: views.OrdersBySKU()},
			},
		})
		var group sync.WaitGroup
		group.Go(func() {
			if err := f.streams.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer group.Wait()
		defer stop()
		test(t, f)
	})
}

// orderID returns a readable id.
func orderID(n byte) uuid.UUID { return uuid.UUID{0: n, 6: 0x70, 8: 0x80} }

func created(customer, sku string) order.Event {
	return order.OrderCreated{
		CustomerID: customer, Currency: "EUR", Items: []order.Item{{SKU: sku, Quantity: 1, UnitPrice: 100}},
	}
}

// append adds events to an order, as one command.
func (f *fixture) append(id uuid.UUID, events ...order.Event) []eventsourcing.Record {
	f.Helper()
	a := ports.Append{AggregateID: id, Expected: f.heads[id], CommandID: uuid.New()}
	for _, e := range events {
		f.heads[id]++
		record, err := orderjson.New().Encode(eventsourcing.Envelope[order.Event]{
			Header: eventsourcing.Header{
				AggregateType: order.Type, EventID: uuid.New(), AggregateID: id, SequenceNumber: f.heads[id],
				CommandID: a.CommandID, CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			Event: e,
		})
		if err != nil {
			f.Fatal(err)
		}
		a.Records = append(a.Records, record)
	}
	appended, err := f.feed.Append(f.Context(), a)
	if err != nil {
		f.Fatal(err)
	}
	return appended.Records
}

// confirmations adds n events to an order that change nothing but its head.
func (f *fixture) confirmations(id uuid.UUID, n int) {
	f.Helper()
	for range n {
		f.append(id, order.OrderConfirmed{PaymentReference: "p"})
	}
}

// reader reads a stream.
type reader struct {
	*fixture
	stream ports.EventStream
	ids    []string
	after  string
	got    []eventsourcing.Record
	live   int
	resets []ports.StreamReset
}

func (f *fixture) one(id uuid.UUID, after uint64) *reader {
	f.Helper()
	s, err := f.streams.StreamOne(f.Context(), order.Type, id, after)
	if err != nil {
		f.Fatal(err)
	}
	return &reader{fixture: f, stream: s}
}

func (f *fixture) all(request ports.StreamRequest) *reader {
	f.Helper()
	s, err := f.streams.StreamAll(f.Context(), request)
	if err != nil {
		f.Fatal(err)
	}
	return &reader{fixture: f, stream: s}
}

// read reads until nothing more comes.
func (r *reader) read() *reader {
	r.Helper()
	for {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		page, err := r.stream.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return r
		}
		if err != nil {
			r.Fatal(err)
		}
		if page.Reset != nil {
			r.resets = append(r.resets, *page.Reset)
		}
		for _, e := range page.Events {
			r.ids, r.got = append(r.ids, e.ID), append(r.got, e.Record)
		}
		if page.CaughtUp {
			r.live++
		}
		r.after = page.After
	}
}

func (r *reader) close() {
	r.Helper()
	for range 2 {
		if err := r.stream.Close(); err != nil {
			r.Error(err)
		}
	}
}

// names renders the events that came: order, dot, sequence number.
func (r *reader) names() string {
	text := ""
	for _, record := range r.got {
		text += fmt.Sprintf(" %d.%d", record.AggregateID[0], record.SequenceNumber)
	}
	return text
}

// expect compares what came with what is wanted.
func (r *reader) expect(want string) {
	r.Helper()
	if got := r.names(); got != want {
		r.Errorf("the stream has%s, want%s", got, want)
	}
}

func (r *reader) expectIDs() {
	r.Helper()
	for i, id := range r.ids {
		if want := strconv.FormatUint(r.got[i].SequenceNumber, 10); id != want {
			r.Errorf("id %q of event %s", id, want)
		}
	}
}
