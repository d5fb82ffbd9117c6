package cdclog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// Leeway is how long after the end of a set rows of it may still come, from nodes that learn
	// late of the next set.
	Leeway = 10 * time.Second
	// LongLeeway is how long a set is read where that costs little. A node that writes to it after
	// Leeway is in trouble, and its rows must not be lost.
	LongLeeway = 10 * time.Minute
	// ahead is how long before its start the streams of a set are looked up.
	ahead = time.Hour
	// window is the largest part of the log that one pass reads.
	window = 2 * time.Minute
	// parallelism is how many queries run at the same time.
	parallelism = 8
)

// The bounds of the pause after a pass that failed.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Pass is one pass of a [Reader] over all streams.
type Pass struct {
	// Horizon is the time up to which all streams that the reader knew were read. Up to Covered,
	// everything was read: at its last check, the reader read every set of the time before Covered.
	Horizon, Covered time.Time
	// Batches is the number of queries of a complete pass. Queries is the number of those that were
	// made.
	Batches, Queries int
	// NewSets is the number of sets that the reader has begun to read, without the first ones.
	NewSets int
	// Err says why the pass failed, or why it did not get as far as it should. When it failed,
	// Horizon and Covered are those of the pass before.
	Err error
}

// Sink gets what a [Reader] reads. Several goroutines call its methods, which must not block.
type Sink interface {
	// Row gets a row. It reports whether more rows are to be expected soon.
	Row(row *Row) bool
	// Passed is called after each pass, by one goroutine.
	Passed(Pass)
}

// ReaderConfig configures a [Reader]. All fields except for Woken and From are required.
type ReaderConfig struct {
	Log  *Log
	Sink Sink
	// Name appears in messages and in the queries.
	Name string
	// Start is the time after which the reader reads.
	Start time.Time
	// From returns a time before which nothing needs to be read any more. A reader that was delayed
	// continues there. It may be nil.
	From func() time.Time
	// Age is the age at which a row is read. A row that becomes visible later is never read.
	Age time.Duration
	// Pause is the pause between two passes. While nothing comes, it grows up to IdlePause.
	Pause, IdlePause time.Duration
	// Unused reports whether nobody waits for what the reader finds. Then its pause is UnusedPause.
	// It may be nil.
	Unused func() bool
	// UnusedPause is at least IdlePause.
	UnusedPause time.Duration
	// Leeway is how long a set is read after its end.
	Leeway time.Duration
	// LookEvery is the pause between two checks for new stream sets.
	LookEvery time.Duration
	// Woken starts a pass at once, with short pauses from then on. It may be nil.
	Woken <-chan struct{}
	// Now returns the time of the servers. It may be wrong for a while. Then the reader may miss
	// rows, and may report rows as read that it has not read. With Ask, each pass asks a server
	// for the time instead.
	Now    func() time.Time
	Ask    bool
	Logger *slog.Logger
}

// Reader reads a log from a time on, pass by pass. In each pass it reads what has become old enough
// in every stream. It checks for new sets of streams and reads them from their start. It reads old
// sets some time beyond their end.
type Reader struct {
	config ReaderConfig
	// horizon is the time up to which every stream was read.
	horizon time.Time
	// reading holds the streams of the sets that are read. unreadable holds the sets in use that
	// cannot be read.
	reading    []*batch
	unreadable []Set
	// looked is the time of the last check for sets.
	looked time.Time
	// failing is set while checks fail, so that a failure is logged once.
	failing bool
}

// batch holds some streams of one set, and how far they were read.
type batch struct {
	start   time.Time // of the set
	end     time.Time // of the set, zero while it has none
	streams [][]byte
	from    time.Time
	// warned is set after it was logged that a node goes on writing to the set.
	warned bool
}

// NewReader returns a reader. Its Run may be called once.
func NewReader(config ReaderConfig) *Reader {
	return &Reader{config: config, horizon: config.Start}
}

// Run reads until ctx ends.
func (r *Reader) Run(ctx context.Context) {
	idle, failures := r.config.Pause, 0
	for ctx.Err() == nil {
		found, behind, err := r.pass(ctx)
		pause := idle
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if failures == 0 {
				r.config.Logger.Warn("the "+r.config.Name+" reader of the CDC log failed, and goes on", "error", err)
			}
			pause = min(lastRetry, firstRetry<<min(failures, 10))
			failures++
		case behind:
			failures, pause = 0, 0
		case found:
			idle, failures = r.config.Pause, 0
			pause = idle
		default:
			failures = 0
			idle = min(r.config.IdlePause, idle+idle/8)
		}
		if err == nil && !behind && r.config.Unused != nil && r.config.Unused() {
			pause = r.config.UnusedPause
		}
		if r.sleep(ctx, pause) {
			idle = r.config.Pause
		}
	}
}

// sleep pauses, and reports whether it was woken.
func (r *Reader) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.config.Woken:
		return true
	}
	return false
}

