// Package decisions keeps what an operator has decided about one consumer: its record in the
// registry, as this process knows it.
package decisions

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

// Decisions keeps the newest record of a consumer that this process knows of, and wakes those who
// wait for the next one. Several processes may change the record; each compares revisions. It is
// safe for concurrent use.
type Decisions struct {
	registry ports.ConsumerRegistry
	// first is the record of a consumer that never ran.
	first ports.ConsumerRecord

	mu      sync.Mutex
	newest  ports.ConsumerRecord
	changed chan struct{}
}

// New returns the Decisions about a consumer. first is its record if it never ran. Until the record
// was read, the view is that of generation 1, whichever program filled it.
func New(registry ports.ConsumerRegistry, first ports.ConsumerRecord) *Decisions {
	return &Decisions{
		registry: registry,
		first:    first,
		newest:   ports.ConsumerRecord{Name: first.Name, Live: ports.Generation{Number: 1}},
		changed:  make(chan struct{}),
	}
}

// Record returns the newest record that is known.
func (d *Decisions) Record() ports.ConsumerRecord {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest
}

// Next returns a channel that is closed when something has changed after the call.
func (d *Decisions) Next() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Nudge wakes those who wait, although the record is the same.
func (d *Decisions) Nudge() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake()
}

// adopt replaces the known record if record is newer.
func (d *Decisions) adopt(record ports.ConsumerRecord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if record.Revision > d.newest.Revision {
		d.newest = record
		d.wake()
	}
}

func (d *Decisions) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Watch reads at an interval what other processes have written, until ctx ends. It ignores errors:
// it reads again later, and whoever depends on the registry gets the error.
func (d *Decisions) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if record, err := d.registry.Consumer(ctx, d.first.Name); err == nil {
			d.adopt(record)
		}
	}
}

// Refresh reads the record. A consumer that never ran has none, which is no error.
func (d *Decisions) Refresh(ctx context.Context) error {
	record, err := d.registry.Consumer(ctx, d.first.Name)
	if errors.Is(err, ports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("registry of %s: %w", d.first.Name, err)
	}
	d.adopt(record)
	return nil
}

// maxRaces bounds how often a change of the record is tried again because another process was
// first.
const maxRaces = 20

// Update reads the record, changes it and saves it. It repeats that until no other process has
// changed the record in between. change may be called several times. When it returns an error or
// changes nothing, nothing is saved.
func (d *Decisions) Update(ctx context.Context, change func(*ports.ConsumerRecord) error) (ports.ConsumerRecord, error) {
	var err error
	for range maxRaces {
		var record ports.ConsumerRecord
		record, err = d.registry.Consumer(ctx, d.first.Name)
		if errors.Is(err, ports.ErrNotFound) {
			record, err = d.first, nil
		}
		if err != nil {
			return record, fmt.Errorf("registry of %s: %w", d.first.Name, err)
		}
		before := record
		if err := change(&record); err != nil {
			return record, err
		}
		if record == before && record.Revision > 0 {
			d.adopt(record)
			return record, nil
		}
		if record, err = d.registry.SaveConsumer(ctx, record); err == nil {
			d.adopt(record)
			return record, nil
		}
		if !errors.Is(err, ports.ErrVersionConflict) {
			break
		}
	}
	return ports.ConsumerRecord{}, fmt.Errorf("registry of %s: %w", d.first.Name, err)
}
