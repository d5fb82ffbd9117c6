package eventsourcing

import (
	"fmt"

	"github.com/google/uuid"
)

// CheckHistory returns an error for the first record that does not continue the history of
// aggregateID after a sequence number: a record of another aggregate or aggregate type, a gap, a
// duplicate, or a wrong order. To fold such records would give a state that never existed.
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

// ByCommand returns the records that a command caused, in order. It returns none when the command
// is not in the history.
func ByCommand(records []Record, commandID uuid.UUID) []Record {
	var found []Record
	for _, r := range records {
		if r.CommandID == commandID {
			found = append(found, r)
		}
	}
	return found
}
