package bench_test

import (
	"context"
	"fmt"
	"log/slog"
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
		Store: store, History: store, Every: 200, Logger: slog.New(slog.DiscardHandler),
	}, aggregate.Snapshot())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = keeper.Run(ctx) }() // it always returns nil
	b.Cleanup(func() { stop(); <-ended })
	handler := func(cache int) orders.Commands {
		return orders.NewCommands(orderjson.New(), command.Config{
			Store: store, Now: time.Now, NewID: workload.NewID, Exclusive: true, Cache: command.NewCache(cache),
			Pages: store, Snapshots: keeper.Shelf(command.SnapshotName),
		})
	}
	warm, cold := handler(64<<20), handler(0)
	changes := int64(0)
	change := func(b *testing.B, h orders.Commands, id uuid.UUID) {
		changes++
		_, err := h.Handle(b.Context(), orders.Request{Command: order.UpdateItems{
			OrderID: id, Items: []order.Item{{SKU: "A-1", Quantity: changes%10_000 + 1, UnitPrice: 1250}},
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	// Commands make short histories longer, so there are many of them.
	pool := map[int][]uuid.UUID{short: make([]uuid.UUID, 100), long: make([]uuid.UUID, 2)}
	for _, events := range []int{short, long} {
		for i := range pool[events] {
			pool[events][i] = workload.NewID()
			if _, err := warm.Handle(b.Context(), orders.Request{Command: workload.Create().Command(pool[events][i], 0)}); err != nil {
				b.Fatal(err)
			}
			for range events - 1 {
				change(b, warm, pool[events][i])
			}
		}
	}
	for name, h := range map[string]orders.Commands{"warm": warm, "cold": cold} {
		for _, events := range []int{short, long} {
			b.Run(fmt.Sprintf("state=%s/events=%d", name, events), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					change(b, h, pool[events][i%len(pool[events])])
					i++
				}
			})
		}
	}
}
