package commit

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// request is an append on its way, or a heartbeat. Its fields belong to its caller, and while it is
// in the queue to the leader.
type request struct {
	aggregateID   uuid.UUID
	aggregateType string
	commandID     uuid.UUID
	expected      uint64
	// bodies are the encoded records, in order. They never change, so the feed may share them.
	bodies []layout.Body
	bytes  int
	// one is the memory of bodies, if there is one record.
	one [1]layout.Body

	// beat makes this a heartbeat when it is not zero. A heartbeat has nothing of the above.
	beat time.Time

	// position is the position of the first record, once the request is accepted.
	position uint64

	// leads is set by the queue when the caller is to lead.
	leads bool
	// wake has room for one value: the caller is to lead, or has its answer in verdict.
	wake    chan role
	verdict verdict
}

func (r *request) key() commandID { return commandID{r.aggregateID, r.commandID} }

// head is the head of the aggregate after the records of the request.
func (r *request) head() layout.Head {
	n := uint64(len(r.bodies))
	return layout.Head{Sequence: r.expected + n, Position: r.position + n - 1, AggregateType: r.aggregateType}
}

// span is where the records of the request are in the history.
func (r *request) span() layout.Span {
	return layout.Span{First: r.expected + 1, Count: uint64(len(r.bodies))}
}

// commandID names a command. Ids are unique within one aggregate.
type commandID struct{ aggregate, command uuid.UUID }

// role is what a caller does next when it is woken.
type role bool

const (
	leads   role = true
	follows role = false
)

// verdict is the answer to a request. The zero verdict says that it was written.
type verdict struct {
	// duplicate says that the command is in the history already, at span.
	duplicate bool
	span      layout.Span
	// err is set when nothing was written, or when that is not known.
	err error
}

// queue holds the requests that no group has taken. One caller at a time leads and forms the next
// group. Each caller has at most one request in the queue.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	// led is set while there is a leader. The leader's own request is the first one here until it
	// takes its group.
	led    bool
	closed bool
}

// put adds a request. Its caller leads if nobody else does. Otherwise it waits until it is woken.
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

// withdraw removes a request from the queue. It returns false when it is too late, because a group
// has the request or its caller is to lead. Then the caller is woken.
func (q *queue) withdraw(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, r); i >= 0 && !r.leads {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return true
	}
	return false
}

// take returns the group of the leader: at most maxCount requests, and at most maxBytes unless the
// first request is larger. It is empty when the queue is closed.
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

// pass ends the turn of the leader. The caller of the first request that waits leads next.
func (q *queue) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.led = len(q.waiting) > 0; q.led {
		q.waiting[0].leads = true
		q.waiting[0].wake <- leads
	}
}

// close answers the requests that wait with ports.ErrClosed, and all later ones.
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
