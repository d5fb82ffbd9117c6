package portkit

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Sleep waits for d. It returns the context's error when ctx ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PanicError is a panic that [Protect] has turned into an error.
type PanicError struct {
	// Value is what was panicked with, and Stack the stack of the goroutine at that moment.
	Value any
	Stack []byte
}

// Error returns one line. The stack is for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Protect calls f and turns a panic into a *[PanicError].
func Protect(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}
