package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Dropper implements [ports.SnapshotDropper].
type Dropper struct {
	Keeper *Keeper
	Heads  ports.HeadScanner
}

var _ ports.SnapshotDropper = Dropper{}

// DropSnapshotsOf implements [ports.SnapshotDropper].
func (d Dropper) DropSnapshotsOf(ctx context.Context, aggregateID uuid.UUID) (dropped uint64, err error) {
	if aggregateID != uuid.Nil {
		return d.one(ctx, aggregateID)
	}
	for after := ports.Cursor(""); ; {
		page, err := d.Heads.ScanHeads(ctx, after, heads)
		if err != nil {
			return dropped, fmt.Errorf("drop snapshots: %w", err)
		}
		for _, head := range page.Heads {
			one, err := d.one(ctx, head.AggregateID)
			dropped += one
			if err != nil {
				return dropped, err
			}
		}
		if after = page.Next; after == "" {
			return dropped, nil
		}
	}
}

// one drops the snapshots of one aggregate. Most have none, and then nothing is written.
func (d Dropper) one(ctx context.Context, id uuid.UUID) (dropped uint64, err error) {
	for _, s := range d.Keeper.shelves {
		found, err := d.Keeper.config.Store.LoadSnapshot(ctx, id, s.kind.Name, math.MaxUint64)
		corrupt := errors.Is(err, ports.ErrCorrupt)
		switch {
		case err != nil && !corrupt:
			return 0, fmt.Errorf("drop the snapshots of %s: %w", id, err)
		case !corrupt && found.SequenceNumber == 0:
			continue
		}
		if _, err := d.Keeper.Drop(ctx, id); err != nil {
			return 0, fmt.Errorf("drop the snapshots of %s: %w", id, err)
		}
		return 1, nil
	}
	return 0, nil
}
