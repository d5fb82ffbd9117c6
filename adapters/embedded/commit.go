package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// The bounds of one group.
const (
	maxGroupRequests = 1024
	maxGroupBytes    = 4 << 20
)

// committer decides which appends happen. It belongs to the caller that leads.
type committer struct {
	store *Store
	// last is the position that was given last, and at the commit time it was given at, in milliseconds.
	last uint64
	at   int64
	// heads and commands are what is known about those of the group under construction: stored, or earlier in the group.
	heads    map[uuid.UUID]head
	commands map[commandID]span
	// broken are the aggregates of which neither that nor their events can be read.
	broken map[uuid.UUID]error
	// writing is set from when the group may be on the disk.
	writing bool
}

func newCommitter(s *Store, last uint64) committer {
	return committer{store: s, last: last, heads: map[uuid.UUID]head{}, commands: map[commandID]span{}, broken: map[uuid.UUID]error{}}
}

// lead commits everything that waits, which the caller's own request is the first of, and hands the lead on. It does so
// also when committing panics.
func (s *Store) lead() {
	requests := s.queue.take(maxGroupRequests, maxGroupBytes)
	err := errEnded // until commit has returned: its goroutine may end inside of it
	defer func() {
		if err != nil {
			s.committer.abort(requests, err)
		}
		s.queue.pass()
		for _, r := range requests {
			r.wake <- follows
		}
	}()
	err = portkit.Protect(func() error { s.committer.commit(requests); return nil })
}

var errEnded = errors.New("the goroutine of the commit was ended")

// abort gives verdicts on a group whose commit panicked. Unless it may be on the disk, the store goes on.
func (c *committer) abort(requests []*request, cause error) {
	s := c.store
	stack := []byte(nil)
	if panicked := (*portkit.PanicError)(nil); errors.As(cause, &panicked) {
		stack = panicked.Stack
	}
	s.log.Error("a commit panicked", "error", cause, "may_be_written", c.writing, "stack", string(stack))
	if c.writing {
		s.fail(fmt.Errorf("commit: %w", cause))
		s.refuse(requests, s.outcome())
		return
	}
	c.last = s.durable.Load()
	for _, r := range requests {
		r.verdict = verdict{err: fmt.Errorf("%w: nothing was written: %w", ports.ErrUnavailable, cause)}
	}
}

// commit decides on requests, writes those that are accepted, waits until they are durable, and shows them to readers and
// subscriptions. Each request gets its verdict.
func (c *committer) commit(requests []*request) {
	c.writing = false
	c.at = max(c.at, c.store.options.Now().UnixMilli())
	// After a failure Pebble's memory holds what may not be on the disk, so it must not be compared with.
	err := c.store.failed()
	appends, beat, beats := split(requests)
	if err == nil {
		err = c.look(appends)
	}
	if err != nil {
		for _, r := range requests {
			r.verdict.err = err
		}
		return
	}
	accepted := make([]*request, 0, len(appends))
	for _, r := range appends {
		if r.verdict = c.decide(r); r.verdict.err != nil || r.verdict.duplicate {
			continue
		}
		if r.verdict.err = c.store.space.take(2 * r.bytes); r.verdict.err == nil { // a record is stored twice
			c.accept(r)
			accepted = append(accepted, r)
		}
	}
	if len(accepted) == 0 && !beats {
		return
	}
	batch := c.store.db.NewBatch()
	entries := fill(batch, accepted, c.at)
	if beats {
		putBeat(batch)
	}
	c.writing = true
	if err := c.store.commitBatch(batch); err != nil {
		c.store.refuse(requests, err)
		return
	}
	if len(accepted) > 0 {
		if err := c.store.watermark.advance(c.last); err != nil {
			c.store.fail(err) // the group is durable all the same
		}
		c.store.ring.publish(entries, func() { c.store.durable.Store(c.last) })
	}
	if beats {
		c.store.ring.beat(beat)
	}
}

// refuse turns the verdicts on a group that could not be written.
func (s *Store) refuse(requests []*request, err error) {
	for _, r := range requests {
		if r.verdict.err != nil {
			// A conflict, perhaps with an append of this group. In any case it was not written.
			r.verdict.err = s.failed()
			continue
		}
		r.verdict.err = err
		if !r.beats && errors.Is(err, ports.ErrOutcomeUnknown) {
			s.failure.doubtful.Store(r.aggregateID, nil)
		}
	}
}

// decide says what becomes of a request, given everything before it.
func (c *committer) decide(r *request) verdict {
	if err := c.broken[r.aggregateID]; err != nil {
		return verdict{err: err}
	}
	if known, ok := c.commands[r.key()]; ok {
		return verdict{duplicate: true, span: known}
	}
	switch now := c.heads[r.aggregateID]; {
	case now.sequence != r.expected:
		return verdict{err: &ports.VersionConflictError{AggregateID: r.aggregateID, Expected: r.expected, Actual: now.sequence}}
	case now.sequence > 0 && now.aggregateType != r.aggregateType: // a history of two types could not be read again
		return verdict{err: &ports.OtherTypeError{AggregateID: r.aggregateID, Type: now.aggregateType, Wanted: r.aggregateType}}
	default:
		return verdict{}
	}
}

