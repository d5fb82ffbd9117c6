package eventsourcing

import (
	"fmt"

	"github.com/google/uuid"
)

// CheckHistory reports the first place where records is not the unbroken continuation of aggregateID's history behind
// sequence number after: a foreign record, a record of another aggregate type than the one before it, a hole, a double or a
// wrong order. Folding such records would give a state that never existed.
func CheckHistory(records []Record, aggregateID uuid.UUID, after uint64) error {
	for i, r := range records {
		if r.AggregateID != aggregateID {
			return fmt.Errorf("history of %s: record %d belongs to %s", aggregateID, i, r.AggregateID)
		}
		if r.AggregateType != records[0].AggregateType {
			return fmt.Errorf("history of %s: record %d is of aggregate type %q, the first one of %q",
				aggregateID, i, r.AggregateType, records[0].AggregateType)
		}
		if want := after + uint64(i) + 1; r.SequenceNumber != want {
			return fmt.Errorf("history of %s: sequence number %d where %d is due", aggregateID, r.SequenceNumber, want)
		}
	}
	return nil
}

// ByCommand returns the records that command caused, in order; none when the command is not in the history.
func ByCommand(records []Record, commandID uuid.UUID) []Record {
	var found []Record
	for _, r := range records {
		if r.CommandID == commandID {
			found = append(found, r)
		}
	}
	return found
}
