package submission

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Service is the destination of the commands.
type Service interface {
	// Store identifies the store of the service. It returns the same text as long as the service
	// uses the same store, and another text for another store.
	Store(ctx context.Context) (string, error)
	// Submit sends a command and retries until there is an answer. An error means that there is no
	// answer.
	Submit(ctx context.Context, c Command) (Answer, error)
	// Events returns the events of an order. It returns none for an order that does not exist.
	Events(ctx context.Context, orderID uuid.UUID) ([]Event, error)
}

// Answer is the answer of a service to a command.
type Answer struct {
	// Refusal says why the command is refused. It is empty for an accepted command.
	Refusal string
	// OrderID and EventID are those of the first event of the command. They are nil when it emitted
	// none.
	OrderID, EventID uuid.UUID
}

// Event is an event of an order.
type Event struct{ ID, CommandID uuid.UUID }

// Config says how to submit an input. Fields without a stated default are required.
type Config struct {
	Service Service
	// Journal is the file that keeps the answers. Empty means none.
	Journal string
	// Run makes the derived command ids of this input different from those of another input with
	// the same lines.
	Run string
	// Parallel is how many commands are in progress at once.
	Parallel int
	// Reopen opens the input again from its beginning. It is nil for an input that can be read only
	// once.
	Reopen func() (io.ReadCloser, error)
	// Answered is called for every finished line, from several goroutines. refusal is empty for an
	// accepted command. repeated says that the answer comes from an earlier run.
	Answered func(line int, refusal string, repeated bool)
	// Note is called with what the user should know about the journal.
	Note func(text string)
}

// ErrForgotten says that the store does not hold what the journal says that it accepted.
var ErrForgotten = errors.New("the store does not hold what it has accepted")

// ErrReplaced says that the store at the end is not the store at the beginning.
var ErrReplaced = errors.New("the store was replaced during the run")

// budget bounds the bytes of all lines in memory. One line always fits.
const budget = 64 << 20

