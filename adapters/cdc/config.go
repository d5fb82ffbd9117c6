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

// Offsets keeps where each consumer stands, durably.
type Offsets interface {
	// LoadOffsets returns what was saved for consumer, by stream: UUIDs of version 1, as times; empty when there is nothing.
	LoadOffsets(ctx context.Context, consumer string) (map[string]uuid.UUID, error)
	// SaveOffsets stores offsets in place of earlier ones of the same streams.
	SaveOffsets(ctx context.Context, consumer string, offsets map[string]uuid.UUID) error
}

// WholeLog is the one stream that a [Feed] saves an offset for: a time up to which a consumer is done with every CDC stream.
const WholeLog = "log"

// MalformedRowError is about a log row that should be a record and is not. It is an [ports.ErrCorrupt].
type MalformedRowError = cdclog.MalformedRowError

// Config says what a [Feed] reads and how. Session, Keyspace and Offsets are required; zero values elsewhere mean the defaults.
type Config struct {
	// Session stays the caller's, who closes it after the feed.
	Session *gocql.Session
	// Keyspace and Table name the outbox, not its log; Table defaults to outbox_messages.
	Keyspace, Table string
	Offsets         Offsets
	// Retention is how old an offset may get, at most; 0 is as old as what the CDC log keeps. [Open]
	// refuses one that is longer than that.
	Retention time.Duration
	// Consistency is that of reads of the log; default LOCAL_QUORUM.
	Consistency gocql.Consistency

	// FastDelay is the age from which the fast reader reads a row, and its pause between two passes; default 15 milliseconds.
	FastDelay time.Duration
	// FastIdleDelay is the pause between two passes that the fast reader slows down to while nothing comes; default 100 ms.
	FastIdleDelay time.Duration

	// Confidence is the age from which the safe reader reads a row; default 30 seconds. A row that becomes visible later
	// than that is lost to the feed, and a consumer fills the hole from the event store. Clocks of servers and of this
	// process must differ by much less.
	Confidence time.Duration
	// SafeDelay is the pause between two passes of the safe reader; default 10 seconds.
	SafeDelay time.Duration
	// Stale is how old the safe reader's progress may be while a lag is known; the default allows for
	// Confidence and three passes.
	Stale time.Duration
	// Fresh is the same for the fast reader, and how old a lag is, at most; default 3 seconds. It must
	// be above GenerationDelay.
	Fresh time.Duration

	// GenerationDelay is the pause between two looks of the fast reader for new streams, and how late it
	// may find what is in them; default 1 second.
	GenerationDelay time.Duration
	// Patience is how long a record waits for its predecessor; default 75 milliseconds.
	Patience time.Duration
	// SaveEvery is the pause between two saves of offsets; default 1 second.
	SaveEvery time.Duration

	// TailRecords and TailBytes bound the end of the feed that is kept in memory for all consumers together; defaults 8,192
	// and 32 MiB. A consumer that is further behind reads the log by itself. What waits for a predecessor may take as many
	// bytes again, and so may a page of each such consumer.
	TailRecords, TailBytes int
	// Remembered is the number of records, and of aggregates, that duplicates and holes are told by; default 65,536.
	Remembered int
	// CatchUpRecords is about how many records a consumer that reads by itself takes at once; default 1,000.
	CatchUpRecords int

	// Now is what time it is on the servers; default time.Now.
	Now    func() time.Time
	Logger *slog.Logger
	// OnMalformed is called for each row that cannot be a record. It must not block.
	OnMalformed func(*MalformedRowError)
}

// withDefaults returns the complete configuration, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Session == nil || c.Keyspace == "" || c.Offsets == nil {
		return c, errors.New("cdc: Session, Keyspace and Offsets are required")
	}
	c.Table = cmp.Or(c.Table, "outbox_messages")
	c.Consistency = cmp.Or(c.Consistency, gocql.LocalQuorum)
	for value, fallback := range map[*time.Duration]time.Duration{
		&c.FastDelay: 15 * time.Millisecond, &c.FastIdleDelay: 100 * time.Millisecond,
		&c.Confidence: 30 * time.Second, &c.SafeDelay: 10 * time.Second, &c.Fresh: 3 * time.Second,
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
