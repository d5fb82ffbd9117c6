package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/ports"
)

// scrapeTimeout bounds how long one scrape waits for the consumers. They answer from memory, except
// for their lag.
const scrapeTimeout = 5 * time.Second

// Consumers exports the status of the consumers.
func Consumers(monitor ports.ConsumerMonitor) prometheus.Collector { return newConsumers(monitor) }

// consumers reads the status of the consumers at each scrape, so a figure is never older than
// the scrape.
type consumers struct {
	monitor                                       ports.ConsumerMonitor
	lagEvents, lagAge, lagKnown, headroom, state  *prometheus.Desc
	handled, duplicates, healed, retries, failing *prometheus.Desc
	expired, reconciled, foreign                  *prometheus.Desc
	parked, waiting, oldestParked                 *prometheus.Desc
	generation, rebuildDone, rebuildTotal         *prometheus.Desc
}

func newConsumers(monitor ports.ConsumerMonitor) *consumers {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("orderflow_consumer_"+name, help, append([]string{"consumer"}, labels...), nil)
	}
	return &consumers{
		monitor:    monitor,
		lagEvents:  desc("lag_events", "Events between the consumer's offset and the end of the feed. Absent while it is not known."),
		lagAge:     desc("lag_age_seconds", "Age of the oldest of those events; 0 when there is none. Absent while it is not known."),
		lagKnown:   desc("lag_known", "1 while the lag is known, else 0."),
		headroom:   desc("headroom_seconds", "Time until the feed drops what the consumer has not handled; it then catches up from the event store. Absent while it is not known."),
		state:      desc("state", "1 for the state that the consumer is in.", "state"),
		handled:    desc("events_handled_total", "Events whose effect was applied."),
		duplicates: desc("events_duplicate_total", "Events that were delivered again and dropped."),
		healed:     desc("events_healed_total", "Events that the feed had skipped and that were read from the event store."),
		retries:    desc("retries_total", "Attempts that failed."),
		failing:    desc("failing_seconds", "For how long the oldest failure has lasted; 0 when there is none."),

		expired: desc("offsets_expired_total", "Times that the feed no longer held the records after the offset."),
		reconciled: desc("orders_reconciled_total",
			"Aggregates that the background check found behind. A value above 0 needs an explanation."),
		foreign: desc("records_foreign_total",
			"Messages and records of the feed that are no events of the event store. They have no effect."),
		parked:       desc("parked_orders", "Aggregates that are parked."),
		waiting:      desc("parked_waiting", "How many of them wait for a newer version of the program."),
		oldestParked: desc("parked_oldest_seconds", "For how long the first of them has been parked; 0 when there is none."),
		generation:   desc("live_generation", "Number of the generation of the view that queries read."),
		rebuildDone:  desc("rebuild_orders_done", "Aggregates that the phase of the newest rebuild has finished. Absent without a rebuild.", "phase"),
		rebuildTotal: desc("rebuild_orders_expected",
			"Aggregates that the newest rebuild has to fill. Absent without a rebuild.", "phase"),
	}
}

func (m *consumers) Describe(descs chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(m, descs)
}

func (m *consumers) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, s := range m.monitor.Consumers(ctx) {
		figure := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			metric, err := prometheus.NewConstMetric(desc, kind, value, append([]string{s.Name}, labels...)...)
			if err != nil { // a label that is not valid text must not end the process
				metric = prometheus.NewInvalidMetric(desc, err)
			}
			metrics <- metric
		}
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			figure(desc, prometheus.GaugeValue, value, labels...)
		}
		counter := func(desc *prometheus.Desc, value uint64) { figure(desc, prometheus.CounterValue, float64(value)) }
		if s.Lag.Known {
			gauge(m.lagEvents, float64(s.Lag.Events))
			gauge(m.lagAge, s.Lag.Age.Seconds())
			gauge(m.lagKnown, 1)
		} else {
			gauge(m.lagKnown, 0)
		}
		if s.Headroom != nil {
			gauge(m.headroom, s.Headroom.Seconds())
		}
		gauge(m.state, 1, string(s.State))
		failing := 0.0
		if s.Failure != nil {
			failing = time.Since(s.Failure.Since).Seconds()
		}
		gauge(m.failing, failing)
		counter(m.handled, s.Handled)
		counter(m.duplicates, s.Duplicates)
		counter(m.healed, s.Healed)
		counter(m.retries, s.Retries)
		counter(m.expired, s.Expired)
		counter(m.reconciled, s.Reconciled)
		counter(m.foreign, s.Foreign)
		gauge(m.parked, float64(s.Parked))
		gauge(m.waiting, float64(s.Waiting))
		oldest := 0.0
		if s.Parked > 0 {
			oldest = time.Since(s.OldestParked).Seconds()
		}
		gauge(m.oldestParked, oldest)
		gauge(m.generation, float64(s.Live.Number))
		if s.Rebuild != nil {
			gauge(m.rebuildDone, float64(s.Rebuild.Done), string(s.Rebuild.Phase))
			gauge(m.rebuildTotal, float64(s.Rebuild.Total), string(s.Rebuild.Phase))
		}
	}
}
