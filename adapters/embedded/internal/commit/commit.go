package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/feed"
	"orderflow/adapters/embedded/internal/history"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// maxAppendBytes bounds one append. Pebble bounds a batch at 4 GiB.
	maxAppendBytes = 64 << 20
	// The bounds of a group.
	maxGroupRequests = 1024
	maxGroupBytes    = 4 << 20
)

// Committer appends to the event store and the feed. Its methods are safe for concurrent use, and
// enter the DB.
type Committer struct {
	db      *engine.DB
	history *history.History
	feed    *feed.Feed
	options Options
	queue   queue
	// requests are those that have their verdict. Their memory is used again.
	requests requests
	group    group
}

// Options are the settings of a [Committer]. All are required.
type Options struct {
	Now func() time.Time
	// Born is called for each aggregate whose first event has been appended, before anybody can
	// read that event. It must not wait.
	Born func(aggregateID uuid.UUID)
}

// New returns a Committer. The last record has the position that history.Durable returns at the
// first append.
func New(db *engine.DB, h *history.History, f *feed.Feed, options Options) *Committer {
	c := &Committer{db: db, history: h, feed: f, options: options}
	c.group = group{
		Committer: c,
		heads:     map[uuid.UUID]layout.Head{}, commands: map[commandID]layout.Span{}, broken: map[uuid.UUID]error{},
	}
	return c
}

// Append implements [ports.EventStore].
func (c *Committer) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := c.append(ctx, a)
	if err != nil {
		return ports.Appended{}, fmt.Errorf("append to %s at %d: %w", a.AggregateID, a.Expected, err)
	}
	return appended, nil
}

func (c *Committer) append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	r, err := c.requests.take(a)
	if err != nil {
		return ports.Appended{}, err
	}
	if err := c.db.Enter(ctx); err != nil {
		return ports.Appended{}, err
	}
	defer c.db.Leave()
	if err := c.submit(ctx, r); err != nil {
		return ports.Appended{}, err
	}
	v := r.verdict
	c.requests.put(r)
	switch {
	case v.err != nil:
		return ports.Appended{}, v.err
	case v.duplicate:
		records, err := c.history.OfCommand(a.AggregateID, v.span)
		return ports.Appended{Records: records, Duplicate: true}, err
	}
	// Nothing of the request was kept, so it may go back.
	return ports.Appended{Records: inUTC(a.Records)}, nil
}

// inUTC returns records with their times in UTC, as they are stored. Usually they are so already.
func inUTC(records []eventsourcing.Record) []eventsourcing.Record {
	elsewhere := func(r eventsourcing.Record) bool { return r.CreatedAt.Location() != time.UTC }
	if !slices.ContainsFunc(records, elsewhere) {
		return records
	}
	records = slices.Clone(records)
	for i := range records {
		records[i].CreatedAt = records[i].CreatedAt.UTC()
	}
	return records
}

// requests keeps the memory of requests for later ones. The zero value is ready.
type requests struct{ pool sync.Pool }

// take returns the request for an append. It encodes the records, so that the leader has less to
// do.
func (q *requests) take(a ports.Append) (*request, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	r, ok := q.pool.Get().(*request)
	if !ok {
		r = &request{wake: make(chan role, 1)}
	}
	r.aggregateID, r.aggregateType = a.AggregateID, a.Records[0].AggregateType
	r.commandID, r.expected = a.CommandID, a.Expected
	if r.bodies = r.one[:]; len(a.Records) > 1 {
		r.bodies = make([]layout.Body, len(a.Records))
	}
	for i := range a.Records {
		body, err := layout.EncodeBody(&a.Records[i])
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", a.Records[i].SequenceNumber, err)
		}
		r.bodies[i] = body
		r.bytes += body.Len()
	}
	if r.bytes > maxAppendBytes {
		return nil, fmt.Errorf("%d bytes of records; one append may have %d", r.bytes, maxAppendBytes)
	}
	return r, nil
}

// put takes a request back that has its verdict. Nobody else has it any more, and its channel is
// empty.
func (q *requests) put(r *request) {
	*r = request{wake: r.wake}
	q.pool.Put(r)
}

// Beat implements [ports.Pulse]. When nothing is appended it costs one fsync.
func (c *Committer) Beat(ctx context.Context, at time.Time) error {
	if err := c.beat(ctx, at); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return nil
}

