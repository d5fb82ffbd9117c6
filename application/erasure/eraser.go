package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// Store is what an [Eraser] reads.
type Store interface {
	filling.Scanner
	ports.HistoryPager
}

// Place is something that is derived from the events of aggregates.
type Place interface {
	// Name names the place for people.
	Name() string
	// Rewrite replaces what the place has of an aggregate by what its events say now. It reports
	// whether there was something. It can be repeated. Its error says why that cannot be done now.
	Rewrite(ctx context.Context, aggregateID uuid.UUID) (rewritten bool, err error)
}

// Whole is a place that can be rewritten only as a whole. Its Rewrite does what can be done for one
// aggregate.
type Whole interface {
	Place
	// Mark returns a mark between what the place has now and what it will have.
	Mark(ctx context.Context) (mark uint64, err error)
	// Renew returns nil when the place has nothing from before a mark. Otherwise it works on that,
	// and its error says what it waits for.
	Renew(ctx context.Context, mark uint64) error
}

// Customers knows the orders of customers. It may be a little behind.
type Customers interface {
	// Orders returns how many orders a customer has, and how many of them are not finished.
	Orders(ctx context.Context, customer string) (all, unfinished int, err error)
}

// Config is what an [Eraser] needs. Fields without a stated default are required.
type Config struct {
	// Commands decides the commands of subjects. See [Aggregate].
	Commands ports.CommandHandler[subject.Command, subject.Event]
	Codec    ports.Codec[subject.Event]
	Store    Store
	Keys     ports.SubjectEraser
	// Erased lists the subjects whose keys are blocked or destroyed.
	Erased ports.ErasedSubjects
	// Subject returns the subject of a customer. It is the same for ever.
	Subject func(customer string) ports.Subject
	Customers
	// Types are the aggregate types that have personal data.
	Types []string
	// Owner returns the subject of an aggregate, from its first event.
	Owner func(first eventsourcing.Record) (ports.Subject, error)
	// Plain reports whether an event has personal data that is not sealed.
	Plain func(eventsourcing.Record) bool
	// Forget drops what this process has in memory of a subject: its key, and what was decoded with
	// it. It is called after the key is destroyed.
	Forget func(ports.Subject)
	// Settle is how long other processes may use a key that is destroyed. 0 by default, which means
	// that there are none.
	Settle time.Duration
	// Places are everything that is derived from events.
	Places []Place
	// Purger removes from files what was rewritten. It is nil where the store has tools for that.
	Purger ports.Purger
	// Every is the time between two searches for erasures that another process has begun and not
	// ended.
	Every time.Duration
	// Backoff is the pause between attempts.
	Backoff failure.Backoff
	Logger  *slog.Logger
}

// Eraser implements [ports.Erasures]. Its methods are safe for concurrent use; Run runs once.
type Eraser struct {
	config Config
	// begun wakes Run.
	begun chan struct{}

	mu sync.Mutex
	// open are the erasures that have not ended, as far as this process knows.
	open map[uuid.UUID]*erasing
	// requested and ended count what this process has seen of them.
	requested, ended uint64
	// unready says why the erasures of the past may not be in force yet. It is nil when they are.
	unready error
}

var _ ports.Erasures = (*Eraser)(nil)

// erasing is an erasure that has not ended. Only Run uses it, except for waits.
type erasing struct {
	subject ports.Subject
	since   time.Time // when it was requested
	// destroyed says that the key is destroyed. found says that left has all that is to be done.
	destroyed, found bool
	// tried says that they were looked for once, and rewritten as far as that was possible.
	tried      bool
	left       []task
	seen       map[uuid.UUID]bool // while they are searched
	counts     subject.Counts
	unreadable error // why an aggregate of the subject cannot be read
	renew      map[Whole]uint64

	// Eraser.mu guards the others. waits says why there is no progress. ending says that the end is
	// being recorded, so that another request is another erasure.
	waits  string
	ending bool
}

// task is an aggregate that is to be rewritten in a place.
type task struct {
	place       Place
	aggregateID uuid.UUID
}

// New returns an Eraser.
func New(config Config) *Eraser {
	return &Eraser{config: config, begun: make(chan struct{}, 1), open: map[uuid.UUID]*erasing{}, unready: errNotSearched}
}

var errNotSearched = errors.New("the erasures of the past are not compared with the keys yet")

// Unready returns why the erasures from before this start may not be in force yet, and nil when
// they are: every key is destroyed again, and what was open has been rewritten in every place, or
// the place has been tried and waits.
func (e *Eraser) Unready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unready
}

