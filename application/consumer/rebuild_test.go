package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/application/rebuild"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// counts has one row an order. It counts the order's events, in a way that depends on the version
// of the reducer.
var counts = &projection.Table{Name: "counts", Owner: "order_id", Columns: []projection.Column{
	{Name: "order_id", Kind: projection.UUID, Role: projection.Partition},
	{Name: "n", Kind: projection.BigInt, Role: projection.Regular},
}}

type counting struct {
	version int
	mu      sync.Mutex
	fail    func(eventsourcing.Record) error
}

func (c *counting) setFail(fail func(eventsourcing.Record) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}

func (c *counting) Apply(_ context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	n, _ := strconv.Atoi(string(state))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range records {
		if c.fail != nil {
			if err := c.fail(r); err != nil {
				return ports.Change{}, err
			}
		}
		n += c.version
	}
	return ports.Change{
		State: ports.ViewState{Data: []byte(strconv.Itoa(n))},
		Table: counts,
		Put:   []projection.Row{{records[0].AggregateID, int64(n)}},
	}, nil
}

// tables is a consumer that fills the table, and what verification finds.
type tables struct {
	*bundle
	counting *counting
	found    []ports.VerifyDifference
}

// verification finds what a test wants.
type verification struct{ *tables }

func (v verification) Expect([]eventsourcing.Record, []projection.Row, bool) {}

func (v verification) Verify(context.Context, bool) (ports.VerifyReport, error) {
	return ports.VerifyReport{Differences: uint64(len(v.found)), Shown: v.found}, nil
}

// held is a verification that waits.
type held struct {
	rebuild.Verification
	verifying chan<- struct{}
	verified  <-chan struct{}
}

func (h held) Verify(ctx context.Context, complete bool) (ports.VerifyReport, error) {
	h.verifying <- struct{}{}
	<-h.verified
	return h.Verification.Verify(ctx, complete)
}

func setupTable(store *memory.Store, version int, change ...func(*consumer.Config)) *tables {
	b := &tables{counting: &counting{version: version}}
	config := consumer.Config{
		Name: "counter", Version: version, Effect: b.counting, Table: counts,
		Store: store, Feed: store, Views: store, Registry: store, Parking: store, Skips: store,
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Verify: func(ports.ViewID, ports.ViewID, func(ports.VerifyProgress)) rebuild.Verification {
			return verification{b}
		},
	}
	for _, c := range change {
		c(&config)
	}
	b.bundle = &bundle{store: store, consumer: consumer.New(config)}
	return b
}

// row reads what a query would see of one order. It is -1 when there is no row.
func (b *tables) row(t *testing.T, id uuid.UUID) int64 {
	t.Helper()
	return b.rowOf(t, b.consumer.LiveView(), id)
}

func (b *tables) rowOf(t *testing.T, view ports.ViewID, id uuid.UUID) int64 {
	t.Helper()
	page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: counts, Prefix: []any{id}, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) == 0 {
		return -1
	}
	return page.Rows[0][1].(int64)
}

