package cdclog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

// Tick is the smallest step of a cdc$time.
const Tick = time.Microsecond

// Config names the log of a [Log].
type Config struct {
	// Session is used and never closed.
	Session *gocql.Session
	// Keyspace and Table name the table of the log.
	Keyspace, Table string
	// Consistency is the consistency level of reads of the log.
	Consistency gocql.Consistency
}

// Log is the CDC log of a table. It is safe for concurrent use.
type Log struct {
	config Config

	mu sync.Mutex
	// tablets is nil until it is known.
	tablets *bool
	// known holds the streams of the sets that were listed, by the start of the set in
	// milliseconds. They never change.
	known map[int64][][]byte
	// most is how many streams a query names. It is lowered when a server refuses so many, and
	// stays low until a restart.
	most int
}

// New returns a log. It does no I/O.
func New(config Config) *Log {
	return &Log{config: config, known: map[int64][][]byte{}, most: maxStreams}
}

// Read calls each for every row of some streams after the time from, up to the time to, until each
// returns false. Rows of one stream come in the order of their times. The purpose is a word for the
// logs and traces of the servers.
//
// An operator may lower how many streams a query may name while the server runs. Then Read asks for
// fewer at once, as the server allows.
func (l *Log) Read(ctx context.Context, purpose string, streams [][]byte, from, to time.Time, each func(*Row) bool) error {
	l.mu.Lock()
	most := l.most
	l.mu.Unlock()
	more := true
	take := func(row *Row) bool { more = each(row); return more }
	for part := range slices.Chunk(streams, most) {
		if err := l.readPart(ctx, purpose, part, from, to, take); err != nil || !more {
			return err
		}
	}
	return nil
}

// readPart reads some streams with one query. When the server refuses it, readPart tries halves. A
// server that allows the halves has a lower limit; one that refuses a single stream means something
// else.
func (l *Log) readPart(
	ctx context.Context, purpose string, streams [][]byte, from, to time.Time, each func(*Row) bool,
) error {
	err := l.query(ctx, purpose, streams, from, to, each)
	var refused interface{ GetCode() int }
	if len(streams) < 2 || !errors.As(err, &refused) || refused.GetCode() != gocql.ErrCodeInvalid {
		return err
	}
	half := (len(streams) + 1) / 2
	more := true
	take := func(row *Row) bool { more = each(row); return more }
	if err := l.readPart(ctx, purpose, streams[:half], from, to, take); err != nil || !more {
		return err
	}
	l.mu.Lock()
	l.most = min(l.most, half)
	l.mu.Unlock()
	return l.readPart(ctx, purpose, streams[half:], from, to, each)
}

func (l *Log) query(
	ctx context.Context, purpose string, streams [][]byte, from, to time.Time, each func(*Row) bool,
) error {
	statement := fmt.Sprintf(`SELECT /* %s */ %s FROM %q.%q WHERE "cdc$stream_id" IN ? AND "cdc$time" >= ? AND "cdc$time" < ? BYPASS CACHE`,
		purpose, logColumns, l.config.Keyspace, l.config.Table+"_scylla_cdc_log")
	iter := l.config.Session.Query(statement, streams, behind(from), behind(to)).
		WithContext(ctx).Consistency(l.config.Consistency).Idempotent(true).Iter()
	for {
		row := &Row{}
		if !iter.Scan(row.targets()...) || !each(row) {
			break
		}
	}
	return iter.Close()
}

// Time asks a server for its time.
func (l *Log) Time(ctx context.Context) (time.Time, error) {
	var now gocql.UUID
	err := l.config.Session.Query(`SELECT now() FROM system.local`).WithContext(ctx).Consistency(gocql.One).Idempotent(true).Scan(&now)
	return now.Time(), err
}

// behind returns the least id of a time after t. (gocql.MaxTimeUUID is not the greatest id of a
// time: servers compare the lower half as signed bytes, and its first one is negative.)
func behind(t time.Time) gocql.UUID { return gocql.MinTimeUUID(t.Add(100 * time.Nanosecond)) }
