package filling

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// HandleAll does what [View.Handle] does for several records, of any aggregates, in the order of
// delivery. All effects go to the view store in one call.
//
// When the effect of one aggregate fails, those of the others are stored without it. After an
// error, left are the records that are not known to have had their effect, in order within each
// aggregate, and did is what is known. Then the caller handles left one by one: that is safe, and
// shows which record fails.
func (v *View) HandleAll(
	ctx context.Context, records []eventsourcing.Record,
) (did Step, left []eventsourcing.Record, err error) {
	divided := groups(records)
	parts := v.spare.take(len(divided))
	defer v.spare.put(parts)
	if _, waits := v.config.Effect.(Waiting); waits {
		concurrently(len(divided), func(i int) { parts[i] = v.prepare(ctx, divided[i]) })
	} else {
		for i, group := range divided {
			parts[i] = v.prepare(ctx, group)
			if failure.Transient(parts[i].err) { // the others would fail, too
				return Step{}, records, parts[i].err
			}
		}
	}
	for i := range parts {
		if parts[i].err != nil {
			left, err = append(left, divided[i]...), cmp.Or(err, parts[i].err)
		}
	}
	did, stored := v.storeParts(ctx, slices.DeleteFunc(parts, func(p part) bool { return p.err != nil }))
	if stored != nil {
		return Step{}, records, stored
	}
	return did, left, err
}

// part is what the records of one aggregate do.
type part struct {
	id     uuid.UUID
	change ports.Change
	at     stand // after the change
	did    Step
	err    error
}

// spareParts keeps the memory of parts for the next batch. The zero value is ready.
type spareParts struct{ pool sync.Pool }

// take returns so many empty parts. They go back with put.
func (s *spareParts) take(n int) []part {
	if parts, ok := s.pool.Get().(*[]part); ok && cap(*parts) >= n {
		return (*parts)[:n]
	}
	return make([]part, n)
}

func (s *spareParts) put(parts []part) {
	clear(parts)
	s.pool.Put(&parts)
}

// storeParts stores the changes of parts, and remembers what is after them.
func (v *View) storeParts(ctx context.Context, parts []part) (total Step, err error) {
	changes := make([]ports.Change, 0, len(parts))
	for i := range parts {
		if total.add(parts[i].did); parts[i].did.Applied > 0 {
			changes = append(changes, parts[i].change)
		}
	}
	if err := v.store(ctx, changes...); err != nil {
		return Step{}, err
	}
	for i := range parts {
		v.moving.put(parts[i].id, parts[i].at)
	}
	return total, nil
}

// Waiting is an effect that waits for something outside, such as the acknowledgement of a broker.
// It is called for several aggregates at the same time.
type Waiting interface {
	Effect
	// Waits does nothing. An effect that wraps another one has it if the other one has it.
	Waits()
}

// mostWaiting bounds how many aggregates of one batch have their effect at the same time.
const mostWaiting = 64

// concurrently calls work for each index below n.
func concurrently(n int, work func(i int)) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(n, mostWaiting) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	working.Wait()
}

// prepare performs the effects of records of one aggregate.
func (v *View) prepare(ctx context.Context, group []eventsourcing.Record) (p part) {
	p.id = group[0].AggregateID
	if p.at, p.err = v.remembered(ctx, p.id); p.err != nil {
		return p
	}
	var next []eventsourcing.Record
	if next, p.did, p.err = v.due(ctx, p.at.sequence, group); p.err != nil || len(next) == 0 {
		return p
	}
	p.change, p.at, p.err = v.change(ctx, p.id, p.at, next)
	return p
}

// due returns the events after a sequence number that are due because of records, all of one
// aggregate.
func (v *View) due(
	ctx context.Context, after uint64, records []eventsourcing.Record,
) (next []eventsourcing.Record, did Step, err error) {
	for len(records) > 0 && records[0].SequenceNumber <= after {
		records, did.Duplicates = records[1:], did.Duplicates+1
	}
	at := after
	for _, r := range records {
		// else see ports.Delivery
		if r.SequenceNumber != at+1 || v.config.Untrusted || r.EventType == "" {
			next, more, err := v.dueOutOfOrder(ctx, after, records)
			more.Duplicates += did.Duplicates
			return next, more, err
		}
		at++
	}
	did.Applied = len(records)
	return records, did, nil
}

// dueOutOfOrder does what due does where the records are not simply the next ones.
func (v *View) dueOutOfOrder(
	ctx context.Context, after uint64, records []eventsourcing.Record,
) (next []eventsourcing.Record, did Step, err error) {
	at := after
	fresh := make([]eventsourcing.Record, 0, len(records))
	for _, r := range records {
		switch {
		case r.SequenceNumber <= at:
			did.Duplicates++
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
	divided := make([][]eventsourcing.Record, 0, len(records))
	if len(records) == 1 {
		return append(divided, records)
	}
	index := make(map[uuid.UUID]int, len(records))
	place := make([]int, len(records)) // the group of each record
	sizes := make([]int, 0, len(records))
	for i := range records {
		group, known := index[records[i].AggregateID]
		if !known {
			group = len(sizes)
			index[records[i].AggregateID] = group
			sizes = append(sizes, 0)
		}
		place[i] = group
		sizes[group]++
	}
	if len(sizes) == len(records) { // nothing has to move
		for i := range records {
			divided = append(divided, records[i:i+1:i+1])
		}
		return divided
	}
	sorted := make([]eventsourcing.Record, len(records)) // all groups share it
	begin := 0
	for _, size := range sizes {
		divided = append(divided, sorted[begin:begin:begin+size])
		begin += size
	}
	for i := range records {
		divided[place[i]] = append(divided[place[i]], records[i])
	}
	return divided
}

func (s *Step) add(other Step) {
	s.Applied += other.Applied
	s.Healed += other.Healed
	s.Duplicates += other.Duplicates
	s.Foreign = append(s.Foreign, other.Foreign...)
}
