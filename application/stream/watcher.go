package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

const (
	// patience is how long a stream waits for the watcher to have a tail.
	patience = 5 * time.Second
	// pause is the time between two attempts to open or read a tail.
	pause = time.Second
)

// watcher reads the feed for all streams of one aggregate, and signals them.
type watcher struct {
	tails ports.FeedTail

	mu sync.Mutex // guards all below
	// signals holds those of each aggregate.
	signals map[uuid.UUID]map[*signal]bool
	// changed is closed and replaced when the watcher begins or ends to watch, and when there is a
	// first signal or none any more.
	changed  chan struct{}
	watching bool
}

func newWatcher(tails ports.FeedTail) *watcher {
	return &watcher{tails: tails, signals: map[uuid.UUID]map[*signal]bool{}, changed: make(chan struct{})}
}

// signal tells one stream that there may be more in the event store.
type signal struct {
	watcher *watcher
	id      uuid.UUID
	// raised has room for one value.
	raised chan struct{}
	// closed is closed by close.
	closed chan struct{}
	once   sync.Once
}

// watch returns a signal for an aggregate. Everything that is appended after the call raises it.
//
// Errors: ErrUnavailable when the feed cannot be read.
func (w *watcher) watch(ctx context.Context, id uuid.UUID) (*signal, error) {
	s := &signal{watcher: w, id: id, raised: make(chan struct{}, 1), closed: make(chan struct{})}
	w.mu.Lock()
	if w.signals[id] == nil {
		w.signals[id] = map[*signal]bool{}
	}
	w.signals[id][s] = true
	w.change(w.watching)
	w.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		w.mu.Lock()
		watching, changed := w.watching, w.changed
		w.mu.Unlock()
		if watching {
			return s, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			s.close()
			return nil, fmt.Errorf("%w: the change feed cannot be read", ports.ErrUnavailable)
		case <-ctx.Done():
			s.close()
			return nil, ctx.Err()
		}
	}
}

// change sets whether a tail is open, and wakes all that wait for a change. The caller holds mu.
func (w *watcher) change(watching bool) {
	w.watching = watching
	close(w.changed)
	w.changed = make(chan struct{})
}

// run reads the feed while there are signals, until ctx ends.
func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !w.await(ctx, true) {
			return
		}
		// A failure is no news: streams that are open are signalled when there is a tail again, and
		// new ones are refused. The feed reports its own failures.
		if err := w.follow(ctx); err != nil {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}
}

// await waits until there are signals, or none. It returns false when ctx ended.
func (w *watcher) await(ctx context.Context, some bool) bool {
	for {
		w.mu.Lock()
		reached, changed := len(w.signals) > 0 == some, w.changed
		w.mu.Unlock()
		if reached {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// follow has a tail open, and signals what comes, until there are no signals any more.
func (w *watcher) follow(ctx context.Context) (err error) {
	tail, err := w.tails.OpenTail(ctx, ports.PlaceNow)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.change(true)
	w.mu.Unlock()
	w.raiseAll() // what was appended while there was no tail
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		w.await(ctx, false)
		cancel()
	})
	defer func() {
		w.mu.Lock()
		w.change(false)
		w.mu.Unlock()
		cancel()
		group.Wait()
		err = errors.Join(err, tail.Close())
	}()
	for {
		page, err := tail.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case page.Lost != nil:
			w.raiseAll()
		}
		w.mu.Lock()
		for _, r := range page.Records {
			for s := range w.signals[r.Record.AggregateID] {
				s.set()
			}
		}
		w.mu.Unlock()
	}
}

func (w *watcher) raiseAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, signals := range w.signals {
		for s := range signals {
			s.set()
		}
	}
}

// set raises a signal.
func (s *signal) set() {
	select {
	case s.raised <- struct{}{}:
	default: // it is raised already
	}
}

// check returns why a stream must not go on, or nil.
func (s *signal) check(ctx context.Context) error {
	select {
	case <-s.closed:
		return ports.ErrClosed
	default:
		return ctx.Err()
	}
}

// wait waits until the signal is raised, and lowers it.
func (s *signal) wait(ctx context.Context) error {
	select {
	case <-s.raised:
		return nil
	case <-s.closed:
		return ports.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the signal.
func (s *signal) close() {
	s.once.Do(func() {
		close(s.closed)
		w := s.watcher
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.signals[s.id], s)
		if len(w.signals[s.id]) == 0 {
			delete(w.signals, s.id)
		}
		w.change(w.watching)
	})
}
