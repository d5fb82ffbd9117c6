package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"orderflow/application/failure"
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
			c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Error = err.Error() })
			c.log.Warn("rebuild does not get on, trying again", "generation", l.next.ID().Generation, "error", err)
			if c.config.Backoff.Wait(ctx, nil, attempt) != nil {
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
	c.health.Rebuilds(func(s *ports.RebuildStatus) { *s = status })
	var total atomic.Uint64 // so that people can see how long it will take
	err := c.walk(nil).Heads(ctx, func(context.Context, ports.Head) error { total.Add(1); return nil })
	if err != nil {
		return fmt.Errorf("count the aggregates: %w", err)
	}
	c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Total = total.Load() })
	report, err := c.fill(ctx, l, request, total.Load())
	if err != nil {
		return fmt.Errorf("fill generation %d: %w", l.next.ID().Generation, err)
	}
	if report.Differences == 0 && !request.SkipVerification && c.config.Verify != nil {
		c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase, s.Done = ports.RebuildVerifying, 0 })
		if report, err = c.compare(ctx, l); err != nil {
			return fmt.Errorf("verify generation %d: %w", l.next.ID().Generation, err)
		}
	}
	c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Report, s.Error = &report, "" })
	if report.Differences == 0 {
		return nil
	}
	c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildRefused })
	c.log.Error("rebuild is refused: the live generation stays", "generation", l.next.ID().Generation, "differences", report.Differences)
	return errRefused
}

// fill brings every aggregate of the next generation up to its head. Those that cannot be brought up are in the report. After an
// interruption it goes on where it was, unless the delivery has left something out meanwhile.
func (c *Consumer) fill(ctx context.Context, l *life, request ports.RebuildRequest, total uint64) (ports.VerifyReport, error) {
	f := &fill{consumer: c, life: l, total: total, limit: rate.NewLimiter(rate.Inf, 1)}
	if request.AggregatesPerSecond > 0 {
		f.limit = rate.NewLimiter(rate.Limit(request.AggregatesPerSecond), 1)
	}
	if l.filled.Begun() {
		f.report.Aggregates = l.filled.Done()
	} else {
		if err := l.filled.Begin(ctx); err != nil {
			return f.report, err
		}
		l.untaint() // every aggregate is looked at below, after this
	}
	err := c.walk(l.filled).Histories(ctx, f.take)
	if errors.Is(err, ports.ErrCorrupt) && ctx.Err() == nil {
		// A listing that cannot be read must not hold up the aggregates that can.
		c.log.Warn("the listing of events cannot be read, each history is read by itself", "error", err)
		f.report = ports.VerifyReport{}
		if err = l.filled.Begin(ctx); err == nil {
			err = c.walk(l.filled).Heads(ctx, f.bringUp)
		}
	}
	if err == nil {
		err = l.filled.End(ctx, c.now()) // who asks again wants all of it looked at again
	}
	return f.report, err
}

// fill is one filling of the next generation.
type fill struct {
	consumer *Consumer
	life     *life
	total    uint64
	limit    *rate.Limiter

	mu     sync.Mutex
	report ports.VerifyReport
}

func (f *fill) take(ctx context.Context, history []eventsourcing.Record) error {
	return f.visit(ctx, history[len(history)-1], func() error { return f.life.next.Take(ctx, history) })
}

func (f *fill) bringUp(ctx context.Context, head ports.Head) error {
	end := eventsourcing.Record{Header: eventsourcing.Header{
		AggregateType: head.AggregateType, AggregateID: head.AggregateID, SequenceNumber: head.SequenceNumber,
	}}
	return f.visit(ctx, end, func() error { _, err := f.life.next.BringUp(ctx, head); return err })
}

func (f *fill) visit(ctx context.Context, end eventsourcing.Record, work func() error) error {
	if err := f.limit.Wait(ctx); err != nil {
		return err
	}
	c := f.consumer
	err := c.withAggregate(end.AggregateID, work)
	if failure.Transient(err) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.report.Aggregates++; err != nil {
		f.report.Differences++
		if len(f.report.Shown) < maxShown {
			f.report.Shown = append(f.report.Shown, ports.VerifyDifference{
				AggregateType: end.AggregateType, AggregateID: end.AggregateID, Consumer: c.config.Name,
				Detail: fmt.Sprintf("event %d cannot be applied: %v", failure.Event(err, end).SequenceNumber, err),
			})
		}
	}
	if n := f.report.Aggregates; n%64 == 0 || n == f.total {
		c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Done, s.Total = n, max(n, f.total) })
	}
	return nil
}

// maxShown bounds how many differences are described; all are counted.
const maxShown = 20

// compare holds the next generation against the events, and the live one too, if the same reducer has filled it: then both
// equal the same fold, and so each other.
func (c *Consumer) compare(ctx context.Context, l *life) (ports.VerifyReport, error) {
	report, err := c.config.Verify(ctx, l.next.ID())
	if err != nil || report.Differences > 0 || l.live == nil {
		return report, err
	}
	live, err := c.config.Verify(ctx, l.live.ID())
	if err != nil {
		return report, err
	}
	live.Events, live.Rows = report.Events, report.Rows
	for i := range live.Shown {
		live.Shown[i].Detail = "in the live generation: " + live.Shown[i].Detail
	}
	return live, nil
}
