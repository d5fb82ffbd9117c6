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
	// spare are queues that nobody uses any more.
	spare []*queue
}

// mostSpare bounds queues.spare.
const mostSpare = 64

type queue struct {
	orderID uuid.UUID

	turn  chan struct{} // holds a token while a command is in progress
	users int           // commands that are in progress or waiting
}

// enter waits until the aggregate is free. After a nil error the caller must call leave exactly
// once.
func (q *queues) enter(ctx context.Context, orderID uuid.UUID) (*queue, error) {
	q.mu.Lock()
	if q.orders == nil {
		q.orders = make(map[uuid.UUID]*queue)
	}
	own := q.orders[orderID]
	if own == nil {
		if n := len(q.spare); n > 0 {
			own, q.spare = q.spare[n-1], q.spare[:n-1]
		} else {
			own = &queue{turn: make(chan struct{}, 1)}
		}
		own.orderID = orderID
		q.orders[orderID] = own
	}
	own.users++
	q.mu.Unlock()

	select {
	case own.turn <- struct{}{}: // usually it is free, and then the context need not be asked
		return own, nil
	default:
	}
	select {
	case own.turn <- struct{}{}:
		return own, nil
	case <-ctx.Done():
		q.forget(own)
		return nil, ctx.Err()
	}
}

// leave lets the next command of the aggregate pass.
func (q *queues) leave(own *queue) {
	<-own.turn
	q.forget(own)
}

func (q *queues) forget(own *queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(q.orders, own.orderID)
		if len(q.spare) < mostSpare {
			q.spare = append(q.spare, own)
		}
	}
}
