package bench_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"orderflow/tests/bench/pace"
)

// BenchmarkCost measures what one command costs until all views have it and the file is written:
// CPU time and allocations of the process, which contain the client's. At the low rate every record
// is handled by itself; flat out, lanes carry batches. These figures depend less on other work of
// the machine than latencies do.
func BenchmarkCost(b *testing.B) {
	for _, rate := range []float64{perSecond, 1e6} {
		for _, sender := range senders {
			b.Run(fmt.Sprintf("rate=%.0f/sender=%s", rate, sender.name), func(b *testing.B) {
				first := pace.NewTimeline(1, perSecond, viewNames())
				t := pace.NewTimeline(b.N, rate, viewNames())
				s := startService(b, sinkFile, func(view string, orderID uuid.UUID, sequence uint64) {
					first.Shown(view, orderID, sequence)
					t.Shown(view, orderID, sequence)
				})
				send := sender.open(b, s)
				run(b, first, send)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				spent := cpuTime()
				run(b, t, send)
				spent = cpuTime() - spent
				runtime.ReadMemStats(&after)
				b.ReportMetric(0, "ns/op") // the rate is fixed
				b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-us/command")
				b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/command")
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N), "B/command")
			})
		}
	}
}
