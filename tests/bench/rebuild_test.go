package bench_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/rebuild"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

const (
	// rebuiltOrders is how many orders there are, each with the events of a whole life.
	rebuiltOrders = 10_000
	// rebuildWorkers is how many orders a rebuild reads at once, and the scan beside it, too.
	rebuildWorkers = 8
	// rebuildPoll is the pause between two checks whether a rebuild is finished. It counts as time
	// of the rebuild.
	rebuildPoll = time.Millisecond
	// scanPage is the size of a page of a listing, as in a rebuild.
	scanPage = 256
)

// BenchmarkRebuild measures how many events a second a rebuild of each view handles, and compares
// that with two simple ways of reading and decoding the same events.
func BenchmarkRebuild(b *testing.B) {
	h := openHistory(b, rebuiltOrders)
	for _, p := range views.All() {
		b.Run("view="+p.Name, func(b *testing.B) {
			v := h.follow(b, p)
			var rebuild, perOrder, oneLoop time.Duration
			b.ResetTimer()
			// alternating, so that a machine that is slower for a while is slower for all
			for range b.N {
				perOrder += h.timed(b, h.scanPerOrder)
				rebuild += h.timed(b, v.rebuild)
				oneLoop += h.timed(b, h.scanInOneLoop)
			}
			b.StopTimer()
			events := float64(b.N) * float64(h.events)
			b.ReportMetric(0, "ns/op") // of all of them together
			b.ReportMetric(events/rebuild.Seconds(), "rebuilt-events/s")
			b.ReportMetric(events/perOrder.Seconds(), "scanned-events/s")
			b.ReportMetric(perOrder.Seconds()/rebuild.Seconds(), "ratio")
			b.ReportMetric(oneLoop.Seconds()/rebuild.Seconds(), "ratio-to-one-loop")
		})
	}
}

// BenchmarkBulk measures how many events a second a rebuild with verification, a verification of
// all views, and the catch-up of a new consumer handle. It compares each with one loop that only
// reads and decodes the same events.
func BenchmarkBulk(b *testing.B) {
	h := openHistory(b, rebuiltOrders)
	followed := map[string]view{}
	for _, p := range views.All() {
		followed[p.Name] = h.follow(b, p)
	}
	measure := func(name string, work func(context.Context) (int, error)) {
		b.Run("work="+name, func(b *testing.B) {
			var took, oneLoop time.Duration
			for range b.N { // alternating
				oneLoop += h.timed(b, h.scanInOneLoop)
				took += h.timed(b, work)
			}
			events := float64(b.N) * float64(h.events)
			b.ReportMetric(0, "ns/op") // of both together
			b.ReportMetric(events/took.Seconds(), "events/s")
			b.ReportMetric(oneLoop.Seconds()/took.Seconds(), "ratio-to-one-loop")
		})
	}
	for _, p := range views.All() {
		measure("verified-rebuild/view="+p.Name, func(ctx context.Context) (int, error) {
			return followed[p.Name].rebuilt(ctx, ports.RebuildRequest{})
		})
	}
	measure("verify-all", func(ctx context.Context) (int, error) { return h.verify(ctx, followed) })
	for _, p := range views.All() {
		n := 0
		measure("catch-up/view="+p.Name, func(ctx context.Context) (int, error) {
			n++
			return h.catchUp(b, p, fmt.Sprintf("%s-%d", p.Name, n))
		})
	}
}

// verify compares all views, and returns how many events it has read.
func (h *history) verify(ctx context.Context, followed map[string]view) (int, error) {
	report, err := verify.New(h.verification(live(followed), views.All()...)).Verify(ctx, 0)
	if err == nil && (report.Differences > 0 || report.Rows < report.Aggregates) {
		err = fmt.Errorf("a verification found %+v", report)
	}
	return int(report.Events), err //nolint:gosec // as many as were written
}

func (h *history) verification(in ports.LiveViews, projections ...*projection.Projection) verify.Config {
	return verify.Config{
		Store: h.store, Codec: h.codec, States: h.store, Lister: h.store, Rows: h.store, Skips: h.store, Live: in,
		Projections: projections,
	}
}

// live are the views that consumers follow.
type live map[string]view

func (l live) LiveView(consumer string) ports.ViewID { return l[consumer].LiveView() }

