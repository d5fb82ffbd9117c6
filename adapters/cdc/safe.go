package cdc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"
	scyllacdc "github.com/scylladb/scylla-cdc-go"
)

// The pauses around scylla-cdc-go: how long it gets to notice that it should stop before its context ends, and how long to
// return after that, which is more than the driver waits for an answer.
const (
	stopNotice = 50 * time.Millisecond
	stopWithin = 30 * time.Second
)

// safeReader runs scylla-cdc-go over and over.
type safeReader struct {
	feed *Feed
}

// run reads until ctx ends.
func (r *safeReader) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		before := r.feed.hub.confirmed()
		err := r.life(ctx)
		if ctx.Err() != nil {
			return
		}
		if r.feed.hub.confirmed().After(before) {
			failures = 0
		}
		r.feed.count(func(s *Stats) { s.SafeRestarts++ })
		r.feed.config.Logger.Warn("the safe reader of the log ended, restarting it", "error", err)
		timer := time.NewTimer(min(lastRetry, firstRetry<<min(failures, 10)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		failures++
	}
}

// life is one run of the library, from where the last one got to. It ends with ctx, with an error of the library, or when there
// was no progress for too long.
func (r *safeReader) life(ctx context.Context) error {
	config := r.feed.config
	p := &progress{feed: r.feed, start: r.feed.hub.confirmed(), streams: map[string]time.Time{}}
	defer p.retire()
	reader, err := scyllacdc.NewReader(ctx, &scyllacdc.ReaderConfig{
		Session: config.Session, TableNames: []string{config.Keyspace + "." + config.Table}, Consistency: config.Consistency,
		ChangeConsumerFactory: p, ProgressManager: p, Logger: libraryLogger{config.Logger},
		Advanced: scyllacdc.AdvancedReaderConfig{
			ConfidenceWindowSize: config.Confidence, QueryTimeWindowSize: config.SafeWindow,
			PostNonEmptyQueryDelay: config.SafeDelay, PostEmptyQueryDelay: config.SafeDelay,
			PostFailedQueryDelay: firstRetry, MaxPostFailedQueryDelay: lastRetry,
			PostGenerationFetchDelay: config.GenerationDelay, MaxPostGenerationFetchDelay: 2 * config.GenerationDelay,
			ChangeAgeLimit: config.TTL, TableMissingRetryLimit: 3,
		},
	})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	// Its own context, which ends after Stop: when it ends first, the library stays stuck for ever if generations queue up.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- reader.Run(running) }()

	ended, err := r.watch(ctx, done)
	if ended {
		return err
	}
	reader.Stop() // at most once: a second call panics
	select {
	case <-done:
		return err
	case <-time.After(stopNotice): // Stop alone takes as long as a poll
	}
	cancel()
	select {
	case <-done:
		return err
	case <-time.After(stopWithin):
		// It cannot be killed. What it still delivers is refused, so that it ends as soon as it delivers something.
		r.feed.config.Logger.Error("the safe reader does not return, and is left behind")
		return errors.New("does not return")
	}
}

// watch waits until the library has ended, or is to be stopped: with ctx, or because there is no progress.
func (r *safeReader) watch(ctx context.Context, done <-chan error) (ended bool, err error) {
	stale := r.feed.config.Stale
	look := time.NewTicker(max(time.Millisecond, stale/4))
	defer look.Stop()
	last, since := r.feed.hub.confirmed(), time.Now()
	for {
		select {
		case err := <-done:
			if err == nil {
				err = errors.New("it ended without an error")
			}
			return true, err
		case <-ctx.Done():
			return false, ctx.Err()
		case <-look.C:
			if now := r.feed.hub.confirmed(); now.After(last) {
				last, since = now, time.Now()
			} else if time.Since(since) > stale {
				return false, fmt.Errorf("no progress since %s", show(last))
			}
		}
	}
}

// progress is how far one run of the library got, and what the library asks about it. It tells the hub the least of all
// streams.
type progress struct {
	feed  *Feed
	start time.Time

	mu      sync.Mutex
	retired bool
	// streams are those of the generation that is being read, and groups those that the library reads together.
	streams map[string]time.Time
	groups  map[string][]string
	// least is what all streams have reached, as last told; moved is set when a stream that stood there went on.
	least time.Time
	moved bool
}

// errRetired ends a run that was given up.
var errRetired = errors.New("this reader was given up")

// retire makes the hub deaf to this run.
func (p *progress) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
}

