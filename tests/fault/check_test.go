package fault_test

import (
	"context"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
)

// checkHistories checks that every history has no hole and can be decoded (P1), and that every
// command in it was sent, and happened once (P6).
func (r *round) checkHistories(histories map[uuid.UUID][]eventsourcing.Record) {
	codec := orderjson.New()
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

// checkPublished checks that every event was published, in order (P3), and nothing else.
func (r *round) checkPublished(histories map[uuid.UUID][]eventsourcing.Record) {
	r.published.mu.Lock()
	defer r.published.mu.Unlock()
	r.report.published = r.published.count
	for _, wrong := range r.published.wrong {
		r.violated("P3", "%s", wrong)
	}
	for id, came := range r.published.events {
		history := histories[id]
		for i, eventID := range came {
			if i >= len(history) || history[i].EventID != eventID {
				r.violated("P2", "event %d of %s was published as %s, which never happened", i+1, id, eventID)
			}
		}
		if len(came) < len(history) {
			r.violated("P2", "%d of %d events of %s were published", len(came), len(history), id)
		}
	}
	for id, history := range histories {
		if len(r.published.events[id]) == 0 {
			r.violated("P2", "none of %d events of %s was published", len(history), id)
		}
	}
}

// counters adds up the counters of the processes.
type counters struct {
	healed, holes, late, caughtUp uint64
}

// add adds the counters of a process that has ended.
func (c *counters) add(p *process) error {
	if p.feed == nil {
		return nil
	}
	stats := p.feed.Stats()
	c.holes += stats.Holes
	c.late += stats.Late
	c.caughtUp += stats.CaughtUp
	for _, one := range p.consumers {
		c.healed += one.Status(context.Background()).Healed
	}
	return nil
}
