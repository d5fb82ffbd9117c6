package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/health"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Config is what a [Builder] needs. All fields but Live and Verify are required.
type Config struct {
	Generation ports.Generation
	// Next is the generation that is filled, and Filled is how far that is. Live is the generation
	// that is read. It is nil when another version of the effect filled it.
	Next, Live *filling.View
	Filled     *filling.Place
	// Walk returns a walk over the aggregates of the consumer.
	Walk func(*filling.Place) filling.Walk
	// Alone runs work on some aggregates while no other work on them runs, and turns a panic into
	// an error.
	Alone func(ids []uuid.UUID, work func() error) error
	// Forget forgets what the delivery has left out of Next so far: every aggregate will be
	// visited.
	Forget func()
	// Verify begins a comparison of generations with the events. When it is nil, nothing is
	// compared.
	Verify  Verify
	Wishes  *Wishes
	Health  *health.Health
	Backoff failure.Backoff
	Now     func() time.Time
	Logger  *slog.Logger
}

// Verify begins a comparison of the next generation with the events. It compares the live
// generation with them, too, unless that is the zero ViewID: if both equal the same fold, they
// equal each other. It calls progress now and then.
type Verify func(next, live ports.ViewID, progress func(ports.VerifyProgress)) Verification

// Verification is a comparison of generations with the events.
type Verification interface {
	// Expect is called with a complete history that was read for filling, at most once for an
	// aggregate, so that it need not be read again. rows are the rows of its fold, if folded is
	// set. Calls may be concurrent.
	Expect(history []eventsourcing.Record, rows []projection.Row, folded bool)
	// Verify compares. complete reports whether Expect was called for every aggregate. Otherwise it
	// reads all histories.
	Verify(ctx context.Context, complete bool) (ports.VerifyReport, error)
}

// Builder fills and verifies one generation.
type Builder struct{ config Config }

// New returns a Builder.
func New(config Config) *Builder { return &Builder{config} }

// errRefused says that the rebuild has found differences and waits for an operator.
var errRefused = errors.New("differences were found")

// Run fills and verifies the next generation. It returns nil when that worked, and the error of ctx
// when ctx ended first. The delivery of new events continues meanwhile, for the next generation
// too. A rebuild that has found differences waits until an operator asks for it again.
func (b *Builder) Run(ctx context.Context) error {
	started := b.config.Now()
	for attempt := 1; ; attempt++ {
		request := b.config.Wishes.wished()
		err := failure.Protect(b.config.Logger, func() error { return b.once(ctx, request, started) })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			return nil
		case errors.Is(err, errRefused):
			select {
			case <-b.config.Wishes.again:
				attempt, started = 0, b.config.Now()
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Error = err.Error() })
			b.config.Logger.Warn("rebuild makes no progress, trying again",
				"generation", b.config.Generation.Number, "error", err)
			if err := b.config.Backoff.Wait(ctx, nil, attempt); err != nil {
				return err
			}
		}
	}
}

func (b *Builder) once(ctx context.Context, request ports.RebuildRequest, started time.Time) error {
	status := ports.RebuildStatus{Phase: ports.RebuildFilling, Generation: b.config.Generation, StartedAt: started}
	b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { *s = status })
	total, err := b.config.Walk(nil).Count(ctx) // so that operators see how long it will take
	if err != nil {
		return fmt.Errorf("count the aggregates: %w", err)
	}
	b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Total, s.PhaseStartedAt = total, b.now() })
	var verification Verification
	if !request.SkipVerification && b.config.Verify != nil {
		verification = b.verification()
	}
	report, whole, err := b.fill(ctx, request, total, verification)
	if err != nil {
		return fmt.Errorf("fill generation %d: %w", b.config.Generation.Number, err)
	}
	if report.Differences == 0 && verification != nil {
		b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase, s.Done, s.PhaseStartedAt = ports.RebuildVerifying, 0, b.now() })
		if report, err = verification.Verify(ctx, whole); err != nil {
			return fmt.Errorf("verify generation %d: %w", b.config.Generation.Number, err)
		}
	}
	b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Report, s.Error = &report, "" })
	if report.Differences == 0 {
		return nil
	}
	b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildRefused })
	b.config.Logger.Error("rebuild is refused: the live generation stays",
		"generation", b.config.Generation.Number, "differences", report.Differences)
	return errRefused
}

