// Package hub keeps the end of a change feed in memory: what both readers of the log find, without
// duplicates and in order, and where each consumer stands. It does no I/O, except through
// [Config].Read for a consumer that is further behind than memory reaches. One mutex guards all of it,
// and nothing under it waits.
package hub

import (
	"context"
	"log/slog"
	"time"

	"orderflow/adapters/cdc/cdclog"
)

// Config says how a [Hub] works. All of it is required; the fields are those of the feed's configuration.
type Config struct {
	Retention, Stale, Fresh, Patience                  time.Duration
	TailRecords, TailBytes, Remembered, CatchUpRecords int

	Now         func() time.Time
	Logger      *slog.Logger
	OnMalformed func(*cdclog.MalformedRowError)
	// Read returns what is in the log behind from, up to to, or to an earlier time when that would be too
	// much at once; and that time.
	Read func(ctx context.Context, from, to time.Time) ([]Entry, time.Time, error)
}
