package bootstrap

import (
	"context"
	"net/http"
	"time"

	"orderflow/ports"
)

// Storage is the store to which an app is connected.
type Storage = storage

// Around returns env with a function that changes the store before anything is connected to it.
func (e Environment) Around(change func(*Storage)) Environment {
	e.around = change
	return e
}

// Handler returns what the API is served with.
func (a *App) Handler() http.Handler { return a.server }

// PulseFunc is a function as a [ports.Pulse].
type PulseFunc func(ctx context.Context, at time.Time) error

// Beat implements [ports.Pulse].
func (f PulseFunc) Beat(ctx context.Context, at time.Time) error { return f(ctx, at) }

// Pulse returns the port with which the store sends heartbeats.
func (s *storage) Pulse() ports.Pulse { return s.pulse }

// SetPulse replaces that port.
func (s *storage) SetPulse(p ports.Pulse) { s.pulse = p }

// SetAlive replaces the function that says which part of the change feed is dead.
func (s *storage) SetAlive(alive func() error) { s.alive = alive }

// SameTarget reports whether two identities name the same target.
func SameTarget(a, b string) bool { return sameTarget(a, b) }

// DestroyCustomer takes the key of a customer away.
func (a *App) DestroyCustomer(ctx context.Context, customer string) error {
	return a.keyring.DestroySubject(ctx, a.keyring.SubjectOf(customer))
}
