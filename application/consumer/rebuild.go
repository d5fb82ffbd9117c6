package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// rebuilding carries wishes from Rebuild to the builder. They do not survive a restart: after one, a rebuild goes on with
// verification and without a limit.
type rebuilding struct {
	mu      sync.Mutex
	request ports.RebuildRequest
	// again makes a builder that was refused start again.
	again chan struct{}
}

func (r *rebuilding) wish(request ports.RebuildRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = request
	select {
	case r.again <- struct{}{}:
	default:
	}
}

func (r *rebuilding) wished() ports.RebuildRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	select { // this is the answer to it
	case <-r.again:
	default:
	}
	return r.request
}

// build fills, verifies and completes the next generation, until that worked or ctx ends. The delivery goes on beside it, for the
// next generation too.
func (c *Consumer) build(ctx context.Context, l *life, end context.CancelCauseFunc) {
	started := c.config.Now()
	if c.config.Shared && !c.othersGone(ctx) {
		return
	}
	for attempt := 1; ; attempt++ {
		request := c.rebuilding.wished()
		err := c.protect(func() error { return c.buildOnce(ctx, l, request, started) })
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			end(errSwitch)
			return
		case errors.Is(err, errRefused):
			select {
			case <-c.rebuilding.again:
				attempt, started = 0, c.config.Now()
			case <-ctx.Done():
				return
			}
		default:
			c.health.rebuilds(func(s *ports.RebuildStatus) { s.Error = err.Error() })
			c.log.Warn("rebuild does not get on, trying again", "generation", l.next.view.Generation, "error", err)
			if c.config.Backoff.wait(ctx, nil, attempt) != nil {
				return
			}
		}
	}
}

// othersGone waits until every other process has seen that there is a next generation, and has finished what it took without
// knowing of it.
func (c *Consumer) othersGone(ctx context.Context) bool {
	timer := time.NewTimer(2*c.config.Poll + c.config.DrainTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errRefused: the rebuild has found differences and waits for somebody.
var errRefused = errors.New("differences were found")

func (c *Consumer) buildOnce(ctx context.Context, l *life, request ports.RebuildRequest, started time.Time) error {
	status := ports.RebuildStatus{Phase: ports.RebuildFilling, Generation: l.plan.Next, StartedAt: started}
	c.health.rebuilds(func(s *ports.RebuildStatus) { *s = status })
	var total uint64
	for cursor := ports.Cursor(""); ; { // so that people can see how long it will take
		page, err := c.config.Store.ScanHeads(ctx, cursor, headPage)
		if err != nil {
			return fmt.Errorf("count the orders: %w", err)
		}
		total += uint64(len(page.Heads))
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	c.health.rebuilds(func(s *ports.RebuildStatus) { s.Total = total })
	report, err := c.fill(ctx, l, request, total)
	if err != nil {
		return fmt.Errorf("fill generation %d: %w", l.next.view.Generation, err)
	}
	if report.Differences == 0 && !request.SkipVerification && c.config.Verify != nil {
		c.health.rebuilds(func(s *ports.RebuildStatus) { s.Phase, s.Done = ports.RebuildVerifying, 0 })
		if report, err = c.compare(ctx, l); err != nil {
			return fmt.Errorf("verify generation %d: %w", l.next.view.Generation, err)
		}
	}
	c.health.rebuilds(func(s *ports.RebuildStatus) { s.Report, s.Error = &report, "" })
	if report.Differences == 0 {
		return nil
	}
	c.health.rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildRefused })
	c.log.Error("rebuild is refused: the live generation stays", "generation", l.next.view.Generation, "differences", report.Differences)
	return errRefused
}

// fill brings every order of the next generation up to its head. Orders that cannot be brought up are in the report.
func (c *Consumer) fill(ctx context.Context, l *life, request ports.RebuildRequest, total uint64) (ports.VerifyReport, error) {
	limit := rate.NewLimiter(rate.Inf, 1)
	if request.OrdersPerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(request.OrdersPerSecond), 1)
	}
	var done atomic.Uint64
	var mu sync.Mutex
	var report ports.VerifyReport
	l.untaint() // every order is looked at below, after this
	err := c.everyHistory(ctx, func(history []eventsourcing.Record) error {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		head := history[len(history)-1]
		err := c.onNext(head.AggregateID, func() error { return l.next.take(ctx, history) })
		if transient(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if report.Orders++; err != nil {
			report.Differences++
			if len(report.Shown) < maxShown {
				report.Shown = append(report.Shown, ports.VerifyDifference{
					OrderID: head.AggregateID, Consumer: c.config.Name,
					Detail: fmt.Sprintf("event %d cannot be applied: %v", failing(err, head).SequenceNumber, err),
				})
			}
		}
		if n := done.Add(1); n%64 == 0 || n == total {
			c.health.rebuilds(func(s *ports.RebuildStatus) { s.Done, s.Total = n, max(n, total) })
		}
		return nil
	})
	return report, err
}

