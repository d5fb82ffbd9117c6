package command_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// A second aggregate type beside orders: a balance that begins at 10 and never goes below 0.

type (
	spend struct {
		id     uuid.UUID
		amount int64
	}
	spent struct {
		Amount int64 `json:"amount"`
	}
	overdrawn struct{}
)

func (s spend) AggregateID() uuid.UUID { return s.id }
func (spend) Name() string             { return "spend" }
func (overdrawn) Error() string        { return "overdrawn" }
func (overdrawn) Refusal() eventsourcing.Refusal {
	return eventsourcing.Refusal{Code: "overdrawn", Detail: "there is not enough"}
}

func balances() command.Aggregate[spend, int64, spent] {
	return command.Aggregate[spend, int64, spent]{
		Type: "balance",
		Decider: eventsourcing.Decider[spend, int64, spent]{
			Initial: 10,
			Decide: func(balance int64, s spend) ([]spent, error) {
				if s.amount > balance {
					return nil, overdrawn{}
				}
				return []spent{{s.amount}}, nil
			},
			Evolve: func(balance int64, e spent) int64 { return balance - e.Amount },
		},
		Codec: eventjson.New(eventjson.Config[spent]{
			AggregateType: "balance",
			Schemas: map[string]eventjson.Schema[spent]{
				"balance.spent": {Decode: eventjson.Read(func(p spent) (spent, error) { return p, nil })},
			},
			Payload: func(e spent) (string, any, error) { return "balance.spent", e, nil },
		}),
		AppendContent: func(b []byte, s spend) []byte { return strconv.AppendInt(b, s.amount, 10) },
	}
}

func balanceHandler(a command.Aggregate[spend, int64, spent], store ports.EventStore) *command.Handler[spend, int64, spent] {
	return command.New(a, command.Config{Store: store, Now: time.Now, NewID: uuid.New})
}

func TestHandler_Handle_beginsAtTheInitialState(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	h := balanceHandler(balances(), store)
	for i, test := range []struct {
		amount int64
		head   uint64
		refuse bool
	}{{11, 0, true}, {7, 1, false}, {4, 0, true}, {3, 2, false}, {1, 0, true}} {
		result, err := h.Handle(t.Context(), ports.CommandRequest[spend]{Command: spend{id, test.amount}})
		if refused := errors.Is(err, overdrawn{}); refused != test.refuse || err != nil && !refused || result.SequenceNumber != test.head {
			t.Errorf("command %d, spend %d: %+v, %v", i, test.amount, result, err)
		}
	}
	if records := history(t, store, id); len(records) != 2 || records[0].AggregateType != "balance" {
		t.Errorf("stored: %+v", records)
	}
}

// Check refuses a malformed command before the store is read. Without Check only the decider can
// refuse it.
func TestHandler_Handle_checksOnlyWhereThereIsACheck(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	if _, err := balanceHandler(balances(), store).Handle(t.Context(), ports.CommandRequest[spend]{Command: spend{id, -1}}); err != nil {
		t.Errorf("without a check: %v", err)
	}
	malformed := errors.New("must not be negative")
	checked := balances()
	checked.Check = func(s spend) error {
		if s.amount < 0 {
			return malformed
		}
		return nil
	}
	_, err := balanceHandler(checked, nil).Handle(t.Context(), ports.CommandRequest[spend]{Command: spend{id, -1}})
	if err != malformed {
		t.Errorf("with a check: %v", err)
	}
}

// Ids are unique over all types. The id of an order is refused by the handler of balances and the
// other way round, whichever was first.
func TestHandler_Handle_refusesAnIDOfAnotherType(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	orders, others := setup(store), balanceHandler(balances(), store)
	ofOrder, ofBalance := uuid.New(), uuid.New()
	must(t, orders, create(ofOrder))
	if _, err := others.Handle(t.Context(), ports.CommandRequest[spend]{Command: spend{ofBalance, 1}}); err != nil {
		t.Fatal(err)
	}
	stored := [2][]eventsourcing.Record{history(t, store, ofOrder), history(t, store, ofBalance)}

	_, err := others.Handle(t.Context(), ports.CommandRequest[spend]{Command: spend{ofOrder, 1}})
	expectOtherType(t, err, ports.OtherTypeError{AggregateID: ofOrder, Type: "order", Wanted: "balance"})
	for _, command := range []order.Command{create(ofBalance).Command, update(ofBalance, 2).Command} {
		_, err := orders.Handle(t.Context(), ports.CommandRequest[order.Command]{Command: command})
		expectOtherType(t, err, ports.OtherTypeError{AggregateID: ofBalance, Type: "balance", Wanted: "order"})
	}

	// The command id of an event of the other type does not help either.
	request := create(ofBalance)
	request.CommandID = stored[1][0].CommandID
	_, err = orders.Handle(t.Context(), request)
	expectOtherType(t, err, ports.OtherTypeError{AggregateID: ofBalance, Type: "balance", Wanted: "order"})

	if diff := cmp.Diff(stored, [2][]eventsourcing.Record{history(t, store, ofOrder), history(t, store, ofBalance)}); diff != "" {
		t.Errorf("a refused command has written something:\n%s", diff)
	}
}

func expectOtherType(t *testing.T, err error, want ports.OtherTypeError) {
	t.Helper()
	var other *ports.OtherTypeError
	if !errors.As(err, &other) || *other != want {
		t.Errorf("error %v, want %+v", err, want)
	}
}

// Handlers of two types do not know of each other. Of their first commands for the same id, one
// wins.
func TestHandler_Handle_twoTypesRaceForOneID(t *testing.T) {
	t.Parallel()
	inner, id := memory.New(memory.Options{}), uuid.New()
	raced := &hooked{EventStore: inner}
	// between the load and the append
	raced.append = func(ctx context.Context, a ports.Append) (ports.Appended, error) {
		raced.append = nil
		if _, err := balanceHandler(balances(), inner).Handle(ctx, ports.CommandRequest[spend]{Command: spend{id, 1}}); err != nil {
			t.Error(err)
		}
		return inner.Append(ctx, a)
	}
	_, err := setup(raced).Handle(t.Context(), create(id))
	expectOtherType(t, err, ports.OtherTypeError{AggregateID: id, Type: "balance", Wanted: "order"})
	if records := history(t, inner, id); len(records) != 1 || records[0].AggregateType != "balance" {
		t.Errorf("stored: %+v", records)
	}
}
