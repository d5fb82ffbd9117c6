package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
	var total uint64 // so that people can see how long it will take
	if err := c.listHeads(ctx, func(ports.Head) error { total++; return nil }); err != nil {
		return fmt.Errorf("count the orders: %w", err)
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
	if request.AggregatesPerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(request.AggregatesPerSecond), 1)
	}
	var mu sync.Mutex
	var report ports.VerifyReport
	l.untaint() // every order is looked at below, after this
	err := c.everyHistory(ctx, func(history []eventsourcing.Record) error {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		head := history[len(history)-1]
		err := c.withOrder(head.AggregateID, func() error { return l.next.take(ctx, history) })
		if transient(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if report.Aggregates++; err != nil {
			report.Differences++
			if len(report.Shown) < maxShown {
				report.Shown = append(report.Shown, ports.VerifyDifference{
					AggregateID: head.AggregateID, Consumer: c.config.Name,
					Detail: fmt.Sprintf("event %d cannot be applied: %v", failing(err, head).SequenceNumber, err),
				})
			}
		}
		if n := report.Aggregates; n%64 == 0 || n == total {
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

// everyHistory calls work for the history of every aggregate in the event store that the consumer takes, as it is when the order is read, for several at once.
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
				if !c.config.takes(record.AggregateType) {
					continue
				}
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
