package cdclog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gocql/gocql"
)

// maxStreams is the number of partitions that a server allows in one query at first
// (max_partition_key_restrictions_per_query).
const maxStreams = 100

// Set is a set of streams that is in use from Start to End. End is zero while it has no end.
type Set struct {
	Start, End time.Time
	Streams    [][]byte
	// Err says why the streams are not known.
	Err error
}

// Batches divides the streams into parts for one query each, unless a server allows fewer.
func (s Set) Batches() [][][]byte { return slices.Collect(slices.Chunk(s.Streams, maxStreams)) }

// errNotListed is the Err of a set whose streams are not in the tables yet.
var errNotListed = errors.New("its streams are not listed yet")

// Sets returns the sets that have rows between two times, oldest first, without those that the log
// no longer has. first is the start of the oldest set that it has. The streams of a set may be
// unknown although others are known, see [Set].Err.
func (l *Log) Sets(ctx context.Context, from, to time.Time) (sets []Set, first time.Time, err error) {
	times, err := l.times(ctx)
	if err != nil {
		return nil, first, fmt.Errorf("list the stream sets of %s.%s: %w", l.config.Keyspace, l.config.Table, err)
	}
	times = l.remember(times)
	for i, start := range times {
		s := Set{Start: start}
		if i+1 < len(times) {
			s.End = times[i+1]
		}
		if start.After(to) || !s.End.IsZero() && !s.End.After(from) {
			continue
		}
		if s.Streams, s.Err = l.streams(ctx, start); s.Err != nil {
			s.Err = fmt.Errorf("list the streams of the set of %s: %w", start.UTC().Format(time.RFC3339Nano), s.Err)
		}
		sets = append(sets, s)
	}
	return sets, times[0], nil
}

// SetsOf returns the sets that may contain a row between two times. Sets that end up to
// [LongLeeway] before are among them, because a node may learn late of the next set.
//
// It returns an error if the streams of one set are not known.
func (l *Log) SetsOf(ctx context.Context, from, to time.Time) ([]Set, error) {
	sets, _, err := l.Sets(ctx, from.Add(-LongLeeway), to)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if set.Err != nil {
			return nil, set.Err
		}
	}
	return sets, nil
}

// usesTablets reports where the sets are listed. Servers without tablets do not have the column.
func (l *Log) usesTablets(ctx context.Context) (bool, error) {
	l.mu.Lock()
	tablets := l.tablets
	l.mu.Unlock()
	if tablets != nil {
		return *tablets, nil
	}
	var initial *int
	err := l.config.Session.Query("SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?",
		l.config.Keyspace).
		WithContext(ctx).Idempotent(true).Scan(&initial)
	// Errors without details do not implement gocql.RequestError, at least up to v1.19.0.
	var refused interface{ GetCode() int }
	switch {
	case errors.Is(err, gocql.ErrNotFound), errors.As(err, &refused) && refused.GetCode() == gocql.ErrCodeInvalid:
	case err != nil:
		return false, err
	}
	uses := err == nil && initial != nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tablets = &uses
	return uses, nil
}

// times returns the starts of the sets, oldest first.
func (l *Log) times(ctx context.Context) ([]time.Time, error) {
	tablets, err := l.usesTablets(ctx)
	if err != nil {
		return nil, err
	}
	query := l.config.Session.Query("SELECT time FROM system_distributed.cdc_generation_timestamps WHERE key = 'timestamps'")
	if tablets {
		query = l.config.Session.Query("SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = ? AND table_name = ?",
			l.config.Keyspace, l.config.Table)
	}
	consistency, err := l.consistency(ctx, tablets)
	if err != nil {
		return nil, err
	}
	iter := query.WithContext(ctx).Consistency(consistency).Idempotent(true).Iter()
	var times []time.Time
	for at := (time.Time{}); iter.Scan(&at); {
		times = append(times, at)
	}
	if err := iter.Close(); err != nil {
		return nil, err
	}
	if len(times) == 0 {
		return nil, errors.New("there is none yet")
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}

// streams returns the streams of the set that starts at a time.
func (l *Log) streams(ctx context.Context, start time.Time) ([][]byte, error) {
	l.mu.Lock()
	streams, known := l.known[start.UnixMilli()]
	l.mu.Unlock()
	if known {
		return streams, nil
	}
	tablets, err := l.usesTablets(ctx)
	if err != nil {
		return nil, err
	}
	consistency, err := l.consistency(ctx, tablets)
	if err != nil {
		return nil, err
	}
	if tablets {
		streams, err = l.tabletStreams(ctx, start, consistency)
	} else {
		streams, err = l.vnodeStreams(ctx, start, consistency)
	}
	if err != nil {
		return nil, err
	}
	if len(streams) == 0 {
		return nil, errNotListed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[start.UnixMilli()] = streams
	return streams, nil
}

func (l *Log) tabletStreams(
	ctx context.Context, start time.Time, consistency gocql.Consistency,
) (streams [][]byte, err error) {
	const whole = int8(0) // the stream_state of all streams of the set
	iter := l.config.Session.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = ? AND table_name = ? AND timestamp = ? AND stream_state = ?",
		l.config.Keyspace, l.config.Table, start, whole).WithContext(ctx).Consistency(consistency).Idempotent(true).Iter()
	for stream := []byte(nil); iter.Scan(&stream); stream = nil {
		streams = append(streams, stream)
	}
	return streams, iter.Close()
}

func (l *Log) vnodeStreams(
	ctx context.Context, start time.Time, consistency gocql.Consistency,
) (streams [][]byte, err error) {
	iter := l.config.Session.Query("SELECT streams FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = ?",
		start).
		WithContext(ctx).Consistency(consistency).Idempotent(true).Iter()
	for ofRange := [][]byte(nil); iter.Scan(&ofRange); ofRange = nil {
		streams = append(streams, ofRange...)
	}
	return streams, iter.Close()
}

// remember adds the sets that were listed before to a list of starts. With tablets a list is what
// the node that answers knows, and a node may learn of a set later than the node that answered
// before. A set in use must not be forgotten because of that. remember drops the streams of sets
// before the first one of the list, which the log no longer has.
func (l *Log) remember(times []time.Time) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, listed := times[0].UnixMilli(), map[int64]bool{}
	for _, start := range times {
		listed[start.UnixMilli()] = true
	}
	for start := range l.known {
		switch {
		case start < first:
			delete(l.known, start)
		case !listed[start]:
			times = append(times, time.UnixMilli(start))
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// consistency returns the consistency level for the tables with the sets. With vnodes they have
// three replicas, and a single node can have only one of them. With tablets the node that answers
// generates them.
func (l *Log) consistency(ctx context.Context, tablets bool) (gocql.Consistency, error) {
	if tablets {
		return gocql.One, nil
	}
	var peers int
	err := l.config.Session.Query("SELECT COUNT(*) FROM system.peers").WithContext(ctx).Idempotent(true).Scan(&peers)
	if peers == 0 {
		return gocql.One, err
	}
	return gocql.Quorum, err
}
