package explain

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// DefaultEvents is how many events a [Recorder] remembers unless told otherwise.
const DefaultEvents = 1 << 16

// RecorderConfig is how a [Recorder] is set up.
type RecorderConfig struct {
	// Consumers are the names of all consumers of the process. What others report is not recorded.
	Consumers []string
	// Events is how many events are remembered; 0 means DefaultEvents.
	Events int
	// Now is required.
	Now func() time.Time
}

// Recorder remembers the ways of the newest events that passed through this process. It is safe for concurrent use.
type Recorder struct {
	now       func() time.Time
	consumers map[string]int
	capacity  int
	started   time.Time

	mu sync.Mutex
	// events is a ring: it grows up to capacity, and then each new event takes the place of the oldest, which is at next.
	events []eventKey
	visits []visit // len(consumers) for each event
	index  map[eventKey]int
	next   int
	// forgotten is the latest commit time of an event that was pushed out.
	forgotten time.Time
	created   []int64 // commit times of events, in Unix milliseconds
}

// eventKey names an event.
type eventKey struct {
	aggregateID    uuid.UUID
	sequenceNumber uint64
}

// visit is what one consumer did with one event. Times are nanoseconds since the recorder started, plus one, so that 0 is none.
type visit struct {
	seen, handled int64
	offset        int64
	partition     int32
	placed        bool
	deliveries    uint16
}

// NewRecorder returns a Recorder that remembers nothing yet.
func NewRecorder(config RecorderConfig) *Recorder {
	r := &Recorder{
		now:       config.Now,
		consumers: make(map[string]int, len(config.Consumers)),
		capacity:  config.Events,
		started:   config.Now(),
		index:     make(map[eventKey]int),
	}
	if r.capacity <= 0 {
		r.capacity = DefaultEvents
	}
	for i, name := range config.Consumers {
		r.consumers[name] = i
	}
	return r
}

// Consume notes that a consumer takes records in hand, calls next, and notes that it is done with them unless next fails. It has
// the form of a middleware around every consumer.
func (r *Recorder) Consume(
	ctx context.Context, consumer string, records []eventsourcing.Record, next func(context.Context) error,
) error {
	r.note(consumer, records, always, func(v *visit, at int64) {
		if v.seen == 0 {
			v.seen = at
		}
		if v.deliveries < math.MaxUint16 {
			v.deliveries++
		}
	})
	err := next(ctx)
	if err == nil {
		r.note(consumer, records, ifRemembered, func(v *visit, at int64) {
			if v.handled == 0 {
				v.handled = at
			}
		})
	}
	return err
}

// Published notes where a broker has put record. A record that is published again is where it was put first.
func (r *Recorder) Published(consumer string, record eventsourcing.Record, partition int32, offset int64) {
	r.note(consumer, []eventsourcing.Record{record}, always, func(v *visit, _ int64) {
		if !v.placed {
			v.partition, v.offset, v.placed = partition, offset, true
		}
	})
}

// condition says whether something is worth a place in the memory.
type condition bool

const (
	always condition = true
	// ifRemembered is for what means little when the rest has been pushed out meanwhile.
	ifRemembered condition = false
)

func (r *Recorder) note(consumer string, records []eventsourcing.Record, when condition, change func(v *visit, at int64)) {
	which, known := r.consumers[consumer]
	if !known {
		return
	}
	at := int64(r.now().Sub(r.started)) + 1
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range records {
		event, remembered := r.index[eventKey{record.AggregateID, record.SequenceNumber}]
		if !remembered {
			if when == ifRemembered {
				continue
			}
			event = r.place(record)
		}
		change(&r.visits[event*len(r.consumers)+which], at)
	}
}

// place makes a place in the ring for record's event, which has none.
func (r *Recorder) place(record eventsourcing.Record) int {
	key := eventKey{record.AggregateID, record.SequenceNumber}
	at := r.next
	r.next = (r.next + 1) % r.capacity
	if at == len(r.events) {
		r.events = append(r.events, key)
		r.created = append(r.created, record.CreatedAt.UnixMilli())
		r.visits = append(r.visits, make([]visit, len(r.consumers))...)
	} else {
		delete(r.index, r.events[at])
		if old := time.UnixMilli(r.created[at]).UTC(); old.After(r.forgotten) {
			r.forgotten = old
		}
		r.events[at], r.created[at] = key, record.CreatedAt.UnixMilli()
		clear(r.visits[at*len(r.consumers):][:len(r.consumers)])
	}
	r.index[key] = at
	return at
}

// recall fills in what is remembered about an event and a consumer.
func (r *Recorder) recall(record eventsourcing.Record, told *ports.ExplainedConsumer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	event, remembered := r.index[eventKey{record.AggregateID, record.SequenceNumber}]
	which, known := r.consumers[told.Consumer]
	if !remembered || !known {
		return
	}
	v := r.visits[event*len(r.consumers)+which]
	told.SeenAt, told.HandledAt, told.Deliveries = r.time(v.seen), r.time(v.handled), int(v.deliveries)
	if v.placed {
		told.Placement = &ports.Placement{Partition: v.partition, Offset: v.offset}
	}
}

// gap says why a consumer's times are not remembered, for an event that it has applied.
func (r *Recorder) gap(record eventsourcing.Record) ports.ExplainGap {
	if record.CreatedAt.Before(r.started) {
		return ports.GapBeforeStart
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, remembered := r.index[eventKey{record.AggregateID, record.SequenceNumber}]; !remembered && !record.CreatedAt.After(r.forgotten) {
		return ports.GapForgotten
	}
	return ports.GapElsewhere
}

func (r *Recorder) time(noted int64) time.Time {
	if noted == 0 {
		return time.Time{}
	}
	return r.started.Add(time.Duration(noted - 1)).UTC()
}
