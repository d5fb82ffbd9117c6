package scylla_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	inner "orderflow/adapters/scylla/internal/views"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// clocks are those of the servers and of a process, which are moved together.
type clocks struct {
	sim    *scyllasim.Sim
	offset atomic.Int64
}

func (c *clocks) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clocks) advance(d time.Duration) {
	c.sim.Advance(d)
	c.offset.Add(int64(d))
}

// openWithClocks opens two stores on one keyspace.
func openWithClocks(t *testing.T) (one, two *scylla.Store, config scylla.Config, c *clocks) {
	t.Helper()
	c = &clocks{sim: start(t, scyllasim.Options{})}
	config = on(c.sim.Hosts())
	config.Now = c.now
	prepare(t, config)
	return open(t, config), open(t, config), config, c
}

// listed reads all pages of a list of a status and returns its rows, and how many pages it took.
func listed(t *testing.T, store *scylla.Store, status string, limit int) (rows []projection.Row, pages int) {
	t.Helper()
	q := ports.RowQuery{View: view, Table: views.OrdersByStatus().Table, Prefix: []any{status}, Limit: limit}
	for {
		page, err := store.Rows(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows, pages = append(rows, page.Rows...), pages+1
		if q.After = page.Next; q.After == "" {
			return rows, pages
		}
	}
}

// passThrough lets orders come into a status in buckets of their own, and leave it.
func passThrough(t *testing.T, store *scylla.Store, orders int) {
	t.Helper()
	for day := range orders {
		id := newID()
		mustApply(t, store, change(id, 1, day, "ACTIVE"))
		mustApply(t, store, change(id, 2, day, "CONFIRMED", "ACTIVE"))
	}
}

// What nobody reads any more is not looked at by every list: the first one that finds a partition
// empty forgets it, if no writer can be on its way to it.
func TestRows_ForgetEmptyPartitions(t *testing.T) {
	t.Parallel()
	store, other, config, clocks := openWithClocks(t)
	const days = 20
	passThrough(t, store, days)
	reads := func() int {
		before := clocks.sim.QueryCount(config.Keyspace+".orders_by_status_2", scyllasim.KindSelect)
		if rows, _ := listed(t, other, "ACTIVE", 10); len(rows) > 0 {
			t.Fatalf("rows %v, want none", rows)
		}
		return clocks.sim.QueryCount(config.Keyspace+".orders_by_status_2", scyllasim.KindSelect) - before
	}
	for range 2 {
		if n := reads(); n != days {
			t.Errorf("%d partitions were read while their notes are fresh, want %d", n, days)
		}
	}
	clocks.advance(inner.NoteKept + time.Minute)
	if n := reads(); n != days {
		t.Errorf("%d partitions were read by the list that forgets them, want %d", n, days)
	}
	if n := reads(); n != 0 {
		t.Errorf("%d partitions were read after they were forgotten", n)
	}

	again := change(newID(), 1, 3, "ACTIVE")
	mustApply(t, store, again)
	rows, _ := listed(t, other, "ACTIVE", 10)
	if diff := cmp.Diff(again.Put, rows); diff != "" {
		t.Errorf("a bucket that was forgotten and is used again (-want +got):\n%s", diff)
	}
	if rows, _ := listed(t, other, "CONFIRMED", 10); len(rows) != days {
		t.Errorf("%d orders are confirmed, want %d", len(rows), days)
	}
}

// A process is paused for hours, after it has noted the partition and before it writes the row. In
// the meantime a list finds the partition empty and forgets it.
func TestApply_NotesAgainAfterAPause(t *testing.T) {
	t.Parallel()
	store, other, config, clocks := openWithClocks(t)
	hold, held := make(chan struct{}), make(chan struct{})
	clocks.sim.Inject(scyllasim.Fault{
		Table: config.Keyspace + ".orders_by_status_2", Kind: scyllasim.KindInsert, Hold: hold,
		When: func() bool { close(held); return true },
	})
	c := change(newID(), 1, 0, "ACTIVE")
	done := make(chan error)
	go func() { done <- store.Apply(t.Context(), view, c) }()
	<-held
	clocks.advance(inner.NoteKept + time.Minute)
	for range 2 { // the second one does not look any more
		if rows, _ := listed(t, other, "ACTIVE", 10); len(rows) > 0 {
			t.Fatalf("rows %v, before there are any", rows)
		}
	}
	close(hold)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	rows, _ := listed(t, other, "ACTIVE", 10)
	if diff := cmp.Diff(c.Put, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Processes of the version before note a partition once, and write to it for as long as they run.
// So a note of a former layout stays.
func TestRows_KeepTheNotesOfAFormerLayout(t *testing.T) {
	t.Parallel()
	store, other, config, clocks := openWithClocks(t)
	former := views.OrdersByStatus().TableOf(1)
	put := change(newID(), 1, 0, "ACTIVE")
	put.Table = former
	mustApply(t, store, put)
	gone := change(put.AggregateID, 2, 0, "CONFIRMED", "ACTIVE")
	gone.Table = former
	mustApply(t, store, gone)
	q := ports.RowQuery{View: view, Table: former, Prefix: []any{"ACTIVE"}, Limit: 10}
	clocks.advance(inner.NoteKept + time.Minute)
	for range 2 {
		if page, err := other.Rows(t.Context(), q); err != nil || len(page.Rows) > 0 {
			t.Fatalf("rows %v, %v", page.Rows, err)
		}
	}
	s := session(t, clocks.sim.Hosts())
	row := put.Put[0]
	run(t, s, in(config, `INSERT INTO %s.orders_by_status (consumer, generation, status, bucket, created_at, order_id, customer_id, currency, total, sequence_number, updated_at)
		VALUES ('orders-by-status', 1, 'ACTIVE', '2024-01-01', ?, ?, 'customer', 'EUR', 100, 1, ?) USING TIMESTAMP 9`), row[1], row[2], row[7])
	page, err := other.Rows(t.Context(), q)
	if diff := cmp.Diff(put.Put, page.Rows); err != nil || diff != "" {
		t.Errorf("a row of the version before (-want +got):\n%s\n%v", diff, err)
	}
}

// A page costs a bounded number of queries, whatever there is to read or to skip.
func TestRows_QueriesOfAPage(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	shards := views.OrdersByStatus().Table.Shards
	const dense = 400
	changes := make([]ports.Change, dense)
	for i := range changes {
		changes[i] = change(newID(), 1, 5000, "ACTIVE")
	}
	if err := store.Apply(t.Context(), view, changes...); err != nil {
		t.Fatal(err)
	}
	var queries int
	page := func(q ports.RowQuery) ports.RowPage {
		before := sim.QueryCount(config.Keyspace+".orders_by_status_2", scyllasim.KindSelect)
		page, err := store.Rows(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		queries = sim.QueryCount(config.Keyspace+".orders_by_status_2", scyllasim.KindSelect) - before
		return page
	}
	q := ports.RowQuery{View: view, Table: views.OrdersByStatus().Table, Prefix: []any{"ACTIVE"}, Limit: 50}
	first := page(q)
	if len(first.Rows) != 50 || queries > 2*shards {
		t.Errorf("%d rows of one bucket with %d queries, want 50 with at most %d", len(first.Rows), queries, 2*shards)
	}
	q.After = first.Next
	// two queries of each shard behind a cursor
	if second := page(q); len(second.Rows) != 50 || queries > 4*shards {
		t.Errorf("%d rows behind a cursor with %d queries, want 50 with at most %d", len(second.Rows), queries, 4*shards)
	}
	q.After, q.Prefix = "", []any{"ACTIVE", changes[7].Put[0][1], changes[7].AggregateID}
	if one := page(q); len(one.Rows) != 1 || queries != 1 {
		t.Errorf("%d rows with a key with %d queries", len(one.Rows), queries)
	}

	passThrough(t, store, 2*inner.MaxPartitions)
	q.Prefix = []any{"ACTIVE"}
	for pages := 1; ; pages++ {
		got := page(q)
		if queries > 2*inner.MaxPartitions {
			t.Errorf("page %d took %d queries", pages, queries)
		}
		if q.After = got.Next; q.After == "" {
			break
		}
	}
}

// The rows of a key are in all of its shards, and none of them has most.
func TestApply_SpreadsABucketOverItsShards(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	const orders = 320
	for range orders {
		mustApply(t, store, change(newID(), 1, 0, "ACTIVE"))
	}
	s := session(t, sim.Hosts())
	iter := s.Query(in(config, "SELECT shard FROM %s.orders_by_status_2")).Iter()
	rows := map[int]int{}
	for shard := 0; iter.Scan(&shard); {
		rows[shard]++
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	for shard, n := range rows {
		if n > orders/4 {
			t.Errorf("shard %d has %d of %d rows", shard, n, orders)
		}
	}
	if len(rows) != 16 {
		t.Errorf("the rows are in %d shards: %v", len(rows), rows)
	}
}

// Ids of several versions at one moment, in several shards: a page must end where the order of the
// server, which is not that of their bytes, says.
func TestRows_MergeIDsInTheOrderOfTheServer(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	want := map[string]bool{}
	for i := range 60 {
		id := newID()
		switch i % 3 {
		case 1:
			id = uuid.New()
		case 2:
			id = uuid.Must(uuid.NewUUID())
		}
		mustApply(t, store, change(id, 1, 0, "ACTIVE"))
		want[id.String()] = true
	}
	for _, limit := range []int{1, 7, 100} {
		got := map[string]bool{}
		rows, _ := listed(t, store, "ACTIVE", limit)
		for _, row := range rows {
			got[fmt.Sprint(row[2])] = true
		}
		if diff := cmp.Diff(want, got); len(rows) != len(want) || diff != "" {
			t.Errorf("limit %d: %d rows (-want +got):\n%s", limit, len(rows), diff)
		}
	}
}
