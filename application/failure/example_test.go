package failure_test

import (
	"errors"
	"fmt"

	"orderflow/application/failure"
	"orderflow/ports"
)

// The kind of a failure says who has to act, and whether a retry can help.
func ExampleKindOf() {
	for _, err := range []error{
		fmt.Errorf("apply: %w", ports.ErrUnavailable),
		&ports.DecodeError{EventType: "order.created", EventVersion: 9, Newer: true, Err: errors.New("unknown version")},
		failure.Mark(ports.FailureRefused, errors.New("too large")),
		errors.New("nil map"),
	} {
		fmt.Println(failure.KindOf(err), failure.Transient(err))
	}

	// Output:
	// store true
	// newer false
	// refused false
	// bug false
}
