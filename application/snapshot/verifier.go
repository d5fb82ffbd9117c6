package snapshot

import (
	"context"
	"fmt"
	"math"
	"time"

	"orderflow/ports"
)

// Verifier adds to a verification a comparison of the snapshots with the events. It implements
// ports.Verifier.
type Verifier struct {
	// Next verifies everything else.
	Next   ports.Verifier
	Keeper *Keeper
	Heads  ports.HeadScanner
}

var _ ports.Verifier = Verifier{}

const (
	// heads is how many aggregates are listed at once.
	heads = 256
	// shown is how many differences a report describes.
	shown = 20
)

// Verify implements ports.Verifier.
func (v Verifier) Verify(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	report, err := v.Next.Verify(ctx, patience)
	if err == nil {
		err = v.compare(ctx, &report, false)
	}
	return report, err
}

// Repair implements ports.Verifier. It deletes a snapshot that is not what the events say.
func (v Verifier) Repair(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	report, err := v.Next.Repair(ctx, patience)
	if err == nil {
		err = v.compare(ctx, &report, true)
	}
	return report, err
}

// compare compares the newest snapshots of every aggregate that is long enough to have some.
func (v Verifier) compare(ctx context.Context, report *ports.VerifyReport, repair bool) error {
	for after := ports.Cursor(""); ; {
		page, err := v.Heads.ScanHeads(ctx, after, heads)
		if err != nil {
			return fmt.Errorf("verify snapshots: %w", err)
		}
		for _, head := range page.Heads {
			if head.SequenceNumber < uint64(v.Keeper.config.Every) {
				continue
			}
			if err := v.compareOne(ctx, head, report, repair); err != nil {
				return fmt.Errorf("verify the snapshots of %s: %w", head.AggregateID, err)
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func (v Verifier) compareOne(ctx context.Context, head ports.Head, report *ports.VerifyReport, repair bool) error {
	for _, s := range v.Keeper.shelves {
		if s.kind.AggregateType != head.AggregateType {
			continue
		}
		sequence, difference, err := s.differs(ctx, head.AggregateID)
		switch {
		case err != nil:
			return err
		case difference == "":
			continue
		case repair:
			if err := v.Keeper.config.Store.DropSnapshots(ctx, head.AggregateID, s.kind.Name, math.MaxUint64); err != nil {
				return err
			}
			report.Repaired++
			continue
		}
		report.Differences++
		if len(report.Shown) < shown {
			report.Shown = append(report.Shown, ports.VerifyDifference{
				AggregateID: head.AggregateID, AggregateType: head.AggregateType,
				Detail: fmt.Sprintf("snapshot %q at %d %s", s.kind.Name, sequence, difference),
			})
		}
	}
	return nil
}
