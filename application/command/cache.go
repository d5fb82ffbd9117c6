package command

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

const (
	// overhead is about what an entry takes besides its state.
	overhead = 160
	// largest is the part of a cache that one state may take, as a divisor.
	largest = 4
)

// Cache keeps the newest states of aggregates in memory between their commands, up to a number of
// bytes. The least recently used ones make room for others. A state that would take more than a
// quarter of the cache is not kept. Its methods are safe for concurrent use. A nil Cache keeps
// nothing.
//
// A handler takes a state out while it handles a command, and puts it back when it knows what the
// command did. So no two handlers ever hold the same state, and after a panic or an unknown outcome
// the state is simply not there any more.
type Cache struct {
	limit int

	mu      sync.Mutex
	entries map[uuid.UUID]*entry
	// newest is a ring: newest.next was used before newest, and newest.previous is the oldest one.
	newest *entry
	bytes  int
	// drops counts the calls of Drop. What was taken before a Drop is not put back after it.
	drops uint64

	hits, misses, evictions atomic.Uint64
	folds                   folds
}

// ticket is the right to put back what was taken, once.
type ticket struct {
	drops uint64
	// entry is what was taken. It is used again. It is nil when there was none.
	entry *entry
}

type entry struct {
	id             uuid.UUID
	state          any
	bytes          int
	previous, next *entry
}

// NewCache returns a Cache of that many bytes. With 0 it keeps nothing and only counts.
func NewCache(bytes int) *Cache {
	return &Cache{limit: bytes, entries: map[uuid.UUID]*entry{}}
}

// CacheStats are figures about a [Cache] since it was made.
type CacheStats struct {
	// Hits and Misses count the commands whose aggregate was and was not in the cache. Evictions
	// counts the states that had to make room or were too large.
	Hits, Misses, Evictions uint64
	// States is how many there are now, and Bytes about how much memory they take.
	States, Bytes int
	// Folded says how many events commands had to fold.
	Folded FoldStats
}

// Stats returns figures about the cache.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	states, bytes := len(c.entries), c.bytes
	c.mu.Unlock()
	return CacheStats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load(),
		States: states, Bytes: bytes, Folded: c.folds.stats(),
	}
}

// Drop removes the state of an aggregate, also one that a handler is using at the moment.
func (c *Cache) Drop(aggregateID uuid.UUID) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if e := c.entries[aggregateID]; e != nil {
		c.remove(e)
	}
}

// Clear removes all states, also those that handlers are using at the moment.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	clear(c.entries)
	c.newest, c.bytes = nil, 0
}

// take removes a state and returns it. It is nil when there is none.
func (c *Cache) take(aggregateID uuid.UUID) (state any, t ticket) {
	if c == nil || c.limit <= 0 {
		return nil, ticket{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[aggregateID]
	if e == nil {
		c.misses.Add(1)
		return nil, ticket{drops: c.drops}
	}
	c.hits.Add(1)
	c.remove(e)
	state, e.state = e.state, nil
	return state, ticket{c.drops, e}
}

// put adds the state of an aggregate.
func (c *Cache) put(aggregateID uuid.UUID, state any, bytes int, t ticket) {
	if c == nil || c.limit <= 0 {
		return
	}
	if bytes += overhead; bytes > c.limit/largest {
		c.evictions.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.drops != c.drops {
		return
	}
	if old := c.entries[aggregateID]; old != nil { // of another handler
		c.remove(old)
	}
	e := t.entry
	if e == nil {
		e = &entry{id: aggregateID}
	}
	e.state, e.bytes = state, bytes
	c.add(e)
	for c.bytes > c.limit {
		c.remove(c.newest.previous)
		c.evictions.Add(1)
	}
}

func (c *Cache) add(e *entry) {
	e.previous, e.next = e, e
	if first := c.newest; first != nil {
		e.previous, e.next = first.previous, first
		first.previous.next, first.previous = e, e
	}
	c.newest = e
	c.entries[e.id] = e
	c.bytes += e.bytes
}

func (c *Cache) remove(e *entry) {
	e.previous.next, e.next.previous = e.next, e.previous
	if c.newest == e {
		c.newest = e.next
	}
	if e.next == e {
		c.newest = nil
	}
	delete(c.entries, e.id)
	c.bytes -= e.bytes
}

// observe notes how many events a command had to fold.
func (c *Cache) observe(events int) {
	if c != nil {
		c.folds.observe(events)
	}
}