// pass reads what is new in every stream. It reports whether there was something, and whether there
// is more to read at once.
func (r *Reader) pass(ctx context.Context) (found, behind bool, err error) {
	p := Pass{Horizon: r.horizon, Covered: earliest(r.horizon, r.looked)}
	defer func() { p.Err = err; r.config.Sink.Passed(p) }()
	now, err := r.now(ctx)
	if err != nil {
		return false, false, err
	}
	r.goBack(now)
	if p.NewSets, err = r.look(ctx, now); err != nil {
		if len(r.reading) == 0 {
			return false, false, err
		}
		if !r.failing {
			r.config.Logger.Warn("the "+r.config.Name+
				" reader of the CDC log cannot look for new stream sets, and goes on with those it knows", "error", err)
		}
		r.failing, err = true, nil
	} else {
		r.failing = false
	}
	due := now.Add(-r.config.Age).Truncate(Tick)
	to := earliest(due, r.horizon.Add(window))
	p.Batches = len(r.reading)
	if p.Queries, found, err = r.readTo(ctx, to); err != nil {
		return found, false, fmt.Errorf("read the log to %s: %w", to.UTC().Format(time.RFC3339Nano), err)
	}
	reached := to
	for _, set := range r.unreadable {
		if before := set.Start.Add(-Tick); !before.After(reached) {
			reached, err = before, set.Err
		}
	}
	r.horizon = latest(r.horizon, reached)
	p.Horizon, p.Covered = r.horizon, earliest(r.horizon, r.looked)
	return found, err == nil && to.Before(due), err
}

// now returns the time of the servers.
func (r *Reader) now(ctx context.Context) (time.Time, error) {
	if !r.config.Ask {
		return r.config.Now(), nil
	}
	now, err := r.config.Log.Time(ctx)
	if err != nil {
		return now, fmt.Errorf("ask a server what time it is: %w", err)
	}
	return now, nil
}

// goBack makes a reader that has read up to a time in the future read again from now on: the time
// was wrong before.
func (r *Reader) goBack(now time.Time) {
	r.horizon = earliest(r.horizon, now)
	for _, b := range r.reading {
		b.from = earliest(b.from, now)
	}
}

// readTo reads all streams up to a time.
func (r *Reader) readTo(ctx context.Context, to time.Time) (queries int, found bool, err error) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(parallelism)
	for _, b := range r.reading {
		if !to.After(b.from) {
			continue
		}
		queries++
		group.Go(func() error {
			some, err := r.readBatch(ctx, b, to)
			mu.Lock()
			defer mu.Unlock()
			found = found || some
			return err
		})
	}
	err = group.Wait()
	return queries, found, err
}

// readBatch reads some streams up to a time. It turns a panic of the driver or of the sink into an
// error, because a panic must not end the process.
func (r *Reader) readBatch(ctx context.Context, b *batch, to time.Time) (found bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	err = r.config.Log.Read(ctx, r.config.Name, b.streams, b.from, to, func(row *Row) bool {
		if !b.warned && !b.end.IsZero() && row.At().After(b.end.Add(Leeway)) {
			b.warned = true
			r.config.Logger.Warn("a node of the cluster has not learned of a new stream set, and writes to the one before; look at that node",
				"ended", b.end, "written", row.At(), "read_until", b.end.Add(r.config.Leeway))
		}
		if r.config.Sink.Row(row) {
			found = true
		}
		return true
	})
	if err == nil {
		b.from = to
	}
	return found, err
}

// look updates the sets that are read: those in use, and those that will be in use soon if their
// streams can be read already.
func (r *Reader) look(ctx context.Context, now time.Time) (newSets int, err error) {
	if len(r.reading) > 0 && now.Sub(r.looked).Abs() < r.config.LookEvery {
		return 0, nil
	}
	var done time.Time // by another reader, after a long failure of this one
	if r.config.From != nil {
		done = r.config.From()
	}
	r.horizon = latest(r.horizon, done)
	sets, _, err := r.config.Log.Sets(ctx, r.horizon.Add(-r.config.Leeway), now.Add(ahead))
	if err != nil {
		return 0, err
	}
	before := map[int64][]*batch{}
	for _, b := range r.reading {
		before[b.start.UnixNano()] = append(before[b.start.UnixNano()], b)
	}
	r.reading, r.unreadable = nil, nil
	for _, set := range sets {
		old := before[set.Start.UnixNano()]
		switch {
		case set.Err != nil && set.Start.After(now):
			continue // it is not needed yet
		case set.Err != nil:
			r.unreadable = append(r.unreadable, set)
			continue
		case old == nil && len(before) > 0:
			// it may have been in use for a while
			old = set.begin(earliest(r.horizon, set.Start.Add(-Tick)))
			newSets++
			r.config.Logger.Info("the "+r.config.Name+" reader of the CDC log reads a new stream set",
				"start", set.Start, "streams", len(set.Streams))
		case old == nil:
			old = set.begin(r.horizon)
		}
		for _, b := range old {
			b.from, b.end = latest(b.from, done), set.End
		}
		r.reading = append(r.reading, old...)
	}
	r.looked = now
	if len(r.reading) == 0 {
		return 0, errors.New("there is no stream set that can be read")
	}
	return newSets, nil
}

// begin divides a set into batches that are read from a time on.
func (s Set) begin(from time.Time) (batches []*batch) {
	for _, streams := range s.Batches() {
		batches = append(batches, &batch{start: s.Start, streams: streams, from: from})
	}
	return batches
}

// earliest returns the earlier of two times.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
