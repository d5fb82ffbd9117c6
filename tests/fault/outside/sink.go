package outside

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Sinks are the targets of all publishers, by their number. They fail together.
type Sinks struct {
	mu    sync.Mutex
	sinks map[int]*Sink
	// down refuses everything. Of the next refusals publications every other one is refused after
	// it was taken.
	down     bool
	refusals int
}

// Sink is one target: what it got, from whichever process.
type Sink struct {
	all *Sinks
	// came is what came of each order, in order, and count how much came in all.
	came  map[uuid.UUID][]arrival
	count int
	// marks are the counts at which everything was asked for once more.
	marks []int
}

// arrival is one publication: the number of what came before it, and the event.
type arrival struct {
	at       int
	sequence uint64
	eventID  uuid.UUID
}

// Sink returns a target.
func (s *Sinks) Sink(target int) *Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sinks == nil {
		s.sinks = make(map[int]*Sink)
	}
	if s.sinks[target] == nil {
		s.sinks[target] = &Sink{all: s, came: make(map[uuid.UUID][]arrival)}
	}
	return s.sinks[target]
}

// Refuse makes the next n publications fail.
func (s *Sinks) Refuse(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals += n
}

// SetDown makes all publications fail, or none.
func (s *Sinks) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.refusals = down, 0
}

// Publisher returns the publisher of one process. It publishes nothing when the process is dead.
func (s *Sink) Publisher(dead <-chan struct{}, poison *Poison, consumer string) ports.Publisher {
	return publisher{s, dead, poison, consumer}
}

type publisher struct {
	sink     *Sink
	dead     <-chan struct{}
	poison   *Poison
	consumer string
}

// Publish implements ports.Publisher.
func (p publisher) Publish(_ context.Context, record eventsourcing.Record) error {
	select {
	case <-p.dead:
		return fmt.Errorf("%w: the process is dead", ports.ErrUnavailable)
	default:
	}
	if p.poison.Hits(p.consumer, record) {
		return p.poison.err(record)
	}
	s := p.sink.all
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.refusals > 0
	if refused {
		s.refusals--
	}
	if s.down || refused && s.refusals%2 == 0 {
		return fmt.Errorf("%w: the sink is down", ports.ErrUnavailable)
	}
	p.sink.take(record)
	if refused {
		return fmt.Errorf("%w: the sink gave no answer", ports.ErrOutcomeUnknown)
	}
	return nil
}

func (s *Sink) take(record eventsourcing.Record) {
	id := record.AggregateID
	s.came[id] = append(s.came[id], arrival{s.count, record.SequenceNumber, record.EventID})
	s.count++
}

// Count returns how many publications came, including those that came twice.
func (s *Sink) Count() int {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	return s.count
}

// Again records that everything must come again after the first count publications.
func (s *Sink) Again(count int) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.marks = append(s.marks, count)
}

// Wrong is something that a sink got and should not have got, or did not get and should have got.
type Wrong struct {
	// Order reports whether the order of the events is wrong, and not their number.
	Order bool
	Text  string
}

// Check compares the publications of one order with its history. Events that are skipped need not
// come. After an operator has skipped an event, or has taken that back, an earlier publication of
// later events is in order; touched reports whether that was so.
func (s *Sink) Check(
	id uuid.UUID, history []eventsourcing.Record, skipped func(sequence uint64) bool, touched bool,
) (found []Wrong) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	var came []arrival
	for _, a := range s.came[id] {
		if a.sequence == 0 || a.sequence > uint64(len(history)) || history[a.sequence-1].EventID != a.eventID {
			found = append(found, Wrong{
				Text: fmt.Sprintf("event %d of %s was published as %s, which never happened", a.sequence, id, a.eventID),
			})
			continue
		}
		if !skipped(a.sequence) {
			came = append(came, a)
		}
	}
	var want []uint64
	for _, record := range history {
		if !skipped(record.SequenceNumber) {
			want = append(want, record.SequenceNumber)
		}
	}
	if !touched {
		found = append(found, outOfOrder(id, came, want)...)
	}
	for _, mark := range append([]int{0}, s.marks...) {
		if n := inOrder(came, mark, want); n < len(want) {
			text := fmt.Sprintf("%d of %d events of %s were published in order", n, len(want), id)
			if mark > 0 {
				text += " after a reset"
			}
			found = append(found, Wrong{Text: text})
		}
	}
	return found
}

// outOfOrder finds publications that came before one of their predecessors.
func outOfOrder(id uuid.UUID, came []arrival, want []uint64) (found []Wrong) {
	next := 0
	for _, a := range came {
		switch at := slices.Index(want, a.sequence); {
		case at == next:
			next++
		case at > next:
			found = append(found, Wrong{
				Order: true,
				Text:  fmt.Sprintf("event %d of %s was published before event %d", a.sequence, id, want[next]),
			})
		}
	}
	return found
}

// inOrder counts how many events came one after the other, from a mark on.
func inOrder(came []arrival, mark int, want []uint64) (n int) {
	for _, a := range came {
		if a.at >= mark && n < len(want) && a.sequence == want[n] {
			n++
		}
	}
	return n
}

// Strangers lists orders that something was published of and that are not in histories.
func (s *Sink) Strangers(histories map[uuid.UUID][]eventsourcing.Record) (found []uuid.UUID) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	for id := range s.came {
		if len(histories[id]) == 0 {
			found = append(found, id)
		}
	}
	return found
}
