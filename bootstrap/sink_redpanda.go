package bootstrap

import (
	"context"
	"errors"
	"strings"
	"time"

	"orderflow/adapters/redpanda"
	topic "orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
)

// brokerPatience is how long a start waits for brokers. They may become available later.
const brokerPatience = 5 * time.Second

// openTopicSink returns the publisher to the topic. It returns an error when brokers refuse the
// configuration, because only an operator can change it. When no broker answers, the service starts
// anyway: events wait in the store, and the consumer shows its lag and that it is failing.
func (a *App) openTopicSink(ctx context.Context) (publisher, error) {
	p, err := topic.New(topic.Config{
		Config: a.redpanda(),
		Published: func(record eventsourcing.Record, partition int32, offset int64) {
			a.recorder.Published(a.publisher, record, partition, offset)
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	switch err := p.Connect(ctx); {
	case err == nil:
		return p, nil
	case errors.Is(err, redpanda.ErrRefused):
		return nil, errors.Join(withFlags(err), p.Close())
	default:
		a.log.Warn("no broker answers; events wait in the store and are published as soon as one does. If this is the wrong place, say --brokers=host:port, or --sink=none to publish nothing",
			"brokers", strings.Join(a.config.Redpanda.Brokers, ","), "error", withFlags(err))
		return p, nil
	}
}
