package redpanda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

// link keeps one client for requests that read, and that several calls share. It connects when it is first used. A client whose
// connections fail is replaced; those who still use it are not disturbed.
type link struct {
	config Config // with its defaults

	closing chan struct{}
	calls   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	line   *line // the one in use; nil for none
	lines  map[*line]struct{}
	// connecting is held while a client is made, so that callers share one.
	connecting sync.Mutex
}

// line is one client and what it connects with. The mutex of the link guards the rest.
type line struct {
	client sarama.Client
	dialer *dialer
	users  int
	// broken says that nobody else is to use it.
	broken bool
}

func newLink(config Config) *link {
	return &link{config: config, closing: make(chan struct{}), lines: make(map[*line]struct{})}
}

// errAnswer marks an error that is an answer: asking again gives the same, and there is nothing wrong with the client.
var errAnswer = errors.New("answer")

// answer marks err as one.
func answer(err error) error { return &answerError{err} }

type answerError struct{ error }

func (e *answerError) Unwrap() error        { return e.error }
func (e *answerError) Is(target error) bool { return target == errAnswer }

// ask returns what work gets with a client. Work that fails is repeated a few times, unless its error is an answer. When ctx
// ends, ask returns its error at once; what is under way then ends by itself within the timeouts of the client, and close waits
// for it.
func ask[T any](ctx context.Context, l *link, work func(sarama.Client) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !l.enter() {
		return none, ports.ErrClosed
	}
	type outcome struct {
		value T
		err   error
	}
	result := make(chan outcome, 1)
	go func() {
		defer l.calls.Done()
		var o outcome
		o.err = l.persist(ctx, func(client sarama.Client) (err error) {
			o.value, err = work(client)
			return err
		})
		result <- o
	}()
	select {
	case o := <-result:
		if o.err != nil {
			return none, l.explain(ctx, o.err)
		}
		return o.value, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.closing:
		return none, ports.ErrClosed
	}
}

func (l *link) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.calls.Add(1)
	}
	return !l.closed
}

func (l *link) explain(ctx context.Context, err error) error {
	var said *answerError
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case errors.As(err, &said):
		return translate(said.error, read)
	default:
		return fmt.Errorf("topic %s on %s: %w", l.config.Topic.Name, strings.Join(l.config.Brokers, ","), translate(err, read))
	}
}

// persist repeats work over the move of a leader or coordinator.
func (l *link) persist(ctx context.Context, work func(sarama.Client) error) error {
	for tries, pause := 1, firstPause; ; tries, pause = tries+1, min(2*pause, longestWait) {
		err := l.once(work)
		if err == nil || tries == attempts || is(err, errAnswer, ports.ErrClosed) || refused(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		case <-l.closing:
			return ports.ErrClosed
		}
	}
}

func (l *link) once(work func(sarama.Client) error) error {
	used, err := l.connected()
	if err != nil {
		return err
	}
	err = work(used.client)
	broken := false
	if _, said := errors.AsType[sarama.KError](err); said { // the connection is fine, what the client believes is not
		_ = used.client.RefreshMetadata(l.config.Topic.Name)
	} else {
		broken = err != nil && !errors.Is(err, errAnswer)
	}
	l.release(used, broken)
	return err
}

// release ends the use of a line, which the last user of a broken one closes.
func (l *link) release(used *line, broken bool) {
	l.mu.Lock()
	used.users--
	if broken {
		used.broken = true
		if l.line == used {
			l.line = nil
		}
	}
	last := used.broken && used.users == 0
	if last {
		delete(l.lines, used)
	}
	l.mu.Unlock()
	if last {
		used.dialer.abort()
		_ = used.client.Close()
	}
}

// connected returns the client in use, or makes one. It is to be released.
func (l *link) connected() (*line, error) {
	l.connecting.Lock()
	defer l.connecting.Unlock()
	if current := l.current(); current != nil {
		return current, nil
	}
	settings, err := l.config.reader()
	if err != nil {
		return nil, err
	}
	d := newDialer(l.config.Timeout)
	settings.Net.Proxy.Enable, settings.Net.Proxy.Dialer = true, d
	done := make(chan struct{})
	go func() { // close must not wait for brokers that do not answer
		select {
		case <-l.closing:
			d.abort()
		case <-done:
		}
	}()
	client, err := sarama.NewClient(l.config.Brokers, settings)
	close(done)
	if err != nil {
		d.abort()
		return nil, err
	}
	made := &line{client: client, dialer: d, users: 1}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line, l.lines[made] = made, struct{}{}
	if l.closed {
		d.abort() // close may have been here already
	}
	return made, nil
}

// current returns the client in use, to be released; nil when there is none.
func (l *link) current() *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line != nil {
		l.line.users++
	}
	return l.line
}

// close ends what is under way and waits for it.
func (l *link) close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	for used := range l.lines {
		used.dialer.abort()
	}
	l.mu.Unlock()
	l.calls.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for unused := range l.lines {
		_ = unused.client.Close()
	}
	clear(l.lines)
	l.line = nil
}

// reader returns the client's configuration for readers. c has its defaults.
func (c Config) reader() (*sarama.Config, error) {
	s, err := c.sarama()
	if err != nil {
		return nil, err
	}
	s.Metadata.RefreshFrequency = time.Minute // how soon further partitions are noticed
	s.Consumer.Return.Errors = true
	s.Consumer.Offsets.Initial = sarama.OffsetOldest // of a partition that the group has no offset for
	s.Consumer.Fetch.Default = fetchBytes
	s.Consumer.Retry.Backoff = 250 * time.Millisecond
	return s, nil
}
