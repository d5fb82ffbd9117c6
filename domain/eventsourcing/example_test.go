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

// The kernel serves any domain that can be told as commands, events and a state.
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
