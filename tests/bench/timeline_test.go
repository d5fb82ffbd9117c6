package bench_test

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/application/consumer"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

// atOnce is how many orders are in progress at the same time. The commands of one order are that
// many commands apart. So at 1,000 commands a second an order has 200 ms to answer a command before
// it gets the next one.
const atOnce = 200

// timeline knows every command and notes when it was answered and seen. Times count from the start.
// 0 means not yet.
type timeline struct {
	life   workload.Workload
	orders []uuid.UUID
	// place is the index of an order in orders.
	place map[uuid.UUID]int
	views []string
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

func newTimeline(commands int, views []string) *timeline {
	t := &timeline{
		life:     workload.Life(),
		place:    map[uuid.UUID]int{},
		views:    views,
		interval: interval,
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
	perBlock := atOnce * t.life.Length
	for i := range (commands + perBlock - 1) / perBlock * atOnce {
		t.orders = append(t.orders, workload.NewID())
		t.place[t.orders[i]] = i
	}
	return t
}

// command returns command number n, from 0. The orders of a block go through their life at the same
// time.
func (t *timeline) command(n int) order.Command {
	perBlock := atOnce * t.life.Length
	block, rest := n/perBlock, n%perBlock
	return t.life.Command(t.orders[block*atOnce+rest%atOnce], rest/atOnce)
}

// number is the inverse of command.
func (t *timeline) number(place int, sequence uint64) int {
	return place/atOnce*atOnce*t.life.Length + int(sequence-1)*atOnce + place%atOnce //nolint:gosec // at most 5
}

// answer records that command n was answered.
func (t *timeline) answer(n int) {
	t.acked[n] = t.now()
	close(t.answered[n])
}

// waitForPrevious waits until the previous command on the same order was answered. This time
// counts, see latencies.
func (t *timeline) waitForPrevious(n int) {
	if n%(atOnce*t.life.Length) >= atOnce {
		<-t.answered[n-atOnce]
	}
}

func (t *timeline) now() time.Duration { return time.Since(t.start) }

// shownFunc is called when a view has an order up to a sequence number.
type shownFunc = func(view string, orderID uuid.UUID, sequence uint64)

// shown notes which commands a view has. A change can be the effect of several events.
func (t *timeline) shown(view string, orderID uuid.UUID, sequence uint64) {
	i := slices.Index(t.views, view)
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

// seenBy returns when a view had each command.
func (t *timeline) seenBy(view int) quantiles {
	return t.latencies(func(n int) time.Duration { return time.Duration(t.seen[view][n].Load()) })
}

// seenByAll returns when the slowest view had each command.
func (t *timeline) seenByAll() quantiles {
	return t.latencies(func(n int) (last time.Duration) {
		for i := range t.seen {
			last = max(last, time.Duration(t.seen[i][n].Load()))
		}
		return last
	})
}

// behindAnswer returns how long after its answer a view had each command, or 0 if the view was
// faster.
func (t *timeline) behindAnswer(view int) quantiles {
	q := make(quantiles, len(t.due))
	for n := range q {
		q[n] = max(0, time.Duration(t.seen[view][n].Load())-t.acked[n])
	}
	slices.Sort(q)
	return q
}

// sends returns when each command was sent. A command is late when the client did not get a core in
// time.
func (t *timeline) sends() quantiles {
	return t.latencies(func(n int) time.Duration { return t.sent[n] })
}

// answers returns when each command was answered.
func (t *timeline) answers() quantiles {
	return t.latencies(func(n int) time.Duration { return t.acked[n] })
}

// latencies counts from the time at which a command was due, not from the time at which it was
// sent.
func (t *timeline) latencies(at func(n int) time.Duration) quantiles {
	q := make(quantiles, len(t.due))
	for n := range q {
		q[n] = at(n) - t.due[n]
	}
	slices.Sort(q)
	return q
}

// quantiles is a sorted sample.
type quantiles []time.Duration

// at returns, in milliseconds, the smallest value that a fraction of the sample does not exceed.
func (q quantiles) at(fraction float64) float64 {
	rank := max(1, int(math.Ceil(fraction*float64(len(q)))))
	return float64(q[rank-1]) / float64(time.Millisecond)
}

// clock is between the consumers and their views. It reports when a change has been stored and can
// be read.
type clock struct {
	consumer.Views
	shown shownFunc
}

func (c clock) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	err := c.Views.Apply(ctx, view, changes...)
	if err == nil {
		for _, change := range changes {
			c.shown(view.Consumer, change.AggregateID, change.State.SequenceNumber)
		}
	}
	return err
}
