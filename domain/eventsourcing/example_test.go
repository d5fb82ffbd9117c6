package eventsourcing_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Another domain: an account that can be opened by any deposit and never goes below zero.

type (
	deposit  struct{ amount int }
	withdraw struct{ amount int }

	deposited struct{ amount int }
	withdrawn struct{ amount int }

	account struct{ balance int }
)

var errInsufficientFunds = errors.New("insufficient funds")

func decideAccount(a account, command any) ([]any, error) {
	switch c := command.(type) {
	case deposit:
		return []any{deposited(c)}, nil
	case withdraw:
		if c.amount > a.balance {
			return nil, errInsufficientFunds
		}
		return []any{withdrawn(c)}, nil
	default:
		return nil, nil
	}
}

func evolveAccount(a account, event any) account {
	switch e := event.(type) {
	case deposited:
		a.balance += e.amount
	case withdrawn:
		a.balance -= e.amount
	}
	return a
}

// The kernel works for any domain that consists of commands, events and a state.
func Example() {
	decider := eventsourcing.Decider[any, account, any]{Decide: decideAccount, Evolve: evolveAccount}
	accountID := uuid.MustParse("018f4e9a-0000-7000-8000-00000000000a")
	opened := time.Date(2025, time.March, 31, 9, 0, 0, 0, time.UTC)

	var history []eventsourcing.Envelope[any]
	for i, command := range []any{deposit{100}, withdraw{30}, withdraw{500}} {
		state := eventsourcing.Fold(decider.Initial, decider.Evolve, history)
		events, err := decider.Decide(state, command)
		if err != nil {
			fmt.Printf("%+v: %v\n", command, err)
			continue
		}
		cause := eventsourcing.Cause{AggregateID: accountID, CommandID: uuid.New(), At: opened.Add(time.Duration(i) * time.Hour)}
		history = append(history, eventsourcing.Stamp(cause, uint64(len(history)), events, uuid.New)...)
	}

	for _, e := range history {
		fmt.Printf("%d %s %T%+v\n", e.SequenceNumber, e.CreatedAt.Format(time.TimeOnly), e.Event, e.Event)
	}
	fmt.Printf("%+v\n", eventsourcing.Fold(decider.Initial, decider.Evolve, history))

	// Output:
	// {amount:500}: insufficient funds
	// 1 09:00:00 eventsourcing_test.deposited{amount:100}
	// 2 10:00:00 eventsourcing_test.withdrawn{amount:30}
	// {balance:70}
}

// Stamp numbers the events of a command, and stores in each which command caused it.
func ExampleStamp() {
	cause := eventsourcing.Cause{
		AggregateType: "account",
		AggregateID:   uuid.MustParse("018f4e9a-0000-7000-8000-00000000000a"),
		CommandID:     uuid.MustParse("018f4e9a-0000-7000-8000-00000000000c"),
		At:            time.Date(2025, time.March, 31, 9, 0, 0, 123_456_789, time.UTC),
	}
	for _, e := range eventsourcing.Stamp(cause, 7, []any{deposited{100}, withdrawn{30}}, uuid.New) {
		fmt.Println(e.AggregateType, e.SequenceNumber, e.CreatedAt.Format(time.RFC3339Nano), e.Event)
	}
	// Output:
	// account 8 2025-03-31T09:00:00.123Z {100}
	// account 9 2025-03-31T09:00:00.123Z {30}
}

// A reader of several aggregate types gets events as any, and selects those of its own type.
func ExampleTyped() {
	for _, event := range []any{deposited{100}, "of another type"} {
		typed, ok := eventsourcing.Typed[deposited](eventsourcing.Envelope[any]{Event: event})
		fmt.Println(typed.Event.amount, ok)
	}
	// Output:
	// 100 true
	// 0 false
}

// A history with a gap is not folded.
func ExampleCheckHistory() {
	id := uuid.MustParse("018f4e9a-0000-7000-8000-00000000000a")
	record := func(sequence uint64) eventsourcing.Record {
		return eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "account", AggregateID: id, SequenceNumber: sequence}}
	}
	fmt.Println(eventsourcing.CheckHistory([]eventsourcing.Record{record(1), record(2)}, id, 0))
	fmt.Println(eventsourcing.CheckHistory([]eventsourcing.Record{record(1), record(3)}, id, 0))
	// Output:
	// <nil>
	// history of 018f4e9a-0000-7000-8000-00000000000a: sequence number 3 where 2 is due
}
