package fault_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	orderviews "orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/fault/outside"
)

// check compares what is stored, what was published and what operators and clients were told. The
// service has recovered.
func (r *round) check(ctx context.Context) error {
	histories, err := r.histories(ctx)
	if err != nil {
		return err
	}
	skipped, err := r.skips(ctx)
	if err != nil {
		return err
	}
	r.checkHistories(histories)
	r.checkLedger(histories)
	r.checkPublished(histories, skipped)
	r.checkSkips(skipped)
	return r.checkStored(ctx, histories)
}

// checkHistories checks that every history has no gap and can be decoded (P1), and that every
// command in it was sent, and happened once (P6).
func (r *round) checkHistories(histories map[uuid.UUID][]eventsourcing.Record) {
	codec := outside.NewerCodec(1)
	for id, history := range histories {
		r.report.orders++
		r.report.events += len(history)
		if err := eventsourcing.CheckHistory(history, id, 0); err != nil {
			r.violated("P1", "history of %s: %v", id, err)
		}
		seen := map[uuid.UUID]bool{}
		for i, record := range history {
			if _, err := codec.Decode(record); err != nil {
				r.violated("P2", "history of %s: %v", id, err)
			}
			first := i == 0 || history[i-1].CommandID != record.CommandID
			if first && seen[record.CommandID] {
				r.violated("P6", "command %s is in the history of %s twice, again at %d", record.CommandID, id, record.SequenceNumber)
			}
			seen[record.CommandID] = true
			e := r.ledger.entries[record.CommandID]
			if e == nil || e.request.Command.AggregateID() != id {
				r.violated("P2", "event %d of %s is of command %s, which nobody sent there", record.SequenceNumber, id, record.CommandID)
			}
		}
	}
}

// checkLedger compares what the clients were told with what happened. An acknowledged command is in
// the history with the answer that its client got (P2), at the head that it named (P1). A command
// that was refused or certainly not applied is nowhere.
func (r *round) checkLedger(histories map[uuid.UUID][]eventsourcing.Record) {
	for commandID, e := range r.ledger.entries {
		id := e.request.Command.AggregateID()
		there := eventsourcing.ByCommand(histories[id], commandID)
		told := e.result.Events
		switch {
		case e.fate == unknown:
		case e.fate == never && len(there) > 0:
			r.violated("P1", "command %s on %s was refused, and event %d is of it", commandID, id, there[0].SequenceNumber)
		case e.fate == never:
		case len(there) != len(told):
			r.violated("P2", "command %s on %s was acknowledged with %d events, and %d are there", commandID, id, len(told), len(there))
		default:
			for i := range told {
				if told[i].EventID != there[i].EventID || told[i].SequenceNumber != there[i].SequenceNumber {
					r.violated("P2", "command %s on %s was told event %d, and event %d is there", commandID, id, told[i].SequenceNumber, there[i].SequenceNumber)
				}
			}
			if want := e.request.ExpectedSequence; want != nil && len(there) > 0 && there[0].SequenceNumber != *want+1 {
				r.violated("P1", "command %s on %s was to take effect behind %d, and did at %d", commandID, id, *want, there[0].SequenceNumber)
			}
		}
	}
}

// checkPublished checks that every event was published to each target, in order (P3), and nothing
// else. After a reset everything was published to its target again.
func (r *round) checkPublished(histories map[uuid.UUID][]eventsourcing.Record, skipped map[decision]bool) {
	for target, name := range r.publishers {
		sink := r.sinks.Sink(target)
		r.report.published += sink.Count()
		for id, history := range histories {
			at := place{name, id}
			skips := func(sequence uint64) bool { return skipped[decision{at, sequence}] }
			for _, wrong := range sink.Check(id, history, skips, r.people.touched[at]) {
				promise := "P2"
				if wrong.Order {
					promise = "P3"
				}
				r.violated(promise, "target %d: %s", target, wrong.Text)
			}
		}
		for _, id := range sink.Strangers(histories) {
			r.violated("P2", "target %d: something was published of %s, which does not exist", target, id)
		}
	}
}

// skips reads which events are skipped.
func (r *round) skips(ctx context.Context) (map[decision]bool, error) {
	all := map[decision]bool{}
	for _, name := range r.consumerNames() {
		page, err := r.observer.Skips(ctx, ports.SkipQuery{Consumer: name, Limit: 10_000})
		if err != nil {
			return nil, err
		}
		for _, s := range page.Skips {
			all[decision{place{name, s.AggregateID}, s.SequenceNumber}] = true
		}
	}
	return all, nil
}

// checkStored checks that nothing is stored for generations that are over (P10), and nothing of
// orders that do not exist (P11).
func (r *round) checkStored(ctx context.Context, histories map[uuid.UUID][]eventsourcing.Record) error {
	kept := map[string][]int{}
	for _, name := range r.consumerNames() {
		record, err := r.observer.Consumer(ctx, name)
		if err != nil {
			return err
		}
		// 0 is for notes
		kept[name] = []int{0, record.Live.Number, record.Next.Number, record.Previous.Number}
	}
	over := func(what, consumer string, generation int) {
		if !slices.Contains(kept[consumer], generation) {
			kept[consumer] = append(kept[consumer], generation) // one report is enough
			r.violated("P10", "%s of generation %d of %s are left, and it is over", what, generation, consumer)
		}
	}
	tables := []string{"view_buckets"}
	for _, of := range orderviews.All() {
		for i, table := range of.Tables() {
			// An older program drops a generation from the tables that it knows. It has none of the
			// present layout, where the rest of what a newer program has begun stays.
			if i == 0 && of.Name == r.schedule.NewerView && len(of.Earlier) > 0 {
				continue
			}
			tables = append(tables, scyllaName(table))
		}
	}
	for _, table := range tables {
		err := r.eachRow(ctx, "SELECT consumer, generation FROM "+table, func(consumer string, generation int, _ uuid.UUID) {
			over("rows", consumer, generation)
		})
		if err != nil {
			return err
		}
	}
	return r.eachRow(ctx, "SELECT consumer, generation, aggregate_id FROM consumer_state", func(consumer string, generation int, id uuid.UUID) {
		over("states", consumer, generation)
		if generation > 0 && len(histories[id]) == 0 {
			r.violated("P11", "%s has a state of %s, which does not exist", consumer, id)
		}
	})
}

// scyllaName is the name of a table on ScyllaDB, where each layout has one of its own.
func scyllaName(table *projection.Table) string {
	if table.Layout > 1 {
		return fmt.Sprint(table.Name, "_", table.Layout)
	}
	return table.Name
}

// eachRow reads rows of a consumer, a generation and perhaps an order.
func (r *round) eachRow(ctx context.Context, query string, visit func(consumer string, generation int, id uuid.UUID)) error {
	rows := r.session.Query(query).WithContext(ctx).Iter()
	for {
		row := map[string]any{}
		if !rows.MapScan(row) {
			break
		}
		id, err := uuid.Parse(fmt.Sprint(row["aggregate_id"]))
		if err != nil && row["aggregate_id"] != nil {
			return err
		}
		visit(row["consumer"].(string), row["generation"].(int), id)
	}
	return rows.Close()
}
