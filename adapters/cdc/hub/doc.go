// Package hub keeps the end of a change feed in memory: what both readers of the log find, without
// duplicates and in order, and the place of each consumer. It does no I/O, except through
// [Config].Read for a consumer that is further behind than the memory goes back. One mutex guards
// all of it, and nothing waits while it is locked.
//
// The package has about 1,700 lines. Consumers, subscriptions, tails and beats share that mutex and
// the records that it guards, so they are not divided.
package hub

import (
	"context"
	"log/slog"
	"time"

	"orderflow/adapters/cdc/cdclog"
)

// Config configures a [Hub]. All fields are required. They are those of the feed's configuration.
type Config struct {
	Retention, Stale, Fresh, Patience                  time.Duration
	TailRecords, TailBytes, Remembered, CatchUpRecords int

	Now         func() time.Time
	Logger      *slog.Logger
	OnMalformed func(*cdclog.MalformedRowError)
	// Read returns the contents of the log after from, up to to, or up to an earlier time when that
	// would be too much at once. It also returns that time.
	Read func(ctx context.Context, from, to time.Time) ([]Entry, time.Time, error)
}
