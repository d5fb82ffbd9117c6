package cloudevents

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var _ ports.Publisher = (*Publisher)(nil)

// Config configures a [Publisher]. The zero Config is right for most uses.
type Config struct {
	// Source is the CloudEvents attribute source: a URI reference for the system of the events. ""
	// means "/orderflow". Receivers identify an event by source and id together, so do not change
	// it without need.
	Source string
	// Linger is the shortest time between the end of one batch and the next write. Events that are
	// published in that time share the next write. Without it, a sync for each event would keep the
	// disk busy all the time and delay everything else that waits for the disk. An event that comes
	// after a quiet time is written at once. 0 does not wait.
	Linger time.Duration
}

// Publisher writes events as lines of JSON. It implements [ports.Publisher]. [OpenFile] and
// [NewWriter] make it.
type Publisher struct {
	source   []byte
	identity string
	linger   time.Duration
	requests chan *request
	// spare holds requests that were answered, for their memory.
	spare    sync.Pool
	closing  chan struct{}
	close    sync.Once
	ended    chan struct{}
	closeErr error
	// size is the length of the file after the last batch.
	size atomic.Int64
}

// request asks the writing goroutine to write line. The channel of the answer has a buffer, so the
// goroutine never waits for a reader. The goroutine does not touch a request that it has answered.
type request struct {
	line   []byte
	answer chan error
}

// target is the destination of lines. One goroutine uses it.
type target interface {
	// write writes lines, each with its newline, and makes them durable as far as the target can.
	// When it returns an error, the target holds the first n bytes. It may later hold the rest of
	// the line in which they end, and nothing of the lines after that. It does not keep lines.
	write(lines []byte) (n int, err error)
	// length returns how long the durable part of a file is. It is 0 for others.
	length() int64
	close() error
}

// NewWriter returns a publisher that writes to w, for example to the standard output. Close stops
// it and does not close w.
func NewWriter(w io.Writer, config Config) *Publisher {
	return start(&stream{w: w}, "", config)
}

// OpenFile returns a publisher that appends to the file at path. It creates the file and its parent
// directories, and repairs the end of a file after a crash, as the package comment says.
func OpenFile(path string, config Config) (*Publisher, error) {
	f := &file{path: path, open: openHandle}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return start(f, f.identity, config), nil
}

// Identity distinguishes files that are at the same path one after the other. It stays the same
// over restarts, rotations and moves, also while the publisher is open. A file that was deleted or
// replaced by another one has a new identity. For other writers it is "".
func (p *Publisher) Identity() string { return p.identity }

// Size returns the length of the file, without an event that is being written, and without files
// that were rotated away. A rotation is noticed with the next event. It does no I/O. For other
// writers it is 0.
func (p *Publisher) Size() int64 { return p.size.Load() }

func start(t target, identity string, config Config) *Publisher {
	if config.Source == "" {
		config.Source = defaultSource
	}
	p := &Publisher{
		source:   appendQuoted(nil, config.Source),
		identity: identity,
		linger:   config.Linger,
		requests: make(chan *request),
		closing:  make(chan struct{}),
		ended:    make(chan struct{}),
	}
	p.size.Store(t.length())
	go p.run(t)
	return p
}

// Publish writes record as one line and returns when the target holds it.
//
// Errors: [ports.ErrUnavailable]; [ports.ErrOutcomeUnknown]; [ports.ErrClosed]; the context's
// error; a permanent error for an event that is too large. Publish is safe for concurrent use.
// Calls at the same time share one write and one sync.
func (p *Publisher) Publish(ctx context.Context, record eventsourcing.Record) error {
	if err := p.publish(ctx, record); err != nil {
		return fmt.Errorf("publish event %s: %w", record.EventID, err)
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, record eventsourcing.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, _ := p.spare.Get().(*request)
	if r == nil {
		r = &request{line: make([]byte, 0, lineSize(record)), answer: make(chan error, 1)}
	}
	line, err := appendEvent(r.line[:0], p.source, record)
	if err != nil {
		return err
	}
	r.line = line
	select {
	case p.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.closing:
		return ports.ErrClosed
	}
	select {
	case err := <-r.answer:
		if cap(r.line) <= maxSpare {
			p.spare.Put(r)
		}
		return err
	case <-ctx.Done(): // the request belongs to the writing goroutine
		return ctx.Err()
	}
}

// Close waits for the batch that is being written, and closes the file. Calls of Publish that the
// writer has not taken by then return [ports.ErrClosed].
func (p *Publisher) Close() error {
	p.close.Do(func() { close(p.closing) })
	<-p.ended
	return p.closeErr
}

// run writes the requested lines until Close.
func (p *Publisher) run(t target) {
	defer close(p.ended)
	rest := time.NewTimer(0) // fires when the next batch may be written
	defer rest.Stop()
	var batch []*request
	var lines []byte
	for {
		select {
		case first := <-p.requests:
			batch = p.collect(append(batch, first), rest.C)
			lines = p.writeBatch(t, batch, lines)
			clear(batch)
			batch = batch[:0]
			rest.Reset(p.linger)
		case <-p.closing:
			p.closeErr = t.close()
			return
		}
	}
}

const (
	// batchSize is the length of a batch from which no further line is added.
	batchSize = 1 << 20
	// maxSpare is the capacity above which the memory of a line is left to the garbage collector.
	maxSpare = 16 << 10
)

// collect adds to batch the requests that arrive until due or until Close. batch has one already.
func (p *Publisher) collect(batch []*request, due <-chan time.Time) []*request {
	size := len(batch[0].line)
	add := func(r *request) { batch, size = append(batch, r), size+len(r.line) }
	for waiting := true; waiting && size < batchSize; {
		select {
		case r := <-p.requests:
			add(r)
		case <-due:
			waiting = false
		case <-p.closing:
			waiting = false
		}
	}
	for size < batchSize { // and requests that arrived at the same moment
		select {
		case r := <-p.requests:
			add(r)
		default:
			return batch
		}
	}
	return batch
}

// writeBatch writes the lines of a batch, and answers all of its requests. It returns the memory
// that it has used for the lines, which are gone then.
func (p *Publisher) writeBatch(t target, batch []*request, lines []byte) []byte {
	for _, r := range batch {
		lines = append(lines, r.line...)
	}
	n, err := t.write(lines)
	p.size.Store(t.length())
	end := 0
	for _, r := range batch {
		begin := end
		end += len(r.line)
		switch {
		case err == nil || end <= n:
			r.answer <- nil
		case begin < n:
			r.answer <- fmt.Errorf("%w: the line was written in part: %w", ports.ErrOutcomeUnknown, err)
		default:
			r.answer <- err
		}
	}
	if cap(lines) > 2*batchSize { // an event that was very large
		return nil
	}
	return lines[:0]
}