// maxShown bounds how many differences are described; all are counted.
const maxShown = 20

// historyPage is how many events are read at once.
const historyPage = 1024

// everyHistory calls work for the history of every order in the event store, as it is when the order is read, for several at once.
// Read one after the other, as they are stored, they cost less than half of what loading them by their heads does (BenchmarkRebuild).
func (c *Consumer) everyHistory(ctx context.Context, work func([]eventsourcing.Record) error) error {
	return spread(ctx, c.config.Workers, work, func(ctx context.Context, emit func([]eventsourcing.Record) error) error {
		var history []eventsourcing.Record // the last one, which may go on with the next page
		for cursor := ports.Cursor(""); ; {
			page, err := c.config.Store.ListEvents(ctx, cursor, historyPage)
			if err != nil {
				return err
			}
			for _, record := range page.Records {
				if len(history) > 0 && history[0].AggregateID != record.AggregateID {
					if err := emit(history); err != nil {
						return err
					}
					history = nil
				}
				history = append(history, record)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(history) > 0 {
			return emit(history)
		}
		return nil
	})
}

func (c *Consumer) bringUpNext(ctx context.Context, l *life, head ports.Head) error {
	return c.onNext(head.AggregateID, func() error {
		_, err := l.next.bringUp(ctx, head)
		return err
	})
}

// onNext does something to one order of the next generation.
func (c *Consumer) onNext(orderID uuid.UUID, work func() error) error {
	return c.protect(func() error {
		lock := c.lock(orderID)
		lock.Lock()
		defer lock.Unlock()
		return work()
	})
}

// compare holds the next generation against the events, and the live one too, if the same reducer has filled it: then both
// equal the same fold, and so each other.
func (c *Consumer) compare(ctx context.Context, l *life) (ports.VerifyReport, error) {
	report, err := c.config.Verify(ctx, l.next.view)
	if err != nil || report.Differences > 0 || l.live == nil {
		return report, err
	}
	live, err := c.config.Verify(ctx, l.live.view)
	if err != nil {
		return report, err
	}
	live.Events, live.Rows = report.Events, report.Rows
	for i := range live.Shown {
		live.Shown[i].Detail = "in the live generation: " + live.Shown[i].Detail
	}
	return live, nil
}

// switchOver makes the next generation live. Nothing of l is in flight any more.
func (c *Consumer) switchOver(ctx context.Context, l *life) error {
	orders, all := l.untaint()
	if !all {
		return errors.New("switch: the next generation has missed too much in the meantime")
	}
	for _, id := range orders {
		records, err := c.config.Store.Load(ctx, id, 0)
		if err == nil {
			err = c.bringUpNext(ctx, l, ports.Head{AggregateID: id, SequenceNumber: uint64(len(records))})
		}
		if err != nil {
			return fmt.Errorf("switch: bring up order %s: %w", id, err)
		}
	}
	record, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		if c.config.planOf(*record) != l.plan {
			return errChanged
		}
		record.Live, record.Previous, record.Next, record.SwitchedAt = record.Next, record.Live, record.Previous, c.now()
		record.Next.Version = 0 // an even older generation is dropped
		return nil
	})
	if err != nil {
		return err
	}
	c.health.rebuilds(func(s *ports.RebuildStatus) { s.Phase, s.Done = ports.RebuildSwitched, s.Total })
	c.log.Info("the next generation is live", "live", record.Live, "previous", record.Previous)
	c.retryAfterSwitch(ctx, record)
	return errChanged
}

