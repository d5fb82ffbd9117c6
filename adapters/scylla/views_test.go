package scylla_test

import (
	"errors"
	"fmt"
	"slices"
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

var view = ports.ViewID{Consumer: "orders-by-status", Generation: 1}

// change moves an order to a status, in a bucket of its own for each day.
func change(id uuid.UUID, sequence int64, day int, status string, before ...string) ports.Change {
	created := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	row := func(status string, sequence int64) projection.Row {
		return projection.Row{status, created, id, "customer", "EUR", int64(100), sequence, created}
	}
	c := ports.Change{
		AggregateID: id, Table: views.OrdersByStatus().Table,
		State: ports.ViewState{SequenceNumber: uint64(sequence), Data: fmt.Append(nil, sequence)},
		Put:   []projection.Row{row(status, sequence)},
	}
	for _, status := range before {
		c.Delete = append(c.Delete, row(status, sequence-1))
	}
	return c
}

func mustApply(t *testing.T, store *scylla.Store, c ports.Change) {
	t.Helper()
	if err := store.Apply(t.Context(), view, c); err != nil {
		t.Fatal(err)
	}
}

// expectRows expects the whole table to be what the changes put.
func expectRows(t *testing.T, store *scylla.Store, changes ...ports.Change) {
	t.Helper()
	page, err := store.Rows(t.Context(), ports.RowQuery{View: view, Table: views.OrdersByStatus().Table, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var want []projection.Row
	for _, c := range changes {
		want = append(want, c.Put...)
	}
	byID := func(a, b projection.Row) int {
		return slices.Compare([]byte(fmt.Sprint(a[2])), []byte(fmt.Sprint(b[2])))
	}
	slices.SortFunc(page.Rows, byID)
	slices.SortFunc(want, byID)
	if diff := cmp.Diff(want, page.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, c := range changes {
		state, err := store.State(t.Context(), view, c.AggregateID)
		if diff := cmp.Diff(c.State, state); err != nil || diff != "" {
			t.Errorf("state (-want +got):\n%s\n%v", diff, err)
		}
	}
}

// Another process read the state before a newer change, and writes after it. Nothing that it writes
// shows.
func TestApply_LateWritesLose(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	late := open(t, config)
	id := newID()
	mustApply(t, store, change(id, 1, 0, "ACTIVE"))

	held := make(chan struct{}, 8)
	remove := sim.Inject(scyllasim.Fault{
		Table: config.Keyspace + ".orders_by_status_2", Times: -1, Delay: 300 * time.Millisecond,
		When: func() bool { held <- struct{}{}; return true },
	})
	done := make(chan error)
	go func() { done <- late.Apply(t.Context(), view, change(id, 2, 0, "CONFIRMED", "ACTIVE")) }()
	<-held
	<-held // both rows are on their way
	remove()
	last := change(id, 4, 0, "ACTIVE", "CONFIRMED", "SHIPPED")
	mustApply(t, store, last)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	expectRows(t, store, last)
}

// A change that stopped half way leaves rows that are ahead of the state, and the next change
// corrects them.
func TestApply_CompletesWhatWasLeftHalfDone(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	day := 1000
	for _, table := range []string{"consumer_state", "orders_by_status_2", "view_buckets"} {
		for n := 1; n <= 2; n++ {
			id := newID()
			day++ // a bucket that was never used
			mustApply(t, store, change(id, 1, day, "ACTIVE"))
			remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + "." + table, Kind: scyllasim.KindInsert, Nth: n, Times: -1, Effect: scyllasim.TimeoutBefore})
			err := store.Apply(t.Context(), view, change(id, 2, day, "CONFIRMED", "ACTIVE"))
			remove()
			state, stateErr := store.State(t.Context(), view, id)
			if stateErr != nil || err != nil && state.SequenceNumber != 1 {
				t.Errorf("%s: state %+v after %v, %v", table, state, err, stateErr)
			}
			last := change(id, 3, day, "SHIPPED", "CONFIRMED", "ACTIVE")
			mustApply(t, store, last)
			expectOrder(t, store, last)
		}
	}
}

// expectOrder expects a listing by each status to show one order as the change says.
func expectOrder(t *testing.T, store *scylla.Store, c ports.Change) {
	t.Helper()
	for _, status := range []string{"ACTIVE", "CONFIRMED", "SHIPPED"} {
		var want []projection.Row
		if c.Put[0][0] == status {
			want = c.Put
		}
		page, err := store.Rows(t.Context(), ports.RowQuery{View: view, Table: c.Table, Prefix: []any{status, c.Put[0][1]}, Limit: 10})
		if diff := cmp.Diff(want, page.Rows); err != nil || diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%v", status, diff, err)
		}
	}
}

// A status that most orders have left is a long row of empty buckets. A page reads some of them,
// and the next one continues.
func TestRows_GoOnBehindEmptyBuckets(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	const days = 2*inner.MaxPartitions + 3
	var left []projection.Row
	for day := range days {
		c := change(newID(), 1, day, "ACTIVE")
		mustApply(t, store, c)
		if day == 1 || day == days-2 {
			left = append(left, c.Put...)
			continue
		}
		mustApply(t, store, change(c.AggregateID, 2, day, "CONFIRMED", "ACTIVE"))
	}
	slices.Reverse(left)
	for _, limit := range []int{1, 2, 100} {
		query := ports.RowQuery{View: view, Table: views.OrdersByStatus().Table, Prefix: []any{"ACTIVE"}, Limit: limit}
		var got []projection.Row
		pages := 0
		for {
			page, err := store.Rows(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			got, pages = append(got, page.Rows...), pages+1
			if query.After = page.Next; page.Next == "" {
				break
			}
		}
		if diff := cmp.Diff(left, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
		if pages > 4 {
			t.Errorf("limit %d: %d pages for 2 rows and %d buckets", limit, pages, days)
		}
	}
}

// inShardOf returns the id of an order whose rows are in the same shard as those of another one.
func inShardOf(c ports.Change) uuid.UUID {
	shard, _ := c.Table.ShardOf(c.Put[0])
	for {
		other := change(newID(), 1, 0, "ACTIVE")
		if n, _ := other.Table.ShardOf(other.Put[0]); n == shard {
			return other.AggregateID
		}
	}
}

// A partition that could not be noted is noted with the next attempt. Otherwise listings would not
// find its rows.
func TestApply_NotesAPartitionAgain(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	c := change(newID(), 1, 0, "ACTIVE")
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".view_buckets", Kind: scyllasim.KindInsert, Effect: scyllasim.TimeoutBefore})
	if err := store.Apply(t.Context(), view, c); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	mustApply(t, store, c)
	page, err := store.Rows(t.Context(), ports.RowQuery{View: view, Table: c.Table, Prefix: []any{"ACTIVE"}, Limit: 10})
	if diff := cmp.Diff(c.Put, page.Rows); err != nil || diff != "" {
		t.Errorf("rows (-want +got):\n%s\n%v", diff, err)
	}
	mustApply(t, store, change(inShardOf(c), 1, 0, "ACTIVE"))
	if n := sim.QueryCount(config.Keyspace+".view_buckets", scyllasim.KindInsert); n != 2 {
		t.Errorf("the partition was noted %d times, want 2", n)
	}
}
