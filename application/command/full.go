package command

import (
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// HistoryFullError refuses a command whose events would make a history longer than
// Config.MaxEvents. Commands that are in the history already still get their answer.
type HistoryFullError struct {
	AggregateType string
	AggregateID   uuid.UUID
	Max           int
}

// CodeHistoryFull is the code of a [HistoryFullError].
const CodeHistoryFull = "history_full"

var _ eventsourcing.Refused = (*HistoryFullError)(nil)

func (e *HistoryFullError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.AggregateType, e.AggregateID, e.detail())
}

func (e *HistoryFullError) detail() string {
	return fmt.Sprintf("it has as many events as it may have (%d); continue with a new one", e.Max)
}

// Refusal implements eventsourcing.Refused.
func (e *HistoryFullError) Refusal() eventsourcing.Refusal {
	return eventsourcing.Refusal{Code: CodeHistoryFull, Kind: eventsourcing.RefusedByState, Detail: e.detail()}
}
