package ports_test

import (
	"errors"
	"fmt"
	"testing"

	"orderflow/ports"
)

// values returns the error values that callers distinguish.
func values() []error {
	return []error{
		ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt,
		ports.ErrClosed, ports.ErrOffsetExpired, ports.ErrNoOffset, ports.ErrBadCursor, ports.ErrLocked,
	}
}

func TestErrFull_IsAnErrUnavailable(t *testing.T) {
	t.Parallel()
	if err := fmt.Errorf("append: %w", ports.ErrFull); !errors.Is(err, ports.ErrFull) || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("%v is not both", err)
	}
	for _, value := range values() {
		if errors.Is(value, ports.ErrFull) {
			t.Errorf("%v is no full disk", value)
		}
	}
}

// Each typed error matches the one value that its comment names, and no other. Wrapping does not
// change that.
func TestErrors_StandForOneValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want error // nil for an error that matches no value
	}{
		{"version conflict", &ports.VersionConflictError{AggregateID: id(1), Expected: 2, Actual: 3}, ports.ErrVersionConflict},
		{"decode error", &ports.DecodeError{EventType: "order.created", Err: errors.New("cut off")}, ports.ErrCorrupt},
		{"reused command id", &ports.CommandIDReusedError{CommandID: id(1), AggregateID: id(2)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wrapped := fmt.Errorf("append: %w", fmt.Errorf("batch: %w", tt.err))
			for _, value := range values() {
				if got := errors.Is(wrapped, value); got != (value == tt.want) {
					t.Errorf("errors.Is(%v, %v) = %v", wrapped, value, got)
				}
			}
		})
	}
}

func TestErrors_ValuesAreDistinct(t *testing.T) {
	t.Parallel()
	for i, a := range values() {
		for j, b := range values() {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("errors.Is(%v, %v) = %v", a, b, errors.Is(a, b))
			}
		}
	}
}

func TestErrors_AreFoundByType(t *testing.T) {
	t.Parallel()
	var conflict *ports.VersionConflictError
	if !errors.As(fmt.Errorf("append: %w", &ports.VersionConflictError{Expected: 2, Actual: 3}), &conflict) || conflict.Actual != 3 {
		t.Errorf("got %+v, want the heads of the conflict", conflict)
	}
	var reused *ports.CommandIDReusedError
	if !errors.As(fmt.Errorf("handle: %w", &ports.CommandIDReusedError{CommandID: id(1)}), &reused) || reused.CommandID != id(1) {
		t.Errorf("got %+v, want the command id", reused)
	}
}

func TestDecodeError_KeepsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cut off")
	if err := fmt.Errorf("load: %w", &ports.DecodeError{Err: cause}); !errors.Is(err, cause) {
		t.Errorf("%v does not lead to its cause", err)
	}
}

func TestErrors_SayWhichThing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{
			&ports.VersionConflictError{AggregateID: id(1), Expected: 2, Actual: 3},
			"01000000-0000-7000-8000-000000000001 is at sequence number 3, not 2: version conflict",
		},
		{
			&ports.CommandIDReusedError{CommandID: id(2), AggregateID: id(1)},
			"command id 02000000-0000-7000-8000-000000000002 was already used for another command of aggregate 01000000-0000-7000-8000-000000000001",
		},
		{
			&ports.DecodeError{EventID: id(3), AggregateID: id(1), SequenceNumber: 4, EventType: "order.created", EventVersion: 2, Err: errors.New("cut off")},
			"decode order.created v2 (event 03000000-0000-7000-8000-000000000003, sequence number 4 of 01000000-0000-7000-8000-000000000001): cut off",
		},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
