package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/message"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what a [Publisher] needs.
type Config struct {
	redpanda.Config
	// Published is called with the place of each event in the topic, before Publish returns. It is
	// called concurrently. It may be nil.
	Published func(record eventsourcing.Record, partition int32, offset int64)
}

func (c Config) withDefaults() Config {
	c.Config = c.Config.WithDefaults()
	if c.Published == nil {
		c.Published = func(eventsourcing.Record, int32, int64) {}
	}
	return c
}

// Publisher publishes events to the topic. It connects when it is first used, and again whenever
// that is needed.
type Publisher struct {
	config Config
	// ctx ends with the first call of Close.
	ctx   context.Context
	close context.CancelFunc

	mu sync.Mutex
	// current is the current session, or the attempt to open one. It is nil when there is none.
	current *opening
	// blamed is the previous session, when a message caused its end.
	blamed *blamed
	closed bool
	work   sync.WaitGroup // openings and sessions
}

var (
	_ ports.Publisher = (*Publisher)(nil)
	_ ports.Probe     = (*Publisher)(nil)
)

// opening is an attempt to open a session. All callers that wait for it share it.
type opening struct {
	done    chan struct{} // closed when one of the others is set
	session *session
	err     error
}

// blamed is a session in which a broker refused a batch because of a message, without saying which
// one.
type blamed struct {
	limit int
	err   error
}

// wantsAlone reports whether the next session must send one message in each request to find the
// wrong one. It need not when a new limit explains the refusal.
func (b *blamed) wantsAlone(limit int) bool {
	return b != nil && (!isTooLarge(b.err) || b.limit == limit)
}

// maxTries is the highest number of sessions in which a message is tried when a batch is refused:
// the ordinary one, one with a new limit, and one that sends it alone.
const maxTries = 3

// New returns a publisher that is not connected yet. It reads the files that config names. Its
// errors are about the configuration.
func New(config Config) (*Publisher, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	options, err := config.producer()
	if err != nil {
		return nil, err
	}
	if err := kgo.ValidateOpts(options...); err != nil {
		return nil, fmt.Errorf("redpanda configuration: %w", err)
	}
	p := &Publisher{config: config}
	p.ctx, p.close = context.WithCancel(context.Background())
	return p, nil
}

// Connect connects now and not with the first event. It is optional, and lets a program report
// errors early.
//
// Errors: [ports.ErrUnavailable], which is also a [redpanda.ErrRefused] when a broker has answered;
// [ports.ErrClosed]; the context's error.
func (p *Publisher) Connect(ctx context.Context) error {
	if _, err := p.session(ctx); err != nil {
		return p.explain(ctx, err)
	}
	return nil
}

// Probe implements [ports.Probe]. It asks the leader of each partition of the topic whether it is
// there, and whether brokers have begun to compact the topic. Then nothing more is published.
//
// Errors: those of [Publisher.Connect].
func (p *Publisher) Probe(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	s, err := p.session(bounded)
	if err == nil {
		err = client.Translate(s.trouble.Explain(s.probe(bounded, p.config)), client.Read)
	}
	if errors.Is(err, redpanda.ErrCompacted) {
		p.replace(s, nil, p.config.Timeout) // the next session is refused for as long as that is so
	}
	if err != nil {
		return p.explain(ctx, err)
	}
	return nil
}

// Publish returns when all brokers that are in sync for the event's partition have the event.
//
// Errors: [ports.ErrUnavailable]; [ports.ErrOutcomeUnknown]; [ports.ErrClosed]; the context's
// error; a permanent [*redpanda.TooLargeError] or [*redpanda.InvalidError]. Publish is safe for
// concurrent use. Calls at the same time share requests.
func (p *Publisher) Publish(ctx context.Context, record eventsourcing.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish event %s: %w", record.EventID, err)
	}
	m, err := p.config.message(record)
	if err == nil {
		err = p.publish(ctx, m, record)
	}
	if err != nil {
		return fmt.Errorf("publish event %s: %w", record.EventID, err)
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, m *kgo.Record, record eventsourcing.Record) error {
	bounded, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	var err error
	for tries := 0; tries < maxTries; {
		s, opened := p.session(bounded)
		if opened != nil {
			return p.explain(ctx, opened)
		}
		size := messageSize(m)
		if size > s.limit {
			if err = tooLargeError(record, size, s.limit); !s.outgrown(bounded, p.config) {
				return err
			}
			p.replace(s, nil, p.config.Timeout)
			tries++
			continue
		}
		again := *m // the client owns what it is given
		if err = s.send(bounded, &again); err == nil {
			p.delivered(s)
			p.config.Published(record, again.Partition, again.Offset)
			return nil
		}
		if errors.Is(err, errReplaced) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if bounded.Err() != nil { // whatever the client is busy with, a new one may succeed
			p.replace(s, nil, 0)
			return p.explain(ctx, fmt.Errorf("%w: no acknowledgement within %s", ports.ErrOutcomeUnknown, p.patience()))
		}
		if !isTooLarge(err) && !ownFault(err) {
			// it may still use a topic that was deleted and created again
			p.replace(s, nil, p.config.Timeout)
			break
		}
		p.replace(s, &blamed{limit: s.limit, err: err}, p.config.Timeout)
		if s.alone != nil && isTooLarge(err) {
			return tooLargeError(record, size, 0)
		}
		if s.alone != nil {
			return invalid(record, err)
		}
		tries++
	}
	if errors.Is(err, kgo.ErrClientClosed) && p.ctx.Err() != nil {
		err = fmt.Errorf("%w: the publisher was closed: %w", ports.ErrOutcomeUnknown, err)
	}
	return p.explain(ctx, client.Translate(err, client.Produce))
}

