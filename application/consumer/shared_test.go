package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// group is a feed that several processes share: a test decides which of them gets a record.
type group struct {
	mu      sync.Mutex
	members map[string]chan eventsourcing.Record
}

func newGroup() *group { return &group{members: map[string]chan eventsourcing.Record{}} }

// member is the feed of one process.
type member struct {
	*memory.Store
	group *group
	name  string
}

func (m member) SeekEnd(context.Context, string) error {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	if len(m.group.members) > 0 {
		return fmt.Errorf("%w: the group is consuming", ports.ErrUnavailable)
	}
	return nil
}

func (m member) Subscribe(context.Context, string) (ports.Subscription, error) {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	records := make(chan eventsourcing.Record)
	m.group.members[m.name] = records
	return &membership{member: m, records: records}, nil
}

type membership struct {
	member
	records chan eventsourcing.Record
}

func (m *membership) Next(ctx context.Context) (ports.Delivery, error) {
	select {
	case r := <-m.records:
		return ports.Delivery{Record: r}, nil
	case <-ctx.Done():
		return ports.Delivery{}, ctx.Err()
	}
}

func (m *membership) Commit(context.Context, ports.Position) error { return nil }

func (m *membership) Close() error {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	delete(m.group.members, m.name)
	return nil
}

// names returns the members of the group, separated by spaces.
func (g *group) names() (names string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range []string{"a", "b"} {
		if g.members[name] != nil {
			names += name
		}
	}
	return names
}

// deliver hands records to one process, and returns when they are handled.
func (g *group) deliver(t *testing.T, name string, records ...eventsourcing.Record) {
	t.Helper()
	for _, r := range records {
		g.mu.Lock()
		to := g.members[name]
		g.mu.Unlock()
		if to == nil {
			t.Fatalf("%s has no subscription", name)
		}
		to <- r
		synctest.Wait()
	}
}

// sharedBy returns a change of a Config that makes it that of one process of a group.
func sharedBy(store *memory.Store, g *group, name string) func(*consumer.Config) {
	return func(c *consumer.Config) {
		c.Feed, c.Shared = member{store, g, name}, true
		c.Leases, c.Owner = store, ports.LeaseOwner{ID: uuid.New(), Address: name}
	}
}

// dropsRegistry counts how often a generation that is being built was marked to be dropped.
type dropsRegistry struct {
	*memory.Store
	drops atomic.Int64
}

// SaveConsumer implements [ports.ConsumerRegistry].
func (r *dropsRegistry) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	saved, err := r.Store.SaveConsumer(ctx, record)
	if err == nil && record.Next.Number != 0 && record.Next.Version == 0 {
		r.drops.Add(1)
	}
	return saved, err
}

