// Package consumers manages all consumers of a process, by their names.
package consumers

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"orderflow/application/consumer"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Manager manages a set of consumers by their names.
type Manager []*consumer.Consumer

var (
	_ ports.ConsumerMonitor = Manager(nil)
	_ ports.ConsumerManager = Manager(nil)
	_ ports.ParkingManager  = Manager(nil)
	_ ports.SkipManager     = Manager(nil)
	_ ports.Rebuilder       = Manager(nil)
	_ ports.LiveViews       = Manager(nil)
)

// Refresh reads the record of each consumer, so that LiveView is right before they run.
func (m Manager) Refresh(ctx context.Context) error {
	for _, c := range m {
		if err := c.Refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Consumers returns the status of each consumer, in their order. They are asked concurrently, so
// that a consumer that does not answer does not delay the others.
func (m Manager) Consumers(ctx context.Context) []ports.ConsumerStatus {
	statuses := make([]ports.ConsumerStatus, len(m))
	var asked sync.WaitGroup
	for i, c := range m {
		asked.Go(func() { statuses[i] = c.Status(ctx) })
	}
	asked.Wait()
	return statuses
}

// LiveView returns the view that queries read. For an unknown consumer it returns a view that is
// never filled.
func (m Manager) LiveView(name string) ports.ViewID {
	c, err := m.named(name)
	if err != nil {
		return ports.ViewID{Consumer: name}
	}
	return c.LiveView()
}

// VersionOf returns the version of the effect that has filled a view.
func (m Manager) VersionOf(view ports.ViewID) int {
	c, err := m.named(view.Consumer)
	if err != nil {
		return 0
	}
	return c.VersionOf(view)
}

// Takes reports whether a consumer takes events of an aggregate type. An unknown consumer takes
// none.
func (m Manager) Takes(name, aggregateType string) bool {
	c, err := m.named(name)
	return err == nil && c.Takes(aggregateType)
}

// Epoch returns the epoch of the lease under which a consumer works. It is 0 without a lease.
func (m Manager) Epoch(name string) uint64 {
	c, err := m.named(name)
	if err != nil {
		return 0
	}
	return c.Epoch()
}

func (m Manager) named(name string) (*consumer.Consumer, error) {
	for _, c := range m {
		if c.Name() == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("consumer %s: %w", name, ports.ErrNotFound)
}

// Pause implements [ports.ConsumerManager].
func (m Manager) Pause(ctx context.Context, name string) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Pause(ctx) })
}

// Resume implements [ports.ConsumerManager].
func (m Manager) Resume(ctx context.Context, name string) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Resume(ctx) })
}

// Reset implements [ports.ConsumerManager].
func (m Manager) Reset(ctx context.Context, name string, request ports.ResetRequest) (consequence string, err error) {
	err = m.do(name, func(c *consumer.Consumer) error {
		consequence, err = c.Reset(ctx, request)
		return err
	})
	return consequence, err
}

// ListParked implements [ports.ParkingManager].
func (m Manager) ListParked(
	ctx context.Context, name string, after ports.Cursor, limit int,
) (page ports.ParkedPage, err error) {
	err = m.do(name, func(c *consumer.Consumer) error {
		page, err = c.ListParked(ctx, after, limit)
		return err
	})
	return page, err
}

// RetryParked implements [ports.ParkingManager].
func (m Manager) RetryParked(ctx context.Context, name string, aggregateID uuid.UUID) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Retry(ctx, aggregateID) })
}

// SkipParked implements [ports.ParkingManager].
func (m Manager) SkipParked(ctx context.Context, name string, aggregateID uuid.UUID, reason string) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Skip(ctx, aggregateID, reason) })
}

// ListSkips implements [ports.SkipManager].
func (m Manager) ListSkips(ctx context.Context, q ports.SkipQuery) (page ports.SkipPage, err error) {
	err = m.do(q.Consumer, func(c *consumer.Consumer) error {
		page, err = c.ListSkips(ctx, q)
		return err
	})
	return page, err
}

// Unskip implements [ports.SkipManager].
func (m Manager) Unskip(ctx context.Context, name string, aggregateID uuid.UUID, sequence uint64) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Unskip(ctx, aggregateID, sequence) })
}

// Rebuild implements [ports.Rebuilder].
func (m Manager) Rebuild(ctx context.Context, name string, request ports.RebuildRequest) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Rebuild(ctx, request) })
}

// AbortRebuild implements [ports.Rebuilder].
func (m Manager) AbortRebuild(ctx context.Context, name string) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.AbortRebuild(ctx) })
}

// Rollback implements [ports.Rebuilder].
func (m Manager) Rollback(ctx context.Context, name string) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.Rollback(ctx) })
}

// RepairAggregate repairs what one aggregate has in the view of one consumer.
func (m Manager) RepairAggregate(ctx context.Context, name string, aggregateID uuid.UUID, stray []projection.Row) error {
	return m.do(name, func(c *consumer.Consumer) error { return c.RepairAggregate(ctx, aggregateID, stray) })
}

func (m Manager) do(name string, work func(*consumer.Consumer) error) error {
	c, err := m.named(name)
	if err != nil {
		return err
	}
	return work(c)
}
