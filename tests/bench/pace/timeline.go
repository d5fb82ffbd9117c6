package pace

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// AtOnce is how many orders are in progress at the same time. The commands of one order are that
// many commands apart. So at 1,000 commands a second an order has 200 ms to answer a command before
// it gets the next one.
const AtOnce = 200

// stalled is how long the views may take after the last command before the measurement fails.
const stalled = time.Minute

// Timeline knows every command and notes when it was answered and seen. Times count from the start.
// 0 means not yet.
type Timeline struct {
	// Views are the names of the views, in the order of the index of [Timeline.SeenBy].
	Views []string
	// Window bounds the commands in flight. 0 means that there is no bound.
	Window int
	// Answered, unless it is nil, is called when command n was answered. Calls are concurrent.
	Answered func(n int, c order.Command)

	life   workload.Workload
	orders []uuid.UUID
	// place is the index of an order in orders.
	place map[uuid.UUID]int
	// interval is the time from one command to the next.
	interval time.Duration

	start time.Time
	// due and the next three fields have an element for each command. seen has such a row for each
	// view.
	due      []time.Duration
	sent     []time.Duration
	acked    []time.Duration
	answered []chan struct{}
	seen     [][]atomic.Int64
	// missing counts the zeros in seen. complete is closed when there are none.
	missing  atomic.Int64
	complete chan struct{}
}

// NewTimeline returns a Timeline of so many commands at a rate, which is in commands a second.
func NewTimeline(commands int, rate float64, views []string) *Timeline {
	t := &Timeline{
		Views:    views,
		life:     workload.Life(),
		place:    map[uuid.UUID]int{},
		interval: time.Duration(float64(time.Second) / rate),
		start:    time.Now(),
		due:      make([]time.Duration, commands),
		sent:     make([]time.Duration, commands),
		acked:    make([]time.Duration, commands),
		answered: make([]chan struct{}, commands),
		seen:     make([][]atomic.Int64, len(views)),
		complete: make(chan struct{}),
	}
	for n := range commands {
		t.answered[n] = make(chan struct{})
	}
	for i := range views {
		t.seen[i] = make([]atomic.Int64, commands)
	}
	t.missing.Store(int64(commands * len(views)))
	if t.missing.Load() == 0 {
		close(t.complete)
	}
	perBlock := AtOnce * t.life.Length
	for i := range (commands + perBlock - 1) / perBlock * AtOnce {
		t.orders = append(t.orders, workload.NewID())
		t.place[t.orders[i]] = i
	}
	return t
}

// Run sends every command when it is due and the one before it on the same order was answered, and
// waits until all views have all of them. It fails when a command fails, and when the views do not
// follow.
func (t *Timeline) Run(ctx context.Context, send workload.Handle) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sending sync.WaitGroup
	defer sending.Wait()
	window := make(chan struct{}, max(t.Window, 1))

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.start = time.Now()
	for n := range t.due {
		t.due[n] = time.Duration(n+1) * t.interval
		Pause(t.due[n] - t.now())
		if context.Cause(ctx) != nil {
			break
		}
		sending.Go(func() {
			if !t.waitForPrevious(ctx, n) {
				return
			}
			if t.Window > 0 {
				window <- struct{}{}
				defer func() { <-window }()
			}
			t.sent[n] = t.now()
			command := t.command(n)
			err := send(ctx, command)
			t.answer(n)
			if err != nil {
				cancel(fmt.Errorf("command %d: %w", n, err))
			} else if t.Answered != nil {
				t.Answered(n, command)
			}
		})
	}
	sending.Wait()
	giveUp := time.AfterFunc(stalled, func() { cancel(errors.New("the views do not follow")) })
	defer giveUp.Stop()
	select {
	case <-t.complete:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// command returns command number n, from 0. The orders of a block go through their life at the same
// time.
func (t *Timeline) command(n int) order.Command {
	perBlock := AtOnce * t.life.Length
	block, rest := n/perBlock, n%perBlock
	return t.life.Command(t.orders[block*AtOnce+rest%AtOnce], rest/AtOnce)
}

// sequence returns the sequence number of the event of a command.
func (t *Timeline) sequence(n int) uint64 {
	return uint64(n%(AtOnce*t.life.Length)/AtOnce) + 1 //nolint:gosec // at most 5
}

// number is the inverse of command.
func (t *Timeline) number(place int, sequence uint64) int {
	return place/AtOnce*AtOnce*t.life.Length + int(sequence-1)*AtOnce + place%AtOnce //nolint:gosec // at most 5
}

// answer records that command n was answered.
func (t *Timeline) answer(n int) {
	t.acked[n] = t.now()
	close(t.answered[n])
}

// waitForPrevious waits until the previous command on the same order was answered. This time
// counts, see latencies.
func (t *Timeline) waitForPrevious(ctx context.Context, n int) bool {
	if n%(AtOnce*t.life.Length) < AtOnce {
		return true
	}
	select {
	case <-t.answered[n-AtOnce]:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *Timeline) now() time.Duration { return time.Since(t.start) }

// ShownFunc is called when a view has an order up to a sequence number.
type ShownFunc = func(view string, orderID uuid.UUID, sequence uint64)

// Shown notes which commands a view has. A change can be the effect of several events.
func (t *Timeline) Shown(view string, orderID uuid.UUID, sequence uint64) {
	i := slices.Index(t.Views, view)
	place, ours := t.place[orderID]
	if i < 0 || !ours {
		return
	}
	now := int64(t.now())
	for ; sequence > 0 && t.seen[i][t.number(place, sequence)].CompareAndSwap(0, now); sequence-- {
		if t.missing.Add(-1) == 0 {
			close(t.complete)
		}
	}
}

// Missing returns how many effects on views were not seen.
func (t *Timeline) Missing() int64 { return t.missing.Load() }

// SeenBy returns when a view had each command.
func (t *Timeline) SeenBy(view int) Quantiles {
	return t.latencies(func(n int) time.Duration { return time.Duration(t.seen[view][n].Load()) })
}

// SeenByAll returns when the slowest view had each command.
func (t *Timeline) SeenByAll() Quantiles { return t.latencies(t.last) }

// last returns when the slowest view had a command.
func (t *Timeline) last(n int) (last time.Duration) {
	for i := range t.seen {
		last = max(last, time.Duration(t.seen[i][n].Load()))
	}
	return last
}

// BehindAnswer returns how long after its answer a view had each command, or 0 if the view was
// faster.
func (t *Timeline) BehindAnswer(view int) Quantiles {
	q := make(Quantiles, len(t.due))
	for n := range q {
		q[n] = max(0, time.Duration(t.seen[view][n].Load())-t.acked[n])
	}
	slices.Sort(q)
	return q
}

// Sends returns when each command was sent. A command is late when the client did not get a core in
// time, and when its window was full.
func (t *Timeline) Sends() Quantiles {
	return t.latencies(func(n int) time.Duration { return t.sent[n] })
}

// Answers returns when each command was answered.
func (t *Timeline) Answers() Quantiles {
	return t.latencies(func(n int) time.Duration { return t.acked[n] })
}

// latencies counts from the time at which a command was due, not from the time at which it was
// sent.
func (t *Timeline) latencies(at func(n int) time.Duration) Quantiles {
	q := make(Quantiles, len(t.due))
	for n := range q {
		q[n] = at(n) - t.due[n]
	}
	slices.Sort(q)
	return q
}
