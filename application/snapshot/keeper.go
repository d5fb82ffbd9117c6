package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

const (
	// waiting is how many aggregates may wait for a snapshot: about 100 bytes each.
	waiting = 1_024
	// patience bounds the work on one aggregate.
	patience = time.Minute
	// most is how many snapshots of Config.Every events a history may have, if their data grows
	// with it. After that there are fewer, each of more events.
	most = 50
)

// Config is what a [Keeper] needs. All fields are required.
type Config struct {
	Store   ports.Snapshots
	History ports.HistoryPager
	// Every is the number of events between two snapshots.
	Every  int
	Logger *slog.Logger
}

// Keeper writes snapshots, and knows the shelves where they are.
type Keeper struct {
	config  Config
	shelves []*Shelf
	queue   chan job

	// writing is held while snapshots are written or dropped. So none is written, of what was read
	// before, after those of its aggregate were dropped.
	writing sync.Mutex

	mu      sync.Mutex
	pending map[uuid.UUID]bool

	written, skipped, failed atomic.Uint64
	discards                 counts
}

// job asks for the snapshots of an aggregate up to a head.
type job struct {
	aggregateType string
	aggregateID   uuid.UUID
	head          uint64
}

// Stats are figures about a [Keeper] since it was made.
type Stats struct {
	// Written counts the snapshots that were written. Skipped counts those that were not written
	// because too many waited, and Failed those that could not be written.
	Written, Skipped, Failed uint64
	// Discarded counts the snapshots that were not used, by the reason.
	Discarded map[string]uint64
}

// NewKeeper returns a Keeper of some kinds of snapshots. Kinds have different names.
func NewKeeper(config Config, kinds ...Kind) *Keeper {
	k := &Keeper{config: config, queue: make(chan job, waiting), pending: map[uuid.UUID]bool{}}
	for _, kind := range kinds {
		k.shelves = append(k.shelves, &Shelf{k, kind})
	}
	return k
}

// Shelf returns the shelf of a kind. It is nil when there is no such kind.
func (k *Keeper) Shelf(kind string) *Shelf {
	if k == nil {
		return nil
	}
	for _, s := range k.shelves {
		if s.kind.Name == kind {
			return s
		}
	}
	return nil
}

// Stats returns figures about the Keeper.
func (k *Keeper) Stats() Stats {
	return Stats{
		Written: k.written.Load(), Skipped: k.skipped.Load(), Failed: k.failed.Load(), Discarded: k.discards.all(),
	}
}

// note asks for the snapshots of an aggregate up to a head.
func (k *Keeper) note(aggregateType string, aggregateID uuid.UUID, head uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending[aggregateID] {
		return
	}
	select {
	case k.queue <- job{aggregateType, aggregateID, head}:
		k.pending[aggregateID] = true
	default:
		k.skipped.Add(1)
	}
}

// Run writes snapshots until ctx ends. Then it returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-k.queue:
			k.mu.Lock()
			delete(k.pending, j.aggregateID)
			k.mu.Unlock()
			if err := k.Write(ctx, j.aggregateType, j.aggregateID, j.head); err != nil && ctx.Err() == nil {
				k.config.Logger.Debug("a snapshot was not written; nothing depends on it",
					"aggregate_id", j.aggregateID, "error", err)
			}
		}
	}
}

// Write writes the snapshots of every kind of an aggregate, up to a head. Run calls it.
func (k *Keeper) Write(ctx context.Context, aggregateType string, aggregateID uuid.UUID, head uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k.writing.Lock()
	defer k.writing.Unlock()
	var errs []error
	for _, s := range k.shelves {
		if s.kind.AggregateType != aggregateType {
			continue
		}
		if err := s.write(ctx, aggregateID, head); err != nil {
			k.failed.Add(1)
			errs = append(errs, fmt.Errorf("snapshot %s: %w", s.kind.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Drop deletes all snapshots of an aggregate, because its events say something else than before. It
// reports whether there were any.
func (k *Keeper) Drop(ctx context.Context, aggregateID uuid.UUID) (dropped bool, err error) {
	k.writing.Lock()
	defer k.writing.Unlock()
	for _, s := range k.shelves {
		found, err := k.config.Store.LoadSnapshot(ctx, aggregateID, s.kind.Name, math.MaxUint64)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return dropped, err
		}
		dropped = dropped || err != nil || found.SequenceNumber > 0
		if err := k.config.Store.DropSnapshots(ctx, aggregateID, s.kind.Name, math.MaxUint64); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// counts counts by a reason.
type counts struct {
	mu sync.Mutex
	by map[string]uint64
}

func (c *counts) add(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]uint64{}
	}
	c.by[reason]++
}

// all returns the count of every reason.
func (c *counts) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]uint64{}
	for _, reason := range Unfits() {
		all[reason] = c.by[reason]
	}
	return all
}
