package bench_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/cdc"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/scylla"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/consumers"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/bootstrap"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

// BenchmarkScyllaAppend runs commands on ScyllaDB with the whole append protocol, and with the
// conditional write alone: as a batch, and as an update where an append has one event.
func BenchmarkScyllaAppend(b *testing.B) {
	config, session := scyllaKeyspace(b, scyllaServers(b))
	store, err := scylla.Open(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // nothing depends on it any more
	for _, w := range workload.All() {
		for _, system := range []struct {
			name  string
			store ports.EventStore
		}{{"orderflow", store}, {"bare-lwt", bareStore{store, session}}, {"bare-update", updateStore{bareStore{store, session}}}} {
			for _, writers := range []int{1, 64} {
				b.Run(fmt.Sprintf("workload=%s/system=%s/writers=%d", w.Name, system.name, writers), func(b *testing.B) {
					w.Bench(b, writers, handleOn(system.store))
				})
			}
		}
	}
}

func handleOn(store ports.EventStore) workload.Handle {
	handler := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: workload.NewID})
	return func(ctx context.Context, c order.Command) error {
		_, err := handler.Handle(ctx, orders.Request{Command: c})
		return err
	}
}

// idle is how long an idle service is observed.
const idle = 5 * time.Second

// BenchmarkScyllaLatency measures how long after its answer a command was in each read model, at a
// low and at a high rate, when the outbox is written at once, and when every tenth of its rows is
// late. A command takes 1 or 10 ms.
func BenchmarkScyllaLatency(b *testing.B) {
	hosts := scyllaServers(b)
	for _, rate := range []int{100, 1000} {
		for _, outbox := range []string{"prompt", "late"} {
			b.Run(fmt.Sprintf("rate=%d/outbox=%s", rate, outbox), func(b *testing.B) {
				commands := max(1, b.N*rate/1000) // the same time for each rate
				measureScylla(b, hosts, scyllaLoad{rate: rate, commands: commands, late: outbox == "late", idle: idle}).report(b)
			})
		}
	}
}

// scyllaLoad is what a service has to do.
type scyllaLoad struct {
	rate, commands int
	late           bool
	idle           time.Duration // behind it
}

// scyllaFigures are the results of one measurement.
type scyllaFigures struct {
	line               *pace.Timeline
	late, held, healed float64
	// queries a second while idle: by the feed's own metric, and as counted
	told, asked float64
}

func (f scyllaFigures) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // the rate is fixed
	answered := f.line.Answers()
	b.ReportMetric(answered.At(0.50), "answered-p50-ms")
	b.ReportMetric(answered.At(0.99), "answered-p99-ms")
	for i, view := range f.line.Views {
		behind := f.line.BehindAnswer(i)
		b.ReportMetric(behind.At(0.50), view+"-p50-ms")
		b.ReportMetric(behind.At(0.99), view+"-p99-ms")
	}
	b.ReportMetric(float64(f.line.Missing()), "lost")
	for unit, value := range map[string]float64{
		"late-rows": f.late, "held": f.held, "healed": f.healed, "idle-queries/s": f.asked, "idle-queries-told/s": f.told,
	} {
		b.ReportMetric(value, unit)
	}
}

// measureScylla sends commands to a new service and returns when every view has all of them. It
// fails when a view misses one.
func measureScylla(tb testing.TB, hosts []string, load scyllaLoad) (f scyllaFigures) {
	tb.Helper()
	first := pace.NewTimeline(1, float64(load.rate), viewNames())
	f.line = pace.NewTimeline(load.commands, float64(load.rate), viewNames())
	s := startScylla(tb, hosts, load.late, func(view string, orderID uuid.UUID, sequence uint64) {
		first.Shown(view, orderID, sequence)
		f.line.Shown(view, orderID, sequence)
	})
	run(tb, first, s.handle)
	run(tb, f.line, s.handle)
	f.late = float64(s.late.wait(tb))

	for _, status := range s.consumers.Consumers(tb.Context()) {
		f.healed += float64(status.Healed)
	}
	before, began := s.feed.Stats(), time.Now()
	f.held, f.told = float64(before.Held), before.IdleQueries
	<-time.After(load.idle)
	f.asked = float64(s.feed.Stats().FastQueries-before.FastQueries) / time.Since(began).Seconds()
	return f
}

