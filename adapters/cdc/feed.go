package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/ports"
)

// Feed is the change feed of an outbox. All methods are safe for concurrent use.
type Feed struct {
	config    Config
	statement string
	topology  *topology
	hub       *hub
	// read is readLog, except in tests that have a log of their own.
	read func(ctx context.Context, from, to time.Time) ([]entry, time.Time, error)
	// woken asks the fast reader for a pass.
	woken chan struct{}

	// admin is held, by sending to it, by what loads and saves offsets.
	admin chan struct{}

	mu      sync.Mutex
	cancel  context.CancelFunc // of Run
	stopped chan struct{}      // closed when Run has returned
}

var _ ports.ChangeFeed = (*Feed)(nil)

// New returns a feed that [Feed.Run] makes work. It does no I/O.
func New(config Config) (*Feed, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Feed{
		config:   config,
		topology: &topology{session: config.Session, keyspace: config.Keyspace, table: config.Table},
		woken:    make(chan struct{}, 1),
		admin:    make(chan struct{}, 1),
	}
	f.statement = fmt.Sprintf(`SELECT %s FROM %q.%q WHERE "cdc$stream_id" IN ? AND "cdc$time" >= ? AND "cdc$time" < ? BYPASS CACHE`,
		logColumns, config.Keyspace, config.Table+"_scylla_cdc_log")
	f.read = f.readLog
	now := config.Now()
	f.hub = newHub(&f.config, now.Add(-config.Confidence).Truncate(tick))
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
	group.Go(func() { (&fastReader{feed: f, horizon: f.hub.confirmed()}).run(ctx) })
	group.Go(func() { (&safeReader{feed: f}).run(ctx) })
	group.Go(func() { f.hub.sort(ctx) })
	group.Go(func() { f.save(ctx) })
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
	leave, err := f.enter(ctx)
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

// consumer returns what is known about a consumer, nil when it has no offset. The caller is in enter.
func (f *Feed) consumer(ctx context.Context, name string) (*consumer, error) {
	h := f.hub
	h.mu.Lock()
	c := h.consumers[name]
	open := c != nil && c.open != nil
	h.mu.Unlock()
	if open {
		return c, nil
	}
	offsets, err := f.config.Offsets.LoadOffsets(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("load the offset: %w", err)
	}
	saved, found := offsets[WholeLog]
	at := gocql.UUID(saved).Time()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !found:
		delete(h.consumers, name)
		return nil, nil
	case c == nil || !c.saved.Equal(at): // unknown here, or another process has moved it
		c = &consumer{name: name, from: at, reach: at, saved: at}
		h.consumers[name] = c
	}
	return c, nil
}

// SeekEnd implements [ports.ChangeFeed]. It waits, for a second at most, until what is in the log already was read, as that
// would otherwise come after the end.
func (f *Feed) SeekEnd(ctx context.Context, name string) error {
	if err := f.seekEnd(ctx, name); err != nil {
		return fmt.Errorf("seek end for %s: %w", name, err)
	}
	return nil
}

func (f *Feed) seekEnd(ctx context.Context, name string) error {
	leave, err := f.enter(ctx)
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
	at := f.config.Now().Add(-f.config.Confidence).Truncate(tick)
	h.mu.Lock()
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

// Lag implements [ports.ChangeFeed]. It is not known while the consumer reads the log by itself, as it cannot count what is
// ahead, and while a reader makes no progress.
func (f *Feed) Lag(ctx context.Context, name string) (ports.Lag, error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, err)
	}
	defer leave()
	c, err := f.consumer(ctx, name)
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", name, err)
	}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if c == nil {
		return ports.Lag{}, nil
	}
	return f.hub.lag(c), nil
}

// enter begins what must not run beside another that loads or saves offsets.
func (f *Feed) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case f.admin <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.isClosed() {
		<-f.admin
		return nil, ports.ErrClosed
	}
	return func() { <-f.admin }, nil
}

func (f *Feed) isClosed() bool {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	return f.hub.closed
}

// save saves offsets now and then, until ctx ends, and then once more.
func (f *Feed) save(ctx context.Context) {
	again := time.NewTicker(f.config.SaveEvery)
	defer again.Stop()
	for failing := false; ; {
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		f.hub.expire()
		err := f.saveAll(context.WithoutCancel(ctx))
		if err != nil && !failing {
			f.config.Logger.Warn("offsets not saved; they will be", "error", err)
		}
		failing = err != nil
		if ctx.Err() != nil {
			return
		}
	}
}

// saveWithin bounds a save of offsets.
const saveWithin = 10 * time.Second

// saveAll saves the offsets that have moved.
func (f *Feed) saveAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	f.admin <- struct{}{}
	defer func() { <-f.admin }()
	h := f.hub
	moved := map[*consumer]time.Time{}
	h.mu.Lock()
	for _, c := range h.consumers {
		if at := h.offset(c); !c.lost && at.After(c.saved) {
			moved[c] = at
		}
	}
	h.mu.Unlock()
	var failures []error
	for c, at := range moved {
		if err := f.saveOffset(ctx, c.name, at); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", c.name, err))
			continue
		}
		h.mu.Lock()
		c.saved = at
		h.mu.Unlock()
	}
	return errors.Join(failures...)
}

func (f *Feed) saveOffset(ctx context.Context, name string, at time.Time) error {
	if err := f.config.Offsets.SaveOffsets(ctx, name, map[string]uuid.UUID{WholeLog: uuid.UUID(gocql.MinTimeUUID(at))}); err != nil {
		f.count(func(s *Stats) { s.SaveFailures++ })
		return fmt.Errorf("save the offset: %w", err)
	}
	return nil
}

// unavailable is the one place where an error of a read becomes one of package ports.
func unavailable(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
}

func show(t time.Time) string { return strings.TrimSuffix(t.UTC().Format(time.RFC3339Nano), "Z") }
