package cloudevents_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
)

// One operation is one event. With a file it is fsynced before Publish returns.
func BenchmarkPublisher(b *testing.B) {
	for _, target := range []string{"file", "writer"} {
		for _, publishers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s, %d publishers", target, publishers), func(b *testing.B) {
				p := cloudevents.NewWriter(io.Discard, cloudevents.Config{})
				if target == "file" {
					closePublisher(b, p)
					p = openFile(b, tempPath(b))
				}
				record := newRecord(uuid.New(), 1)
				record.Payload = []byte(`{"customer_id":"0198c2a4-0000-7000-8000-000000000002","currency":"EUR","items":[{"sku":"A-1","quantity":2,"unit_price":1250}]}`)
				var next atomic.Int64
				var group sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for range publishers {
					group.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if err := p.Publish(context.Background(), record); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				closePublisher(b, p)
			})
		}
	}
}
