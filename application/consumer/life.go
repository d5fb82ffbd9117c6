package consumer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/application/aside"
	"orderflow/application/filling"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// life is one uninterrupted run of a consumer on one plan: from the moment when it begins to take
// records until everything it took is done or given up.
type life struct {
	plan ports.ConsumerRecord
	// live is the generation that is read. It is nil when another version of the effect filled it,
	// which is not among Config.Earlier.
	live *filling.View
	// others are generations that are kept up to date beside live. While a rebuild fills next, it
	// is among them.
	others []*filling.View
	next   *filling.View
	// filled is how far the filling of next is. It is nil without next.
	filled *filling.Place
	// newer ends the life so that a newer program can take over. It does nothing where there is no
	// other process.
	newer func()

	// stopping is closed when the life takes no more records, and does not wait for attempts any
	// longer.
	stopping <-chan struct{}
	// aborted ends when effects must end.
	aborted context.Context
	abort   context.CancelFunc

	// room has the aggregates that have failed and are tried again beside their lanes.
	room *aside.Room

	// probing is set while the target of a publisher is being probed.
	probing atomic.Bool

	mu      sync.Mutex
	changed chan struct{} // closed when one of these changes; nil while nothing waits for that
	// emitted and done count records; active counts calls of Handle and aggregates that are aside,
	// handled the records for which Handle has returned.
	emitted, done, active, handled int
	// marked counts the records whose done was called, and unsaved those of them since the offset
	// was saved.
	marked, unsaved int
	// settle saves how far everything is done. It is nil before the first delivery.
	settle func()
	// following reports whether the consumer has caught up and follows the feed.
	following bool
	// closed reports whether nothing is committed any more, because a record was given up or the
	// life is over.
	closed bool
	// tainted are aggregates of which next may have missed something. unsure reports whether there
	// are more.
	tainted map[uuid.UUID]bool
	unsure  bool
}

// maxTainted bounds how many tainted aggregates are kept.
const maxTainted = 10_000

func (c *Consumer) newLife(record ports.ConsumerRecord, stopping <-chan struct{}) *life {
	config := &c.config
	l := &life{
		plan:     config.planOf(record),
		stopping: stopping,
		room:     aside.New(mostAside, mostWaiting),
		tainted:  make(map[uuid.UUID]bool),
	}
	l.aborted, l.abort = context.WithCancel(context.Background())
	fill := func(g ports.Generation, effect filling.Effect, table *projection.Table) *filling.View {
		return filling.NewView(filling.Config{
			View:   ports.ViewID{Consumer: config.Name, Generation: g.Number},
			Effect: effect, Table: table, From: record.From, Untrusted: config.Untrusted,
			Store: config.Store, Views: config.Views, Bulk: config.Bulk, Skips: c.lot, Repairer: config.Repairer, Logger: c.log,
			Remember: config.Remember,
		})
	}
	keep := func(g ports.Generation) *filling.View {
		if g.Number == 0 || g.Version != config.Version {
			return nil
		}
		return fill(g, config.Effect, config.Table)
	}
	if l.live = keep(record.Live); l.live == nil {
		if earlier, ok := config.Earlier[record.Live.Version]; ok {
			l.live = fill(record.Live, earlier.Effect, earlier.Table)
		}
	}
	if config.Table == nil {
		return l // a publisher cannot publish to a second generation
	}
	if l.next = keep(record.Next); l.next != nil {
		l.others = append(l.others, l.next)
	}
	if previous := keep(record.Previous); previous != nil {
		l.others = append(l.others, previous)
	}
	return l
}

// planOf returns the part of a record that a life is bound to: when it changes, the life ends and
// another one begins. Catching up is a part of the life that does it, unless other processes have
// to be on standby for it.
func (c *Config) planOf(record ports.ConsumerRecord) ports.ConsumerRecord {
	record.Revision = 0
	record.CatchingUp = record.CatchingUp && c.Shared
	return record
}

// update changes the counts and wakes those who wait for them.
func (l *life) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// enter counts a Handle as begun, unless the life is over.
func (l *life) enter() (ok bool) {
	l.update(func() {
		if ok = !l.closed; ok {
			l.active++
		}
	})
	return ok
}

// leave counts a Handle as ended, and the records whose done follows.
func (l *life) leave(handled int) {
	l.update(func() {
		l.active--
		l.handled += handled
	})
}

// abandon is called for a record that is given up. From then on nothing is committed, so the feed
// delivers the record again. When the life was aborted or is stopping, nothing should be retried,
// and the error is nil.
func (l *life) abandon(err error) error {
	select {
	case <-l.stopping:
		l.update(func() { l.closed = true })
		return nil
	default:
	}
	if l.aborted.Err() != nil {
		return nil // it was closed before it was aborted
	}
	return err
}

// mostUnsaved bounds how many records that are done wait for others before the offset is saved.
const mostUnsaved = 1024

// last counts a record whose done was called, and reports whether the offset is to be saved now. It
// is not while other records were handled whose done follows at once. So records that are handled
// together cost one save.
func (l *life) last() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked = min(l.marked+1, l.handled)
	l.unsaved++
	if l.marked < l.handled && l.unsaved < mostUnsaved {
		return false
	}
	l.unsaved = 0
	return true
}

// strange counts a record of an earlier life whose done was called. It may have been handled in
// this one.
func (l *life) strange() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked = min(l.marked+1, l.handled)
}

// settled saves how far everything is done, and counts so many more records as done.
func (l *life) settled(done int) {
	l.mu.Lock()
	settle := l.settle
	l.mu.Unlock()
	if settle != nil {
		settle()
	}
	l.update(func() { l.done += done })
}

// mayCommit reports whether what is done may be committed.
func (l *life) mayCommit() (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed
}

// is reports whether condition holds, which is checked under the lock.
func (l *life) is(condition func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return condition()
}

// await waits until condition holds, and reports whether it does. The condition is checked under
// the lock.
func (l *life) await(ctx context.Context, condition func() bool) bool {
	for {
		l.mu.Lock()
		if condition() {
			l.mu.Unlock()
			return true
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// taint records that a generation may have missed something of an aggregate. Only the next
// generation needs that: the previous one is brought up to date before it is used again. The
// tainted aggregates are forgotten with the life. So the place of the filling is stored as one that
// must start from the beginning after that.
func (l *life) taint(ctx context.Context, view *filling.View, id uuid.UUID) error {
	if view != l.next {
		return nil
	}
	if err := l.filled.Spoil(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tainted) >= maxTainted {
		l.unsure = true
		return nil
	}
	l.tainted[id] = true
	return nil
}

// handOver ends the life, if there may be another process that can read more.
func (l *life) handOver() {
	if l.newer != nil {
		l.newer()
	}
}

// untaint returns the tainted aggregates and forgets them. all is false when there are more than it
// kept.
func (l *life) untaint() (orders []uuid.UUID, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	orders, all = slices.Collect(maps.Keys(l.tainted)), !l.unsure
	clear(l.tainted)
	l.unsure = false
	return orders, all
}
