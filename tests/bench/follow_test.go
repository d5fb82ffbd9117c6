package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/explain"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

// BenchmarkFollow measures what consumers cost that follow the feed, from the delivery of an event
// to its effect, without the commands: CPU time and allocations an event and consumer. With batch=1
// each record is a message of its own, as when little happens. With batch=128 lanes are never
// empty.
func BenchmarkFollow(b *testing.B) {
	for _, batch := range []int{1, 128} {
		b.Run(fmt.Sprintf("to=views/batch=%d", batch), func(b *testing.B) { follow(b, sinkNone, batch) })
	}
	b.Run("to=file/batch=128", func(b *testing.B) { follow(b, sinkFile, 128) })
}

// follow lets the views, or a file, follow b.N events that are in the feed already.
func follow(b *testing.B, sink string, batch int) {
	store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir(), FeedBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() }) // nothing depends on it any more
	var consumers []fanout.Consumer
	var names []string
	add := func(config consumer.Config) {
		live := ports.Generation{Number: 1, Version: config.Version}
		if _, err := store.SaveConsumer(b.Context(), ports.ConsumerRecord{Name: config.Name, Live: live}); err != nil {
			b.Fatal(err)
		}
		if err := store.SeekEnd(b.Context(), config.Name); err != nil {
			b.Fatal(err)
		}
		config.Store, config.Feed, config.Views, config.Registry = store, store, store, store
		config.Parking, config.Skips, config.Repairer = store, store, store
		config.Now, config.Logger = time.Now, slog.New(slog.DiscardHandler)
		consumers, names = append(consumers, consumer.New(config)), append(names, config.Name)
	}
	decoder := eventjson.NewMemo(orderjson.NewMux())
	if sink == sinkFile {
		publisher, err := cloudevents.OpenFile(filepath.Join(b.TempDir(), "events.jsonl"), cloudevents.Config{Linger: sinkLinger})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = publisher.Close() })
		add(consumer.Config{Name: publisherName, Version: 1, Effect: filling.Publish(publisher)})
	} else {
		for _, p := range views.All() {
			add(consumer.Config{Name: p.Name, Version: p.Version, Types: p.Types, Table: p.Table, Effect: filling.Project(p, decoder)})
		}
	}
	h := orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Now: time.Now, NewID: workload.NewID, Cache: command.NewCache(64 << 20), Exclusive: true,
	})
	err = workload.Life().Drive(b.Context(), manyWriters, b.N, func(ctx context.Context, c order.Command) error {
		_, err := h.Handle(ctx, orders.Request{Command: c})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N * len(consumers)))
	all := make(chan struct{})
	count := func(ctx context.Context, _ string, records []eventsourcing.Record, next func(context.Context) error) error {
		err := next(ctx)
		if left.Add(-int64(len(records))) == 0 {
			close(all)
		}
		return err
	}
	recorder := explain.NewRecorder(explain.RecorderConfig{Consumers: names, Now: time.Now})
	router, err := fanout.New(fanout.Config{Lanes: 2, LanesOf: lanesOf, Batch: batch, Middleware: fanout.Around(count, recorder.Consume)}, consumers...)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	spent := cpuTime()
	b.ResetTimer()
	go func() { ended <- router.Run(ctx) }()
	<-all
	b.StopTimer()
	spent = cpuTime() - spent
	runtime.ReadMemStats(&after)
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	effects := float64(b.N * len(consumers))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/effects, "ns/effect")
	b.ReportMetric(float64(spent.Nanoseconds())/effects/1000, "cpu-us/effect")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/effects, "allocs/effect")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/effects, "B/effect")
}
