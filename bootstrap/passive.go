package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// errPassive is the error for everything that a passive service does not do, see [Config.Passive].
var errPassive = errors.New("this service only answers: it runs no consumers and publishes nothing")

// noSink replaces the sink in a passive service.
type noSink struct{}

// Publish implements ports.Publisher.
func (noSink) Publish(context.Context, eventsourcing.Record) error { return errPassive }

// Close implements io.Closer.
func (noSink) Close() error { return nil }

// noFeed replaces a feed that must read to know its lag. In a passive service it knows nothing.
type noFeed struct{}

// Subscribe implements ports.ChangeFeed.
func (noFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return nil, errPassive }

// SeekEnd implements ports.ChangeFeed.
func (noFeed) SeekEnd(context.Context, string) error { return errPassive }

// OpenTail implements ports.FeedTail.
func (noFeed) OpenTail(context.Context, ports.Place) (ports.Tail, error) {
	return nil, fmt.Errorf("%w: %w", ports.ErrUnavailable, errPassive)
}

// Lag implements ports.ChangeFeed. The lag is not known.
func (noFeed) Lag(context.Context, string) (ports.Lag, error) { return ports.Lag{}, nil }