// one is one generation.
type one ports.ViewID

func (o one) LiveView(string) ports.ViewID { return ports.ViewID(o) }

// catchUp runs a new consumer until it has caught up, and returns how many events it has handled.
func (h *history) catchUp(tb testing.TB, p *projection.Projection, name string) (int, error) {
	v, stop := h.start(tb, p, name)
	status, err := v.wait(tb.Context(), func(s ports.ConsumerStatus) bool { return s.State == ports.ConsumerRunning })
	stop()
	return int(status.Handled), err //nolint:gosec // as many as were written
}

// A scan that leaves events out would make every rebuild look slow. A rebuild that leaves events
// out would look fast.
func TestRebuild_ScansAndRebuildsReadEveryEvent(t *testing.T) {
	t.Parallel()
	h := openHistory(t, 3*scanPage/2)
	for name, scan := range map[string]func(context.Context) (int, error){"per order": h.scanPerOrder, "in one loop": h.scanInOneLoop} {
		if n, err := scan(t.Context()); err != nil || n != h.events {
			t.Errorf("the scan %s: %d events, %v, want %d", name, n, err, h.events)
		}
	}
	v := h.follow(t, views.OrderReadModel())
	for range 2 { // the second rebuild drops the generation that the first one has left
		before := v.LiveView()
		if n, err := v.rebuild(t.Context()); err != nil || n != h.events {
			t.Errorf("the rebuild: %d events, %v, want %d", n, err, h.events)
		}
		if after := v.LiveView(); after == before {
			t.Errorf("after the rebuild %v is live, as before", after)
		}
		h.checkView(t, v.LiveView())
	}
	if n, err := v.rebuilt(t.Context(), ports.RebuildRequest{}); err != nil || n != h.events {
		t.Errorf("the verified rebuild: %d events, %v, want %d", n, err, h.events)
	}
	if n, err := h.catchUp(t, views.OrdersByStatus(), "new"); err != nil || n != h.events {
		t.Errorf("the catch-up: %d events, %v, want %d", n, err, h.events)
	}
	followed := map[string]view{views.OrderReadModel().Name: v}
	for _, p := range views.All()[1:] {
		followed[p.Name] = h.follow(t, p)
	}
	if n, err := h.verify(t.Context(), followed); err != nil || n != h.events {
		t.Errorf("the verification: %d events, %v, want %d", n, err, h.events)
	}
}

// checkView checks that a view has every order up to its last event.
func (h *history) checkView(t *testing.T, view ports.ViewID) {
	t.Helper()
	page, err := h.store.ScanHeads(t.Context(), "", h.events)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range page.Heads {
		if state, err := h.store.State(t.Context(), view, head.AggregateID); err != nil || state.SequenceNumber != head.SequenceNumber {
			t.Errorf("order %s is in %v at %d, %v, want %d", head.AggregateID, view, state.SequenceNumber, err, head.SequenceNumber)
		}
	}
}

// history is an embedded store with orders, to which nothing is written.
type history struct {
	store  *embedded.Store
	codec  *eventjson.Mux
	events int
}