// scyllaService is the service on ScyllaDB, wired as in package bootstrap, with a clock between the
// consumers and their views, and with late rows.
type scyllaService struct {
	handle    workload.Handle
	feed      *cdc.Feed
	consumers consumers.Manager
	late      *lateRows
}

func startScylla(tb testing.TB, hosts []string, late bool, shown pace.ShownFunc) *scyllaService {
	tb.Helper()
	config, session := scyllaKeyspace(tb, hosts)
	s := &scyllaService{late: &lateRows{}}
	config.Appended = func() { s.feed.Wake() }
	store, err := scylla.Open(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	s.feed, err = cdc.Open(tb.Context(), cdc.Config{Session: session, Keyspace: config.Keyspace, Offsets: fencedOffsets{store, s.epoch}, Now: store.Now})
	if err != nil {
		tb.Fatal(err)
	}
	events := ports.EventStore(store)
	if late {
		events = lateStore{EventStore: store, bare: bareStore{store, session}, appends: new(atomic.Int64), late: s.late}
	}
	s.handle = handleOn(events)
	router, err := fanout.New(fanout.Config{Lanes: bootstrap.Config{Store: bootstrap.StoreScylla}.ViewLanes()}, s.wire(store, shown)...)
	if err != nil {
		tb.Fatal(err)
	}
	s.run(tb, s.feed.Run, store.RunSweeper, router.Run)
	return s
}

func (s *scyllaService) wire(store *scylla.Store, shown pace.ShownFunc) (routed []fanout.Consumer) {
	owner := ports.LeaseOwner{ID: workload.NewID(), Address: "this process"}
	for _, p := range views.All() {
		c := consumer.New(consumer.Config{
			Name: p.Name, Version: p.Version, Table: p.Table, Effect: filling.Project(p, orderjson.NewMux()),
			Store: store, Feed: s.feed, Views: clock{Views: store, shown: shown}, Registry: store,
			Parking: store, Skips: store, Leases: store, Owner: owner,
			Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		})
		s.consumers, routed = append(s.consumers, c), append(routed, c)
	}
	return routed
}

// epoch returns the epoch of a consumer's lease to the feed.
func (s *scyllaService) epoch(consumer string) uint64 { return s.consumers.Epoch(consumer) }

// run runs the parts of the service until the end of the test.
func (s *scyllaService) run(tb testing.TB, parts ...func(context.Context) error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	running, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		running.Go(func() error { return part(ctx) })
	}
	tb.Cleanup(func() {
		stop()
		err := errors.Join(running.Wait(), s.feed.Close())
		if err != nil && !errors.Is(err, context.Canceled) {
			tb.Error(err)
		}
	})
}

// fencedOffsets stores the offsets of the feed, as package bootstrap does.
type fencedOffsets struct {
	*scylla.Store
	epoch func(consumer string) uint64
}

func (o fencedOffsets) SaveOffsets(ctx context.Context, consumer string, saved map[string]uuid.UUID) error {
	return o.Store.SaveOffsets(ctx, consumer, o.epoch(consumer), saved)
}

// The late rows of the measurement are really late, and no view misses one.
func TestScyllaLatency_LateRowsReachEveryView(t *testing.T) {
	t.Parallel()
	got := measureScylla(t, simulatedServers(t), scyllaLoad{rate: 1000, commands: 3 * pace.AtOnce, late: true})
	if got.late < 3*pace.AtOnce/lateOneIn-1 || got.line.Missing() != 0 || got.told == 0 {
		t.Errorf("%v rows were late, %d were lost, %v idle queries a second", got.late, got.line.Missing(), got.told)
	}
	for i, view := range got.line.Views {
		if slowest := got.line.BehindAnswer(i).At(1); slowest < 0 {
			t.Errorf("%s had the slowest command %v ms after its answer", view, slowest)
		}
	}
}
