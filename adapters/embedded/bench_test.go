package embedded_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// BenchmarkAppend compares Store.Append, at writers=N, with Pebble alone, at raw=N: the same goroutines commit, one batch an
// append and each waiting for its fsync, exactly the bytes that the store writes, without looking anything up. One operation
// is one append of one event to an aggregate of its own.
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
			db, err := pebble.Open(b.TempDir(), embedded.PebbleOptions())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { b.StopTimer(); _ = db.Close() }()
			var position atomic.Uint64
			inParallel(b, writers, func(int) error {
				batch := db.NewBatch()
				if err := embedded.FillBatch(batch, benchAppend(), position.Add(1)); err != nil {
					return err
				}
				return errors.Join(batch.Commit(pebble.Sync), batch.Close())
			})
		})
	}
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

// BenchmarkFeed delivers what was appended before, and commits each delivery: from the ring in memory, and from disk for a
// consumer that is behind it. One operation is one record.
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

// BenchmarkApply applies changes of one row each, half of them to an order that is there.
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
