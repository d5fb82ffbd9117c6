package command

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// queues lets one command an order pass at a time, in the order of arrival. It holds only orders that have a command under
// way. The zero value is ready.
type queues struct {
	mu     sync.Mutex
	orders map[uuid.UUID]*queue
}

type queue struct {
	turn  chan struct{} // holds a token while a command is under way
	users int           // commands under way or waiting
}

// enter waits for the order's turn. leave must be called exactly once after a nil error.
func (q *queues) enter(ctx context.Context, orderID uuid.UUID) (leave func(), err error) {
	q.mu.Lock()
	if q.orders == nil {
		q.orders = make(map[uuid.UUID]*queue)
	}
	own := q.orders[orderID]
	if own == nil {
		own = &queue{turn: make(chan struct{}, 1)}
		q.orders[orderID] = own
	}
	own.users++
	q.mu.Unlock()

	forget := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(q.orders, orderID)
		}
	}
	select {
	case own.turn <- struct{}{}:
		return func() { <-own.turn; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}
