package cdc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc/cdclog"
)

// Offsets stores the offset of each consumer durably.
type Offsets interface {
	// LoadOffsets returns what was saved for a consumer, by stream. Offsets are UUIDs of version 1
	// that stand for times. It returns an empty map when nothing was saved.
	LoadOffsets(ctx context.Context, consumer string) (map[string]uuid.UUID, error)
	// SaveOffsets replaces the offsets of the same streams.
	SaveOffsets(ctx context.Context, consumer string, offsets map[string]uuid.UUID) error
}

// WholeLog is the one stream for which a [Feed] saves an offset: a time up to which a consumer has
// finished every CDC stream.
const WholeLog = "log"

// MalformedRowError says that a log row should be a record and is not. It is an [ports.ErrCorrupt].
type MalformedRowError = cdclog.MalformedRowError

// Config configures a [Feed]. Session, Keyspace and Offsets are required. Zero values of the other
// fields mean the defaults.
type Config struct {
	// Session belongs to the caller, who closes it after the feed.
	Session *gocql.Session
	// Keyspace and Table name the outbox, not its log. The default of Table is outbox_messages.
	Keyspace, Table string
	Offsets         Offsets
	// Retention is the highest age of an offset. 0 means the time for which the CDC log keeps rows.
	// [Open] refuses a longer one.
	Retention time.Duration
	// Consistency is the consistency level of reads of the log. The default is LOCAL_QUORUM.
	Consistency gocql.Consistency

	// FastDelay is the age at which the fast reader reads a row, and its pause between two passes.
	// The default is 15 milliseconds.
	FastDelay time.Duration
	// FastIdleDelay is the longest pause between two passes of the fast reader while nothing comes.
	// The default is 100 ms.
	FastIdleDelay time.Duration
	// UnusedDelay is its pause while nothing in this process follows the feed, because other
	// processes run all consumers and there is no stream. The default is 1 second.
	UnusedDelay time.Duration

	// Confidence is the age at which the safe reader reads a row. The default is 30 seconds. A row
	// that becomes visible later is lost to the feed, and a consumer fills the gap from the event
	// store. The clocks of the servers must differ by much less.
	Confidence time.Duration
	// SafeDelay is the pause between two passes of the safe reader. The default is 10 seconds.
	SafeDelay time.Duration
	// Stale is the highest age of the safe reader's progress while a lag is known. The default
	// allows for Confidence and three passes.
	Stale time.Duration
	// Fresh is the same for the fast reader. It is also the highest age of a lag. The default is 3
	// seconds. It must be above GenerationDelay.
	Fresh time.Duration

	// GenerationDelay is the pause between two checks of the fast reader for new streams. So it may
	// find their rows that much later. The default is 1 second.
	GenerationDelay time.Duration
	// Patience is how long a record waits for its predecessor. The default is 75 milliseconds.
	Patience time.Duration
	// SaveEvery is the pause between two saves of offsets. The default is 1 second.
	SaveEvery time.Duration

	// TailRecords and TailBytes bound the tail: the end of the feed that is in memory for all
	// consumers together. The defaults are 8,192 and 32 MiB. A consumer that is further behind
	// reads the log separately. Records that wait for a predecessor may take as many bytes again,
	// and so may a page of each such consumer.
	TailRecords, TailBytes int
	// Remembered is the number of records, and of aggregates, that are kept to recognise duplicates
	// and gaps. The default is 65,536.
	Remembered int
	// CatchUpRecords is the approximate number of records that a consumer reads at once from the
	// log. The default is 1,000.
	CatchUpRecords int

	// Now returns the time of the servers, without I/O. The default is time.Now. When it is wrong
	// for a while, nothing is lost.
	Now    func() time.Time
	Logger *slog.Logger
	// OnMalformed is called for each row that should be a record and is not. It must not block.
	OnMalformed func(*MalformedRowError)
}

// withDefaults returns the complete configuration, or an error that says what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Session == nil || c.Keyspace == "" || c.Offsets == nil {
		return c, errors.New("cdc: Session, Keyspace and Offsets are required")
	}
	c.Table = cmp.Or(c.Table, "outbox_messages")
	c.Consistency = cmp.Or(c.Consistency, gocql.LocalQuorum)
	for value, fallback := range map[*time.Duration]time.Duration{
		&c.FastDelay: 15 * time.Millisecond, &c.FastIdleDelay: 100 * time.Millisecond,
		&c.UnusedDelay: time.Second,
		&c.Confidence:  30 * time.Second, &c.SafeDelay: 10 * time.Second, &c.Fresh: 3 * time.Second,
		&c.GenerationDelay: time.Second, &c.Patience: 75 * time.Millisecond, &c.SaveEvery: time.Second,
	} {
		*value = cmp.Or(*value, fallback)
	}
	c.Stale = cmp.Or(c.Stale, c.Confidence+3*c.SafeDelay)
	c.TailRecords = cmp.Or(c.TailRecords, 8192)
	c.TailBytes = cmp.Or(c.TailBytes, 32<<20)
	c.Remembered = cmp.Or(c.Remembered, 65536)
	c.CatchUpRecords = cmp.Or(c.CatchUpRecords, 1000)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnMalformed == nil {
		c.OnMalformed = func(*MalformedRowError) {}
	}
	switch {
	case c.Confidence <= c.FastDelay:
		return c, errors.New("cdc: Confidence must be above FastDelay")
	case c.Stale <= c.Confidence+c.SafeDelay:
		return c, errors.New("cdc: Stale must be above Confidence and SafeDelay together, or no lag is ever known")
	case c.Fresh <= c.GenerationDelay:
		return c, errors.New("cdc: Fresh must be above GenerationDelay, or no lag is ever known")
	case c.Retention != 0 && c.Retention <= c.Confidence:
		return c, errors.New("cdc: Retention must be above Confidence")
	}
	return c, nil
}
