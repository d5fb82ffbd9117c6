package ports

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Check returns an error when the request is malformed. That is a bug of the caller, so the error
// is none of this package's error values. Every EventStore calls Check first.
func (a Append) Check() error {
	if a.AggregateID == uuid.Nil {
		return errors.New("append: no aggregate id")
	}
	if a.CommandID == uuid.Nil {
		return errors.New("append: no command id")
	}
	if len(a.Records) == 0 {
		return errors.New("append: no records")
	}
	if err := eventsourcing.CheckHistory(a.Records, a.AggregateID, a.Expected); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := eventsourcing.CheckType(a.Records[0].AggregateType); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	for _, r := range a.Records {
		switch {
		case r.CommandID != a.CommandID:
			return fmt.Errorf("append: record %d carries command id %s, not %s", r.SequenceNumber, r.CommandID, a.CommandID)
		case r.EventID == uuid.Nil:
			return fmt.Errorf("append: record %d has no event id", r.SequenceNumber)
		case r.EventType == "" || r.EventVersion < 1:
			return fmt.Errorf("append: record %d has no event type or version", r.SequenceNumber)
		case r.CreatedAt != eventsourcing.Timestamp(r.CreatedAt):
			return fmt.Errorf("append: record %d: created_at %s is not UTC in whole milliseconds",
				r.SequenceNumber, r.CreatedAt)
		}
	}
	return nil
}
