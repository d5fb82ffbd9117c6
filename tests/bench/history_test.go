package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/snapshot"
	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// BenchmarkHistory measures one command on orders with short and with long histories: warm, while
// the state is in memory, and cold, when it has to be read. The ratio of long to short is what a
// history costs.
func BenchmarkHistory(b *testing.B) {
	const short, long = 10, 10_000
	store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	aggregate := orders.Aggregate(orderjson.New())
	keeper := snapshot.NewKeeper(snapshot.Config{
		Store: store, History: store, Every: 50, Logger: slog.New(slog.DiscardHandler),
	}, aggregate.Snapshot(store))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = keeper.Run(ctx) }() // it always returns nil
	b.Cleanup(func() { stop(); <-ended })
	handler := func(cache int) orders.Commands {
		return orders.NewCommands(orderjson.New(), command.Config{
			Store: store, Now: time.Now, NewID: workload.NewID, Exclusive: true, Cache: command.NewCache(cache),
			Pages: store, Snapshots: keeper.Shelf(command.SnapshotName),
			Finder: store,
		})
	}
	warm, cold := handler(64<<20), handler(0)
	var changes atomic.Int64
	change := func(b *testing.B, h orders.Commands, id uuid.UUID) {
		_, err := h.Handle(b.Context(), orders.Request{Command: order.UpdateItems{
			OrderID: id, Items: []order.Item{{SKU: "A-1", Quantity: changes.Add(1)%10_000 + 1, UnitPrice: 1250}},
		}})
		if err != nil {
			b.Error(err)
		}
	}
	// Commands make short histories longer, so there are many of them.
	pool := map[int][]uuid.UUID{short: make([]uuid.UUID, 4_000), long: make([]uuid.UUID, 4)}
	for events, ids := range pool {
		writers, next := sync.WaitGroup{}, atomic.Int64{}
		for range min(64, len(ids)) {
			writers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(ids); i = int(next.Add(1)) - 1 {
					ids[i] = workload.NewID()
					create := orders.Request{Command: workload.Create().Command(ids[i], 0)}
					if _, err := warm.Handle(b.Context(), create); err != nil {
						b.Error(err)
					}
					for range events - 1 {
						change(b, warm, ids[i])
					}
				}
			})
		}
		writers.Wait()
	}
	next := 0
	for _, state := range []struct {
		name    string
		handler orders.Commands
	}{{"warm", warm}, {"cold", cold}} {
		for _, events := range []int{short, long} {
			b.Run(fmt.Sprintf("state=%s/events=%d", state.name, events), func(b *testing.B) {
				b.ReportAllocs()
				before := cpuTime()
				for b.Loop() {
					next++
					change(b, state.handler, pool[events][next%len(pool[events])])
				}
				b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
			})
		}
	}
}
