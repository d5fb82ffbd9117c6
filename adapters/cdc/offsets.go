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

// enter begins what must not run beside another that loads or saves the offset of the consumer.
func (f *Feed) enter(ctx context.Context, name string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.isClosed() {
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

// save saves offsets now and then, until ctx ends, and then once more. One that takes long holds up no
// other.
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
		f.hub.expire()
		for c, at := range f.hub.moved() {
			saving.Go(func() { f.saveMoved(context.WithoutCancel(ctx), c, at) })
		}
	}
	saving.Wait()
}

const (
	// saveWithin bounds a save of an offset, and a look at one.
	saveWithin = 10 * time.Second
	// refreshEvery is how many pauses between two saves there are between two looks at the offsets of
	// consumers that have no subscription here.
	refreshEvery = 5
	// mostAsked bounds the consumers that this process only knows by name.
	mostAsked = 1000
)

// moved returns the offsets that are to be saved. They count as being saved from then on.
func (h *hub) moved() map[*consumer]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	moved := map[*consumer]time.Time{}
	for _, c := range h.consumers {
		if at := h.offset(c); !c.lost && !c.saving && at.After(c.saved) {
			moved[c], c.saving = at, true
		}
	}
	return moved
}

// saveMoved saves the offset of a consumer.
func (f *Feed) saveMoved(ctx context.Context, c *consumer, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	leave, err := f.hold(ctx, c.name)
	if err == nil {
		err = f.saveOffset(ctx, c.name, at)
		defer leave()
	}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	c.saving = false
	switch {
	case err == nil:
		c.saved = at
	case !c.failing:
		f.config.Logger.Warn("the offset of a consumer is not saved; it will be", "consumer", c.name, "error", err)
	}
	c.failing = err != nil
}

func (f *Feed) saveOffset(ctx context.Context, name string, at time.Time) error {
	if err := f.config.Offsets.SaveOffsets(ctx, name, map[string]uuid.UUID{WholeLog: uuid.UUID(gocql.MinTimeUUID(at))}); err != nil {
		f.count(func(s *Stats) { s.SaveFailures++ })
		return fmt.Errorf("save the offset: %w", err)
	}
	return nil
}

// refresh looks, until ctx ends, where consumers are that have no subscription here: another process may
// have moved them.
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
		for _, name := range f.hub.elsewhere() {
			looking.Go(func() { f.look(ctx, name) })
		}
		looking.Wait()
	}
}

// look looks where one consumer is. An error means the next time.
func (f *Feed) look(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	leave, err := f.enter(ctx, name)
	if err != nil {
		return
	}
	defer leave()
	if _, err := f.consumer(ctx, name); err != nil && ctx.Err() == nil {
		f.config.Logger.Debug("cannot see where a consumer is", "consumer", name, "error", err)
	}
}

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
