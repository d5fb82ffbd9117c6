package command_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// P10: a history has a bound. What is in it keeps its answers, and what changes nothing needs no
// room.
func TestHandler_Handle_refusesWhatAFullHistoryCannotTake(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	h := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New, MaxEvents: 3})
	must(t, h, create(id))
	last := update(id, 2)
	for i := range 2 {
		last = update(id, int64(i+2))
		last.CommandID = uuid.New()
		must(t, h, last)
	}
	_, err := h.Handle(t.Context(), update(id, 9))
	var refused eventsourcing.Refused
	if !errors.As(err, &refused) || refused.Refusal().Code != "history_full" || refused.Refusal().Kind != eventsourcing.RefusedByState {
		t.Errorf("error %v", err)
	}
	if again := must(t, h, last); again.SequenceNumber != 3 || len(again.Events) != 1 {
		t.Errorf("a command that is there already: %+v", again)
	}
	if same := must(t, h, update(id, 3)); same.SequenceNumber != 3 || len(same.Events) != 0 {
		t.Errorf("a command that changes nothing: %+v", same)
	}
	_, err = h.Handle(t.Context(), orders.Request{Command: order.DeliverOrder{OrderID: id}})
	if rule := (*order.RuleError)(nil); !errors.As(err, &rule) {
		t.Errorf("a command that a rule refuses: %v", err)
	}
	if n := len(history(t, store, id)); n != 3 {
		t.Errorf("%d events", n)
	}
}