func TestConsumer_Shared(t *testing.T) {
	t.Parallel()

	outcome(t, "runs in all processes at once", func(t *testing.T) {
		store, g, one, two := memory.New(memory.Options{}), newGroup(), uuid.New(), uuid.New()
		a, b := setup(store, sharedBy(store, g, "a")), setup(store, sharedBy(store, g, "b"))
		defer a.follow(t)()
		defer b.follow(t)()
		<-time.After(time.Minute)
		g.deliver(t, "a", a.write(t, one, 1)...)
		g.deliver(t, "b", a.write(t, two, 1)...)
		if diff := cmp.Diff([][]uint64{{1}, {1}}, [][]uint64{a.effect.of(one), b.effect.of(two)}); diff != "" {
			t.Error(diff)
		}
		for _, c := range []*bundle{a, b} {
			if s := c.status(t); s.State != ports.ConsumerRunning {
				t.Errorf("status = %+v", s)
			}
		}
	})

	outcome(t, "catches up in one process, after the others have made way, and in another one if that one dies", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		a, b := setup(store, sharedBy(store, g, "a")), setup(store, sharedBy(store, g, "b"))
		a.write(t, id, 3)
		release := a.effect.hold()
		ctx, kill := context.WithCancel(t.Context())
		died := make(chan struct{})
		go func() {
			defer close(died)
			_ = a.consumer.Pull(ctx, func(context.Context, eventsourcing.Record, func()) error { return nil })
		}()
		synctest.Wait()
		defer b.follow(t)()
		<-time.After(time.Minute)
		if s, o := a.status(t), b.status(t); s.State != ports.ConsumerCatchingUp || o.State != ports.ConsumerStandby || g.names() != "" {
			t.Errorf("states %s and %s, members %q", s.State, o.State, g.names())
		}
		a.effect.setFail(func(eventsourcing.Record) error { return ports.ErrUnavailable })
		kill()
		release()
		<-died
		<-time.After(time.Minute)
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(id)); diff != "" || g.names() != "b" {
			t.Errorf("members %q: %s", g.names(), diff)
		}
	})

	outcome(t, "makes way when another process has lost its place", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		a, b := setup(store, sharedBy(store, g, "a")), setup(store, sharedBy(store, g, "b"))
		defer a.follow(t)()
		<-time.After(time.Minute)
		a.write(t, id, 2) // and no other process learns of it
		record, err := store.Consumer(t.Context(), "recorder")
		if err != nil {
			t.Fatal(err)
		}
		record.CatchingUp = true
		if _, err := store.SaveConsumer(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		defer b.follow(t)()
		<-time.After(time.Minute)
		if got := len(a.effect.of(id)) + len(b.effect.of(id)); got != 2 || g.names() != "ab" {
			t.Errorf("%d effects of 2, members %q", got, g.names())
		}
	})

	outcome(t, "goes on with an order that was released in another process", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		a, b := setup(store, sharedBy(store, g, "a")), setup(store, sharedBy(store, g, "b"))
		stop := a.follow(t)
		synctest.Wait()
		refuse := func(eventsourcing.Record) error { return errors.New("poison") }
		a.effect.setFail(refuse)
		g.deliver(t, "a", a.write(t, id, 1)...)
		<-time.After(time.Minute)
		if s := a.status(t); s.State != ports.ConsumerParked {
			t.Fatalf("status = %+v", s)
		}
		defer b.follow(t)()
		<-time.After(time.Minute)
		g.deliver(t, "b", a.write(t, id, 1)...) // it waits for the first record
		a.effect.setFail(nil)
		if err := a.consumer.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		g.deliver(t, "b", a.write(t, id, 1)...)
		if diff := cmp.Diff([][]uint64{{1, 2}, {3}}, [][]uint64{a.effect.of(id), b.effect.of(id)}); diff != "" {
			t.Error(diff)
		}
		stop()
	})

	outcome(t, "tells where a rebuild is to be asked for when another process has the lease", func(t *testing.T) {
		store, g := memory.New(memory.Options{}), newGroup()
		a := setupTable(store, 1, sharedBy(store, g, "a"))
		defer a.follow(t)()
		<-time.After(time.Minute)
		if _, err := store.AcquireLease(t.Context(), "counter", ports.LeaseOwner{ID: uuid.New(), Address: "b"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		held := (*ports.LeaseHeldError)(nil)
		if err := a.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); !errors.As(err, &held) || held.Owner.Address != "b" {
			t.Errorf("got %v, want the one who holds the lease", err)
		}
		if s := a.status(t); s.State != ports.ConsumerRunning {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "leaves alone what a process of a newer version builds", func(t *testing.T) {
		store, g := memory.New(memory.Options{}), newGroup()
		registry := &dropsRegistry{Store: store}
		older := setupTable(store, 1, sharedBy(store, g, "a"), func(c *consumer.Config) { c.Registry = registry })
		defer older.follow(t)()
		<-time.After(time.Minute)
		newer := setupTable(store, 2, sharedBy(store, g, "b"))
		newer.found = []ports.VerifyDifference{{Detail: "not yet"}}
		defer newer.follow(t)()
		<-time.After(time.Hour)
		if s := newer.status(t); registry.drops.Load() > 0 || s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildRefused {
			t.Errorf("the older one has dropped %d generations; the newer one: %+v", registry.drops.Load(), s.Rebuild)
		}
	})

	outcome(t, "misses nothing that another process passes over while an order is released", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		lot := &watchedLot{Store: store}
		a := setup(store, sharedBy(store, g, "a"), func(c *consumer.Config) { c.Parking = lot })
		b := setup(store, sharedBy(store, g, "b"))
		defer a.follow(t)()
		<-time.After(time.Minute)
		a.effect.setFail(func(eventsourcing.Record) error { return errors.New("poison") })
		g.deliver(t, "a", a.write(t, id, 1)...)
		<-time.After(time.Minute)
		defer b.follow(t)()
		<-time.After(time.Minute)
		a.effect.setFail(nil)
		lot.unparking = func() { g.deliver(t, "b", a.write(t, id, 1)...) }
		if err := a.consumer.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]uint64{{1, 2}, nil}, [][]uint64{a.effect.of(id), b.effect.of(id)}); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "waits for the lease when it must catch up since a moment ago", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		registry := &lateRegistry{Store: store}
		a := setup(store, sharedBy(store, g, "a"), func(c *consumer.Config) { c.Registry = registry })
		a.write(t, id, 1)
		if _, err := store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: "recorder", Live: ports.Generation{Number: 1, Version: 1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.AcquireLease(t.Context(), "recorder", ports.LeaseOwner{ID: uuid.New(), Address: "b"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		defer a.follow(t)()
		<-time.After(time.Minute)
		if s := a.status(t); s.State != ports.ConsumerStandby || len(a.effect.of(id)) > 0 {
			t.Errorf("status = %+v, effects %v", s, a.effect.of(id))
		}
	})

	outcome(t, "releases an order that another process has parked", func(t *testing.T) {
		store, g, id := memory.New(memory.Options{}), newGroup(), uuid.New()
		a, b := setup(store, sharedBy(store, g, "a")), setup(store, sharedBy(store, g, "b"))
		defer a.follow(t)()
		defer b.follow(t)()
		<-time.After(time.Minute)
		a.effect.setFail(func(eventsourcing.Record) error { return errors.New("poison") })
		g.deliver(t, "a", a.write(t, id, 1)...)
		<-time.After(time.Minute)
		if err := b.consumer.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "rebuilds in one process, with what others still did meanwhile, and spreads again", func(t *testing.T) {
		store, g, id, late := memory.New(memory.Options{}), newGroup(), uuid.New(), uuid.New()
		a, b := setupTable(store, 1, sharedBy(store, g, "a")), setupTable(store, 1, sharedBy(store, g, "b"))
		defer a.follow(t)()
		defer b.follow(t)()
		<-time.After(time.Minute)
		g.deliver(t, "a", a.write(t, id, 2)...)
		live := a.consumer.LiveView()
		if err := a.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		g.deliver(t, "b", a.write(t, late, 1)...) // it does not know yet
		<-time.After(5 * time.Second)
		if g.names() != "a" || b.status(t).State != ports.ConsumerStandby {
			t.Errorf("members %q, want the one that was asked", g.names())
		}
		<-time.After(time.Minute)
		if now := b.consumer.LiveView(); now == live || now != a.consumer.LiveView() {
			t.Errorf("live are %v and %v, after %v", a.consumer.LiveView(), now, live)
		}
		if b.row(t, id) != 2 || b.row(t, late) != 1 || g.names() != "ab" {
			t.Errorf("rows %d and %d, want 2 and 1; members %q", b.row(t, id), b.row(t, late), g.names())
		}
	})
}

// watchedLot calls unparking before an aggregate is released.
type watchedLot struct {
	*memory.Store
	unparking func()
}

func (l *watchedLot) Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	l.unparking()
	return l.Store.Unpark(ctx, consumer, aggregateID)
}

// lateRegistry records that the consumer is to catch up as soon as a process has read that it is
// not.
type lateRegistry struct {
	*memory.Store
	once sync.Once
}

func (r *lateRegistry) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	record, err := r.Store.Consumer(ctx, name)
	r.once.Do(func() {
		changed := record
		changed.CatchingUp = true
		_, err = r.SaveConsumer(ctx, changed)
	})
	return record, err
}
