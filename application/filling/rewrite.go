package filling

import (
	"context"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Rewrite replaces what the view has of one aggregate by what its events say now. It stays at the
// same event, also when that is not the last one, because the aggregate is parked or the view is
// behind. It is for events that decode to something else than before, because personal data in them
// was erased. It reports whether the view has anything of the aggregate. A view without rows keeps
// nothing of what is in events.
//
// Rewrite returns *ports.RefusedError where the store cannot replace rows.
func (v *View) Rewrite(ctx context.Context, aggregateID uuid.UUID) (rewritten bool, err error) {
	at, err := v.stored(ctx, aggregateID)
	if err != nil || at.sequence == 0 || v.config.Table == nil {
		return false, err
	}
	if v.config.Repairer == nil {
		return false, v.irreplaceable()
	}
	records, err := v.missing(ctx, aggregateID, 0, at.sequence)
	if err != nil {
		return false, err
	}
	change, _, err := v.perform(ctx, stand{}, v.effective(records[:at.sequence]))
	if err != nil {
		return false, err
	}
	change.AggregateID, change.State.SequenceNumber, change.Table = aggregateID, at.sequence, v.config.Table
	return true, v.config.Repairer.Replace(ctx, v.config.View, change, at.sequence)
}

// irreplaceable is the error of a store that cannot replace rows.
func (v *View) irreplaceable() error {
	return &ports.RefusedError{Reason: "the store cannot replace rows of " + v.config.View.Consumer + ": rebuild it"}
}