// Submit reads input to its end and sends the commands that were not answered before. It stops at
// the first command that gets no answer, because later commands must not overtake it.
func Submit(ctx context.Context, input io.Reader, c Config) (err error) {
	store, err := c.Service.Store(ctx)
	if err != nil {
		return err
	}
	j, err := openJournal(c.Journal, store, c.Run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	s := &submission{Config: c, journal: j, memory: semaphore.NewWeighted(budget)}
	if err := s.trust(ctx); err != nil {
		return err
	}
	if err := s.send(ctx, input); err != nil {
		return err
	}
	switch now, err := c.Service.Store(ctx); {
	case err != nil:
		return fmt.Errorf("ask once more which store answers: %w", err)
	case now != store:
		return fmt.Errorf("%w (%s, now %s), and it is not known which command was accepted by which: submit the input once more; nothing is done twice",
			ErrReplaced, store, now)
	}
	return nil
}

// submission is one call of Submit.
type submission struct {
	Config
	journal *journal
	memory  *semaphore.Weighted
}

// trust checks that the answers in the journal are valid for the store.
func (s *submission) trust(ctx context.Context) error {
	j := s.journal
	if len(j.early) > 0 {
		if err := s.migrate(ctx); err != nil {
			return err
		}
	}
	if len(j.done) == 0 && j.others > 0 {
		s.Note(fmt.Sprintf("%s tells of another store or another run, so its %d answers do not count here",
			j.path, j.others))
	}
	newest, ok := j.done[j.newest]
	if !ok {
		return nil
	}
	held, err := s.holds(ctx, newest.orderID, func(e Event) bool { return e.ID == newest.eventID })
	if err != nil {
		return err
	}
	if !held {
		return fmt.Errorf("%w: according to %s line %d made an event of order %s, which is not there. "+
			"Was the store restored from an older copy? Remove the journal to submit the input again; what the store still has is not done twice",
			ErrForgotten, j.path, j.newest, newest.orderID)
	}
	return nil
}

func (s *submission) holds(ctx context.Context, orderID uuid.UUID, wanted func(Event) bool) (bool, error) {
	events, err := s.Service.Events(ctx, orderID)
	if err != nil {
		return false, fmt.Errorf("look for what was accepted before: %w", err)
	}
	return slices.ContainsFunc(events, wanted), nil
}

// migrate adds the answers of a journal of format 1, which does not name their store. It does so if
// the store holds an accepted command of the journal, under the id that the command has in this
// run.
func (s *submission) migrate(ctx context.Context) error {
	witness, err := s.witness()
	if err != nil {
		return err
	}
	if witness.OrderID != uuid.Nil {
		held, err := s.holds(ctx, witness.OrderID, func(e Event) bool { return e.CommandID.String() == witness.ID })
		if err != nil {
			return err
		}
		if held {
			return s.journal.adopt()
		}
	}
	s.Note(fmt.Sprintf("%s has %d answers of an earlier version of this program, and nothing shows that this store gave them in this run, so they do not count. "+
		"What the store has accepted is not done twice", s.journal.path, len(s.journal.early)))
	return nil
}

// witness returns the last command that a journal of format 1 calls accepted and whose order and id
// are known. It returns no command when there is none.
func (s *submission) witness() (found Command, err error) {
	if s.Reopen == nil {
		return found, nil
	}
	input, err := s.Reopen()
	if err != nil {
		return found, err
	}
	defer input.Close()
	err = readLines(input, func(l line) error {
		a, ok := s.journal.early[l.number]
		if !ok || a.refusal != "" || a.sum != l.sum {
			return nil
		}
		c, err := parse(l, s.Run)
		if err != nil {
			return nil
		}
		if id, err := uuid.Parse(c.lane); err == nil && uuid.Validate(c.ID) == nil {
			found = Command{ID: c.ID, OrderID: id}
		}
		return nil
	})
	return found, err
}

// send sends the commands of the input.
func (s *submission) send(ctx context.Context, input io.Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan job, s.Parallel)
	for i := range lanes {
		lanes[i] = make(chan job, 16)
		group.Go(func() error { return s.work(ctx, lanes[i]) })
	}
	read := make(chan error, 1)
	go func() { // not waited for when ctx ends, because nothing ends a read of a terminal or a pipe
		read <- readLines(input, func(l line) error { return s.dispatch(ctx, l, lanes) })
	}()
	group.Go(func() error {
		select {
		case err := <-read:
			for _, lane := range lanes {
				close(lane)
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return group.Wait()
}

// job is a line that is being sent.
type job struct {
	line
	command   Command
	malformed error
}

// dispatch queues a line after those of the same order.
func (s *submission) dispatch(ctx context.Context, l line, lanes []chan job) error {
	if err := s.memory.Acquire(ctx, int64(len(l.text))); err != nil {
		return err
	}
	command, err := parse(l, s.Run)
	h := fnv.New32a()
	_, _ = io.WriteString(h, command.lane) // it never fails
	select {
	case lanes[h.Sum32()%uint32(len(lanes))] <- job{l, command, err}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *submission) work(ctx context.Context, lane <-chan job) error {
	for {
		select {
		case j, ok := <-lane:
			if !ok {
				return nil
			}
			if err := s.submit(ctx, j); err != nil {
				return fmt.Errorf("line %d: %w", j.number, err)
			}
			s.memory.Release(int64(len(j.text)))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// submit sends one line. It returns an error when there is no answer.
func (s *submission) submit(ctx context.Context, j job) error {
	before, ok, err := s.journal.before(j.line)
	if err != nil {
		return err
	}
	if ok {
		s.Answered(j.number, before.refusal, true)
		return nil
	}
	var answer Answer
	if j.malformed != nil {
		answer.Refusal = j.malformed.Error()
	} else if answer, err = s.Service.Submit(ctx, j.command); err != nil {
		return err
	}
	a := answered{sum: j.sum, refusal: answer.Refusal, orderID: answer.OrderID, eventID: answer.EventID}
	if err := s.journal.record(j.number, a); err != nil {
		return err
	}
	s.Answered(j.number, answer.Refusal, false)
	return nil
}
