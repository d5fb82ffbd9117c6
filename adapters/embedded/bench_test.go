package embedded_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// BenchmarkAppend compares Store.Append, at writers=N, with Pebble alone, at raw=N. There the same
// number of goroutines commits the same bytes, one batch for each append, and each waits for its
// fsync. Nothing is looked up. One operation is one append of one event to an aggregate of its own.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			store := openBench(b)
			inParallel(b, writers, func(int) error {
				_, err := store.Append(context.Background(), benchAppend())
				return err
			})
		})
		b.Run(fmt.Sprintf("raw=%d", writers), func(b *testing.B) {
			db, err := engine.Open(b.Context(), engine.Options{Dir: b.TempDir(), CacheBytes: 64 << 20, Logger: slog.New(slog.DiscardHandler), FS: vfs.Default},
				func(*engine.DB, datadir.Before) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
			defer func() { b.StopTimer(); _ = db.Close(func() {}) }()
			var position atomic.Uint64
			inParallel(b, writers, func(int) error {
				batch := db.NewBatch()
				fillBatch(batch, benchAppend(), position.Add(1))
				return db.Commit(batch)
			})
		})
	}
}

// fillBatch puts into batch what the store writes for an append whose record gets a position.
func fillBatch(batch *pebble.Batch, a ports.Append, position uint64) {
	value := stored(&a.Records[0])
	head := layout.Head{Sequence: 1, Position: position, AggregateType: a.Records[0].AggregateType}
	engine.Put(batch, layout.OutboxKey(position), value)
	engine.Put(batch, layout.EventKey(a.AggregateID, 1), value)
	engine.Put(batch, layout.HeadKey(a.AggregateID), head.Encode())
	engine.Put(batch, layout.CommandKey(a.AggregateID, a.CommandID), layout.Span{First: 1, Count: 1}.Encode())
}

func openBench(b *testing.B) *embedded.Store {
	b.Helper()
	store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { b.StopTimer(); mustClose(b, store) })
	return store
}

// inParallel spreads b.N calls of f over some goroutines.
func inParallel(b *testing.B, goroutines int, f func(n int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := f(int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "op/s")
}

// benchAppend is one event with a payload of the size of a small order.
func benchAppend() ports.Append {
	id, command := uuid.New(), uuid.New()
	return ports.Append{AggregateID: id, CommandID: command, Records: []eventsourcing.Record{{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       uuid.New(), AggregateID: id, SequenceNumber: 1, CommandID: command, CorrelationID: command, CausationID: command,
			Metadata: map[string]string{"user": "benchmark"}, CreatedAt: eventsourcing.Timestamp(time.Now()),
		},
		EventType: "order.created", EventVersion: 1, Payload: benchPayload,
	}}}
}

var benchPayload = binary.BigEndian.AppendUint64(make([]byte, 400), 0)

// BenchmarkFeed delivers what was appended before, and commits each delivery: from the ring in
// memory, and from disk for a consumer that is behind it. One operation is one record.
func BenchmarkFeed(b *testing.B) {
	for name, feedBytes := range map[string]int{"ring": 1 << 30, "disk": 1} {
		b.Run(name, func(b *testing.B) {
			store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir(), FeedBytes: feedBytes})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { b.StopTimer(); mustClose(b, store) })
			mustSeekEnd(b, store, "consumer")
			for left := b.N; left > 0; left -= 1000 { // in large appends, which are quick
				mustAppend(b, store, command(newID(), 0, min(left, 1000)))
			}
			sub := mustSubscribe(b, store, "consumer")
			inParallel(b, 1, func(int) error {
				d, err := sub.Next(context.Background())
				if err != nil {
					return err
				}
				return sub.Commit(context.Background(), d.Position)
			})
		})
	}
}

// BenchmarkApply applies changes of one row each, half of them to an order that exists.
func BenchmarkApply(b *testing.B) {
	store := openBench(b)
	orders := make([]uuid.UUID, b.N/2+1)
	for i := range orders {
		orders[i] = uuid.New()
	}
	inParallel(b, 1, func(n int) error {
		r := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: orders[n/2], SequenceNumber: uint64(n)}}
		return store.Apply(context.Background(), view, progress(r))
	})
}