// retryAfterSwitch gives orders that were parked for the old generation free: the new one holds all their events.
func (c *Consumer) retryAfterSwitch(ctx context.Context, record ports.ConsumerRecord) {
	for _, id := range c.parked.ids() {
		state, err := c.config.Views.State(ctx, ports.ViewID{Consumer: c.config.Name, Generation: record.Live.Number}, id)
		parked, _ := c.parked.get(id)
		if err != nil || state.SequenceNumber < parked.SequenceNumber {
			continue
		}
		if err := c.config.Parking.Unpark(ctx, c.config.Name, id); err != nil {
			c.log.Warn("order stays parked until it is retried", "order_id", id, "error", err)
			continue
		}
		c.parked.remove(id)
	}
}

// expirePrevious ends the time in which one can roll back.
func (c *Consumer) expirePrevious(ctx context.Context, l *life) {
	timer := time.NewTimer(l.plan.SwitchedAt.Add(c.config.Grace).Sub(c.config.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		if record.Previous == l.plan.Previous {
			record.Previous.Version = 0
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		c.log.Warn("the previous generation is kept longer", "error", err)
	}
}

// dropLeftovers removes generations that are over: their version is 0.
func (c *Consumer) dropLeftovers(ctx context.Context, record ports.ConsumerRecord) error {
	for _, over := range []ports.Generation{record.Next, record.Previous} {
		if over.Number == 0 || over.Version != 0 {
			continue
		}
		view := ports.ViewID{Consumer: c.config.Name, Generation: over.Number}
		if err := c.config.Views.DropView(ctx, view, c.config.Table); err != nil {
			return fmt.Errorf("drop generation %d: %w", over.Number, err)
		}
		_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
			for _, g := range []*ports.Generation{&record.Next, &record.Previous} {
				if *g == over {
					*g = ports.Generation{}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.log.Info("dropped a generation that is over", "generation", over.Number)
		return errChanged
	}
	return nil
}

// refuseWithoutTable is for consumers without a table: only a table can be rebuilt.
func (c *Consumer) refuseWithoutTable() error {
	if c.config.Table != nil {
		return nil
	}
	return &ports.RefusedError{Reason: fmt.Sprintf("consumer %s fills no table: there is nothing to rebuild; to publish again, reset it", c.config.Name)}
}

// Rebuild starts a rebuild.
func (c *Consumer) Rebuild(ctx context.Context, request ports.RebuildRequest) error {
	if err := c.refuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	if status := c.health.status().Rebuild; status != nil && status.Phase == ports.RebuildRefused && status.Generation == c.notes.record().Next {
		c.rebuilding.wish(request)
		return nil
	}
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		if record.Next.Number != 0 {
			return &ports.RefusedError{Reason: fmt.Sprintf("generation %d of %s is being built or dropped already", record.Next.Number, c.config.Name)}
		}
		record.Next = ports.Generation{Number: int(record.Revision) + 1, Version: c.config.Version}
		return nil
	})
	if err == nil {
		c.rebuilding.wish(request)
	}
	return err
}

// AbortRebuild ends a rebuild and drops what it has filled.
func (c *Consumer) AbortRebuild(ctx context.Context) error {
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		switch {
		case record.Next.Number == 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("there is no rebuild of %s", c.config.Name)}
		case record.Live.Version != c.config.Version:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the live generation of %s cannot be kept up to date by this version of the program: the rebuild has to be completed", c.config.Name)}
		}
		record.Next.Version = 0
		return nil
	})
	if err == nil {
		c.health.rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildAborted })
	}
	return err
}

// Rollback makes the previous generation live again: it becomes the next one, is brought up to date, and is switched to.
func (c *Consumer) Rollback(ctx context.Context) error {
	if err := c.refuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		switch {
		case record.Next.Number != 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("generation %d of %s is being built or dropped: abort that first", record.Next.Number, c.config.Name)}
		case record.Previous.Number == 0 || record.Previous.Version == 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("%s has no previous generation any more", c.config.Name)}
		case record.Previous.Version != c.config.Version:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the previous generation of %s was filled by version %d of the reducer, and this program has version %d: start the program that has that version, and it goes back by itself",
				c.config.Name, record.Previous.Version, c.config.Version)}
		}
		record.Next, record.Previous = record.Previous, ports.Generation{}
		return nil
	})
	if err == nil {
		c.rebuilding.wish(ports.RebuildRequest{SkipVerification: true})
	}
	return err
}
