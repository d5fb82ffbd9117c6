package bench_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"orderflow/tests/bench/pace"
)

// BenchmarkService measures the whole service in this process, with a file as sink: the highest
// rate that every view follows, and the latencies below it. It ignores b.N: run it once. Command
// drive measures services in processes of their own.
func BenchmarkService(b *testing.B) {
	for i, where := range []string{"process", "http-in-process"} {
		sender, local := senders[i], &pace.Local{Views: viewNames()}
		s := startService(b, sinkFile, local.Shown)
		local.Handle = sender.open(b, s)
		pace.DefaultPlan.Bench(b, "where="+where+"/system=this", local)
	}
}

// BenchmarkPacedSync measures the least that a durable command takes at the rate of
// BenchmarkLatency: a small append to a file and its sync. What is due meanwhile is appended
// together and needs one sync. It counts from the moment when each append was due.
func BenchmarkPacedSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() }) // nobody reads it
	record, took := make([]byte, 1024), make(pace.Quantiles, 0, b.N)
	due := func(n int) time.Duration { return time.Duration(n+1) * time.Second / perSecond }
	start := time.Now()
	for len(took) < b.N {
		pace.Pause(due(len(took)) - time.Since(start))
		waiting := 0
		for n := len(took); n < b.N && due(n) <= time.Since(start); n++ {
			if _, err := f.Write(record); err != nil {
				b.Fatal(err)
			}
			waiting++
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		for range waiting {
			took = append(took, time.Since(start)-due(len(took)))
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op") // the rate is fixed
	b.ReportMetric(took.At(0.50), "p50-ms")
	b.ReportMetric(took.At(0.99), "p99-ms")
}