func openHistory(tb testing.TB, count int) *history {
	tb.Helper()
	store, err := embedded.Open(tb.Context(), embedded.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	h := &history{store: store, codec: orderjson.NewMux(), events: count * workload.Life().Length}
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: workload.NewID})
	err = workload.Life().Drive(tb.Context(), manyWriters, h.events, func(ctx context.Context, c order.Command) error {
		_, err := commands.Handle(ctx, orders.Request{Command: c})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// timed returns how long work takes. work must handle all events.
func (h *history) timed(tb testing.TB, work func(context.Context) (int, error)) time.Duration {
	tb.Helper()
	start := time.Now()
	n, err := work(tb.Context())
	took := time.Since(start)
	if err != nil || n != h.events {
		tb.Fatalf("%d events of %d, %v", n, h.events, err)
	}
	return took
}

// scanPerOrder reads and decodes the events order by order, several at once, as a rebuild does
// before it folds them.
func (h *history) scanPerOrder(ctx context.Context) (int, error) {
	var read atomic.Int64
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(rebuildWorkers)
	for cursor := ports.Cursor(""); ; {
		page, err := h.store.ScanHeads(ctx, cursor, scanPage)
		if err != nil {
			return 0, errors.Join(err, workers.Wait())
		}
		for _, head := range page.Heads {
			workers.Go(func() error {
				records, err := h.store.Load(ctx, head.AggregateID, 0)
				read.Add(int64(len(records)))
				return errors.Join(err, h.decode(records))
			})
		}
		if cursor = page.Next; cursor == "" {
			err := workers.Wait()
			return int(read.Load()), err
		}
	}
}

func (h *history) decode(records []eventsourcing.Record) error {
	for _, r := range records {
		if _, err := h.codec.Decode(r); err != nil {
			return err
		}
	}
	return nil
}

// scanInOneLoop reads the events in the order in which they are stored and decodes them, one after
// the other.
func (h *history) scanInOneLoop(ctx context.Context) (int, error) {
	n := 0
	for cursor := ports.Cursor(""); ; {
		page, err := h.store.ListEvents(ctx, cursor, scanPage)
		if err != nil {
			return n, err
		}
		if err := h.decode(page.Records); err != nil {
			return n, err
		}
		n += len(page.Records)
		if cursor = page.Next; cursor == "" {
			return n, nil
		}
	}
}

// view is a consumer that follows the feed, to be rebuilt.
type view struct{ *consumer.Consumer }

// follow runs a consumer for a projection until the test ends, and waits until it has caught up.
func (h *history) follow(tb testing.TB, p *projection.Projection) view {
	tb.Helper()
	v, stop := h.start(tb, p, p.Name)
	tb.Cleanup(stop)
	if _, err := v.wait(tb.Context(), func(s ports.ConsumerStatus) bool { return s.State == ports.ConsumerRunning }); err != nil {
		tb.Fatal(err)
	}
	return v
}

// start runs a consumer until stop is called.
func (h *history) start(tb testing.TB, p *projection.Projection, name string) (v view, stop func()) {
	tb.Helper()
	v = view{consumer.New(consumer.Config{
		Name: name, Version: p.Version, Table: p.Table, Effect: filling.Project(p, h.codec),
		Store: h.store, Feed: h.store, Views: h.store, Registry: h.store, Parking: h.store, Skips: h.store,
		Bulk: h.store,
		Verify: func(next, live ports.ViewID, _ func(ports.VerifyProgress)) rebuild.Verification {
			config := h.verification(one(next), p)
			config.Beside = one(live)
			return verify.New(config).Ahead(0)
		},
		Workers: rebuildWorkers, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})}
	router, err := fanout.New(fanout.Config{Lanes: rebuildWorkers}, v)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	return v, func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	}
}

// rebuild fills another generation and switches to it, without verification. It returns how many
// events are in it.
func (v view) rebuild(ctx context.Context) (int, error) {
	return v.rebuilt(ctx, ports.RebuildRequest{SkipVerification: true})
}

// rebuilt does a rebuild and returns how many events are in the generation.
func (v view) rebuilt(ctx context.Context, request ports.RebuildRequest) (int, error) {
	before := v.LiveView().Generation
	for err := v.Rebuild(ctx, request); err != nil; err = v.Rebuild(ctx, request) {
		if refused := (*ports.RefusedError)(nil); !errors.As(err, &refused) {
			return 0, err
		}
		pace.Pause(rebuildPoll) // the generation of an earlier rebuild is being dropped
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	status, err := v.wait(ctx, func(s ports.ConsumerStatus) bool { return s.Live.Number != before })
	if err != nil || status.Rebuild == nil || status.Rebuild.Report == nil {
		return 0, err
	}
	return int(status.Rebuild.Report.Aggregates) * workload.Life().Length, nil
}

func (v view) wait(ctx context.Context, until func(ports.ConsumerStatus) bool) (ports.ConsumerStatus, error) {
	for {
		status := v.Status(ctx)
		if until(status) {
			return status, nil
		}
		pace.Pause(rebuildPoll)
		if ctx.Err() != nil {
			return status, ctx.Err()
		}
	}
}

// VersionOf implements ports.LiveViews.
func (live) VersionOf(ports.ViewID) int { return 0 }

// VersionOf implements ports.LiveViews.
func (one) VersionOf(ports.ViewID) int { return 0 }
