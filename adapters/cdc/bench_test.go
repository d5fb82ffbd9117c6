package cdc_test

import (
	"testing"

	"orderflow/tests/scyllasim"
)

// BenchmarkFeed_Latency measures the time from the acknowledgement of an outbox row to its
// delivery, with the default settings of the fast reader. Most of it is waiting, so it says little
// about the throughput of a process.
func BenchmarkFeed_Latency(b *testing.B) {
	s := simulated(b, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.FastDelay, config.FastIdleDelay = 0, 0
	r := follow(b, s, config)
	n := uint64(0)
	for b.Loop() {
		n++
		b.StopTimer()
		r.put(n)
		b.StartTimer()
		r.commit(r.expect(n)[0])
	}
}

// BenchmarkFeed_Backlog measures the time for a record of a backlog that one consumer reads from
// the log, page by page.
func BenchmarkFeed_Backlog(b *testing.B) {
	s := simulated(b, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.TailRecords = 1
	r := follow(b, s, config)
	for n := range uint64(b.N) {
		r.put(n + 1)
	}
	b.ResetTimer()
	for n := range uint64(b.N) {
		r.expect(n + 1)
	}
}
