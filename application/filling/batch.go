package filling

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// HandleAll does what [View.Handle] does for several records, of any aggregates, in the order of
// delivery. All effects go to the view store in one call. After an error, some of them may have
// happened. Then the caller handles the records one by one: that is safe, and shows which record
// fails.
func (v *View) HandleAll(ctx context.Context, records []eventsourcing.Record) (Step, error) {
	var total Step
	divided := groups(records)
	changes := make([]ports.Change, 0, len(divided))
	after := make([]stand, 0, len(divided))
	for _, group := range divided {
		change, at, did, err := v.prepare(ctx, group)
		if err != nil {
			return Step{}, err
		}
		total.add(did)
		if after = append(after, at); did.Applied > 0 {
			changes = append(changes, change)
		}
	}
	if err := v.store(ctx, changes...); err != nil {
		return Step{}, err
	}
	for i, group := range divided {
		v.moving.Put(group[0].AggregateID, after[i])
	}
	return total, nil
}

// prepare performs the effects of records of one aggregate. It returns the change that is to be
// stored, and the stand after it.
func (v *View) prepare(
	ctx context.Context, group []eventsourcing.Record,
) (change ports.Change, at stand, did Step, err error) {
	id := group[0].AggregateID
	if at, err = v.remembered(ctx, id); err != nil {
		return change, at, did, err
	}
	next, did, err := v.due(ctx, at.sequence, group)
	if err != nil || len(next) == 0 {
		return change, at, did, err
	}
	change, at, err = v.change(ctx, id, at, next)
	return change, at, did, err
}

// due returns the events after a sequence number that are due because of records, all of one
// aggregate.
func (v *View) due(
	ctx context.Context, after uint64, records []eventsourcing.Record,
) (next []eventsourcing.Record, did Step, err error) {
	at := after
	fresh := make([]eventsourcing.Record, 0, len(records))
	for _, r := range records {
		switch {
		case r.SequenceNumber <= at:
			did.Duplicates++
		// else see ports.Delivery
		case r.SequenceNumber == at+1 && !v.config.Untrusted && r.EventType != "":
			fresh, at = append(fresh, r), at+1
		default:
			return v.dueFromStore(ctx, after, records)
		}
	}
	did.Applied = len(fresh)
	return fresh, did, nil
}

// dueFromStore does what due does where the records have a gap, or are only hints.
func (v *View) dueFromStore(
	ctx context.Context, after uint64, records []eventsourcing.Record,
) (next []eventsourcing.Record, did Step, err error) {
	id, upTo := records[0].AggregateID, uint64(0)
	if !v.config.Untrusted {
		for _, r := range records {
			upTo = max(upTo, r.SequenceNumber)
		}
	}
	// This may read more than is due. The feed will deliver the rest again.
	stored, err := v.missing(ctx, id, after, upTo)
	if err != nil {
		return nil, did, err
	}
	end := after + uint64(len(stored))
	due := after
	announced := make(map[uint64]bool, len(records))
	for _, r := range records {
		switch {
		case r.SequenceNumber <= after || announced[r.SequenceNumber]:
			did.Duplicates++
		case v.config.Untrusted && (r.SequenceNumber > end ||
			!sameEvent(stored[r.SequenceNumber-after-1], r)):
			did.Foreign = append(did.Foreign, r)
		default:
			announced[r.SequenceNumber] = true
			due = max(due, r.SequenceNumber)
		}
	}
	if due == after {
		return nil, did, nil
	}
	did.Applied = len(stored)
	if did.Healed = int(due-after) - len(announced); did.Healed > 0 {
		v.config.Logger.Warn("filled a gap in the feed from the event store",
			"aggregate_id", id, "before", due, "events", did.Healed)
	}
	return stored, did, nil
}

// sameEvent reports whether a record that was delivered names the event that is stored.
func sameEvent(stored, delivered eventsourcing.Record) bool {
	return stored.EventID == delivered.EventID && stored.AggregateType == delivered.AggregateType
}

// groups divides records by aggregate, in the order of their first records.
func groups(records []eventsourcing.Record) [][]eventsourcing.Record {
	if len(records) == 1 {
		return [][]eventsourcing.Record{records}
	}
	index := make(map[uuid.UUID]int, len(records))
	divided := make([][]eventsourcing.Record, 0, len(records))
	for _, r := range records {
		i, known := index[r.AggregateID]
		if !known {
			i = len(divided)
			index[r.AggregateID] = i
			divided = append(divided, nil)
		}
		divided[i] = append(divided[i], r)
	}
	return divided
}

func (s *Step) add(other Step) {
	s.Applied += other.Applied
	s.Healed += other.Healed
	s.Duplicates += other.Duplicates
	s.Foreign = slices.Concat(s.Foreign, other.Foreign)
}
