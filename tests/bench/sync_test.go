package bench_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"orderflow/tests/bench/pace"
)

// BenchmarkSync measures the speed of the disk for one small commit. All other figures depend on
// it.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() }) // nobody reads it
	commit, took := make([]byte, 1024), make(pace.Quantiles, 0, b.N)
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(commit); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(took.At(0.50), "p50-ms")
	b.ReportMetric(took.At(0.99), "p99-ms")
}