// fill brings every aggregate of the next generation up to its head. The report names those that
// cannot be brought up. After an interruption it continues where it was, unless the delivery has
// left something out meanwhile. whole reports whether verification has got every history.
func (b *Builder) fill(
	ctx context.Context, request ports.RebuildRequest, total uint64, verification Verification,
) (report ports.VerifyReport, whole bool, err error) {
	f := &fill{Builder: b, total: total, limit: rate.NewLimiter(rate.Inf, 1), verification: verification}
	takeAll, whole := f.takeAll, true
	if request.AggregatesPerSecond > 0 {
		f.limit, takeAll = rate.NewLimiter(rate.Limit(request.AggregatesPerSecond), 1), nil
	}
	if b.config.Filled.Begun() {
		f.report.Aggregates, whole = b.config.Filled.Done(), false
	} else {
		if err := b.config.Filled.Begin(ctx); err != nil {
			return f.report, false, err
		}
		b.config.Forget() // every aggregate is visited below, after this
	}
	err = b.config.Walk(b.config.Filled).Histories(ctx, takeAll, f.take)
	if errors.Is(err, ports.ErrCorrupt) && ctx.Err() == nil {
		// A listing that cannot be read must not hold up the aggregates that can.
		b.config.Logger.Warn("the listing of events cannot be read, each history is read by itself", "error", err)
		f.report, f.verification, whole = ports.VerifyReport{}, nil, false
		if err = b.config.Filled.Begin(ctx); err == nil {
			err = b.config.Walk(b.config.Filled).Heads(ctx, f.bringUp)
		}
	}
	if err == nil {
		err = b.config.Filled.End(ctx, b.now()) // a repeated request visits all aggregates again
	}
	return f.report, whole, err
}

// fill is one filling of the next generation.
type fill struct {
	*Builder
	total uint64
	limit *rate.Limiter
	// verification gets what was taken. It is nil when nothing is compared.
	verification Verification

	mu     sync.Mutex
	report ports.VerifyReport
}

// takeAll takes several histories. When that fails, they are taken one by one.
func (f *fill) takeAll(ctx context.Context, histories [][]eventsourcing.Record) error {
	ids := make([]uuid.UUID, len(histories))
	for i, history := range histories {
		ids[i] = history[0].AggregateID
	}
	var taken []filling.Taken
	err := f.config.Alone(ids, func() (err error) {
		taken, err = f.config.Next.TakeAll(ctx, histories)
		return err
	})
	if err != nil {
		return err
	}
	if f.verification != nil {
		for _, t := range taken {
			f.verification.Expect(t.History, t.Rows, t.Folded)
		}
	}
	f.count(uint64(len(ids)))
	return nil
}

func (f *fill) take(ctx context.Context, history []eventsourcing.Record) error {
	err := f.visit(ctx, history[len(history)-1], func() error { return f.config.Next.Take(ctx, history) })
	if err == nil && f.verification != nil {
		f.verification.Expect(history, nil, false)
	}
	return err
}

func (f *fill) bringUp(ctx context.Context, head ports.Head) error {
	end := eventsourcing.Record{Header: eventsourcing.Header{
		AggregateType: head.AggregateType, AggregateID: head.AggregateID, SequenceNumber: head.SequenceNumber,
	}}
	return f.visit(ctx, end, func() error { _, err := f.config.Next.BringUp(ctx, head); return err })
}

func (f *fill) visit(ctx context.Context, end eventsourcing.Record, work func() error) error {
	if err := f.limit.Wait(ctx); err != nil {
		return err
	}
	err := f.config.Alone([]uuid.UUID{end.AggregateID}, work)
	if failure.Transient(err) {
		return err
	}
	if err != nil {
		f.differs(ports.VerifyDifference{
			AggregateType: end.AggregateType, AggregateID: end.AggregateID, Consumer: f.config.Next.ID().Consumer,
			Detail: fmt.Sprintf("event %d cannot be applied: %v", failure.Event(err, end).SequenceNumber, err),
		})
	}
	f.count(1)
	return nil
}

func (f *fill) differs(difference ports.VerifyDifference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report.Differences++
	if len(f.report.Shown) < maxShown {
		f.report.Shown = append(f.report.Shown, difference)
	}
}

// reportEvery is how many aggregates are between two reports of the progress.
const reportEvery = 64

// count counts aggregates as done.
func (f *fill) count(more uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.report.Aggregates
	f.report.Aggregates += more
	if n := f.report.Aggregates; n/reportEvery != before/reportEvery || n == f.total {
		f.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Done, s.Total = n, max(n, f.total) })
	}
}

// maxShown bounds how many differences are described; all are counted.
const maxShown = 20

// verification begins the comparison of the next generation with the events. It compares the live
// generation too, if the same reducer filled it.
func (b *Builder) verification() Verification {
	live := ports.ViewID{}
	if b.config.Live != nil {
		live = b.config.Live.ID()
	}
	return b.config.Verify(b.config.Next.ID(), live, func(p ports.VerifyProgress) {
		// these count aggregates
		if p.Phase == ports.VerifyEvents || p.Phase == ports.VerifyHeads && p.Total > 0 {
			b.config.Health.Rebuilds(func(s *ports.RebuildStatus) { s.Done, s.Total = p.Done, p.Total })
		}
	})
}

// now is the time as it is stored.
func (b *Builder) now() time.Time { return eventsourcing.Timestamp(b.config.Now()) }
