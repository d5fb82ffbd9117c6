// Package aside keeps the records of aggregates that have failed while these are tried again beside
// their lanes, so that the other aggregates of a lane do not wait for them.
//
// A [Room] is a set of queues, one for each aggregate that is aside. It calls no effect and owns no
// goroutine. Whoever puts an aggregate aside works on its queue, from [Room.Open] until
// [Room.Next] says that nothing is left. Meanwhile the lane puts later records of the aggregate
// behind the others with [Room.Add], and the records count as done only when the queue is empty;
// see [Room.Hold].
//
// Its memory is bounded: the number of aggregates and the number of records. When there is no room
// for another aggregate, it is tried in its lane. When there is no room for another record, its
// lane waits.
package aside

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Room holds the aggregates that are aside. It is safe for concurrent use. Calls about one
// aggregate come from its lane, but for Next.
type Room struct {
	aggregates, records int

	mu     sync.Mutex
	queues map[uuid.UUID]*queue
	// taken is how many records wait in all queues. changed is closed when one of them leaves; it
	// is nil while nothing waits for that.
	taken   int
	changed chan struct{}
	// occupied is the number of queues. It is read without the mutex when nothing is aside, which
	// is nearly always.
	occupied atomic.Int64
}

// queue is one aggregate that is aside.
type queue struct {
	// records begin with the one that is being tried.
	records []eventsourcing.Record
	// done are to be called when the queue is empty, in this order.
	done []func()
}

// New returns an empty Room for so many aggregates, and so many records of them together.
func New(aggregates, records int) *Room {
	return &Room{aggregates: aggregates, records: records, queues: make(map[uuid.UUID]*queue)}
}

// Split divides records into those of aggregates that are not aside, and those that have to be put
// behind others. When nothing is aside it copies nothing.
func (r *Room) Split(records []eventsourcing.Record) (free, behind []eventsourcing.Record) {
	if r.occupied.Load() == 0 {
		return records, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	free = make([]eventsourcing.Record, 0, len(records))
	for _, record := range records {
		if r.queues[record.AggregateID] != nil {
			behind = append(behind, record)
		} else {
			free = append(free, record)
		}
	}
	return free, behind
}

// Open puts the aggregate of record aside, which is not aside, and record first in its queue. It
// returns false when there is no room.
func (r *Room) Open(record eventsourcing.Record) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queues) >= r.aggregates || r.taken >= r.records {
		return false
	}
	r.queues[record.AggregateID] = &queue{records: []eventsourcing.Record{record}}
	r.taken++
	r.occupied.Store(int64(len(r.queues)))
	return true
}

// Add puts record behind the others of its aggregate. It returns false when the aggregate is not
// aside. When it is and there is no room, Add returns a channel that is closed when there may be.
func (r *Room) Add(record eventsourcing.Record) (added bool, wait <-chan struct{}) {
	if r.occupied.Load() == 0 {
		return false, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queues[record.AggregateID]
	switch {
	case q == nil:
		return false, nil
	case r.taken >= r.records:
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		return false, r.changed
	default:
		q.records = append(q.records, record)
		r.taken++
		return true, nil
	}
}

// Next drops the first record of an aggregate, because it had its effect, and returns the one after
// it. When there is none, the aggregate is not aside any more, and Next returns what was held.
func (r *Room) Next(id uuid.UUID) (record eventsourcing.Record, ok bool, done []func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queues[id]
	q.records = slices.Delete(q.records, 0, 1)
	r.taken--
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	if len(q.records) > 0 {
		return q.records[0], true, nil
	}
	delete(r.queues, id)
	r.occupied.Store(int64(len(r.queues)))
	return record, false, q.done
}

// Hold keeps done until the queue of an aggregate is empty. It returns false when the aggregate is
// not aside: then what the caller tells about has happened.
func (r *Room) Hold(id uuid.UUID, done func()) bool {
	if r.occupied.Load() == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queues[id]
	if q == nil {
		return false
	}
	q.done = append(q.done, done)
	return true
}
