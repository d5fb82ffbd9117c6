package consumer_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// former is the table that version 1 of the effect filled.
var former = &projection.Table{Name: "former", Owner: "order_id", Columns: counts.Columns}

// inFormer is version 1 of the effect.
type inFormer struct{ filling.Effect }

func (e inFormer) Apply(ctx context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	change, err := e.Effect.Apply(ctx, state, records)
	change.Table = former
	return change, err
}

// drops notes the tables of the views that are dropped.
type drops struct {
	*memory.Store
	mu     sync.Mutex
	tables []string
}

func (d *drops) DropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	d.mu.Lock()
	d.tables = append(d.tables, table.Name)
	d.mu.Unlock()
	return d.Store.DropView(ctx, view, table)
}

// A generation in an earlier layout is read and kept up to date until the one in the new layout is
// complete, however long that takes. Then it is dropped, from the table that it was in.
func TestConsumer_FormerLayout(t *testing.T) {
	t.Parallel()
	outcome(t, "is kept up to date while the next generation is refused", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		before := inFormer{&counting{version: 1}}
		one := setupTable(store, 1, func(c *consumer.Config) { c.Table, c.Effect = former, before })
		stop := one.follow(t)
		synctest.Wait()
		one.write(t, id, 2)
		synctest.Wait()
		stop()

		dropped := &drops{Store: store}
		b := setupTable(store, 2, func(c *consumer.Config) {
			c.Earlier = map[int]consumer.Earlier{1: {Effect: before, Table: former}}
			c.Views, c.Grace = dropped, time.Hour
		})
		b.found = []ports.VerifyDifference{{Detail: "wrong"}}
		defer b.follow(t)()
		<-time.After(time.Minute)
		b.write(t, id, 1)
		synctest.Wait()
		live := b.consumer.LiveView()
		page, err := store.Rows(t.Context(), ports.RowQuery{View: live, Table: former, Prefix: []any{id}, Limit: 1})
		if err != nil || len(page.Rows) != 1 || page.Rows[0][1] != int64(3) || b.consumer.VersionOf(live) != 1 {
			t.Errorf("live is %v of version %d, rows %v, %v", live, b.consumer.VersionOf(live), page.Rows, err)
		}
		if s := b.status(t); s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildRefused {
			t.Fatalf("rebuild = %+v", s.Rebuild)
		}

		b.found = nil
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		next := b.consumer.LiveView()
		if next == live || b.consumer.VersionOf(next) != 2 || b.consumer.VersionOf(live) != 1 || b.row(t, id) != 6 {
			t.Errorf("live is %v of version %d, the row says %d", next, b.consumer.VersionOf(next), b.row(t, id))
		}
		<-time.After(2 * time.Hour)
		dropped.mu.Lock()
		defer dropped.mu.Unlock()
		slices.Sort(dropped.tables)
		if !slices.Equal(dropped.tables, []string{"counts", "former"}) || b.consumer.VersionOf(live) != 0 {
			t.Errorf("dropped from %v, version %d", dropped.tables, b.consumer.VersionOf(live))
		}
	})
}
