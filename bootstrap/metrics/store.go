package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/embedded"
)

// Store exports what the embedded store knows about itself.
func Store(store *embedded.Store) prometheus.Collector {
	m := &figures[embedded.Stats]{prefix: "orderflow_store_", read: store.Stats}
	m.add(prometheus.CounterValue, "damaged_rows_total", "Stored rows that could not be read; the log names them.",
		func(s embedded.Stats) float64 { return float64(s.DamagedRows) })
	m.add(prometheus.GaugeValue, "free_bytes", "Free space on the disk that holds the data directory.",
		func(s embedded.Stats) float64 { return float64(s.FreeBytes) })
	m.add(prometheus.GaugeValue, "size_bytes", "What the store takes on the disk, with its log of writes.",
		func(s embedded.Stats) float64 { return float64(s.SizeBytes) })
	m.add(prometheus.GaugeValue, "wal_size_bytes", "What the log of writes takes on the disk.",
		func(s embedded.Stats) float64 { return float64(s.WALBytes) })
	m.add(prometheus.GaugeValue, "outbox_records", "Records that the outbox holds.",
		func(s embedded.Stats) float64 { return float64(s.Outbox) })
	m.add(prometheus.GaugeValue, "appends_waiting", "Appends that wait for their turn to be written.",
		func(s embedded.Stats) float64 { return float64(s.Waiting) })
	m.add(prometheus.GaugeValue, "full", "1 while the disk has too little free space and writes are refused, else 0.",
		func(s embedded.Stats) float64 { return oneIf(s.Full) })
	m.add(prometheus.GaugeValue, "failed", "1 when a write has failed and writes are refused until the process starts again, else 0.",
		func(s embedded.Stats) float64 { return oneIf(s.Failed) })
	return m
}

func oneIf(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
