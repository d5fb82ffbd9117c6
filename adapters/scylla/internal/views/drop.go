package views

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	// dropPage is how many partition keys are fetched at a time. dropsAtOnce is how many partitions
	// are deleted at a time.
	dropPage    = 1000
	dropsAtOnce = 16
)

// DropView implements [ports.ViewDropper]. The tables are shared by all views. So it reads the
// partition keys of all of them, page by page, and deletes the partitions that belong to the view:
// rows, recorded buckets, and states.
//
// The deletions carry the time as their timestamp, and not a sequence number. That is far above any
// sequence number, so they win over whatever was or will be written to the view, which is never
// used again.
func (s *Views) DropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	if err := s.dropView(ctx, view, table); err != nil {
		return fmt.Errorf("drop %s/%d: %w", view.Consumer, view.Generation, err)
	}
	return nil
}

func (s *Views) dropView(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	if table != nil {
		stored := &projection.Table{Name: storedName(table), Columns: partitionColumns(table)}
		if err := s.dropPartitions(ctx, view, stored); err != nil {
			return err
		}
		if err := s.dropPartitions(ctx, view, bucketPartitions); err != nil {
			return err
		}
	}
	return s.dropPartitions(ctx, view, statePartitions)
}

// The other columns of the partition keys of two tables that are not those of projections.
var (
	bucketPartitions = &projection.Table{Name: "view_buckets", Columns: []projection.Column{
		{Name: "table_name", Kind: projection.Text}, {Name: "partition_values", Kind: projection.Text},
	}}
	statePartitions = &projection.Table{Name: "consumer_state", Columns: []projection.Column{
		{Name: "aggregate_id", Kind: projection.UUID},
	}}
)

// dropPartitions deletes the partitions of a view in a table. columns are those of the partition
// key after consumer and generation.
func (s *Views) dropPartitions(ctx context.Context, view ports.ViewID, table *projection.Table) error {
	find := fmt.Sprintf(`SELECT DISTINCT consumer, generation, %s FROM %s`,
		strings.Join(columnNames(table.Columns), ", "), table.Name)
	remove := fmt.Sprintf(`DELETE FROM %s WHERE consumer = ? AND generation = ?%s`, table.Name, equals(table.Columns))
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(dropsAtOnce)
	iter := s.c.Query(working, find).PageSize(dropPage).Iter()
	var of ports.ViewID
	next := newScanned(table)
	for iter.Scan(append([]any{&of.Consumer, &of.Generation}, next.dest...)...) {
		if of == view {
			key := next.row()
			group.Go(func() error { return s.c.Exec(working, remove, bindKey([]any{view.Consumer, view.Generation}, key)...) })
		}
	}
	err := group.Wait() // the first failure ends the context, so the reading fails as well
	if closing := iter.Close(); err == nil {
		err = closing
	}
	return cluster.Translate(ctx, err, cluster.Read)
}
