package verify

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// outcome is the result of the comparison of one aggregate.
type outcome struct {
	// rows are the rows that the fold gives, by target.
	rows        [][]projection.Row
	differences []ports.VerifyDifference
}

// settled adds the outcome of an aggregate to the report. When differences are to be repaired, it
// repairs them first.
func (v *verification) settled(ctx context.Context, head ports.Head, o outcome) error {
	if v.repairer != nil && len(o.differences) > 0 {
		var err error
		if o, err = v.repaired(ctx, head, o); err != nil {
			return err
		}
	}
	h := v.hasher()
	bucket := h.bucket(head.AggregateID)
	for i, rows := range o.rows {
		for _, row := range rows {
			v.targets[i].rows.expect(bucket, h.row(v.targets[i].projection.Table.Key(row)))
		}
	}
	for i := range o.differences {
		o.differences[i].AggregateType = head.AggregateType
	}
	v.add(o.differences...)
	return nil
}

// repaired repairs an aggregate and compares it again.
func (v *verification) repaired(ctx context.Context, head ports.Head, o outcome) (outcome, error) {
	done := make(map[string]bool)
	for _, d := range o.differences {
		if d.Consumer == "" || done[d.Consumer] {
			continue
		}
		done[d.Consumer] = true
		if err := v.repairer.RepairAggregate(ctx, d.Consumer, head.AggregateID, nil); err != nil {
			v.add(ports.VerifyDifference{
				AggregateID: head.AggregateID, AggregateType: head.AggregateType, Consumer: d.Consumer,
				Detail: "cannot be repaired: " + err.Error(),
			})
		}
	}
	if len(done) == 0 {
		return o, nil
	}
	again, err := v.compare(ctx, head)
	if err == nil && len(again.differences) == 0 {
		v.report.Repaired++
	}
	return again, err
}

// compare compares one aggregate with its history.
func (v *verification) compare(ctx context.Context, head ports.Head) (outcome, error) {
	id := head.AggregateID
	// The states are read before the history. So a state that is ahead of the history is a real
	// difference and not a race.
	reached, err := v.reached(ctx, head)
	if err != nil {
		return outcome{}, err
	}
	records, wrong, err := v.records(ctx, id)
	if err != nil || wrong != nil {
		return outcome{differences: wrong}, err
	}
	var history []projection.Event
	if v.anyTakes(head.AggregateType) {
		if history, wrong = v.decode(records); wrong != nil {
			return outcome{differences: wrong}, nil
		}
	}
	events := uint64(len(records))
	o := outcome{rows: make([][]projection.Row, len(v.targets))}
	differs := func(t *target, format string, args ...any) {
		o.differences = append(o.differences, ports.VerifyDifference{
			AggregateID: id, Consumer: t.consumer, Detail: t.prefix + fmt.Sprintf(format, args...),
		})
	}
	for i, t := range v.targets {
		if t.takes(head.AggregateType) && reached[i].SequenceNumber != events {
			differs(t, "has handled %d of %d events", reached[i].SequenceNumber, events)
			o.differences[len(o.differences)-1].Behind = reached[i].SequenceNumber < events
		}
	}
	for i, t := range v.targets {
		if t.projection == nil || !t.takes(head.AggregateType) {
			continue
		}
		handled := history[:min(reached[i].SequenceNumber, events)]
		fold, detail := v.fold(t.projection, v.withoutSkipped(t.consumer, handled))
		if detail == "" {
			o.rows[i] = fold
			if detail, err = v.compareRows(ctx, t, fold); err == nil && detail != "" {
				detail, err = v.blame(ctx, t, handled, detail)
			}
		}
		if err != nil {
			return outcome{}, err
		}
		if detail != "" {
			differs(t, "%s", detail)
		}
	}
	return o, nil
}

// fold returns the rows that a projection makes of events. Its error names the event that the
// projection fails on.
func (v *verification) fold(p *projection.Projection, events []projection.Event) (rows []projection.Row, detail string) {
	rows, err := foldSafely(p, events)
	if err == nil {
		return rows, ""
	}
	for i, e := range events {
		if _, err := foldSafely(p, events[:i+1]); err != nil {
			return nil, fmt.Sprintf("event %d cannot be applied: %v", e.SequenceNumber, err)
		}
	}
	return nil, fmt.Sprintf("%d events cannot be applied at once, but one by one: %v", len(events), err)
}

// foldSafely returns the rows that a projection makes of events. A panic of the projection is an
// error.
func foldSafely(p *projection.Projection, events []projection.Event) (rows []projection.Row, err error) {
	err = portkit.Protect(func() error {
		rows = p.Fold(events)
		return nil
	})
	return rows, err
}

// blame names the skipped events when a view differs because it contains their effect.
func (v *verification) blame(ctx context.Context, t *target, handled []projection.Event, detail string) (string, error) {
	var skips []uint64
	for _, e := range handled {
		if v.skips[skipped{t.consumer, e.AggregateID, e.SequenceNumber}] {
			skips = append(skips, e.SequenceNumber)
		}
	}
	if len(skips) == 0 {
		return detail, nil
	}
	fold, wrong := v.fold(t.projection, handled)
	if wrong != "" {
		return detail, nil
	}
	if with, err := v.compareRows(ctx, t, fold); err != nil || with != "" {
		return detail, err
	}
	return fmt.Sprintf("events %d are skipped, but the view has their effect: %s", skips, detail), nil
}

// reached reads how far each target is with one aggregate.
func (v *verification) reached(ctx context.Context, head ports.Head) ([]ports.ViewState, error) {
	reached := make([]ports.ViewState, len(v.targets))
	for i, t := range v.targets {
		if !t.takes(head.AggregateType) {
			continue
		}
		state, err := v.States.State(ctx, t.live(), head.AggregateID)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) { // which counts as no state
			return nil, fmt.Errorf("state of %s for %s: %w", t.consumer, head.AggregateID, err)
		}
		reached[i] = state
	}
	return reached, nil
}

// compareRows reads each wanted row from the table and returns the differences.
func (v *verification) compareRows(ctx context.Context, t *target, wanted []projection.Row) (string, error) {
	table := t.projection.Table
	for _, want := range wanted {
		got, found, err := v.row(ctx, t, want)
		switch {
		case err != nil:
			return "", err
		case !found:
			return fmt.Sprintf("row %v is missing from %s", table.Key(want), table.Name), nil
		case !projection.SameRow(got, want):
			return fmt.Sprintf("row of %s is %v, the events say %v", table.Name, got, want), nil
		}
	}
	return "", nil
}

// row reads the row that has the same key as like.
func (v *verification) row(ctx context.Context, t *target, like projection.Row) (row projection.Row, found bool, err error) {
	view, table := t.live(), t.projection.Table
	listing, err := v.Rows.Rows(ctx, ports.RowQuery{View: view, Table: t.table(view), Prefix: table.Key(like), Limit: 1})
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", table.Name, err)
	}
	if len(listing.Rows) == 0 {
		return nil, false, nil
	}
	return listing.Rows[0], true, nil
}
