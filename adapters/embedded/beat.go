package embedded

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/ports"
)

var _ ports.Pulse = (*Store)(nil)

// Beat implements [ports.Pulse]. A heartbeat is a request like an append: it waits for a group, is in the group's batch and fsync,
// and then comes to the subscriptions behind the records of that group. When nothing is appended it costs one fsync.
func (s *Store) Beat(ctx context.Context, at time.Time) error {
	if err := s.beat(ctx, at); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return nil
}

func (s *Store) beat(ctx context.Context, at time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	if err := s.failed(); err != nil {
		return err
	}
	r := &request{beats: true, beat: at.UnixMilli(), wake: make(chan role, 1)}
	if err := s.submit(ctx, r); err != nil {
		return err
	}
	return r.verdict.err
}

// beatKey is a key that nothing is ever stored under.
var beatKey = []byte{spaceBeat}

// putBeat makes a batch go the whole way to the disk, and change nothing: it deletes what is not there. Recovery finds no trace of
// it, the directory does not grow by it, because compaction drops the marks of deletions, and logs are replaced as ever, because
// it takes its place in a memtable; which Pebble's own record for a log alone does not.
func putBeat(batch *pebble.Batch) {
	_ = batch.Delete(beatKey, nil) // it never fails
}

// split tells the appends of a group from the heartbeats, if there are any: the newest stands for all of them, and comes behind
// the whole group.
func split(requests []*request) (appends []*request, beat int64, beats bool) {
	appends = make([]*request, 0, len(requests))
	for _, r := range requests {
		switch {
		case !r.beats:
			appends = append(appends, r)
		case !beats || r.beat > beat:
			beat, beats = r.beat, true
		}
	}
	return appends, beat, beats
}

// mostBeats bounds the heartbeats in a ring. While records come, that is a quarter of an hour at one a second.
const mostBeats = 1024

// heartbeat is one in the ring: its number, counted from 1, its time in milliseconds since 1970, and the position of the record that
// it comes behind.
type heartbeat struct {
	number uint64
	at     int64
	after  uint64
}

// beat adds a heartbeat behind the records so far. It replaces one at the same place.
func (r *ring) beat(at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n := len(r.beats); {
	case n > 0 && r.beats[n-1].after == r.end:
		r.beats = r.beats[:n-1]
	case n == mostBeats:
		r.beats = append(r.beats[:0], r.beats[1:]...)
	}
	r.lastBeat++
	r.beats = append(r.beats, heartbeat{number: r.lastBeat, at: at, after: r.end})
	r.wake()
}

// beaten returns the number of the last heartbeat.
func (r *ring) beaten() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastBeat
}

// due returns the newest heartbeat for a subscription whose next record is next and that had the heartbeats up to a number, or nil.
func (r *ring) due(next, had uint64) *heartbeat {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := sort.Search(len(r.beats), func(i int) bool { return r.beats[i].after >= next })
	if n == 0 || r.beats[n-1].number <= had {
		return nil
	}
	b := r.beats[n-1]
	return &b
}
