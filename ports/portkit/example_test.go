package portkit_test

import (
	"errors"
	"fmt"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// A component counts the calls that are inside, so that Close can wait for them.
func ExampleGate() {
	var gate portkit.Gate
	call := func() error {
		if !gate.Enter() {
			return ports.ErrClosed
		}
		defer gate.Leave()
		return nil
	}
	fmt.Println(call())
	gate.Drain()
	fmt.Println(call())
	// Output:
	// <nil>
	// closed
}

// A cursor belongs to one listing. For another listing it is refused.
func ExampleCursorAt() {
	cursor := portkit.CursorAt("orders of ada", "order 7")
	fmt.Println(portkit.PlaceOf("orders of ada", cursor))
	_, err := portkit.PlaceOf("orders of bob", cursor)
	fmt.Println(errors.Is(err, ports.ErrBadCursor))
	// Output:
	// order 7 <nil>
	// true
}
