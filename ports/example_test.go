package ports_test

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Callers test for the value of an error, and read details from its type.
func ExampleVersionConflictError() {
	id := uuid.MustParse("018f4e5a-0000-7000-8000-000000000001")
	err := fmt.Errorf("append %s: %w", id, &ports.VersionConflictError{AggregateID: id, Expected: 2, Actual: 3})

	var conflict *ports.VersionConflictError
	if errors.Is(err, ports.ErrVersionConflict) && errors.As(err, &conflict) {
		fmt.Printf("reload: expected %d, found %d\n", conflict.Expected, conflict.Actual)
	}

	// Output:
	// reload: expected 2, found 3
}

// An event of a newer version is not lost: a process of that version can read it.
func ExampleDecodeError() {
	err := error(&ports.DecodeError{EventType: "order.created", EventVersion: 4, Newer: true, Err: errors.New("unknown version")})

	fmt.Println(errors.Is(err, ports.ErrCorrupt), errors.Is(err, ports.ErrNewer))

	// Output:
	// true true
}
