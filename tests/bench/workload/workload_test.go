package workload_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// Every command of every workload must emit an event. A command that is refused or changes nothing
// would be measured as a fast one.
func TestWorkload_EveryCommandEmitsOneEvent(t *testing.T) {
	t.Parallel()
	for _, w := range workload.All() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			orderID, state := workload.NewID(), order.Order{}
			for step := range w.Length {
				command := w.Command(orderID, step)
				if err := order.Check(command); err != nil {
					t.Fatalf("%s: %v", command.Name(), err)
				}
				events, err := order.Decide(state, command)
				if err != nil || len(events) != 1 {
					t.Fatalf("%s: %d events, %v", command.Name(), len(events), err)
				}
				state = order.Evolve(state, events[0])
			}
		})
	}
}

func TestWorkload_DriveIssuesTheCommandsOfEachOrderInOrder(t *testing.T) {
	t.Parallel()
	const commands = 998 // ends within a life
	for _, w := range workload.All() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			total, steps := 0, map[uuid.UUID]int{}
			err := w.Drive(t.Context(), 8, commands, func(_ context.Context, command order.Command) error {
				mu.Lock()
				defer mu.Unlock()
				step := steps[command.AggregateID()]
				if step >= w.Length || command.Name() != w.Command(command.AggregateID(), step).Name() {
					t.Errorf("got %s as command %d of an order", command.Name(), step)
				}
				steps[command.AggregateID()]++
				total++
				return nil
			})
			if err != nil || total != commands {
				t.Errorf("%d commands, %v; want %d", total, err, commands)
			}
			if want := (commands + w.Length - 1) / w.Length; len(steps) != want {
				t.Errorf("%d orders, want %d", len(steps), want)
			}
		})
	}
}

func TestWorkload_DriveStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := workload.Create().Drive(t.Context(), 8, math.MaxInt32, func(context.Context, order.Command) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the handler", err)
	}
}
