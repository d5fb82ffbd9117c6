package cdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

// maxStreams is the number of partitions that a server allows in one query (max_partition_key_restrictions_per_query).
const maxStreams = 100

// generation is a set of CDC streams and when they are in use: from start to end, or without an end yet (zero).
type generation struct {
	start, end time.Time
	streams    [][]byte
}

// batches cuts the streams into what one query may ask for.
func (g generation) batches() [][][]byte { return slices.Collect(slices.Chunk(g.streams, maxStreams)) }

// topology tells the generations of the log. It is safe for concurrent use.
type topology struct {
	session         *gocql.Session
	keyspace, table string

	mu sync.Mutex
	// tablets is nil until it is known.
	tablets *bool
	// known are the streams of the generations that were asked for. They never change.
	known map[int64][][]byte
}

// between returns the generations with rows of the time from to the time to, oldest first; none when all are younger.
func (t *topology) between(ctx context.Context, from, to time.Time) ([]generation, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	times, err := t.times(ctx)
	if err != nil {
		return nil, fmt.Errorf("generations of streams: %w", err)
	}
	var found []generation
	for i, start := range times {
		g := generation{start: start}
		if i+1 < len(times) {
			g.end = times[i+1]
		}
		if start.After(to) || !g.end.IsZero() && !g.end.After(from) {
			continue
		}
		if g.streams, err = t.streams(ctx, start); err != nil {
			return nil, fmt.Errorf("streams of the generation of %s: %w", start.UTC().Format(time.RFC3339Nano), err)
		}
		found = append(found, g)
	}
	return found, nil
}

// at returns the streams of the generation that starts then.
func (t *topology) at(ctx context.Context, start time.Time) ([][]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.usesTablets(ctx); err != nil {
		return nil, err
	}
	return t.streams(ctx, start)
}

// usesTablets tells where the generations are listed. Servers that know no tablets do not know the column.
func (t *topology) usesTablets(ctx context.Context) (bool, error) {
	if t.tablets != nil {
		return *t.tablets, nil
	}
	var initial *int
	err := t.session.Query("SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?", t.keyspace).
		WithContext(ctx).Idempotent(true).Scan(&initial)
	// Errors without details do not implement gocql.RequestError, up to v1.18.3 at least.
	var refused interface{ GetCode() int }
	switch {
	case errors.Is(err, gocql.ErrNotFound), errors.As(err, &refused) && refused.GetCode() == gocql.ErrCodeInvalid:
	case err != nil:
		return false, err
	}
	uses := err == nil && initial != nil
	t.tablets = &uses
	return uses, nil
}

// times lists when the generations start, oldest first.
func (t *topology) times(ctx context.Context) ([]time.Time, error) {
	tablets, err := t.usesTablets(ctx)
	if err != nil {
		return nil, err
	}
	query := t.session.Query("SELECT time FROM system_distributed.cdc_generation_timestamps WHERE key = 'timestamps'")
	if tablets {
		query = t.session.Query("SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = ? AND table_name = ?", t.keyspace, t.table)
	}
	consistency, err := t.consistency(ctx)
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
		return nil, errors.New("none yet")
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}

func (t *topology) streams(ctx context.Context, start time.Time) ([][]byte, error) {
	if streams, ok := t.known[start.UnixMilli()]; ok {
		return streams, nil
	}
	consistency, err := t.consistency(ctx)
	if err != nil {
		return nil, err
	}
	var streams [][]byte
	if *t.tablets {
		const current = int8(0) // stream_state
		iter := t.session.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = ? AND table_name = ? AND timestamp = ? AND stream_state = ?",
			t.keyspace, t.table, start, current).WithContext(ctx).Consistency(consistency).Idempotent(true).Iter()
		for stream := []byte(nil); iter.Scan(&stream); stream = nil {
			streams = append(streams, stream)
		}
		err = iter.Close()
	} else {
		iter := t.session.Query("SELECT streams FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = ?", start).
			WithContext(ctx).Consistency(consistency).Idempotent(true).Iter()
		for ofRange := [][]byte(nil); iter.Scan(&ofRange); ofRange = nil {
			streams = append(streams, ofRange...)
		}
		err = iter.Close()
	}
	if err != nil {
		return nil, err
	}
	if len(streams) == 0 { // the description of a generation may become visible after its time
		return nil, errors.New("none yet")
	}
	if t.known == nil {
		t.known = map[int64][][]byte{}
	}
	t.known[start.UnixMilli()] = streams
	return streams, nil
}

// consistency is that of system_distributed: it has three replicas, of which a single node can only have one.
func (t *topology) consistency(ctx context.Context) (gocql.Consistency, error) {
	var peers int
	err := t.session.Query("SELECT COUNT(*) FROM system.peers").WithContext(ctx).Idempotent(true).Scan(&peers)
	if peers == 0 || *t.tablets {
		return gocql.One, err
	}
	return gocql.Quorum, err
}

// group tells the streams that scylla-cdc-go reads with one query: those of one vnode, or with tablets each by itself.
func (t *topology) group(stream []byte) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tablets != nil && *t.tablets || len(stream) != 16 {
		return string(stream)
	}
	low := binary.BigEndian.Uint64(stream[8:])
	if version := low & 0xf; version != 1 {
		return string(stream)
	}
	return fmt.Sprint("vnode ", low>>4&(1<<22-1))
}
