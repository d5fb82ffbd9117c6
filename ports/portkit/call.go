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

// PanicError is a panic that [Protect] has recovered.
type PanicError struct {
	// Value is the argument of the panic. Stack is the stack of the goroutine at that moment.
	Value any
	Stack []byte
}

// Error returns one line. The stack is meant for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Protect calls f and returns a panic of f as a *[PanicError].
func Protect(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}