// GetCurrentGeneration implements [scyllacdc.ProgressManager]: the start time says it all.
func (p *progress) GetCurrentGeneration(context.Context) (time.Time, error) { return time.Time{}, nil }

// GetApplicationReadStartTime implements [scyllacdc.ProgressManagerWithStartTime].
func (p *progress) GetApplicationReadStartTime(context.Context) (time.Time, error) {
	return p.start, nil
}

// SaveApplicationReadStartTime implements [scyllacdc.ProgressManagerWithStartTime].
func (p *progress) SaveApplicationReadStartTime(context.Context, time.Time) error { return nil }

// GetProgress implements [scyllacdc.ProgressManager]: every stream starts at the start time.
func (p *progress) GetProgress(context.Context, time.Time, string, scyllacdc.StreamID) (scyllacdc.Progress, error) {
	return scyllacdc.Progress{}, nil
}

// SaveProgress implements [scyllacdc.ProgressManager].
func (p *progress) SaveProgress(context.Context, time.Time, string, scyllacdc.StreamID, scyllacdc.Progress) error {
	return nil
}

// StartGeneration implements [scyllacdc.ProgressManager]. All streams of the generation before, if there was one, have been
// read up to the start of this one.
func (p *progress) StartGeneration(ctx context.Context, start time.Time) error {
	streams, err := p.feed.topology.at(ctx, start)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.start
	if len(p.streams) > 0 && start.After(from) {
		from = start.Add(-tick)
	}
	p.streams, p.groups = map[string]time.Time{}, map[string][]string{}
	for _, stream := range streams {
		group := p.feed.topology.group(stream)
		p.streams[string(stream)] = from
		p.groups[group] = append(p.groups[group], string(stream))
	}
	p.least, p.moved = from, true
	p.tell()
	return nil
}

// reached notes progress of a stream. The caller holds the mutex.
func (p *progress) reached(stream string, at time.Time) {
	if before, ok := p.streams[stream]; ok && at.After(before) {
		p.streams[stream] = at
		p.moved = p.moved || !before.After(p.least)
	}
}

// tell passes on what all streams have reached. The caller holds the mutex.
func (p *progress) tell() {
	if !p.moved || p.retired || len(p.streams) == 0 {
		return
	}
	p.least, p.moved = slices.MinFunc(slices.Collect(maps.Values(p.streams)), time.Time.Compare), false
	p.feed.hub.confirm(p.least)
}

// CreateChangeConsumer implements [scyllacdc.ChangeConsumerFactory]. It never fails: the library would call a nil consumer.
func (p *progress) CreateChangeConsumer(_ context.Context, in scyllacdc.CreateChangeConsumerInput) (scyllacdc.ChangeConsumer, error) {
	return &streamConsumer{progress: p, stream: string(in.StreamID), group: p.feed.topology.group(in.StreamID)}, nil
}

// streamConsumer takes what the library found in one stream.
type streamConsumer struct {
	progress      *progress
	stream, group string
}

// Consume implements [scyllacdc.ChangeConsumer].
func (c *streamConsumer) Consume(_ context.Context, change scyllacdc.Change) error {
	p := c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return errRetired
	}
	for _, rows := range [][]*scyllacdc.ChangeRow{change.PreImage, change.Delta, change.PostImage} {
		for _, row := range rows {
			p.feed.hub.accept(fromLibrary(change.Time, row), safe)
		}
	}
	at := change.Time.Time()
	p.reached(c.stream, at.Add(-tick)) // there may be more of the same time
	// While one stream of a group has something in every window, Empty is not called for the quiet ones beside it. But the
	// window before this one ended after at-SafeWindow, and it was read for the whole group.
	for _, stream := range p.groups[c.group] {
		p.reached(stream, at.Add(-p.feed.config.SafeWindow))
	}
	p.tell()
	return nil
}

// Empty implements [scyllacdc.ChangeOrEmptyNotificationConsumer].
func (c *streamConsumer) Empty(_ context.Context, to gocql.UUID) error {
	p := c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached(c.stream, to.Time().Add(-tick)) // to is the least id of its time
	p.tell()
	return nil
}

// End implements [scyllacdc.ChangeConsumer].
func (c *streamConsumer) End() error { return nil }

// libraryLogger passes on what the library says, which is a lot and only for debugging.
type libraryLogger struct {
	log interface {
		Debug(msg string, args ...any)
	}
}

// Printf implements [scyllacdc.Logger].
func (l libraryLogger) Printf(format string, args ...any) {
	l.log.Debug("scylla-cdc-go: " + fmt.Sprintf(format, args...))
}
