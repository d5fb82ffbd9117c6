package explain_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/application/explain"
	"orderflow/domain/eventsourcing"
)

// One operation is one record through one consumer, from several goroutines, as in lanes.
// "bytes/event" is the memory for one event when a recorder of five consumers is full.
func BenchmarkRecorder(b *testing.B) {
	consumers := []string{"a", "b", "c", "d", "e"}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	recorder := explain.NewRecorder(explain.RecorderConfig{Consumers: consumers, Now: time.Now})
	id, now := uuid.New(), time.Now()
	for n := range uint64(2 * explain.DefaultEvents) {
		recorder.Published("a", eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: id, SequenceNumber: n + 1, CreatedAt: now}}, 1, 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)

	next := func(context.Context) error { return nil }
	var number atomic.Uint64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id, ctx := uuid.New(), context.Background()
		for pb.Next() {
			n := number.Add(1)
			record := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: id, SequenceNumber: n / 5, CreatedAt: now}}
			if err := recorder.Consume(ctx, consumers[n%5], []eventsourcing.Record{record}, next); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/explain.DefaultEvents, "bytes/event")
}
