package filling

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Taken is a complete history that a view has. Rows are the rows of its fold, if Folded is set.
type Taken struct {
	History []eventsourcing.Record
	Rows    []projection.Row
	Folded  bool
}

// TakeAll does what [View.Take] does for the complete histories of several aggregates. All effects
// go to the view store in one call. After an error, some of them may have happened. Then the caller
// takes the histories one by one: that is safe, and shows which one fails.
func (v *View) TakeAll(ctx context.Context, histories [][]eventsourcing.Record) ([]Taken, error) {
	ids := make([]uuid.UUID, len(histories))
	for i, history := range histories {
		ids[i] = history[0].AggregateID
		if err := check(history, ids[i], 0); err != nil {
			return nil, err
		}
	}
	stands, err := v.storedAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	taken, behind := make([]Taken, len(histories)), make([]step, 0, len(histories))
	for i, history := range histories {
		taken[i].History = history
		if at := stands[i]; at.sequence < uint64(len(history)) {
			behind = append(behind, step{of: i, at: at, records: history[at.sequence:]})
		}
	}
	if _, err := v.takeSteps(ctx, behind); err != nil {
		return nil, err
	}
	for _, s := range behind {
		if history := histories[s.of]; s.at.fresh && len(v.effective(history)) == len(history) {
			taken[s.of].Rows, taken[s.of].Folded = s.change.Put, true
		}
	}
	return taken, nil
}

// step is what an aggregate is behind, and the change that follows from it.
type step struct {
	of      int // the index of the aggregate in the call
	at      stand
	records []eventsourcing.Record
	change  ports.Change
	err     error
}

// takeSteps performs the effects of several aggregates, and stores them in one call. It returns
// how many events are known to be applied. An effect that waits for something outside is performed
// for all of them at the same time. When it fails for some, those of the others are stored, because
// what is published cannot be taken back. When another effect fails for one, nothing is stored.
func (v *View) takeSteps(ctx context.Context, steps []step) (advanced int, err error) {
	perform := func(i int) error {
		s := &steps[i]
		s.change, _, s.err = v.change(ctx, s.records[0].AggregateID, s.at, s.records)
		return s.err
	}
	if _, waits := v.config.Effect.(Waiting); waits {
		concurrently(len(steps), func(i int) { _ = perform(i) })
	} else {
		for i := range steps {
			if err := perform(i); err != nil {
				return 0, err
			}
		}
	}
	changes := make([]ports.Change, 0, len(steps))
	for i := range steps {
		if err = cmp.Or(err, steps[i].err); steps[i].err == nil {
			changes, advanced = append(changes, steps[i].change), advanced+len(steps[i].records)
		}
	}
	if stored := v.store(ctx, changes...); stored != nil {
		return 0, stored
	}
	return advanced, err
}

// BringUpAll does what [View.BringUp] does for several aggregates, and returns how many events are
// known to be applied. All effects go to the view store in one call. After an error, some of them
// may have happened. Then the caller brings the aggregates up one by one.
func (v *View) BringUpAll(ctx context.Context, heads []ports.Head) (advanced int, err error) {
	ids := make([]uuid.UUID, len(heads))
	for i, head := range heads {
		ids[i] = head.AggregateID
	}
	stands, err := v.storedAll(ctx, ids)
	if err != nil {
		return 0, err
	}
	behind := make([]int, 0, len(heads))
	for i, head := range heads {
		if stands[i].sequence < head.SequenceNumber {
			behind = append(behind, i)
		}
	}
	histories, err := v.missingAll(ctx, heads, stands, behind)
	if err != nil {
		return 0, err
	}
	steps := make([]step, len(behind))
	for n, i := range behind {
		steps[n] = step{of: i, at: stands[i], records: histories[n]}
	}
	return v.takeSteps(ctx, steps)
}

// storedAll does what stored does for several aggregates.
func (v *View) storedAll(ctx context.Context, ids []uuid.UUID) ([]stand, error) {
	stands := make([]stand, len(ids))
	if v.config.Bulk != nil {
		for _, id := range ids {
			v.moving.take(id)
		}
		states, err := v.config.Bulk.States(ctx, v.config.View, ids)
		if err == nil {
			for i, state := range states {
				stands[i] = stand{sequence: state.SequenceNumber, data: state.Data, fresh: state.SequenceNumber == 0}
			}
			return stands, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		// one of them cannot be read, and counts as none
	}
	for i, id := range ids {
		var err error
		if stands[i], err = v.stored(ctx, id); err != nil {
			return nil, err
		}
	}
	return stands, nil
}

// missingAll returns the events up to heads that are missing behind stands, for the indexes in
// behind.
func (v *View) missingAll(
	ctx context.Context, heads []ports.Head, stands []stand, behind []int,
) (all [][]eventsourcing.Record, err error) {
	if v.config.Bulk == nil {
		all = make([][]eventsourcing.Record, len(behind))
		for n, i := range behind {
			head := heads[i]
			if all[n], err = v.missing(ctx, head.AggregateID, stands[i].sequence, head.SequenceNumber); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	from := make([]ports.HistoryFrom, len(behind))
	for n, i := range behind {
		from[n] = ports.HistoryFrom{AggregateID: heads[i].AggregateID, After: stands[i].sequence}
	}
	if all, err = v.config.Bulk.LoadAll(ctx, from); err != nil {
		return nil, failure.Mark(ports.FailureStore, err)
	}
	for n, i := range behind {
		if err := complete(all[n], from[n].AggregateID, from[n].After, heads[i].SequenceNumber); err != nil {
			return nil, err
		}
	}
	return all, nil
}
