package porttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// TestChangeFeed_AcceptsSeveralStreams runs the suite on a feed of several streams, which has no
// order between aggregates.
func TestChangeFeed_AcceptsSeveralStreams(t *testing.T) {
	t.Parallel()
	ChangeFeed(t, func(*testing.T) ChangeFeedHarness { return newSharded(3).harness() })
}

// TestChangeFeed_AcceptsRepeats runs the suite on a feed that delivers every record twice, and says
// that it may.
func TestChangeFeed_AcceptsRepeats(t *testing.T) {
	t.Parallel()
	ChangeFeed(t, func(*testing.T) ChangeFeedHarness {
		h := subs(func(_ *memory.Store, b *brokenSub) {
			var last *ports.Delivery
			b.next = func(ctx context.Context) (ports.Delivery, error) {
				if d := last; d != nil {
					last = nil
					// commits nothing; fails when closed or cancelled
					return *d, b.Subscription.Commit(ctx, ports.Position{Offset: "0"})
				}
				d, err := b.Subscription.Next(ctx)
				if err == nil {
					last = &ports.Delivery{Record: d.Record.Clone(), Position: d.Position}
				}
				return d, err
			}
		})(memory.New(memory.Options{}))
		h.Repeats = true
		h.Backlog = 200
		return h
	})
}

// sharded is an event store with its feed, made of several independent stores. Each holds the
// aggregates of one hash value.
type sharded []*memory.Store

func newSharded(n int) sharded {
	shards := make(sharded, n)
	for i := range shards {
		shards[i] = memory.New(memory.Options{})
	}
	return shards
}

func (s sharded) harness() ChangeFeedHarness {
	return ChangeFeedHarness{
		Feed: s, Store: s, Close: s.close,
		Reopen: func(testing.TB) ChangeFeedHarness {
			reopened := make(sharded, len(s))
			for i, shard := range s {
				reopened[i] = shard.Reopen()
			}
			return reopened.harness()
		},
		Expire: func() {
			for _, shard := range s {
				shard.Expire()
			}
		},
		Tuning: Tuning{Backlog: 200},
	}
}

func (s sharded) close() error {
	var err error
	for _, shard := range s {
		err = errors.Join(err, shard.Close())
	}
	return err
}

func (s sharded) of(id uuid.UUID) *memory.Store { return s[int(id[15])%len(s)] }

func (s sharded) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	return s.of(id).Load(ctx, id, after)
}

func (s sharded) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	return s.of(a.AggregateID).Append(ctx, a)
}

func (s sharded) SeekEnd(ctx context.Context, consumer string) error {
	for _, shard := range s {
		if err := shard.SeekEnd(ctx, consumer); err != nil {
			return err
		}
	}
	return nil
}

func (s sharded) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	sum := ports.Lag{Known: true}
	for _, shard := range s {
		lag, err := shard.Lag(ctx, consumer)
		if err != nil || !lag.Known {
			return ports.Lag{}, err
		}
		sum.Events += lag.Events
		sum.Age = max(sum.Age, lag.Age)
	}
	return sum, nil
}

func (s sharded) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	sub := &merged{stop: stop, closed: running.Done(), arrived: make(chan arrival)}
	for _, shard := range s {
		one, err := shard.Subscribe(ctx, consumer)
		if err != nil {
			return nil, errors.Join(err, sub.Close())
		}
		sub.subs = append(sub.subs, one)
	}
	for i, one := range sub.subs {
		sub.readers.Go(func() { sub.read(running, one, strconv.Itoa(i)) })
	}
	return sub, nil
}

// merged delivers what arrives in any of several subscriptions. Each reader holds at most one
// record, or its last error.
type merged struct {
	subs    []ports.Subscription
	arrived chan arrival
	stop    context.CancelFunc
	closed  <-chan struct{}
	readers sync.WaitGroup
}

type arrival struct {
	ports.Delivery
	err error
}

func (m *merged) read(ctx context.Context, sub ports.Subscription, stream string) {
	for {
		d, err := sub.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		d.Position.Stream = stream
		select {
		case m.arrived <- arrival{d, err}:
		case <-ctx.Done():
			return
		}
	}
}

func (m *merged) Next(ctx context.Context) (ports.Delivery, error) {
	// An empty commit reports whether the subscription or the store was closed, or the context has
	// ended.
	if err := m.subs[0].Commit(ctx, ports.Position{Offset: "0"}); err != nil {
		return ports.Delivery{}, err
	}
	select {
	case a := <-m.arrived:
		return a.Delivery, a.err
	case <-m.closed:
		return ports.Delivery{}, ports.ErrClosed
	case <-ctx.Done():
		return ports.Delivery{}, ctx.Err()
	}
}

func (m *merged) Commit(ctx context.Context, p ports.Position) error {
	i, err := strconv.Atoi(p.Stream)
	if err != nil || i >= len(m.subs) {
		return fmt.Errorf("commit in unknown stream %q", p.Stream)
	}
	return m.subs[i].Commit(ctx, ports.Position{Offset: p.Offset})
}

func (m *merged) Close() error {
	m.stop()
	var err error
	for _, sub := range m.subs {
		err = errors.Join(err, sub.Close())
	}
	m.readers.Wait()
	return err
}
