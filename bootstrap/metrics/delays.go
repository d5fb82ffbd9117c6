package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/eventsourcing"
)

// Delays measures how long events take from their commit to the end of their effect, for each
// consumer. The histogram has fixed buckets, and native ones for a server that scrapes those.
type Delays struct {
	of  map[string]prometheus.Observer
	now func() time.Time
}

// The bounds of native buckets: neighbours differ by a tenth at most, and when there are too many,
// they are merged.
const (
	nativeFactor  = 1.1
	nativeBuckets = 100
	nativeReset   = time.Hour
)

// NewDelays returns the Delays of consumers. Other consumers are not measured.
func NewDelays(registerer prometheus.Registerer, consumers []string, now func() time.Time) *Delays {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orderflow_consumer_commit_to_applied_seconds",
		Help: "Time from the moment of an event, in milliseconds of the writer's clock, to the end of its effect. " +
			"What was read from the event store instead of the feed is not in it.",
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
		NativeHistogramBucketFactor:     nativeFactor,
		NativeHistogramMaxBucketNumber:  nativeBuckets,
		NativeHistogramMinResetDuration: nativeReset,
	}, []string{"consumer"})
	registerer.MustRegister(vec)
	d := &Delays{of: make(map[string]prometheus.Observer, len(consumers)), now: now}
	for _, name := range consumers {
		d.of[name] = vec.WithLabelValues(name)
	}
	return d
}

// Consume is called around a delivery of records, see fanout.AroundFunc. A delivery that fails is
// not measured, because the consumer tries it again.
func (d *Delays) Consume(
	ctx context.Context, consumer string, records []eventsourcing.Record, next func(context.Context) error,
) error {
	if err := next(ctx); err != nil {
		return err
	}
	if of := d.of[consumer]; of != nil {
		now := d.now()
		for i := range records {
			// a clock that runs behind the writer's must not give negative times
			of.Observe(max(0, now.Sub(records[i].CreatedAt).Seconds()))
		}
	}
	return nil
}
