package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

// notes is the newest record of the registry that this process knows of, and who waits for the next one.
type notes struct {
	mu      sync.Mutex
	newest  ports.ConsumerRecord
	changed chan struct{}
	// kick makes the watcher look at the registry now.
	kick chan struct{}
}

// newNotes starts with what is true of a consumer that never ran.
func newNotes(name string) notes {
	return notes{
		newest:  ports.ConsumerRecord{Name: name, Live: ports.Generation{Number: 1}},
		changed: make(chan struct{}),
		kick:    make(chan struct{}, 1),
	}
}

func (n *notes) record() ports.ConsumerRecord {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.newest
}

// next returns a channel that is closed when something has changed after the call.
func (n *notes) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// adopt takes record over if it is newer than what is known.
func (n *notes) adopt(record ports.ConsumerRecord) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if record.Revision > n.newest.Revision {
		n.newest = record
		n.wake()
	}
}

// nudge wakes those who wait although the record is the same.
func (n *notes) nudge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wake()
}

func (n *notes) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// watch keeps the notes up to date with what other processes write, until ctx ends. What it cannot read it reads later; whoever
// depends on the registry meets the error.
func (c *Consumer) watch(ctx context.Context) {
	tick := time.NewTicker(c.config.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if record, err := c.config.Registry.Consumer(ctx, c.config.Name); err == nil {
			c.notes.adopt(record)
		}
	}
}

// Refresh reads what is noted about the consumer, so that LiveView is right before Pull runs.
func (c *Consumer) Refresh(ctx context.Context) error {
	record, err := c.config.Registry.Consumer(ctx, c.config.Name)
	if errors.Is(err, ports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("registry of %s: %w", c.config.Name, err)
	}
	c.notes.adopt(record)
	return nil
}

// maxRaces bounds how often a change of the record is decided anew because others were first.
const maxRaces = 20

// update reads the record of the consumer, changes it and saves it, until nobody else comes in between. change may be called
// several times; when it returns an error or changes nothing, nothing is saved.
func (c *Consumer) update(ctx context.Context, change func(*ports.ConsumerRecord) error) (ports.ConsumerRecord, error) {
	var err error
	for range maxRaces {
		var record ports.ConsumerRecord
		record, err = c.config.Registry.Consumer(ctx, c.config.Name)
		if errors.Is(err, ports.ErrNotFound) {
			record, err = ports.ConsumerRecord{
				Name: c.config.Name, Live: ports.Generation{Number: 1, Version: c.config.Version}, CatchingUp: true, From: c.config.StartFrom,
			}, nil
		}
		if err != nil {
			return record, fmt.Errorf("registry of %s: %w", c.config.Name, err)
		}
		before := record
		if err := change(&record); err != nil {
			return record, err
		}
		if record == before && record.Revision > 0 {
			c.notes.adopt(record)
			return record, nil
		}
		if record, err = c.config.Registry.SaveConsumer(ctx, record); err == nil {
			c.notes.adopt(record)
			return record, nil
		}
		if !errors.Is(err, ports.ErrVersionConflict) {
			break
		}
	}
	return ports.ConsumerRecord{}, fmt.Errorf("registry of %s: %w", c.config.Name, err)
}