// Erase implements [ports.Erasures].
func (e *Eraser) Erase(ctx context.Context, customer string, request ports.ErasureRequest) (ports.Erasure, error) {
	s := e.config.Subject(customer)
	command := subject.RequestErasure{
		SubjectID: subject.ID(string(s)), Token: string(s), Reason: request.Reason, Reference: request.Reference,
	}
	if err := subject.Check(command); err != nil {
		return ports.Erasure{}, err
	}
	history, err := e.history(ctx, command.SubjectID)
	if err != nil {
		return ports.Erasure{}, err
	}
	if len(history) == 0 {
		if err := e.refuse(ctx, customer, request.Force); err != nil {
			return ports.Erasure{}, err
		}
	}
	if _, err := e.config.Commands.Handle(ctx, ports.CommandRequest[subject.Command]{Command: command}); err != nil {
		return ports.Erasure{}, fmt.Errorf("request the erasure: %w", err)
	}
	// The request is durable. Should the rest fail here, Run does it.
	e.note(command.SubjectID, s, time.Now())
	defer e.wake()
	if err := e.destroy(ctx, s); err != nil {
		return ports.Erasure{}, err
	}
	e.config.Forget(s)
	return e.erasure(ctx, s)
}

// refuse returns why the data of a customer is not erased.
func (e *Eraser) refuse(ctx context.Context, customer string, force bool) error {
	all, unfinished, err := e.config.Orders(ctx, customer)
	switch {
	case err != nil:
		return fmt.Errorf("orders of the customer: %w", err)
	case all == 0:
		return fmt.Errorf("customer without orders: %w", ports.ErrNotFound)
	case unfinished > 0 && !force:
		return &ports.RefusedError{Reason: fmt.Sprintf(
			"%d of %d orders are not finished, and could not be shipped or cancelled any more: finish them first, or force it",
			unfinished, all)}
	default:
		return nil
	}
}

// destroy makes the personal data of a subject unreadable.
func (e *Eraser) destroy(ctx context.Context, s ports.Subject) error {
	if err := e.config.Keys.BlockSubject(ctx, s); err != nil {
		return fmt.Errorf("block the subject: %w", err)
	}
	if err := e.config.Keys.DestroySubject(ctx, s); err != nil {
		return fmt.Errorf("destroy the key of the subject: %w", err)
	}
	return nil
}

// Erasure implements [ports.Erasures].
func (e *Eraser) Erasure(ctx context.Context, customer string) (ports.Erasure, error) {
	return e.erasure(ctx, e.config.Subject(customer))
}

func (e *Eraser) erasure(ctx context.Context, s ports.Subject) (ports.Erasure, error) {
	id := subject.ID(string(s))
	history, err := e.history(ctx, id)
	if err != nil {
		return ports.Erasure{}, err
	}
	if len(history) == 0 {
		return ports.Erasure{}, fmt.Errorf("erasure: %w", ports.ErrNotFound)
	}
	erasure := ports.Erasure{Subject: s, SubjectID: id, State: ports.ErasureRequested}
	for _, event := range history {
		if _, request := event.Event.(subject.ErasureRequested); request {
			erasure.RequestedAt, erasure.EndedAt = event.CreatedAt, time.Time{}
		} else {
			erasure.EndedAt = event.CreatedAt
		}
	}
	state := fold(history)
	erasure.Reason, erasure.Reference = state.Reason, state.Reference
	erasure.Aggregates, erasure.Rewritten, erasure.Plain = state.Counts.Aggregates, state.Counts.Rewritten, state.Counts.Plain
	switch {
	case state.Status == subject.Requested:
		erasure.Waits = e.waits(id)
	case state.Counts.Plain > 0:
		erasure.State = ports.ErasurePartial
	default:
		erasure.State = ports.ErasureDone
	}
	return erasure, nil
}

func fold(history []eventsourcing.Envelope[subject.Event]) subject.Subject {
	return eventsourcing.Fold(subject.Subject{}, subject.Evolve, history)
}

// history reads the events of a subject.
func (e *Eraser) history(ctx context.Context, id uuid.UUID) ([]eventsourcing.Envelope[subject.Event], error) {
	records, err := e.config.Store.Load(ctx, id, 0)
	if err != nil {
		return nil, fmt.Errorf("load the subject: %w", err)
	}
	history := make([]eventsourcing.Envelope[subject.Event], len(records))
	for i, record := range records {
		if history[i], err = e.config.Codec.Decode(record); err != nil {
			return nil, err
		}
	}
	return history, nil
}

// note adds an erasure that has not ended.
func (e *Eraser) note(id uuid.UUID, s ports.Subject, since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if open := e.open[id]; open == nil || open.ending {
		e.open[id] = &erasing{subject: s, since: since}
		e.requested++
	}
}

// Stats are figures of the erasures that a process has seen since it started.
type Stats struct {
	// Requested and Ended count erasures. One that was open at the start counts as requested.
	Requested, Ended uint64
	// Open is how many have not ended, and Oldest when the first of them was requested. It is zero
	// when there is none.
	Open   int
	Oldest time.Time
}

// Stats returns the figures of this moment.
func (e *Eraser) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	stats := Stats{Requested: e.requested, Ended: e.ended, Open: len(e.open)}
	for _, open := range e.open {
		if stats.Oldest.IsZero() || open.since.Before(stats.Oldest) {
			stats.Oldest = open.since
		}
	}
	return stats
}

// wake makes Run look at what is open.
func (e *Eraser) wake() {
	select {
	case e.begun <- struct{}{}:
	default:
	}
}

func (e *Eraser) waits(id uuid.UUID) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if open := e.open[id]; open != nil {
		return open.waits
	}
	return ""
}
