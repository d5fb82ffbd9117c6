package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/ports"
)

// Feed is the change feed of an outbox. All methods are safe for concurrent use.
type Feed struct {
	config Config
	log    *cdclog.Log
	hub    *hub
	// read is readLog, except in tests that have a log of their own.
	read func(ctx context.Context, from, to time.Time) ([]entry, time.Time, error)
	// woken asks the fast reader for a pass.
	woken chan struct{}

	mu      sync.Mutex
	cancel  context.CancelFunc // of Run
	stopped chan struct{}      // closed when Run has returned
	// busy holds, for each consumer, a channel that is sent to by whoever loads or saves its offset.
	busy map[string]chan struct{}
}

var _ ports.ChangeFeed = (*Feed)(nil)

// Open returns a feed that [Feed.Run] makes work. It reads how long the CDC log keeps its rows.
//
// Errors: one that says what to change when the table has no log that can be read, or when the
// configuration asks for a longer retention than that of the log; [ports.ErrUnavailable].
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
	f.read = f.readLog
	keep, first, err := f.inspect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the change feed: %w", err)
	}
	if keep > 0 && config.Retention > keep {
		return nil, fmt.Errorf("open the change feed: the retention is %s, but the CDC log of %s.%s keeps rows for %s only: set the retention to %s or less, or run: %s",
			config.Retention, config.Keyspace, config.Table, keep, keep, f.log.RetentionStatement(config.Retention))
	}
	now := config.Now()
	f.hub = newHub(&f.config, latest(first, now.Add(-config.Confidence).Truncate(cdclog.Tick)))
	f.hub.keep(keep, first)
	f.hub.pulse.newest = [2]time.Time{now, now}
	return f, nil
}

// Run reads the log for all consumers until ctx ends or the feed is closed, and then saves the offsets and returns nil. It can be
// called once. Failures of the cluster do not end it. On a closed feed it returns at once.
func (f *Feed) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if closed, err := f.begin(cancel); err != nil || closed {
		return err
	}
	defer close(f.stopped)
	var group sync.WaitGroup
	start := f.hub.confirmed()
	group.Go(func() { f.fastReader(start).Run(ctx) })
	group.Go(func() { f.safeReader(start).Run(ctx) })
	group.Go(func() { f.hub.sort(ctx) })
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
	if f.isClosed() {
		return true, nil
	}
	f.cancel, f.stopped = cancel, make(chan struct{})
	return false, nil
}

// Close ends the subscriptions and Run, waits for Run, and saves the offsets. It may be called more than once.
func (f *Feed) Close() error {
	h := f.hub
	h.mu.Lock()
	h.closed = true
	h.wake()
	h.mu.Unlock()
	f.mu.Lock()
	cancel, stopped := f.cancel, f.stopped
	f.mu.Unlock()
	if cancel != nil {
		cancel()
		<-stopped
	}
	return nil
}

// Wake tells the feed that this process has just appended something, so that a fast reader that slowed down looks at once.
func (f *Feed) Wake() {
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

func (f *Feed) subscribe(ctx context.Context, name string) (*subscription, error) {
	leave, err := f.enter(ctx, name)
	if err != nil {
		return nil, err
	}
	defer leave()
	c, err := f.consumer(ctx, name)
	if err != nil {
		return nil, err
	}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	switch {
	case f.hub.closed:
		return nil, ports.ErrClosed
	case c == nil:
		return nil, ports.ErrNoOffset
	case c.open != nil:
		return nil, errSubscribed
	case f.hub.expired(c):
		return nil, fmt.Errorf("%w: it is at %s, and the log starts at %s", ports.ErrOffsetExpired, show(f.hub.offset(c)), show(f.hub.floor()))
	}
	c.open, c.delivered, c.heard = &subscription{feed: f, consumer: c, closed: make(chan struct{})}, 0, f.hub.pulse.last.number
	return c.open, nil
}

var errSubscribed = fmt.Errorf("%w: the consumer has an open subscription", ports.ErrUnavailable)

// SeekEnd implements [ports.ChangeFeed]. It waits, for a second at most, until what is in the log already was read, as that
// would otherwise come after the end.
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
	h := f.hub
	h.mu.Lock()
	c := h.consumers[name]
	h.mu.Unlock()
	if c != nil && c.open != nil {
		return errSubscribed
	}
	f.Wake()
	if err := h.settle(ctx, f.config.Now(), time.Second+f.config.Patience); err != nil {
		return err
	}
	// What is older was in the event store before the call, wherever the readers are.
	at := f.config.Now().Add(-f.config.Confidence).Truncate(cdclog.Tick)
	h.mu.Lock()
	at = latest(at, h.floor()) // before that there was no log
	end := &consumer{name: name}
	h.seekEnd(end)
	h.mu.Unlock()
	if err := f.saveOffset(ctx, name, at); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ports.ErrClosed
	}
	end.saved = at
	if end.next < h.first { // evicted while the offset was saved
		end.attached, end.from, end.reach = false, at, at
	}
	h.consumers[name] = end
	return nil
}

// Lag implements [ports.ChangeFeed]. It does no I/O and waits for nobody. It is not known while the
// consumer reads the log by itself, as it cannot count what is ahead, and unless both readers have
// read the log up to some time ago: the fast one [Config.Fresh], the safe one [Config.Stale].
func (f *Feed) Lag(ctx context.Context, name string) (ports.Lag, error) {
	if err := ctx.Err(); err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, err)
	}
	h := f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, ports.ErrClosed)
	}
	c := h.consumers[name]
	if c == nil {
		if len(h.asked) < mostAsked {
			h.asked[name] = true // so that refresh looks
		}
		return ports.Lag{}, nil
	}
	return h.lag(c), nil
}

func (f *Feed) isClosed() bool {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	return f.hub.closed
}

// unavailable is the one place where an error of a read becomes one of package ports.
func unavailable(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
}

func show(t time.Time) string { return strings.TrimSuffix(t.UTC().Format(time.RFC3339Nano), "Z") }
