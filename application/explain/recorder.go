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
	which, known := r.consumers[consumer]
	if !known {
		return next(ctx)
	}
	places := r.seen(which, records)
	err := next(ctx)
	if err == nil {
		r.handled(which, records, places)
	}
	return err
}

// seen notes that a consumer has received records. It returns where their events are in the ring,
// until others replace them.
func (r *Recorder) seen(which int, records []eventsourcing.Record) (places []int) {
	places = make([]int, len(records))
	at := r.sinceStart()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range records {
		places[i] = r.placeOf(&records[i])
		v := r.visit(places[i], which)
		if v.seen == 0 {
			v.seen = at
		}
		if v.deliveries < math.MaxUint16 {
			v.deliveries++
		}
	}
	return places
}

// handled notes that a consumer has finished records. Their events were at places.
func (r *Recorder) handled(which int, records []eventsourcing.Record, places []int) {
	at := r.sinceStart()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range records {
		if r.events[places[i]] != keyOf(&records[i]) {
			continue // without the other notes it is useless
		}
		if v := r.visit(places[i], which); v.handled == 0 {
			v.handled = at
		}
	}
}

// Published notes where a broker has put record. When a record is published again, the first place
// is kept.
func (r *Recorder) Published(consumer string, record eventsourcing.Record, partition int32, offset int64) {
	which, known := r.consumers[consumer]
	if !known {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.visit(r.placeOf(&record), which); !v.placed {
		v.partition, v.offset, v.placed = partition, offset, true
	}
}

// sinceStart is the time of a note.
func (r *Recorder) sinceStart() int64 { return int64(r.now().Sub(r.started)) + 1 }

func keyOf(record *eventsourcing.Record) eventKey {
	return eventKey{record.AggregateID, record.SequenceNumber}
}

// visit returns the visit of a consumer to the event at a place.
func (r *Recorder) visit(place, which int) *visit { return &r.visits[place*len(r.consumers)+which] }

// placeOf returns where the event of record is in the ring. It adds the event if it is not there.
func (r *Recorder) placeOf(record *eventsourcing.Record) int {
	if place, remembered := r.index[keyOf(record)]; remembered {
		return place
	}
	return r.place(record)
}

// place adds the event of record, which is not in the ring, to the ring.
func (r *Recorder) place(record *eventsourcing.Record) int {
	key := keyOf(record)
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
	event, remembered := r.index[keyOf(&record)]
	which, known := r.consumers[told.Consumer]
	if !remembered || !known {
		return
	}
	v := r.visit(event, which)
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
	if _, remembered := r.index[keyOf(&record)]; !remembered &&
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
