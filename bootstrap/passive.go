package bootstrap

import (
	"context"
	"errors"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// errPassive is why something does not work in a service that only answers, see [Config.Passive].
var errPassive = errors.New("this service only answers: it runs no consumers and publishes nothing")

// noSink takes the place of the sink in a passive service.
type noSink struct{}

// Publish implements ports.Publisher.
func (noSink) Publish(context.Context, eventsourcing.Record) error { return errPassive }

// Close implements io.Closer.
func (noSink) Close() error { return nil }

// noFeed takes the place of a feed that has to read in order to know something: in a passive service it knows nothing.
type noFeed struct{}

// Subscribe implements ports.ChangeFeed.
func (noFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return nil, errPassive }

// SeekEnd implements ports.ChangeFeed.
func (noFeed) SeekEnd(context.Context, string) error { return errPassive }

// Lag implements ports.ChangeFeed: it is not known.
func (noFeed) Lag(context.Context, string) (ports.Lag, error) { return ports.Lag{}, nil }
