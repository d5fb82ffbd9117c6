package cdc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/ports"
)

// enter begins work that must not run concurrently with another load or save of the consumer's
// offset.
func (f *Feed) enter(ctx context.Context, name string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.hub.Closed() {
		return nil, ports.ErrClosed
	}
	return f.hold(ctx, name)
}

// hold is enter for a feed that may be closed.
func (f *Feed) hold(ctx context.Context, name string) (leave func(), err error) {
	f.mu.Lock()
	busy := f.busy[name]
	if busy == nil {
		busy = make(chan struct{}, 1)
		f.busy[name] = busy
	}
	f.mu.Unlock()
	select {
	case busy <- struct{}{}:
		return func() { <-busy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// save saves offsets now and then until ctx ends, and then once more. A save that takes long delays
// no other.
func (f *Feed) save(ctx context.Context) {
	again := time.NewTicker(f.config.SaveEvery)
	defer again.Stop()
	var saving sync.WaitGroup
	for ctx.Err() == nil {
		select {
		case <-again.C:
		case <-ctx.Done():
			saving.Wait()
		}
		f.hub.Expire()
		for _, name := range f.hub.Moved() {
			saving.Go(func() { f.saveMoved(context.WithoutCancel(ctx), name) })
		}
	}
	saving.Wait()
}

const (
	// saveWithin bounds the save or the load of an offset.
	saveWithin = 10 * time.Second
	// refreshEvery is how many saves there are between two checks of the offsets of consumers that
	// have no subscription here.
	refreshEvery = 5
)

// saveMoved saves the offset of a consumer. While it waited for its turn, the consumer may have
// been moved elsewhere. Then there is nothing to save.
func (f *Feed) saveMoved(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	var at time.Time
	leave, err := f.hold(ctx, name)
	if err == nil {
		defer leave()
		var moved bool
		if at, moved = f.hub.Offset(name); moved {
			err = f.saveOffset(ctx, name, at)
		} else {
			at = time.Time{}
		}
	}
	if f.hub.Saved(name, at, err) {
		f.config.Logger.Warn("the offset of a consumer is not saved; it will be", "consumer", name, "error", err)
	}
}

func (f *Feed) saveOffset(ctx context.Context, name string, at time.Time) error {
	if err := f.config.Offsets.SaveOffsets(ctx, name,
		map[string]uuid.UUID{WholeLog: uuid.UUID(gocql.MinTimeUUID(at))}); err != nil {
		f.hub.Count(func(s *Stats) { s.SaveFailures++ })
		return fmt.Errorf("save the offset: %w", err)
	}
	return nil
}

// refresh checks, until ctx ends, the offsets of consumers that have no subscription here, because
// another process may have moved them.
func (f *Feed) refresh(ctx context.Context) {
	again := time.NewTicker(refreshEvery * f.config.SaveEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		var looking sync.WaitGroup
		for _, name := range f.hub.Elsewhere() {
			looking.Go(func() { f.look(ctx, name) })
		}
		looking.Wait()
	}
}

// look loads the offset of one consumer. After an error the next call tries again.
func (f *Feed) look(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	leave, err := f.enter(ctx, name)
	if err != nil {
		return
	}
	defer leave()
	if err := f.load(ctx, name); err != nil && ctx.Err() == nil {
		f.config.Logger.Debug("cannot see where a consumer is", "consumer", name, "error", err)
	}
}

// load reads the stored offset of a consumer, unless the consumer has a subscription here. The
// caller has called enter.
func (f *Feed) load(ctx context.Context, name string) error {
	if f.hub.Open(name) {
		return nil
	}
	offsets, err := f.config.Offsets.LoadOffsets(ctx, name)
	if err != nil {
		return fmt.Errorf("load the offset: %w", err)
	}
	saved, found := offsets[WholeLog]
	f.hub.Loaded(name, gocql.UUID(saved).Time(), found)
	return nil
}
