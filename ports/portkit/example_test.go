package portkit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// A component lets calls in until Close, and Close waits for the calls that are inside.
func ExampleGate() {
	var gate portkit.Gate
	load := func() error {
		if !gate.Enter() {
			return ports.ErrClosed
		}
		defer gate.Leave()
		return nil
	}

	fmt.Println(load())
	gate.Drain() // what Close calls
	fmt.Println(load())

	// Output:
	// <nil>
	// closed
}

// A cursor belongs to its listing. A cursor of another listing is refused.
func ExampleCursorAt() {
	next := portkit.CursorAt("orders of ada", "order-17")

	place, err := portkit.PlaceOf("orders of ada", next)
	fmt.Println(place, err)
	_, err = portkit.PlaceOf("orders of bob", next)
	fmt.Println(errors.Is(err, ports.ErrBadCursor))

	// Output:
	// order-17 <nil>
	// true
}

// A panic of a callback becomes an error.
func ExampleProtect() {
	err := portkit.Protect(func() error { panic("no such column") })

	var panicked *portkit.PanicError
	fmt.Println(errors.As(err, &panicked), err)

	// Output:
	// true panic: no such column
}

// A pause between attempts ends with its context.
func ExampleSleep() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(portkit.Sleep(ctx, time.Hour))

	// Output:
	// context canceled
}
