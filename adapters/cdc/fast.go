package cdc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// leeway is how far behind the start of a generation rows of the one before it may still come.
const leeway = 10 * time.Second

// The bounds of the pause after a pass that failed, and how many queries run at the same time.
const (
	firstRetry  = 50 * time.Millisecond
	lastRetry   = 5 * time.Second
	parallelism = 8
)

// fastReader reads the young end of the log in passes. It belongs to one goroutine.
type fastReader struct {
	feed *Feed
	// horizon is the time up to which every stream was read.
	horizon time.Time
	// reading are the streams of the generations in use.
	reading []*batch
	// looked is when the generations were looked up.
	looked time.Time
}

// batch is some streams of one generation, and how far they were read.
type batch struct {
	start   time.Time // of the generation
	streams [][]byte
	from    time.Time
}

// run reads until ctx ends.
func (r *fastReader) run(ctx context.Context) {
	idle, failures := r.feed.config.FastDelay, 0
	for ctx.Err() == nil {
		found, err := r.pass(ctx)
		pause := idle
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.feed.count(func(s *Stats) { s.FastFailures++ })
			if failures == 0 {
				r.feed.config.Logger.Warn("the fast reader of the log failed, and goes on", "error", err)
			}
			pause = min(lastRetry, firstRetry<<min(failures, 10))
			failures++
		case found:
			idle, failures = r.feed.config.FastDelay, 0
			pause = idle
		default:
			failures = 0
			idle = min(r.feed.config.FastIdleDelay, idle+idle/8)
		}
		if r.sleep(ctx, pause) {
			idle = r.feed.config.FastDelay
		}
	}
}

// sleep pauses, and tells whether it was woken.
func (r *fastReader) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.feed.woken:
		return true
	}
	return false
}

// pass reads what is new in every stream and tells whether there was something.
func (r *fastReader) pass(ctx context.Context) (found bool, err error) {
	now := r.feed.config.Now()
	if err := r.follow(ctx, now); err != nil {
		return false, err
	}
	to := now.Add(-r.feed.config.FastDelay).Truncate(tick)
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(parallelism)
	for _, b := range r.reading {
		if !to.After(b.from) {
			continue
		}
		group.Go(func() error {
			rows := 0
			err := r.feed.query(ctx, b.streams, b.from, to, func(row *logRow) bool {
				if r.feed.hub.accept(row, fast) { // heartbeats are no reason to hurry
					rows++
				}
				return true
			})
			mu.Lock()
			defer mu.Unlock()
			found = found || rows > 0
			if err == nil {
				b.from = to
			}
			return err
		})
	}
	queries := uint64(len(r.reading))
	err = group.Wait()
	r.feed.count(func(s *Stats) { s.FastPasses++; s.FastQueries += queries; s.StreamBatches = len(r.reading) })
	if err != nil {
		return found, fmt.Errorf("read the log to %s: %w", show(to), err)
	}
	r.horizon = to
	r.feed.hub.passedTo(to)
	return found, nil
}

// follow keeps to the generations in use. A new one is read from its start, and the old one some time beyond its end.
func (r *fastReader) follow(ctx context.Context, now time.Time) error {
	if len(r.reading) > 0 && time.Since(r.looked) < r.feed.config.GenerationDelay {
		return nil
	}
	if safe := r.feed.hub.confirmed(); safe.After(r.horizon) {
		r.horizon = safe // after a long failure the other reader has been there
	}
	generations, err := r.feed.topology.between(ctx, r.horizon.Add(-leeway), now.Add(time.Hour))
	if err != nil {
		return err
	}
	before := map[int64][]*batch{}
	for _, b := range r.reading {
		before[b.start.UnixNano()] = append(before[b.start.UnixNano()], b)
	}
	r.reading = nil
	for _, g := range generations {
		old := before[g.start.UnixNano()]
		for _, b := range old {
			if b.from.Before(r.horizon) {
				b.from = r.horizon
			}
		}
		if old == nil {
			for _, streams := range g.batches() {
				old = append(old, &batch{start: g.start, streams: streams, from: r.horizon})
			}
			if len(before) > 0 {
				// It may have been in use for a while.
				for _, b := range old {
					b.from = earliest(r.horizon, g.start.Add(-tick))
				}
				r.feed.count(func(s *Stats) { s.Generations++ })
				r.feed.config.Logger.Info("a new generation of streams", "start", g.start, "streams", len(g.streams))
			}
		}
		r.reading = append(r.reading, old...)
	}
	r.looked = time.Now()
	return nil
}
