package consumer

import (
	"context"
	"errors"
	"time"

	"orderflow/ports"
)

// lagPatience bounds how long a status waits for the lag of a feed that should answer at once.
const lagPatience = 250 * time.Millisecond

// Status returns the state of the consumer. It waits for nothing but the feed's lag, and for that
// at most a quarter of a second. A figure that is not available is unknown, and the status says
// why.
func (c *Consumer) Status(ctx context.Context) ports.ConsumerStatus {
	status := c.health.Status()
	record := c.decisions.Record()
	status.Name, status.Live, status.Previous = c.config.Name, record.Live, record.Previous
	status.Lag, status.LagError = c.lag(ctx)
	set := c.lot.Summary()
	status.Parked, status.Waiting, status.OldestParked = set.Parked, set.Waiting, set.Oldest
	if status.Parked > 0 && status.State == ports.ConsumerRunning {
		status.State = ports.ConsumerParked
	}
	if age, known := c.config.Beats.Age(c.config.Name, c.config.Now()); known && status.Lag.Known {
		// a feed whose reader has ended reports that nothing is left to deliver
		status.Lag.Age = max(status.Lag.Age, age)
	}
	switch status.State {
	case ports.ConsumerCatchingUp, ports.ConsumerExpired, ports.ConsumerRebuilding:
		status.Lag = ports.Lag{} // the offset is at the end already, the view is not
	}
	if status.Lag.Known && c.config.Retention > 0 {
		status.Headroom = new(max(0, c.config.Retention-status.Lag.Age))
	}
	if feed, ok := c.config.Feed.(ports.Strangers); ok {
		for _, stranger := range feed.Strangers(c.config.Name) {
			status.Foreign += stranger.Count
		}
	}
	return status
}

func (c *Consumer) lag(ctx context.Context) (ports.Lag, string) {
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	lag, err := c.config.Feed.Lag(ctx, c.config.Name)
	switch {
	case errors.Is(err, ports.ErrNoOffset):
		return ports.Lag{}, ""
	case err != nil:
		return ports.Lag{}, err.Error()
	default:
		return lag, ""
	}
}
