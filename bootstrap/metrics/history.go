package metrics

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// latencies are the buckets of what a store does.
func latencies() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// History measures the loads and appends of commands. The histograms have no native buckets: those
// allocate memory when they grow, and commands are the hot path.
type History struct {
	load, append prometheus.Observer
	events       map[string]prometheus.Counter
	other        prometheus.Counter
}

// otherEvent stands for the event types that were not named.
const otherEvent = "other"

// NewHistory returns a History of a kind of store. types are the event types to expect; others are
// counted as "other".
func NewHistory(registerer prometheus.Registerer, store string, types []string) *History {
	histogram := func(name, help string) prometheus.Observer {
		vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies()}, []string{"store"})
		registerer.MustRegister(vec)
		return vec.WithLabelValues(store)
	}
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderflow_events_appended_total", Help: "Events that commands have appended, by type.",
	}, []string{"event_type"})
	registerer.MustRegister(events)
	h := &History{
		load:   histogram("orderflow_store_load_duration_seconds", "How long commands waited for a part of a history, also when that failed."),
		append: histogram("orderflow_store_append_duration_seconds", "How long commands waited until their events were durable, also when that failed."),
		events: make(map[string]prometheus.Counter), other: events.WithLabelValues(otherEvent),
	}
	for _, name := range types {
		h.events[name] = events.WithLabelValues(name)
	}
	return h
}

// Store measures the calls of next.
func (h *History) Store(next ports.EventStore) ports.EventStore { return measuredStore{h, next} }

// Pages measures the calls of next, as loads.
func (h *History) Pages(next ports.HistoryPager) ports.HistoryPager { return measuredPages{h, next} }

type measuredStore struct {
	*History
	next ports.EventStore
}

// Load implements ports.EventStore.
func (s measuredStore) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	began := time.Now()
	records, err := s.next.Load(ctx, aggregateID, after)
	s.load.Observe(time.Since(began).Seconds())
	return records, err
}

// Append implements ports.EventStore.
func (s measuredStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	began := time.Now()
	appended, err := s.next.Append(ctx, a)
	s.append.Observe(time.Since(began).Seconds())
	if err == nil && !appended.Duplicate {
		for i := range a.Records {
			s.appended(a.Records[i].EventType)
		}
	}
	return appended, err
}

func (h *History) appended(eventType string) {
	if count := h.events[eventType]; count != nil {
		count.Inc()
		return
	}
	h.other.Inc()
}

type measuredPages struct {
	*History
	next ports.HistoryPager
}

// LoadPage implements ports.HistoryPager.
func (p measuredPages) LoadPage(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) ([]eventsourcing.Record, error) {
	began := time.Now()
	records, err := p.next.LoadPage(ctx, aggregateID, after, limit)
	p.load.Observe(time.Since(began).Seconds())
	return records, err
}
