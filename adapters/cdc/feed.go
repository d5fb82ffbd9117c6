package cdc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/adapters/cdc/hub"
	"orderflow/ports"
)

// Feed is the change feed of an outbox. All methods are safe for concurrent use.
type Feed struct {
	config Config
	log    *cdclog.Log
	hub    *hub.Hub
	// woken wakes the fast reader for a pass.
	woken chan struct{}

	mu      sync.Mutex
	cancel  context.CancelFunc // cancels Run
	stopped chan struct{}      // closed when Run has returned
	// busy holds a channel for each consumer. A goroutine sends to it while it loads or saves the
	// offset.
	busy map[string]chan struct{}
}

var (
	_ ports.ChangeFeed = (*Feed)(nil)
	_ ports.FeedTail   = (*Feed)(nil)
)

// Open returns a feed. It works while [Feed.Run] runs. Open reads how long the CDC log keeps its
// rows.
//
// Errors: an error that says what to change, when the table has no log that can be read, or when
// the configuration has a longer retention than the log; [ports.ErrUnavailable].
func Open(ctx context.Context, config Config) (*Feed, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Feed{
		config: config,
		log: cdclog.New(cdclog.Config{
			Session: config.Session, Keyspace: config.Keyspace, Table: config.Table, Consistency: config.Consistency,
		}),
		woken: make(chan struct{}, 1),
		busy:  map[string]chan struct{}{},
	}
	keep, first, now, err := f.inspect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the change feed: %w", err)
	}
	if keep > 0 && config.Retention > keep {
		return nil, fmt.Errorf("open the change feed: the retention is %s, but the CDC log of %s.%s keeps rows for %s only: set the retention to %s or less, or run: %s",
			config.Retention, config.Keyspace, config.Table, keep, keep, f.log.RetentionStatement(config.Retention))
	}
	start := now.Add(-config.Confidence).Truncate(cdclog.Tick)
	if first.After(start) {
		start = first
	}
	f.hub = hub.New(hub.Config{
		Retention: config.Retention, Stale: config.Stale, Fresh: config.Fresh, Patience: config.Patience,
		TailRecords: config.TailRecords, TailBytes: config.TailBytes, Remembered: config.Remembered,
		CatchUpRecords: config.CatchUpRecords,
		Now:            config.Now, Logger: config.Logger, OnMalformed: config.OnMalformed, Read: f.readLog,
	}, start, now)
	f.hub.Keep(keep, first, now)
	return f, nil
}

// Run reads the log for all consumers until ctx ends or the feed is closed. Then it saves the
// offsets and returns nil. It may be called once. Failures of the cluster do not end it. On a
// closed feed it returns at once.
func (f *Feed) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if closed, err := f.begin(cancel); err != nil || closed {
		return err
	}
	defer close(f.stopped)
	var group sync.WaitGroup
	start := f.hub.Confirmed()
	group.Go(func() { f.fastReader(start).Run(ctx) })
	group.Go(func() { f.safeReader(start).Run(ctx) })
	group.Go(func() { f.hub.Run(ctx) })
	group.Go(func() { f.believe(ctx) })
	group.Go(func() { f.save(ctx) })
	group.Go(func() { f.refresh(ctx) })
	group.Wait()
	return nil
}

func (f *Feed) begin(cancel context.CancelFunc) (closed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped != nil {
		return false, errors.New("run the feed: it was run before")
	}
	if f.hub.Closed() {
		return true, nil
	}
	f.cancel, f.stopped = cancel, make(chan struct{})
	return false, nil
}

// Close ends the subscriptions and Run, waits for Run, and saves the offsets. It may be called more
// than once.
func (f *Feed) Close() error {
	f.hub.Close()
	f.mu.Lock()
	cancel, stopped := f.cancel, f.stopped
	f.mu.Unlock()
	if cancel != nil {
		cancel()
		<-stopped
	}
	return nil
}

