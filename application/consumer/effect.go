package consumer

import (
	"context"
	"sync"
)

// effectContext is the context of effects. It ends with the context of Handle, and when the life is
// aborted. Most effects never wait for that: to join the two contexts is put off until one does,
// because it costs six allocations for each delivery.
type effectContext struct {
	context.Context
	aborted context.Context

	mu     sync.Mutex
	joined context.Context // nil until Done
	end    context.CancelFunc
	over   bool
}

// within returns a context that ends with ctx, with the life, and when over is called.
func (l *life) within(ctx context.Context) (effects *effectContext, over context.CancelFunc) {
	e := &effectContext{Context: ctx, aborted: l.aborted}
	return e, e.close
}

// Done implements [context.Context].
func (e *effectContext) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.joined == nil {
		joined, cancel := context.WithCancel(e.Context)
		stop := context.AfterFunc(e.aborted, cancel)
		e.joined, e.end = joined, func() { stop(); cancel() }
		if e.over {
			e.end()
		}
	}
	return e.joined.Done()
}

// Err implements [context.Context].
func (e *effectContext) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.joined != nil && e.joined.Err() != nil:
		return e.joined.Err()
	case e.Context.Err() != nil:
		return e.Context.Err()
	case e.over:
		return context.Canceled
	default:
		return e.aborted.Err()
	}
}

func (e *effectContext) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.end != nil {
		e.end()
	}
}