// look reads what is stored about the aggregates and the commands of requests. What cannot be read of one aggregate is no error of
// the others.
func (c *committer) look(requests []*request) error {
	clear(c.heads)
	clear(c.commands)
	clear(c.broken)
	keys := make([][]byte, len(requests))
	for i, r := range requests {
		keys[i] = headKey(r.aggregateID)
	}
	unread, err := c.store.lookup(keys, func(key, value []byte) (err error) {
		c.heads[uuid.UUID(key[1:])], err = decodeHead(value)
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range unread {
		c.replaceHead(uuid.UUID(key[1:]))
	}
	keys = keys[:0]
	for _, r := range requests {
		if _, exists := c.heads[r.aggregateID]; exists { // else its command is new
			keys = append(keys, commandKey(r.aggregateID, r.commandID))
		}
	}
	unread, err = c.store.lookup(keys, func(key, value []byte) (err error) {
		c.commands[commandID{uuid.UUID(key[1:17]), uuid.UUID(key[17:])}], err = decodeSpan(value)
		return err
	})
	for _, key := range unread {
		c.replaceSpan(commandID{uuid.UUID(key[1:17]), uuid.UUID(key[17:])})
	}
	return err
}

// replaceHead takes a head that cannot be read from the events.
func (c *committer) replaceHead(id uuid.UUID) {
	delete(c.heads, id)
	h, found, err := c.store.headOfEvents(id, ports.ErrCorrupt)
	switch {
	case err != nil:
		c.broken[id] = err
	case found:
		c.heads[id] = h
	}
}

// replaceSpan looks in the history for a command whose own row cannot be read.
func (c *committer) replaceSpan(id commandID) {
	delete(c.commands, id)
	s := c.store
	s.note("command "+id.command.String(), commandKey(id.aggregate, id.command), ports.ErrCorrupt, "the history says what it did")
	history, err := s.events(context.Background(), id.aggregate, 0, 0, s.durable.Load())
	if err != nil {
		c.broken[id.aggregate] = err
		return
	}
	if records := eventsourcing.ByCommand(history, id.command); len(records) > 0 {
		c.commands[id] = span{first: records[0].SequenceNumber, count: uint64(len(records))}
	}
}

// lookup calls found for each of keys that is stored, and returns those that cannot be read. The keys are of one space and get
// sorted: one iterator that moves forward finds a group's worth of random keys in a fraction of the time of as many gets.
func (s *Store) lookup(keys [][]byte, found func(key, value []byte) error) (unread [][]byte, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	slices.SortFunc(keys, bytes.Compare)
	space := keys[0][:1]
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: space, UpperBound: prefixEnd(space), UseL6Filters: true})
	if err != nil {
		return nil, translate(err)
	}
	for _, key := range keys {
		// To Pebble the whole key is the prefix, so it is the key or nothing.
		if it.SeekPrefixGE(key) && found(it.Key(), it.Value()) != nil {
			unread = append(unread, key)
		}
	}
	if err = translate(it.Close()); errors.Is(err, ports.ErrCorrupt) { // of some key, and nothing was found behind it
		return s.lookupEach(keys, found)
	}
	return unread, err
}

// lookupEach is lookup key by key.
func (s *Store) lookupEach(keys [][]byte, found func(key, value []byte) error) (unread [][]byte, err error) {
	for _, key := range keys {
		value, err := s.get(key)
		if err = translate(err); err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		if err != nil || value != nil && found(key, value) != nil {
			unread = append(unread, key)
		}
	}
	return unread, nil
}

// accept gives the records of a request their positions.
func (c *committer) accept(r *request) {
	r.position = c.last + 1
	c.last += uint64(len(r.bodies))
	c.heads[r.aggregateID] = r.head()
	c.commands[r.key()] = r.span()
}

// fill puts the records of requests into a batch, under their aggregates and in the outbox, with the new heads and the
// commands, and returns them for the feed. The requests are in the order of their positions, and get another one: Pebble
// puts keys that come sorted into its memory with less searching.
func fill(batch *pebble.Batch, requests []*request, at int64) []entry {
	var entries []entry
	for _, r := range requests {
		for i, body := range r.bodies {
			putRecord(batch, outboxKey(r.position+uint64(i)), uint64(at), body)
			entries = append(entries, entry{format: formatRecord, body: body, at: at})
		}
	}
	slices.SortStableFunc(requests, func(a, b *request) int { return bytes.Compare(a.aggregateID[:], b.aggregateID[:]) })
	for _, r := range requests {
		for i, body := range r.bodies {
			putRecord(batch, eventKey(r.aggregateID, r.expected+uint64(i)+1), r.position+uint64(i), body)
		}
	}
	for _, r := range requests {
		put(batch, headKey(r.aggregateID), r.head().encode())
	}
	for _, r := range requests {
		put(batch, commandKey(r.aggregateID, r.commandID), r.span().encode())
	}
	return entries
}
