package fault_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/consumers"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

const (
	operatorTries = 50
	operatorPause = 20 * time.Millisecond
)

// people are the operators, and what they were told.
type people struct {
	// done counts the requests that were answered.
	done map[plan.Trouble]int
	// skips are the decisions about single events: whether they are skipped. An event whose state
	// an operator does not know is not in it. touched are the orders that an operator decided
	// about.
	skips   map[decision]bool
	touched map[place]bool
	reasons int

	// deciding lets one operator at a time decide about events, so that the current decision is
	// known.
	deciding sync.Mutex
	mu       sync.Mutex
}

// decision names an event that a consumer may skip.
type decision struct {
	place
	sequence uint64
}

// place names an order of a consumer.
type place struct {
	consumer string
	id       uuid.UUID
}

func newPeople() people {
	return people{done: map[plan.Trouble]int{}, skips: map[decision]bool{}, touched: map[place]bool{}}
}

// operate sends an operator's request to whichever process can handle it. It gives up after some
// tries, or with ctx.
func (c *cluster) operate(ctx context.Context, s plan.Step) {
	for try := range operatorTries {
		err := c.ask(ctx, s, try)
		if err == nil {
			c.people.count(s.What)
			return
		}
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errNothing) {
			c.log.Info("operator", "step", s.String(), "error", err)
		}
		pause(ctx, operatorPause)
	}
}

// ask sends an operator's request to one process.
func (c *cluster) ask(ctx context.Context, s plan.Step, preferred int) error {
	p, err := c.pick(ctx, preferred%plan.Processes)
	if err != nil {
		return err
	}
	name := s.Consumer
	if name == plan.AnyPublisher {
		name = p.publisher
	}
	m := consumers.Manager(p.consumers)
	switch s.What {
	case plan.Pause:
		return m.Pause(ctx, name)
	case plan.Resume:
		return m.Resume(ctx, name)
	case plan.Rebuild:
		return m.Rebuild(ctx, name, s.Rebuild)
	case plan.Abort:
		return m.AbortRebuild(ctx, name)
	case plan.Rollback:
		return m.Rollback(ctx, name)
	case plan.Reset:
		sink := c.sinks.Sink(p.program.Target)
		before := sink.Count()
		_, err := m.Reset(ctx, name, ports.ResetRequest{Force: true})
		if err == nil && name == p.publisher {
			sink.Again(before)
		}
		return err
	case plan.Retry:
		return c.people.retry(ctx, m, name, s.Times)
	case plan.Skip:
		return c.people.skip(ctx, m, name, s.Times)
	case plan.Unskip:
		return c.people.unskip(ctx, m, name, s.Times)
	default:
		return fmt.Errorf("no operator does %q", s.What)
	}
}

func (p *people) count(what plan.Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[what]++
}

// errNothing is the error of an operator who finds nothing to decide about.
var errNothing = errors.New("there is nothing to decide about")

// parked returns one of the parked orders.
func (p *people) parked(ctx context.Context, m consumers.Manager, name string, number int) (ports.ParkedAggregate, error) {
	page, err := m.ListParked(ctx, name, "", 10)
	if err != nil {
		return ports.ParkedAggregate{}, err
	}
	if len(page.Aggregates) == 0 {
		return ports.ParkedAggregate{}, errNothing
	}
	return page.Aggregates[number%len(page.Aggregates)], nil
}

// retry asks for a parked order to be handled. That it still fails is an answer as well.
func (p *people) retry(ctx context.Context, m consumers.Manager, name string, number int) error {
	parked, err := p.parked(ctx, m, name, number)
	if err != nil {
		return err
	}
	err = m.RetryParked(ctx, name, parked.AggregateID)
	if still := (*ports.StillParkedError)(nil); errors.As(err, &still) {
		return nil
	}
	return err
}

// skip asks for an event to be skipped. After an answer, the decision holds until it is taken back.
func (p *people) skip(ctx context.Context, m consumers.Manager, name string, number int) error {
	p.deciding.Lock()
	defer p.deciding.Unlock()
	parked, err := p.parked(ctx, m, name, number)
	if err != nil {
		return err
	}
	at := place{name, parked.AggregateID}
	p.unsure(at, func(_ decision, skipped bool) bool { return !skipped })
	p.reasons++
	reason := fmt.Sprintf("decision %d", p.reasons)
	if err := m.SkipParked(ctx, name, parked.AggregateID, reason); err != nil {
		return err
	}
	// Which event it was depends on where the consumer was at that moment.
	for {
		page, err := m.ListSkips(ctx, ports.SkipQuery{Consumer: name, AggregateID: parked.AggregateID, Limit: 100})
		if err == nil {
			if i := slices.IndexFunc(page.Skips, func(s ports.Skip) bool { return s.Reason == reason }); i >= 0 {
				p.decide(decision{at, page.Skips[i].SequenceNumber}, true)
				return nil
			}
			// there is no such event, so the check will find this
			p.decide(decision{place: at}, true)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause(ctx, operatorPause)
	}
}

// unskip asks for a decision to be taken back.
func (p *people) unskip(ctx context.Context, m consumers.Manager, name string, number int) error {
	p.deciding.Lock()
	defer p.deciding.Unlock()
	page, err := m.ListSkips(ctx, ports.SkipQuery{Consumer: name, Limit: 100})
	if err != nil {
		return err
	}
	if len(page.Skips) == 0 {
		return errNothing
	}
	s := page.Skips[number%len(page.Skips)]
	taken := decision{place{name, s.AggregateID}, s.SequenceNumber}
	err = m.Unskip(ctx, name, s.AggregateID, s.SequenceNumber)
	if refused := (*ports.RefusedError)(nil); errors.As(err, &refused) {
		return err // nothing was changed
	}
	p.unsure(taken.place, func(d decision, _ bool) bool { return d == taken })
	if err == nil {
		p.decide(taken, false)
	}
	return err
}

// unsure forgets what is known about some events of an order: an operator is about to change it.
func (p *people) unsure(at place, which func(d decision, skipped bool) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touched[at] = true
	maps.DeleteFunc(p.skips, func(d decision, skipped bool) bool { return d.place == at && which(d, skipped) })
}

func (p *people) decide(d decision, skipped bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skips[d] = skipped
}

// checkSkips checks that each decision holds that an operator got an answer for (P7).
func (r *round) checkSkips(skipped map[decision]bool) {
	for d, want := range r.people.skips {
		if skipped[d] != want {
			r.violated("P7", "an operator was told that event %d of %s is skipped by %s: %t, and it is: %t", d.sequence, d.id, d.consumer, want, !want)
		}
	}
}