// Wake tells the feed that this process has just appended something. A fast reader that has slowed
// down then reads at once, if anything in this process follows the feed.
func (f *Feed) Wake() {
	if !f.hub.Unused() {
		f.wake()
	}
}

// wake makes the fast reader read at once.
func (f *Feed) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// Subscribe implements [ports.ChangeFeed].
func (f *Feed) Subscribe(ctx context.Context, name string) (ports.Subscription, error) {
	sub, err := f.subscribe(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", name, err)
	}
	return sub, nil
}

func (f *Feed) subscribe(ctx context.Context, name string) (ports.Subscription, error) {
	leave, err := f.enter(ctx, name)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := f.load(ctx, name); err != nil {
		return nil, err
	}
	sub, err := f.hub.Subscribe(name)
	if err != nil {
		return nil, err // a nil *Subscription would be an interface that is not nil
	}
	f.wake() // the feed may have been unused until now
	return sub, nil
}

// SeekEnd implements [ports.ChangeFeed]. It waits until everything that is already in the log was
// read, because that would otherwise come after the end. It waits for at most one second.
func (f *Feed) SeekEnd(ctx context.Context, name string) error {
	if err := f.seekEnd(ctx, name); err != nil {
		return fmt.Errorf("seek end for %s: %w", name, err)
	}
	return nil
}

func (f *Feed) seekEnd(ctx context.Context, name string) error {
	leave, err := f.enter(ctx, name)
	if err != nil {
		return err
	}
	defer leave()
	if f.hub.Open(name) {
		return hub.ErrSubscribed
	}
	if err := f.hub.Settle(ctx, f.config.Now(), time.Second+f.config.Patience, f.wake); err != nil {
		return err
	}
	// Older events were in the event store before the call, wherever the readers are.
	now, err := f.log.Time(ctx)
	if err != nil {
		return hub.Unavailable(ctx, err)
	}
	end, err := f.hub.End(name, now.Add(-f.config.Confidence).Truncate(cdclog.Tick), now)
	if err != nil {
		return err
	}
	if err := f.saveOffset(ctx, name, end.At); err != nil {
		return err
	}
	return f.hub.Seek(end)
}

// Lag implements [ports.ChangeFeed]. It does no I/O and does not wait. The lag is not known while
// the consumer reads the log separately, because it cannot count what is ahead. It is also unknown
// unless both readers have read the log up to a recent time: the fast reader [Config.Fresh], the
// safe one [Config.Stale].
func (f *Feed) Lag(ctx context.Context, name string) (ports.Lag, error) {
	if err := ctx.Err(); err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, err)
	}
	lag, err := f.hub.Lag(name)
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, err)
	}
	return lag, nil
}

// OpenTail implements [ports.FeedTail]. A place is a time in the log, so it is true in every
// process. A tail that continues gets again what is younger than the safe reader's progress was.
// Before a tail from now starts, everything that is in the log is read, for at most a second.
func (f *Feed) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	tail, err := f.openTail(ctx, after)
	if err != nil {
		return nil, fmt.Errorf("open a tail after %q: %w", after, err)
	}
	return tail, nil
}

func (f *Feed) openTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := f.config.Now()
	if after == ports.PlaceNow {
		if err := f.hub.Settle(ctx, now, time.Second+f.config.Patience, f.wake); err != nil {
			return nil, err
		}
	}
	tail, err := f.hub.OpenTail(after, now)
	if err != nil {
		return nil, err // a nil *Tail would be an interface that is not nil
	}
	f.wake() // the feed may have been unused until now
	return tail, nil
}

// Stats holds counters since the start, and the current state.
type Stats = hub.Stats

// Stats returns a snapshot.
func (f *Feed) Stats() Stats {
	s := f.hub.Stats()
	s.IdleQueries = float64(s.StreamBatches) / f.config.FastIdleDelay.Seconds()
	return s
}

// Stale returns the [Config.Stale] of the feed.
func (f *Feed) Stale() time.Duration { return f.config.Stale }
