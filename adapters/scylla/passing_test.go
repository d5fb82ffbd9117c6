package scylla_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	inner "orderflow/adapters/scylla/internal/views"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// oldestFirst is a listing of a status, with the layout of orders_by_status, but the oldest order
// first. That is the order in which a worker would take orders out of a status.
func oldestFirst() *projection.Table {
	table := *views.OrdersByStatus().Table
	table.Name = "orders_waiting"
	table.Columns = append([]projection.Column(nil), table.Columns...)
	table.Columns[1].Descending = false
	return &table
}

// passing is a keyspace in which orders pass through a status.
type passing struct {
	store  *scylla.Store
	config scylla.Config
	clocks *clocks
}

func newPassing(tb testing.TB) passing {
	tb.Helper()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(sim.Close)
	p := passing{config: on(sim.Hosts()), clocks: &clocks{sim: sim}}
	p.config.Now = p.clocks.now
	if _, err := scylla.ApplySchema(tb.Context(), p.config); err != nil {
		tb.Fatal(err)
	}
	if p.store, err = scylla.Open(tb.Context(), p.config); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	s, err := scylla.Connect(tb.Context(), p.config)
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	create := strings.Replace(tableDDL(oldestFirst()), "EXISTS ", "EXISTS "+p.config.Keyspace+".", 1)
	if err := s.Query(create).Exec(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// passingOrders gives orders that come over some hours, as rows of the status, and says which stay:
// the last one of each of the first hours.
func passingOrders(orders, hours, staying int, each func(row projection.Row, stays bool)) {
	start := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	per := orders / hours
	for n := range orders {
		created := start.Add(time.Duration(n) * time.Hour / time.Duration(per))
		each(projection.Row{"ACTIVE", created, newID(), "customer", "EUR", int64(100), int64(1), created},
			n%per == per-1 && n/per < staying)
	}
}

// pass lets orders come into the status and leave it.
func (p passing) pass(tb testing.TB, orders, hours, staying int) {
	tb.Helper()
	var come, gone []ports.Change
	passingOrders(orders, hours, staying, func(row projection.Row, stays bool) {
		c := ports.Change{
			AggregateID: row[2].(uuid.UUID), State: ports.ViewState{SequenceNumber: 1}, Table: oldestFirst(),
			Put: []projection.Row{row},
		}
		come = append(come, c)
		if !stays {
			moved := slices.Clone(row)
			moved[0], moved[6] = "CONFIRMED", int64(2)
			c.State.SequenceNumber, c.Delete, c.Put = 2, c.Put, []projection.Row{moved}
			gone = append(gone, c)
		}
	})
	for _, changes := range [][]ports.Change{come, gone} {
		if err := p.store.Apply(tb.Context(), view, changes...); err != nil {
			tb.Fatal(err)
		}
	}
}

// passFast leaves the same in the status as pass, and nothing elsewhere. It writes what the store
// writes, many rows at once.
func (p passing) passFast(b *testing.B, orders, hours, staying int) {
	b.Helper()
	s, err := scylla.Connect(b.Context(), p.config)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	table, name := oldestFirst(), p.config.Keyspace+".orders_waiting_2"
	type place struct {
		bucket string
		shard  int
	}
	const together = 100
	write := func(batch *gocql.Batch, enough int) *gocql.Batch {
		if batch != nil && len(batch.Entries) >= enough {
			if err := s.ExecuteBatch(batch); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
		return batch
	}
	batches := map[place]*gocql.Batch{}
	passingOrders(orders, hours, staying, func(row projection.Row, stays bool) {
		shard, _ := table.ShardOf(row)
		at := place{table.BucketOf(row), shard}
		if batches[at] == nil {
			batches[at] = s.Batch(gocql.UnloggedBatch)
		}
		key := []any{view.Consumer, view.Generation, row[0], at.bucket, shard, row[1], gocql.UUID(row[2].(uuid.UUID))}
		batches[at].Query("INSERT INTO "+name+` (consumer, generation, status, bucket, shard, created_at, order_id, customer_id, currency,
			total, sequence_number, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'customer', 'EUR', 100, 1, ?) USING TIMESTAMP 1`,
			append(key, row[1])...)
		if !stays {
			batches[at].Query("DELETE FROM "+name+` USING TIMESTAMP 2 WHERE consumer = ? AND generation = ? AND status = ? AND bucket = ? AND
				shard = ? AND created_at = ? AND order_id = ?`, key...)
		}
		batches[at] = write(batches[at], together)
	})
	for at, batch := range batches {
		write(batch, 1)
		if err := s.Query("INSERT INTO "+p.config.Keyspace+`.view_buckets (consumer, generation, table_name, partition_values, bucket, noted)
			VALUES (?, ?, 'orders_waiting_2', '["ACTIVE"]', ?, true)`, view.Consumer, view.Generation,
			fmt.Sprintf("%s/%d", at.bucket, at.shard)).Exec(); err != nil {
			b.Fatal(err)
		}
	}
}

// list reads the status to its end. It returns how many rows and pages there were, how many
// tombstones the pages skipped in all, and the most in one partition.
func (p passing) list(tb testing.TB) (rows, pages, skipped, inOne int) {
	tb.Helper()
	name := p.config.Keyspace + ".orders_waiting_2"
	before := p.clocks.sim.Tombstones(name)
	q := ports.RowQuery{View: view, Table: oldestFirst(), Prefix: []any{"ACTIVE"}, Limit: 50}
	for {
		page, err := p.store.Rows(tb.Context(), q)
		if err != nil {
			tb.Fatal(err)
		}
		rows, pages = rows+len(page.Rows), pages+1
		if q.After = page.Next; q.After == "" {
			after := p.clocks.sim.Tombstones(name)
			return rows, pages, after.Skipped - before.Skipped, after.SkippedByOne
		}
	}
}

// Many orders pass through a status, and a list begins with the oldest ones. It skips what
// they have left, until it has found the partitions empty and their notes are old enough. From then
// on it skips what is in the partitions that still have an order, and nothing else. No
// partition has more than its share of an hour.
func TestRows_PassOverOrdersThatHaveMovedOn(t *testing.T) {
	t.Parallel()
	const orders, hours, staying = 1600, 10, 2
	p := newPassing(t)
	p.pass(t, orders, hours, staying)
	// A partition has 10 on average. Without shards it would have 160, and without hours 1600.
	const mostInOne = 40
	rows, pages, skipped, inOne := p.list(t)
	t.Logf("at once: %d rows in %d pages skipped %d, at most %d in one partition", rows, pages, skipped, inOne)
	if rows != staying || skipped < orders-staying {
		t.Errorf("%d rows, and %d skipped; want %d, and at least %d", rows, skipped, staying, orders-staying)
	}
	if inOne > mostInOne {
		t.Errorf("%d were in one partition, want at most %d", inOne, mostInOne)
	}
	p.clocks.advance(inner.NoteKept + time.Minute)
	p.list(t)
	rows, pages, skipped, _ = p.list(t)
	t.Logf("later: %d rows in %d pages skipped %d", rows, pages, skipped)
	if rows != staying || skipped > staying*mostInOne {
		t.Errorf("later: %d rows, and %d skipped; want %d, and at most %d", rows, skipped, staying, staying*mostInOne)
	}
}

// BenchmarkRows_PassOver measures what a list of a status skips that 100,000 orders have
// passed through in ten hours, where one order of each of the first two hours has stayed.
func BenchmarkRows_PassOver(b *testing.B) {
	const orders = 100_000
	p := newPassing(b)
	p.passFast(b, orders, 10, 2)
	report := func(b *testing.B) {
		var skipped, pages, inOne int
		for b.Loop() {
			_, pages, skipped, inOne = p.list(b)
		}
		b.ReportMetric(float64(skipped), "tombstones/list")
		b.ReportMetric(float64(pages), "pages/list")
		b.ReportMetric(float64(inOne), "tombstones/partition")
	}
	b.Run("at once", report)
	p.clocks.advance(inner.NoteKept + time.Minute)
	p.list(b)
	b.Run("an hour later", report)
}