// delivered counts messages that were sent alone, and ends that mode when nothing was found.
func (p *Publisher) delivered(s *session) {
	if s.alone != nil && s.sent.Add(1) == aloneFor {
		p.replace(s, nil, p.config.Timeout)
	}
}

// patience bounds one call of Publish. The client gives up earlier unless it waits for an answer
// that it needs.
func (p *Publisher) patience() time.Duration { return 2 * p.config.Timeout }

// explain adds the broker or the setting to an error. It hides the end of a context that is not the
// caller's.
func (p *Publisher) explain(ctx context.Context, err error) error {
	switch ended := ctx.Err() == nil && client.Is(err, context.Canceled, context.DeadlineExceeded); {
	case ended && errors.Is(err, ports.ErrOutcomeUnknown):
		err = fmt.Errorf("%w: %v", ports.ErrOutcomeUnknown, err)
	case ended && errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: %w", ports.ErrUnavailable, &redpanda.SettingError{
			Setting: "Timeout", Hint: "a call waits for twice as long",
			Err: fmt.Errorf("no answer within %s", p.patience()),
		})
	case ended:
		err = fmt.Errorf("%w: %v", ports.ErrUnavailable, err)
	}
	return client.Explain(p.config.Config, err)
}

// message returns r as a message that shares no memory with it.
func (c Config) message(r eventsourcing.Record) (*kgo.Record, error) {
	headers, err := message.Headers[kgo.RecordHeader](r, c.Source, c.Store, c.Metadata)
	if err != nil {
		return nil, invalid(r, err)
	}
	return &kgo.Record{Topic: c.Topic.Name, Key: message.Key(r), Value: message.Value(r), Headers: headers}, nil
}

// messageSize returns the number of bytes of m in a batch, or a few more.
func messageSize(m *kgo.Record) int {
	const overhead, ofHeader = 36, 10 // with the longest encodings of lengths and differences
	size := overhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += ofHeader + len(h.Key) + len(h.Value)
	}
	return size
}

func invalid(r eventsourcing.Record, err error) error {
	return &redpanda.InvalidError{EventID: r.EventID, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, Err: err}
}

func tooLargeError(r eventsourcing.Record, size, limit int) error {
	return &redpanda.TooLargeError{
		EventID: r.EventID, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, EventType: r.EventType,
		Size: size, Limit: limit,
	}
}

// session returns the current session, or opens one.
func (p *Publisher) session(ctx context.Context) (*session, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ports.ErrClosed
	}
	o := p.current
	if o == nil {
		o = &opening{done: make(chan struct{})}
		p.current = o
		p.work.Add(1)
		go p.open(o, p.blamed)
		p.blamed = nil
	}
	p.mu.Unlock()
	select {
	case <-o.done:
		return o.session, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.ctx.Done():
		return nil, ports.ErrClosed
	}
}

// open opens a session for all callers that wait for it.
func (p *Publisher) open(o *opening, previous *blamed) {
	defer p.work.Done()
	defer close(o.done)
	s, err := openSession(p.ctx, p.config, previous)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		o.session = s
	case p.ctx.Err() != nil: // this is why it failed
		o.err = ports.ErrClosed
	default:
		o.err = client.Translate(err, client.Read)
		p.current, p.blamed = nil, previous
	}
}

// replace makes later calls open another session. Messages that this session has may continue for
// as long as grace.
func (p *Publisher) replace(s *session, why *blamed, grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.current == nil || p.current.session != s {
		return // others were faster
	}
	p.current = nil
	if s.alone == nil {
		p.blamed = why
	}
	p.work.Add(1)
	go func() {
		defer p.work.Done()
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		s.close(ctx)
	}()
}

// Close refuses further calls, waits a bounded time for acknowledgements, and disconnects. It may
// be called twice.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	current := p.current
	p.mu.Unlock()
	p.close()
	if current != nil {
		<-current.done
	}
	if current != nil && current.session != nil {
		ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
		defer cancel()
		current.session.close(ctx)
	}
	p.work.Wait()
	return nil
}

// ownFault reports whether a broker will never accept a batch because of its contents.
func ownFault(err error) bool {
	return client.Is(err, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.UnsupportedForMessageFormat)
}

// isTooLarge reports whether a broker found a batch too large.
func isTooLarge(err error) bool { return client.Is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) }