// tamper makes a row of the live view wrong.
func (b *tables) tamper(t *testing.T, id uuid.UUID, at uint64) {
	t.Helper()
	err := b.store.Apply(t.Context(), b.consumer.LiveView(), ports.Change{
		AggregateID: id, State: ports.ViewState{SequenceNumber: at, Data: []byte("99")}, Table: counts, Put: []projection.Row{{id, int64(99)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConsumer_Rebuild(t *testing.T) {
	t.Parallel()

	outcome(t, "fills a generation beside live traffic and switches to it, and keeps the old one for a while", func(t *testing.T) {
		b, old, young := setupTable(memory.New(memory.Options{}), 1), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, old, 3)
		synctest.Wait()
		b.tamper(t, old, 4)
		b.write(t, old, 1)
		synctest.Wait()
		if n := b.row(t, old); n != 99 {
			t.Fatalf("before, the row says %d", n)
		}
		before := b.consumer.LiveView()
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		b.write(t, young, 2)
		synctest.Wait()
		b.write(t, young, 1)
		synctest.Wait()
		if b.row(t, old) != 4 || b.row(t, young) != 3 || b.consumer.LiveView() == before {
			t.Errorf("after, the rows say %d and %d in %v", b.row(t, old), b.row(t, young), b.consumer.LiveView())
		}
		if n := b.rowOf(t, before, young); n != 3 {
			t.Errorf("in the old generation, which one can roll back to, the row says %d", n)
		}
		s := b.status(t)
		if s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildSwitched || s.Rebuild.Total != s.Rebuild.Done || s.Previous.Number != before.Generation {
			t.Errorf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
		<-time.After(2 * time.Hour)
		if s := b.status(t); s.Previous.Number != 0 || b.rowOf(t, before, young) != -1 {
			t.Errorf("after the grace, status = %+v, and the old row says %d", s, b.rowOf(t, before, young))
		}
	})

	outcome(t, "fills orders whose histories go over pages, each as a whole", func(t *testing.T) {
		store := &pagedStore{Store: memory.New(memory.Options{})}
		b := setupTable(store.Store, 1, func(c *consumer.Config) { c.Store = store })
		defer b.follow(t)()
		synctest.Wait()
		var ids []uuid.UUID
		for n := range 7 {
			ids = append(ids, uuid.New())
			b.write(t, ids[n], n+1)
		}
		synctest.Wait()
		before := b.consumer.LiveView()
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{SkipVerification: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for n, id := range ids {
			if got := b.row(t, id); got != int64(n+1) {
				t.Errorf("order %d has %d events in the new generation", n, got)
			}
		}
		if b.consumer.LiveView() == before || store.pages.Load() < 8 {
			t.Errorf("live is %v, was %v; %d pages", b.consumer.LiveView(), before, store.pages.Load())
		}
	})

	outcome(t, "is refused when a history has a hole", func(t *testing.T) {
		store := &pagedStore{Store: memory.New(memory.Options{})}
		b, id := setupTable(store.Store, 1, func(c *consumer.Config) { c.Store = store }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 3)
		synctest.Wait()
		before := b.consumer.LiveView()
		store.lacks = 2
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{SkipVerification: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := b.status(t); b.consumer.LiveView() != before || s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildRefused || s.Rebuild.Report.Differences != 1 {
			t.Errorf("live is %v, was %v; rebuild = %+v", b.consumer.LiveView(), before, s.Rebuild)
		}
	})

	outcome(t, "is refused when verification finds a difference, and goes on when it is repaired", func(t *testing.T) {
		b, id := setupTable(memory.New(memory.Options{}), 1), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		before := b.consumer.LiveView()
		b.found = []ports.VerifyDifference{{AggregateID: id, Detail: "wrong"}}
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		s := b.status(t)
		if s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildRefused || s.Rebuild.Report.Shown[0].Detail != "wrong" || b.consumer.LiveView() != before {
			t.Errorf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
		if s.State != ports.ConsumerRunning {
			t.Errorf("state = %s: a rebuild that is refused disturbs the live generation", s.State)
		}
		b.found = nil
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := b.status(t); s.Rebuild.Phase != ports.RebuildSwitched || b.row(t, id) != 1 {
			t.Errorf("after the repair, rebuild = %+v", s.Rebuild)
		}
	})

	outcome(t, "is refused for an order that the reducer cannot take, without disturbing the live generation", func(t *testing.T) {
		b, bad, good := setupTable(memory.New(memory.Options{}), 1), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, bad, 2)
		b.write(t, good, 2)
		synctest.Wait()
		b.counting.setFail(poison(bad))
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{SkipVerification: true}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		b.write(t, good, 1)
		synctest.Wait()
		s := b.status(t)
		if s.Rebuild.Phase != ports.RebuildRefused || s.Rebuild.Report.Differences != 1 || s.Rebuild.Report.Shown[0].AggregateID != bad {
			t.Errorf("rebuild = %+v", s.Rebuild)
		}
		if b.row(t, good) != 3 || b.row(t, bad) != 2 || s.Parked != 0 {
			t.Errorf("rows say %d and %d, status = %+v", b.row(t, good), b.row(t, bad), s)
		}
		if err := b.consumer.AbortRebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		record, err := b.store.Consumer(t.Context(), "counter")
		if err != nil || record.Next.Number != 0 {
			t.Errorf("after it was aborted, registry = %+v, %v", record, err)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Rebuild.Phase != ports.RebuildAborted {
			t.Errorf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
	})

	outcome(t, "brings in what a generation missed while it was complete and not yet live", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		verifying, verified := make(chan struct{}), make(chan struct{})
		views := &deafViews{Store: store}
		b := setupTable(store, 1, func(c *consumer.Config) {
			c.Views = views
			verify := c.Verify
			c.Verify = func(next, live ports.ViewID, progress func(ports.VerifyProgress)) rebuild.Verification {
				return held{verify(next, live, progress), verifying, verified}
			}
		})
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 1)
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		<-verifying
		views.deaf.Store(true)
		b.write(t, id, 1)
		synctest.Wait()
		views.deaf.Store(false)
		if n := b.row(t, id); n != 2 {
			t.Errorf("the live row says %d", n)
		}
		verified <- struct{}{}
		synctest.Wait()
		if s := b.status(t); s.Live.Number == 1 || b.row(t, id) != 2 {
			t.Errorf("status = %+v, the row says %d", s, b.row(t, id))
		}
	})

	outcome(t, "goes on after a crash", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setupTable(store, 1)
		stop := b.follow(t)
		synctest.Wait()
		ids := make([]uuid.UUID, 50)
		for i := range ids {
			ids[i] = uuid.New()
			b.write(t, ids[i], 2)
		}
		synctest.Wait()
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{AggregatesPerSecond: 10}); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Second)
		if s := b.status(t); s.Rebuild.Phase != ports.RebuildFilling || s.State != ports.ConsumerRunning {
			t.Fatalf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
		stop()
		again := setupTable(store.Reopen(), 1)
		defer again.follow(t)()
		synctest.Wait()
		if s := again.status(t); s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildSwitched || s.Live.Number == 1 {
			t.Errorf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
		for _, id := range ids {
			if n := again.row(t, id); n != 2 {
				t.Errorf("row of %s says %d", id, n)
			}
		}
	})

	// interrupted fills half of a generation and continues after a restart. If spoilt, its first
	// aggregate misses an event.
	interrupted := func(t *testing.T, spoilt bool) (again *tables, store *pagedStore, first uuid.UUID) {
		t.Helper()
		before := &pagedStore{Store: memory.New(memory.Options{})}
		deaf := &deafViews{Store: before.Store}
		b := setupTable(before.Store, 1, func(c *consumer.Config) { c.Store, c.Views, c.Workers = before, deaf, 1 })
		stop := b.follow(t)
		synctest.Wait()
		ids := make([]uuid.UUID, 30)
		for i := range ids {
			ids[i] = uuid.New()
			b.write(t, ids[i], 1)
		}
		synctest.Wait()
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{AggregatesPerSecond: 5}); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second)
		deaf.deaf.Store(spoilt)
		b.write(t, ids[0], 1)
		synctest.Wait()
		deaf.deaf.Store(false)
		if n := b.row(t, ids[0]); n != 2 {
			t.Fatalf("the live row says %d", n)
		}
		stop()
		store = &pagedStore{Store: before.Reopen()}
		again = setupTable(store.Store, 1, func(c *consumer.Config) { c.Store = store })
		t.Cleanup(again.follow(t))
		synctest.Wait()
		if s := again.status(t); s.Live.Number == 1 {
			t.Fatalf("status = %+v, rebuild = %+v", s, s.Rebuild)
		}
		return again, store, ids[0]
	}

	outcome(t, "goes on where it was, and not from the beginning", func(t *testing.T) {
		again, store, first := interrupted(t, false)
		if n := store.pages.Load(); n > 6 { // of eleven
			t.Errorf("%d pages were read", n)
		}
		if n := again.row(t, first); n != 2 {
			t.Errorf("the row says %d", n)
		}
	})

	outcome(t, "starts again after a crash when something was left out before it", func(t *testing.T) {
		again, _, first := interrupted(t, true)
		if n := again.row(t, first); n != 2 {
			t.Errorf("the row says %d", n)
		}
	})

	outcome(t, "serves what another version of the reducer has filled until its own is complete, and goes back with the program", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		first := setupTable(store, 1)
		stop := first.follow(t)
		synctest.Wait()
		first.write(t, id, 2)
		synctest.Wait()
		stop()

		second := setupTable(store, 10)
		second.found = []ports.VerifyDifference{{Detail: "not yet"}}
		stop = second.follow(t)
		if err := second.consumer.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		second.write(t, id, 1)
		synctest.Wait()
		if s := second.status(t); s.State != ports.ConsumerRebuilding || second.row(t, id) != 2 {
			t.Errorf("status = %+v, the row says %d, want what version 1 said", s, second.row(t, id))
		}
		if err := second.consumer.AbortRebuild(t.Context()); err == nil {
			t.Error("the only generation that can be kept up to date was given up")
		}
		second.found = nil
		if err := second.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := second.status(t); s.State != ports.ConsumerRunning || second.row(t, id) != 30 {
			t.Errorf("status = %+v, the row says %d, want 30", s, second.row(t, id))
		}
		stop()

		third := setupTable(store, 1)
		defer third.follow(t)()
		synctest.Wait()
		if s := third.status(t); s.State != ports.ConsumerRunning || third.row(t, id) != 3 || s.Live.Number != 1 {
			t.Errorf("status = %+v, the row says %d, want 3 in generation 1", s, third.row(t, id))
		}
	})

	outcome(t, "is given up when the program goes back before it is complete, and the live generation is up to date", func(t *testing.T) {
		store, id, other := memory.New(memory.Options{}), uuid.New(), uuid.New()
		first := setupTable(store, 1)
		stop := first.follow(t)
		synctest.Wait()
		first.write(t, id, 2)
		synctest.Wait()
		stop()

		second := setupTable(store, 10)
		second.found = []ports.VerifyDifference{{Detail: "not yet"}}
		stop = second.follow(t)
		synctest.Wait()
		second.write(t, id, 1)
		second.write(t, other, 3)
		synctest.Wait()
		stop()

		third := setupTable(store, 1)
		defer third.follow(t)()
		synctest.Wait()
		if err := third.consumer.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := third.status(t); s.State != ports.ConsumerRunning || third.row(t, id) != 3 || third.row(t, other) != 3 || s.Live.Number != 1 {
			t.Errorf("status = %+v, the rows say %d and %d, want 3 and 3 in generation 1", s, third.row(t, id), third.row(t, other))
		}
		if err := third.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Errorf("the generation that nobody builds any more is in the way: %v", err)
		}
	})

	outcome(t, "is not aborted by a program of another version, as it would begin again", func(t *testing.T) {
		store := memory.New(memory.Options{})
		first := setupTable(store, 1)
		stop := first.follow(t)
		synctest.Wait()
		stop()
		second := setupTable(store, 10)
		second.found = []ports.VerifyDifference{{Detail: "not yet"}}
		stop = second.follow(t)
		synctest.Wait()
		defer stop()
		refused := (*ports.RefusedError)(nil)
		if err := first.consumer.AbortRebuild(t.Context()); !errors.As(err, &refused) {
			t.Errorf("error %v, want a refusal", err)
		}
	})

	outcome(t, "can be rolled back, to rows that are up to date", func(t *testing.T) {
		b, id := setupTable(memory.New(memory.Options{}), 1), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		refused := (*ports.RefusedError)(nil)
		if err := b.consumer.Rollback(t.Context()); !errors.As(err, &refused) {
			t.Errorf("Rollback with nothing to go back to = %v", err)
		}
		b.write(t, id, 1)
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		if err := b.consumer.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		if s := b.status(t); s.Live.Number != 1 || b.row(t, id) != 3 {
			t.Errorf("status = %+v, the row says %d", s, b.row(t, id))
		}
	})

	outcome(t, "never lets a reader see an order go back", func(t *testing.T) {
		b := setupTable(memory.New(memory.Options{}), 1)
		defer b.follow(t)()
		synctest.Wait()
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		failures := make(chan string, len(ids))
		for _, id := range ids {
			b.write(t, id, 1)
			synctest.Wait()
			readers.Go(func() {
				for last := int64(0); ctx.Err() == nil; {
					n := b.row(t, id)
					if n < last {
						failures <- fmt.Sprintf("order %s went from %d to %d", id, last, n)
						return
					}
					last = n
					<-time.After(time.Microsecond)
				}
			})
		}
		for range 5 {
			if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
				t.Fatal(err)
			}
			for b.status(t).Rebuild == nil || b.status(t).Rebuild.Phase != ports.RebuildSwitched {
				for _, id := range ids {
					b.write(t, id, 1)
					<-time.After(time.Microsecond)
				}
			}
			synctest.Wait()
		}
		cancel()
		readers.Wait()
		select {
		case f := <-failures:
			t.Error(f)
		default:
		}
	})
}

// deafViews stores nothing for other generations than the first while deaf is set.
type deafViews struct {
	*memory.Store
	deaf atomic.Bool
}

func (v *deafViews) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if view.Generation > 1 && v.deaf.Load() {
		return ports.ErrUnavailable
	}
	return v.Store.Apply(ctx, view, changes...)
}

// pagedStore lists a few events at a time. If a sequence number is given, it leaves out the events
// that have it.
type pagedStore struct {
	*memory.Store
	pages atomic.Int64
	lacks uint64
}

func (s *pagedStore) ListEvents(ctx context.Context, after ports.Cursor, _ int) (ports.RecordPage, error) {
	s.pages.Add(1)
	page, err := s.Store.ListEvents(ctx, after, 3)
	page.Records = slices.DeleteFunc(page.Records, func(r eventsourcing.Record) bool { return r.SequenceNumber == s.lacks })
	return page, err
}
