package embedded

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"orderflow/ports"
)

// request is an append on its way, or a heartbeat. Its fields belong to its caller, and from when it is in the queue until it is woken to
// whoever leads.
type request struct {
	aggregateID   uuid.UUID
	aggregateType string
	commandID     uuid.UUID
	expected      uint64
	// bodies are the encoded records, in order. They are never changed, so that the feed may share them.
	bodies [][]byte
	bytes  int

	// beats makes this a heartbeat, which has nothing of the above: beat is its time in milliseconds since 1970.
	beats bool
	beat  int64

	// position is that of the first record in the feed, once the request was accepted.
	position uint64

	// leads is set, by the queue, when the caller is to lead.
	leads bool
	// wake has room for one value: the caller is to lead, or has its answer in verdict.
	wake    chan role
	verdict verdict
}

// submit puts a request into a group and returns when its verdict is there. The error is that of a request that no group took:
// its context ended, or the store was closed.
func (s *Store) submit(ctx context.Context, r *request) error {
	next, err := s.queue.put(r)
	if err != nil {
		return err
	}
	if next == follows {
		select {
		case next = <-r.wake:
		case <-ctx.Done():
			if s.queue.withdraw(r) {
				return ctx.Err()
			}
			next = <-r.wake
		}
	}
	if next == leads {
		s.lead()
	}
	return nil
}

func (r *request) key() commandID { return commandID{r.aggregateID, r.commandID} }

// head is the aggregate's head behind the records of the request.
func (r *request) head() head {
	n := uint64(len(r.bodies))
	return head{sequence: r.expected + n, position: r.position + n - 1, aggregateType: r.aggregateType}
}

// span is where the records of the request are in the history.
func (r *request) span() span { return span{first: r.expected + 1, count: uint64(len(r.bodies))} }

// commandID names a command: ids are unique within one aggregate.
type commandID struct{ aggregate, command uuid.UUID }

// role is what a caller that was woken does next.
type role bool

const (
	leads   role = true
	follows role = false
)

// verdict is what becomes of a request. The zero verdict is that it was written.
type verdict struct {
	// duplicate is set when the command is in the history already, and where.
	duplicate bool
	span      span
	// err is set when nothing was written, or perhaps.
	err error
}

// queue holds the requests that no group has taken yet, and says who forms the next group: one caller at a time leads. The
// length of the queue is bounded by the number of callers, each of which has one request in it at most.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	// led is set while there is a leader. Until it takes its group, its own request is the first one here.
	led    bool
	closed bool
}

// put adds a request. Its caller leads if nobody does, else it waits to be woken.
func (q *queue) put(r *request) (role, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return follows, ports.ErrClosed
	}
	q.waiting = append(q.waiting, r)
	if q.led {
		return follows, nil
	}
	q.led, r.leads = true, true
	return leads, nil
}

// withdraw takes a request out of the queue. It returns false when it is too late, because a group has it or its caller was
// chosen to lead; then the caller is woken.
func (q *queue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, r); i >= 0 && !r.leads {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return true
	}
	return false
}

// take gives the leader its group: at most maxCount requests, and not more than maxBytes unless the first is larger by
// itself. It is empty when the queue is closed.
func (q *queue) take(maxCount, maxBytes int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.waiting) && n < maxCount && (n == 0 || bytes+q.waiting[n].bytes <= maxBytes) {
		bytes += q.waiting[n].bytes
		n++
	}
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return taken
}

// pass ends the leader's turn: the caller of the first request that waits is next.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.led = len(q.waiting) > 0; q.led {
		q.waiting[0].leads = true
		q.waiting[0].wake <- leads
	}
}

// close answers the requests that wait, and all later ones, with ports.ErrClosed.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, r := range q.waiting {
		r.verdict.err = ports.ErrClosed
		if !r.leads {
			r.wake <- follows
		}
	}
	q.waiting = nil
}
