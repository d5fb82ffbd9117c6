package command

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// queues lets one command at a time pass for each aggregate, in the order of arrival. It holds only
// aggregates that have a command in progress. The zero value is ready.
type queues struct {
	mu     sync.Mutex
	orders map[uuid.UUID]*queue
}

type queue struct {
	turn  chan struct{} // holds a token while a command is in progress
	users int           // commands that are in progress or waiting
}

// enter waits until the aggregate is free. After a nil error the caller must call leave exactly
// once.
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
