package command

import (
	"context"
	"fmt"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// firstPage is how many events are read before a snapshot is looked for. Most histories are
	// shorter, and pay nothing for snapshots.
	firstPage = 12
	// nextPage is how many are read at once after that.
	nextPage = 1_000
)

// refresh reads what the store has after the head that is known, and folds it.
func (t *turn[C, S, E]) refresh(ctx context.Context) error {
	known, limit := t.known, nextPage
	if known == nil || known.head == 0 {
		known, limit = &folded[S]{state: t.aggregate.Decider.Initial}, firstPage
	}
	records, err := t.load(ctx, known.head, limit)
	if err == nil && known.head == 0 && len(records) == firstPage {
		if saved, after := t.saved(ctx); saved != nil {
			known, records, limit = saved, after, nextPage
		}
	}
	for err == nil {
		fold(known, t.aggregate, records)
		t.read = records
		t.folds += len(records)
		if t.config.Pages == nil || len(records) < limit {
			break
		}
		limit = nextPage
		records, err = t.load(ctx, known.head, limit)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.request.Command.Name(), err)
	}
	t.known, t.fresh = known, true
	return nil
}

// saved returns what the newest snapshot says, and the first page of the events after it. It is nil
// when none can be used. The page is read from the last event of the snapshot on, which tells
// whether the snapshot is one of this history.
func (t *turn[C, S, E]) saved(ctx context.Context) (*folded[S], []eventsourcing.Record) {
	shelf := t.config.Snapshots
	found := shelf.Newest(ctx, t.cause.AggregateID)
	if found.SequenceNumber <= firstPage {
		return nil, nil
	}
	records, err := t.load(ctx, found.SequenceNumber-1, 1+nextPage)
	if err != nil || !shelf.Follows(found, records) {
		return nil, nil
	}
	saved, err := unpack(t.aggregate.State, found.Data)
	if err != nil || saved.head != found.SequenceNumber || saved.commands.before > 0 && t.config.Finder == nil {
		shelf.Discard(snapshot.UnfitUnreadable)
		return nil, nil
	}
	t.base = saved.head
	return saved, records[1:]
}

// earlier returns the records of the command if it is one of those that are known to be missing in
// memory.
func (t *turn[C, S, E]) earlier(ctx context.Context) ([]eventsourcing.Record, error) {
	before := t.known.commands.before
	if before <= t.searched { // what is stored up to there does not change
		return nil, nil
	}
	records, err := t.config.Finder.FindCommand(ctx, t.cause.AggregateID, t.cause.CommandID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.request.Command.Name(), err)
	}
	if len(records) == 0 {
		t.searched = before
	}
	return records, nil
}

// load reads at most limit records after a sequence number, or all of them when the store has no
// pages. They must be of the handler's type, because ids are unique over all types.
func (t *turn[C, S, E]) load(ctx context.Context, after uint64, limit int) (records []eventsourcing.Record, err error) {
	if t.config.Pages != nil {
		records, err = t.config.Pages.LoadPage(ctx, t.cause.AggregateID, after, limit)
	} else {
		records, err = t.config.Store.Load(ctx, t.cause.AggregateID, after)
	}
	if err == nil && len(records) > 0 && records[0].AggregateType != t.aggregate.Type {
		return nil, &ports.OtherTypeError{
			AggregateID: t.cause.AggregateID, Type: records[0].AggregateType, Wanted: t.aggregate.Type,
		}
	}
	return records, err
}
