package outside

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

// Disk refuses writes when it is full. A write that is refused certainly did not happen.
type Disk struct {
	mu      sync.Mutex
	left    map[plan.Writes]int
	refused int
}

// Fill makes the next n writes of a kind fail.
func (d *Disk) Fill(writes plan.Writes, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == nil {
		d.left = make(map[plan.Writes]int)
	}
	d.left[writes] += n
}

// Free makes room for everything.
func (d *Disk) Free() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.left)
}

// Refused returns the number of writes that were refused.
func (d *Disk) Refused() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused
}

// write refuses a write of a kind, or lets it happen.
func (d *Disk) write(kind plan.Writes) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, writes := range []plan.Writes{kind, plan.Everything} {
		if d.left[writes] > 0 {
			d.left[writes]--
			d.refused++
			return fmt.Errorf("write to the disk: %w", ports.ErrFull)
		}
	}
	return nil
}

// Store puts an event store on the disk.
func (d *Disk) Store(s ports.EventStore) ports.EventStore { return store{s, d} }

type store struct {
	ports.EventStore
	disk *Disk
}

// Append implements ports.EventStore.
func (s store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if err := s.disk.write(plan.Appends); err != nil {
		return ports.Appended{}, err
	}
	return s.EventStore.Append(ctx, a)
}

// ViewStore keeps views and drops them.
type ViewStore interface {
	ports.ViewStore
	ports.ViewDropper
}

// Views puts views on the disk.
func (d *Disk) Views(v ViewStore) ViewStore { return viewStore{v, d} }

type viewStore struct {
	ViewStore
	disk *Disk
}

// Apply implements ports.ViewStore.
func (v viewStore) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if err := v.disk.write(plan.Effects); err != nil {
		return err
	}
	return v.ViewStore.Apply(ctx, view, changes...)
}

// DropView implements ports.ViewDropper.
func (v viewStore) DropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	if err := v.disk.write(plan.Everything); err != nil {
		return err
	}
	return v.ViewStore.DropView(ctx, view, table)
}

// Notebook is what consumers store beside their views.
type Notebook interface {
	ports.ConsumerRegistry
	ports.ParkingLot
	ports.SkipLog
}

// Notes puts notes on the disk.
func (d *Disk) Notes(n Notebook) Notebook { return notebook{n, d} }

type notebook struct {
	Notebook
	disk *Disk
}

// SaveConsumer implements ports.ConsumerRegistry.
func (n notebook) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := n.disk.write(plan.Everything); err != nil {
		return ports.ConsumerRecord{}, err
	}
	return n.Notebook.SaveConsumer(ctx, record)
}

// Park implements ports.ParkingLot.
func (n notebook) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := n.disk.write(plan.Everything); err != nil {
		return err
	}
	return n.Notebook.Park(ctx, parked)
}

// Unpark implements ports.ParkingLot.
func (n notebook) Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	if err := n.disk.write(plan.Everything); err != nil {
		return err
	}
	return n.Notebook.Unpark(ctx, consumer, aggregateID)
}

// RecordSkip implements ports.SkipLog.
func (n notebook) RecordSkip(ctx context.Context, s ports.Skip) error {
	if err := n.disk.write(plan.Everything); err != nil {
		return err
	}
	return n.Notebook.RecordSkip(ctx, s)
}

// ForgetSkip implements ports.SkipLog.
func (n notebook) ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := n.disk.write(plan.Everything); err != nil {
		return err
	}
	return n.Notebook.ForgetSkip(ctx, consumer, aggregateID, sequence)
}
