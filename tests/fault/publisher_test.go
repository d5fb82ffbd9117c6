package fault_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// published holds what all processes have published.
type published struct {
	mu sync.Mutex
	// events holds the event ids of each order, in the order of their first publication.
	events map[uuid.UUID][]uuid.UUID
	// count includes repetitions.
	count int
	// down refuses everything. refusals is how many more publications are refused; every second one
	// is refused after it was stored.
	down     bool
	refusals int
	// wrong lists what was out of order.
	wrong []string
}

// publisher is the sink of one process.
type publisher struct {
	*published
	process *process
}

// Publish implements ports.Publisher.
func (p publisher) Publish(_ context.Context, record eventsourcing.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.process.dead:
		return fmt.Errorf("%w: the process is dead", ports.ErrUnavailable)
	default:
	}
	refused := p.refusals > 0
	if refused {
		p.refusals--
	}
	if p.down || refused && p.refusals%2 == 0 {
		return fmt.Errorf("%w: the sink is down", ports.ErrUnavailable)
	}
	p.take(record)
	if refused {
		return fmt.Errorf("%w: the sink gave no answer", ports.ErrOutcomeUnknown)
	}
	return nil
}

func (p *published) take(record eventsourcing.Record) {
	p.count++
	came := p.events[record.AggregateID]
	switch at := record.SequenceNumber - 1; {
	case at == uint64(len(came)):
		p.events[record.AggregateID] = append(came, record.EventID)
	case at > uint64(len(came)):
		p.wrong = append(p.wrong, fmt.Sprintf("event %d of %s was published after event %d", record.SequenceNumber, record.AggregateID, len(came)))
	case came[at] != record.EventID:
		p.wrong = append(p.wrong, fmt.Sprintf("event %d of %s was published as %s and as %s", record.SequenceNumber, record.AggregateID, came[at], record.EventID))
	}
}

func (p *published) refuse(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals += n
}

func (p *published) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	p.refusals = 0
}
