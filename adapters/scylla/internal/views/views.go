package views

import (
	"context"
	"errors"
	"fmt"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	selectState = `SELECT sequence_number, data FROM consumer_state WHERE consumer = ? AND generation = ? AND aggregate_id = ?`
	insertState = `INSERT INTO consumer_state (consumer, generation, aggregate_id, sequence_number, data) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`
)

// rowsAtOnce bounds the rows of one change that are written at the same time.
const rowsAtOnce = 16

// Views keeps the views of all consumers. It implements [ports.ViewStore], [ports.ViewReader] and
// [ports.ViewDropper], and is safe for concurrent use.
type Views struct {
	c     *cluster.Client
	notes knownNotes
}

var (
	_ ports.ViewStore   = (*Views)(nil)
	_ ports.ViewReader  = (*Views)(nil)
	_ ports.ViewDropper = (*Views)(nil)
)

// New returns the views of a keyspace.
func New(c *cluster.Client) *Views { return &Views{c: c} }

// State implements [ports.ViewStore].
func (s *Views) State(ctx context.Context, view ports.ViewID, orderID uuid.UUID) (ports.ViewState, error) {
	state, err := s.state(ctx, view, orderID)
	if err != nil {
		return ports.ViewState{}, fmt.Errorf("state of %s in %s/%d: %w", orderID, view.Consumer, view.Generation, err)
	}
	return state, nil
}

func (s *Views) state(ctx context.Context, view ports.ViewID, orderID uuid.UUID) (ports.ViewState, error) {
	if err := s.c.Enter(ctx); err != nil {
		return ports.ViewState{}, err
	}
	defer s.c.Leave()
	return s.readState(ctx, view, orderID)
}

func (s *Views) readState(ctx context.Context, view ports.ViewID, orderID uuid.UUID) (ports.ViewState, error) {
	var sequence int64
	var data []byte
	err := s.c.Query(ctx, selectState, view.Consumer, view.Generation, orderID).Scan(&sequence, &data)
	if errors.Is(err, gocql.ErrNotFound) {
		return ports.ViewState{}, nil
	}
	return ports.ViewState{SequenceNumber: uint64(sequence), Data: data}, cluster.Translate(ctx, err, cluster.Read)
}

// Apply implements [ports.ViewStore]: it writes the rows, which are several writes, and when all
// are done the state.
//
// Every write carries the sequence number of the change as its timestamp. So a late write of
// another process, or of an attempt that was given up, loses against what is newer. What it left
// half done is completed by the next change, which also puts and deletes the rows of the steps in
// between.
//
// Changes of different aggregates are written at the same time, as many as a bound allows. A batch
// of them would be slower for the server, as its partitions are on different nodes.
func (s *Views) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if len(changes) == 1 {
		return s.applyOne(ctx, view, changes[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(changesAtOnce)
	for _, change := range changes {
		group.Go(func() error { return s.applyOne(ctx, view, change) })
	}
	return group.Wait()
}

// changesAtOnce bounds how many aggregates one call of Apply writes at the same time.
const changesAtOnce = 16

func (s *Views) applyOne(ctx context.Context, view ports.ViewID, change ports.Change) error {
	if err := s.apply(ctx, view, change); err != nil {
		return fmt.Errorf("apply %s at %d to %s/%d: %w",
			change.AggregateID, change.State.SequenceNumber, view.Consumer, view.Generation, err)
	}
	return nil
}

func (s *Views) apply(ctx context.Context, view ports.ViewID, change ports.Change) error {
	if err := checkRows(change); err != nil {
		return err
	}
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	now, err := s.readState(ctx, view, change.AggregateID)
	if err != nil || change.State.SequenceNumber <= now.SequenceNumber {
		return err
	}
	if err := s.writeRows(ctx, view, change); err != nil {
		return err
	}
	sequence := int64(change.State.SequenceNumber)
	return s.c.Exec(ctx, insertState, view.Consumer, view.Generation, change.AggregateID, sequence, change.State.Data,
		sequence)
}

func checkRows(change ports.Change) error {
	if change.Table == nil {
		if n := len(change.Put) + len(change.Delete); n > 0 {
			return fmt.Errorf("%d rows without a table", n)
		}
		return nil
	}
	for _, rows := range [][]projection.Row{change.Put, change.Delete} {
		for _, row := range rows {
			if err := change.Table.CheckRow(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Views) writeRows(ctx context.Context, view ports.ViewID, change ports.Change) error {
	sequence := int64(change.State.SequenceNumber)
	group, writing := errgroup.WithContext(ctx)
	group.SetLimit(rowsAtOnce)
	if len(change.Put) > 0 {
		insert := insertRow(change.Table)
		for _, row := range change.Put {
			group.Go(func() error {
				if err := s.note(writing, view, change.Table, row); err != nil {
					return err
				}
				return s.c.Exec(writing, insert, append(bindRow(view, change.Table, row), sequence)...)
			})
		}
	}
	if len(change.Delete) > 0 {
		remove := deleteRow(change.Table)
		for _, row := range change.Delete {
			group.Go(func() error {
				key := bindAt(view, change.Table, placeOf(change.Table, row), change.Table.Key(row))
				return s.c.Exec(writing, remove, append([]any{sequence}, key...)...)
			})
		}
	}
	if err := group.Wait(); err != nil || change.Table == nil {
		return err
	}
	return s.noteAll(ctx, view, change.Table, change.Put)
}
