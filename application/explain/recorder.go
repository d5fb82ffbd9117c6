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

// DefaultEvents is how many events a [Recorder] keeps by default.
const DefaultEvents = 1 << 16

// RecorderConfig configures a [Recorder].
type RecorderConfig struct {
	// Consumers are the names of all consumers of the process. Reports of other consumers are
	// ignored.
	Consumers []string
	// Events is how many events are kept. 0 means DefaultEvents.
	Events int
	// Now is required.
	Now func() time.Time
}

// Recorder keeps when the consumers of this process received and finished the newest events. It is
// safe for concurrent use.
type Recorder struct {
	now       func() time.Time
	consumers map[string]int
	capacity  int
	started   time.Time

	mu sync.Mutex
	// events is a ring. It grows up to its capacity. Then each new event replaces the oldest one,
	// which is at next.
	events []eventKey
	visits []visit // len(consumers) for each event
	index  map[eventKey]int
	next   int
	// forgotten is the latest commit time of an event that was dropped.
	forgotten time.Time
	created   []int64 // commit times of events, in Unix milliseconds
}

// eventKey names an event.
type eventKey struct {
	aggregateID    uuid.UUID
	sequenceNumber uint64
}

// visit is what one consumer did with one event. Times are nanoseconds since the recorder started,
// plus one. So 0 means none.
type visit struct {
	seen, handled int64
	offset        int64
	partition     int32
	placed        bool
	deliveries    uint16
}

// NewRecorder returns an empty Recorder.
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

// Consume records that a consumer has received records, calls next, and records that the consumer
// has finished them, unless next fails. It has the signature of a middleware for consumers.
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

// Published notes where a broker has put record. When a record is published again, the first place
// is kept.
func (r *Recorder) Published(consumer string, record eventsourcing.Record, partition int32, offset int64) {
	r.note(consumer, []eventsourcing.Record{record}, always, func(v *visit, _ int64) {
		if !v.placed {
			v.partition, v.offset, v.placed = partition, offset, true
		}
	})
}

// condition reports whether a note may add its event to the ring.
type condition bool

const (
	always condition = true
	// ifRemembered is for records that are useless when the event's other notes have been dropped.
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

// place adds the event of record, which is not in the ring, to the ring.
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

// recall fills in what is recorded about an event and a consumer.
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

// gap says why there are no recorded times for an event that a consumer has applied.
func (r *Recorder) gap(record eventsourcing.Record) ports.ExplainGap {
	if record.CreatedAt.Before(r.started) {
		return ports.GapBeforeStart
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, remembered := r.index[eventKey{record.AggregateID, record.SequenceNumber}]; !remembered &&
		!record.CreatedAt.After(r.forgotten) {
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