func (c *Committer) beat(ctx context.Context, at time.Time) error {
	if err := c.db.Enter(ctx); err != nil {
		return err
	}
	defer c.db.Leave()
	r := &request{beat: eventsourcing.Timestamp(at), wake: make(chan role, 1)}
	if err := c.submit(ctx, r); err != nil {
		return err
	}
	return r.verdict.err
}

// Shut answers the requests that wait with ports.ErrClosed.
func (c *Committer) Shut() { c.queue.close() }

// Waiting returns the number of requests that wait for their group.
func (c *Committer) Waiting() int {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	return len(c.queue.waiting)
}

// submit puts a request into a group, and returns when its verdict is there. An error says that no
// group took the request.
func (c *Committer) submit(ctx context.Context, r *request) error {
	if err := c.db.Err(); err != nil {
		return err
	}
	next, err := c.queue.put(r)
	if err != nil {
		return err
	}
	if next == follows {
		select {
		case next = <-r.wake:
		case <-ctx.Done():
			if c.queue.withdraw(r) {
				return ctx.Err()
			}
			next = <-r.wake
		}
	}
	if next == leads {
		c.lead(r)
	}
	return nil
}

// lead commits everything that waits. The first of it is own, the request of the caller. Then it
// lets the next caller lead, also when committing has panicked.
func (c *Committer) lead(own *request) {
	requests := c.queue.take(maxGroupRequests, maxGroupBytes)
	err := errEnded // until commit returns: its goroutine may end inside of it
	defer func() {
		if err != nil {
			c.abort(requests, err)
		}
		c.queue.pass()
		for _, r := range requests {
			if r != own {
				r.wake <- follows // from now on it belongs to its caller, who may use it again
			}
		}
	}()
	err = portkit.Protect(func() error { c.group.commit(requests); return nil })
}

var errEnded = errors.New("the goroutine of the commit was ended")

// abort answers a group whose commit has panicked. Writing continues, unless the group may be on
// the disk.
func (c *Committer) abort(requests []*request, cause error) {
	var stack []byte
	if panicked := (*portkit.PanicError)(nil); errors.As(cause, &panicked) {
		stack = panicked.Stack
	}
	c.db.Log().Error("a commit panicked", "error", cause, "may_be_written", c.group.writing, "stack", string(stack))
	if c.group.writing {
		c.db.Fail(fmt.Errorf("commit: %w", cause))
		c.refuse(requests, c.db.Outcome())
		return
	}
	for _, r := range requests {
		r.verdict = verdict{err: fmt.Errorf("%w: nothing was written: %w", ports.ErrUnavailable, cause)}
	}
}

// refuse changes the verdicts on a group that could not be written.
func (c *Committer) refuse(requests []*request, err error) {
	for _, r := range requests {
		if r.verdict.err != nil {
			// A conflict, perhaps with another request of the group. In any case it was not
			// written.
			r.verdict.err = c.db.Err()
			continue
		}
		r.verdict.err = err
		if r.beat.IsZero() && errors.Is(err, ports.ErrOutcomeUnknown) {
			c.history.Doubt(r.aggregateID)
		}
	}
}

// group is what the leader knows while it commits. It belongs to the leader.
type group struct {
	*Committer
	// at is the commit time of the last group, in milliseconds since 1970. Commit times never fall.
	at int64
	// last is the position that was given last.
	last uint64
	// heads and commands are those of the requests, as they are stored or as an earlier request of
	// the group makes them.
	heads    map[uuid.UUID]layout.Head
	commands map[commandID]layout.Span
	// broken are the aggregates of which neither these nor the events can be read.
	broken map[uuid.UUID]error
	// keys is memory for the keys of the heads.
	keys []byte
	// writing is set when the group may be on the disk.
	writing bool
}

// commit decides requests, writes those that are accepted, waits until they are durable, and
// publishes them. Each request gets its verdict.
func (g *group) commit(requests []*request) {
	g.writing, g.last = false, g.history.Durable()
	g.at = max(g.at, g.options.Now().UnixMilli())
	// After a failure the memory of Pebble has what may not be on the disk. It must not be compared
	// with.
	err := g.db.Err()
	appends, beat := split(requests)
	if err == nil {
		err = g.look(appends)
	}
	if err != nil {
		for _, r := range requests {
			r.verdict.err = err
		}
		return
	}
	accepted := make([]*request, 0, len(appends))
	for _, r := range appends {
		if r.verdict = g.decide(r); r.verdict.err != nil || r.verdict.duplicate {
			continue
		}
		// a record is stored twice
		if r.verdict.err = g.db.Room(2 * r.bytes); r.verdict.err == nil {
			g.accept(r)
			accepted = append(accepted, r)
		}
	}
	if len(accepted) == 0 && beat.IsZero() {
		return
	}
	batch := g.db.NewBatch()
	entries := fill(batch, accepted, g.at)
	if !beat.IsZero() {
		engine.Delete(batch, layout.BeatKey())
	}
	g.writing = true
	if err := g.db.Commit(batch); err != nil {
		g.refuse(requests, err)
		return
	}
	if len(accepted) > 0 {
		if err := g.db.Advance(g.last); err != nil {
			g.db.Fail(err) // the group is durable all the same
		}
		for _, r := range accepted {
			if r.expected == 0 {
				g.options.Born(r.aggregateID)
			}
		}
		g.feed.Publish(entries, g.last)
	}
	if !beat.IsZero() {
		g.feed.Beat(beat)
	}
}

// split returns the appends of a group, and its newest heartbeat. The heartbeat replaces all
// heartbeats of the group, and comes after all its records. It is zero when there is none.
func split(requests []*request) (appends []*request, beat time.Time) {
	appends = make([]*request, 0, len(requests))
	for _, r := range requests {
		switch {
		case r.beat.IsZero():
			appends = append(appends, r)
		case r.beat.After(beat):
			beat = r.beat
		}
	}
	return appends, beat
}

// decide returns the verdict on a request, given everything before it.
func (g *group) decide(r *request) verdict {
	if err := g.broken[r.aggregateID]; err != nil {
		return verdict{err: err}
	}
	if known, ok := g.commands[r.key()]; ok {
		return verdict{duplicate: true, span: known}
	}
	switch now := g.heads[r.aggregateID]; {
	case now.Sequence != r.expected:
		return verdict{err: &ports.VersionConflictError{
			AggregateID: r.aggregateID, Expected: r.expected, Actual: now.Sequence,
		}}
	// a history of two types could not be read
	case now.Sequence > 0 && now.AggregateType != r.aggregateType:
		return verdict{err: &ports.OtherTypeError{
			AggregateID: r.aggregateID, Type: now.AggregateType, Wanted: r.aggregateType,
		}}
	default:
		return verdict{}
	}
}

// accept gives the records of a request their positions.
func (g *group) accept(r *request) {
	r.position = g.last + 1
	g.last += uint64(len(r.bodies))
	g.heads[r.aggregateID] = r.head()
	g.commands[r.key()] = r.span()
}

// fill puts the records of requests into a batch, with their heads and commands, and returns them
// for the feed. The requests come in the order of their positions, and are reordered: Pebble puts
// sorted keys into its memory with less searching.
func fill(batch *pebble.Batch, requests []*request, at int64) []feed.Entry {
	var entries []feed.Entry
	for _, r := range requests {
		for i, body := range r.bodies {
			putRecord(batch, layout.OutboxKey(r.position+uint64(i)), uint64(at), body)
			entries = append(entries, feed.NewEntry(body))
		}
	}
	slices.SortStableFunc(requests, func(a, b *request) int { return bytes.Compare(a.aggregateID[:], b.aggregateID[:]) })
	for _, r := range requests {
		for i, body := range r.bodies {
			putRecord(batch, layout.EventKey(r.aggregateID, r.expected+uint64(i)+1), r.position+uint64(i), body)
		}
	}
	for _, r := range requests {
		engine.Put(batch, layout.HeadKey(r.aggregateID), r.head().Encode())
	}
	for _, r := range requests {
		engine.Put(batch, layout.CommandKey(r.aggregateID, r.commandID), r.span().Encode())
	}
	return entries
}

// putRecord adds a record to a batch without a copy in between.
func putRecord(batch *pebble.Batch, key []byte, number uint64, body layout.Body) {
	op := batch.SetDeferred(len(key), layout.RecordSize(body))
	copy(op.Key, key)
	layout.FillRecord(op.Value, number, body)
	_ = op.Finish() // it fails for a batch with an index only
}
