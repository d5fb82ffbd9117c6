package verify

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	// headPage is how many heads are read at once.
	headPage = 1024
	// maxShown is how many differences are described; all are counted.
	maxShown = 20
	// maxDoubts bounds how many aggregates are compared again.
	maxDoubts = 10_000
	// between is the pause before aggregates with differences are compared again.
	between = 50 * time.Millisecond
	// skipPage is how many skips are read at once.
	skipPage = 256
)

// Store is what the views are compared with.
type Store interface {
	ports.HeadScanner
	// ListEvents is as in ports.RecordLister.
	ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error)
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Config is what a verification needs. Fields without a stated default are required.
type Config struct {
	Store  Store
	Codec  ports.Decoder
	States ports.ViewStore
	// Lister lists the states. Where it is nil, the state of each aggregate is read by itself.
	Lister ports.StateLister
	Rows   ports.ViewReader
	// Live says which generation of each view is compared.
	Live ports.LiveViews
	// Beside, unless it is nil, says which other generation of each view is compared as well. Both
	// are held against the same fold, so if both equal it they equal each other. A difference in it
	// is said to be in the live generation: the one of Live is about to replace it.
	Beside ports.LiveViews
	// Skips lists the events that were skipped by an operator. They are no differences.
	Skips ports.SkipLog
	// Projections are compared row by row.
	Projections []*projection.Projection
	// Others are consumers without rows, such as publishers. Only their progress is compared. They
	// take all types.
	Others []string
	// Repairer repairs an aggregate in the view of a consumer. It is nil where that is not
	// possible.
	Repairer Repairer
	// Progress, when set, is called at the beginning of each phase, and now and then during it.
	// Calls may be concurrent.
	Progress func(ports.VerifyProgress)
}

// Repairer repairs what one aggregate has in the view of one consumer.
type Repairer interface {
	// RepairAggregate brings the view up to the last event of the aggregate and makes its rows what
	// the events say. It also removes the rows in stray, which the events do not explain.
	RepairAggregate(ctx context.Context, consumer string, aggregateID uuid.UUID, stray []projection.Row) error
}

// Verifier implements ports.Verifier and ports.VerifyMonitor.
type Verifier struct {
	config Config
	// last is the progress of the last run.
	last atomic.Pointer[progress]
}

var (
	_ ports.Verifier      = (*Verifier)(nil)
	_ ports.VerifyMonitor = (*Verifier)(nil)
)

// New returns a Verifier.
func New(config Config) *Verifier { return &Verifier{config: config} }

// Verify compares every aggregate with every consumer, see ports.Verifier.
func (v *Verifier) Verify(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	return v.run(ctx, patience, nil)
}

// Repair compares every aggregate with every consumer and repairs the differences, see
// ports.Verifier.
func (v *Verifier) Repair(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	return v.run(ctx, patience, v.config.Repairer)
}

// Progress implements [ports.VerifyMonitor].
func (v *Verifier) Progress() ports.VerifyProgress {
	if last := v.last.Load(); last != nil {
		return last.now()
	}
	return ports.VerifyProgress{}
}

func (v *Verifier) run(ctx context.Context, patience time.Duration, repairer Repairer) (ports.VerifyReport, error) {
	return v.finish(ctx, v.begin(patience, repairer))
}

func (v *Verifier) begin(patience time.Duration, repairer Repairer) *verification {
	return &verification{
		Config: v.config, patience: patience, repairer: repairer, targets: v.config.targets(), seed: maphash.MakeSeed(),
		buckets: maxBuckets, heads: make(digest, maxBuckets), skips: make(map[skipped]bool),
	}
}

func (v *Verifier) finish(ctx context.Context, run *verification) (ports.VerifyReport, error) {
	run.progress = newProgress(v.config.Progress)
	v.last.Store(run.progress)
	defer run.progress.end()
	err := run.all(ctx)
	run.report.Aggregates, run.report.Events = run.aggregates.Load(), run.events.Load()
	for _, t := range run.targets {
		if t.prefix == "" { // a generation beside it has the same rows
			run.report.Rows += t.count
		}
	}
	return run.report, err
}

// target is one generation of what a consumer keeps.
type target struct {
	consumer string
	// live returns the generation, and table the table with its rows.
	live  func() ports.ViewID
	table func(view ports.ViewID) *projection.Table
	// projection is nil for a consumer without rows.
	projection *projection.Projection
	// prefix begins the description of a difference. twice reports whether there are two targets of
	// the consumer.
	prefix string
	twice  bool

	// rows is the digest of the rows: expected by the fold, and found in the view. count is how
	// many were read last.
	rows  digest
	count uint64
	// states is the digest of how far the target is, where states are listed.
	states digest
}

// targets returns what is compared.
func (c *Config) targets() []*target {
	var all []*target
	add := func(consumer string, in ports.LiveViews, p *projection.Projection, prefix string) {
		t := &target{
			consumer: consumer, projection: p, prefix: prefix, twice: c.Beside != nil && p != nil,
			live:  func() ports.ViewID { return in.LiveView(consumer) },
			table: func(view ports.ViewID) *projection.Table { return p.TableOf(in.VersionOf(view)) },
		}
		all = append(all, t)
	}
	for _, p := range c.Projections {
		add(p.Name, c.Live, p, "")
		if c.Beside != nil {
			add(p.Name, c.Beside, p, "in the live generation: ")
		}
	}
	for _, consumer := range c.Others {
		add(consumer, c.Live, nil, "")
	}
	return all
}

func (t *target) takes(aggregateType string) bool {
	return t.projection == nil || t.projection.Takes(aggregateType)
}

// owner returns the aggregate of a row. It is the nil UUID for a row that does not say it.
func (t *target) owner(row projection.Row) uuid.UUID {
	id, _ := t.projection.Table.OwnerOf(row)
	return id
}

// anyTakes reports whether a projection takes an aggregate type. Otherwise no one here has to
// decode its events.
func (v *verification) anyTakes(aggregateType string) bool {
	return slices.ContainsFunc(v.Projections, func(p *projection.Projection) bool { return p.Takes(aggregateType) })
}

// verification is one run.
type verification struct {
	Config
	// repairer repairs differences. It is nil when they are only reported.
	repairer Repairer
	patience time.Duration
	targets  []*target
	seed     maphash.Seed
	progress *progress
	report   ports.VerifyReport
	// skips are the events that were skipped.
	skips map[skipped]bool

	aggregates, events, expectedRows atomic.Uint64
	// buckets is how many each digest has.
	buckets int
	// heads is the digest of how long the histories are: as they are, and as the heads say.
	heads digest
	// suspect are the buckets in which something seems to differ.
	suspect []atomic.Bool
	// ahead reports whether the histories were expected before, see [Ahead].
	ahead bool
}

// skipped is an event that a consumer has skipped.
type skipped struct {
	consumer    string
	aggregateID uuid.UUID
	sequence    uint64
}

func (v *verification) all(ctx context.Context) error {
	if err := v.readSkips(ctx); err != nil {
		return err
	}
	if v.ahead { // the rows of the fold have the effect of what an operator has skipped since
		h := v.hasher()
		for s := range v.skips {
			v.suspect[h.bucket(s.aggregateID)].Store(true)
		}
	}
	if err := v.scan(ctx); err != nil {
		return err
	}
	suspects := v.suspects()
	if suspects == 0 {
		return nil
	}
	// What is expected of the suspects is added up again, as they are compared.
	for _, t := range v.targets {
		clear(t.rows)
	}
	share := v.aggregates.Load() * uint64(suspects) / uint64(v.buckets) //nolint:gosec // they are positive
	v.progress.begin(ports.VerifyCompare, share)
	doubtful, err := v.everySuspect(ctx)
	if err != nil {
		return err
	}
	if err := v.settle(ctx, doubtful); err != nil {
		return err
	}
	return v.strayRows(ctx)
}

// suspects returns how many buckets are suspect.
func (v *verification) suspects() (n int) {
	for bucket := range v.suspect {
		if v.suspect[bucket].Load() {
			n++
		}
	}
	return n
}

// everySuspect compares each aggregate of a suspect bucket, several at once. It returns those with
// differences.
func (v *verification) everySuspect(ctx context.Context) (doubtful []ports.Head, err error) {
	h := v.hasher()
	err = v.everyHeadPage(ctx, func(heads []ports.Head) error {
		heads = slices.DeleteFunc(heads, func(head ports.Head) bool {
			return !v.suspect[h.bucket(head.AggregateID)].Load()
		})
		outcomes, err := v.compareAll(ctx, heads)
		if err != nil {
			return err
		}
		for i, head := range heads {
			if len(outcomes[i].differences) > 0 && len(doubtful) < maxDoubts {
				doubtful = append(doubtful, head)
			} else if err := v.settled(ctx, head, outcomes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return doubtful, err
}

// compareAll compares several aggregates at once.
func (v *verification) compareAll(ctx context.Context, heads []ports.Head) ([]outcome, error) {
	outcomes := make([]outcome, len(heads))
	workers, ctx := several(ctx)
	for i, head := range heads {
		workers.Go(func() (err error) {
			outcomes[i], err = v.compare(ctx, head)
			v.progress.add(1)
			return err
		})
	}
	return outcomes, workers.Wait()
}

// settle compares doubtful aggregates again until the differences are gone or the patience is over.
func (v *verification) settle(ctx context.Context, doubtful []ports.Head) error {
	deadline := time.NewTimer(v.patience)
	defer deadline.Stop()
	pause := time.NewTicker(between)
	defer pause.Stop()
	for last := false; len(doubtful) > 0 && !last; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			last = true
		case <-pause.C:
		}
		var still []ports.Head
		for _, head := range doubtful {
			outcome, err := v.compare(ctx, head)
			if err != nil {
				return err
			}
			if len(outcome.differences) > 0 && !last {
				still = append(still, head)
				continue
			}
			if err := v.settled(ctx, head, outcome); err != nil {
				return err
			}
		}
		doubtful = still
	}
	return nil
}

// readSkips reads all skipped events. Operators skip events one by one, so there are few.
func (v *verification) readSkips(ctx context.Context) error {
	for _, p := range v.Projections {
		for query := (ports.SkipQuery{Consumer: p.Name, Limit: skipPage}); ; {
			listing, err := v.Skips.Skips(ctx, query)
			if err != nil {
				return fmt.Errorf("skips of %s: %w", p.Name, err)
			}
			for _, s := range listing.Skips {
				v.skips[skipped{p.Name, s.AggregateID, s.SequenceNumber}] = true
			}
			if query.After = listing.Next; query.After == "" {
				break
			}
		}
	}
	v.report.Skipped = uint64(len(v.skips))
	return nil
}

// withoutSkipped returns the events that a consumer has not skipped.
func (v *verification) withoutSkipped(consumer string, events []projection.Event) []projection.Event {
	if len(v.skips) == 0 {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e projection.Event) bool {
		return v.skips[skipped{consumer, e.AggregateID, e.SequenceNumber}]
	})
}

// history loads and decodes one aggregate. Stored bytes that cannot be read are a difference, and
// the verification continues.
func (v *verification) history(ctx context.Context, id uuid.UUID) ([]projection.Event, []ports.VerifyDifference, error) {
	records, wrong, err := v.records(ctx, id)
	if err != nil || wrong != nil {
		return nil, wrong, err
	}
	events, wrong := v.decode(records)
	return events, wrong, nil
}

func (v *verification) records(ctx context.Context, id uuid.UUID) ([]eventsourcing.Record, []ports.VerifyDifference, error) {
	records, err := v.Store.Load(ctx, id, 0)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return nil, nil, fmt.Errorf("load %s: %w", id, err)
	}
	if err == nil {
		err = eventsourcing.CheckHistory(records, id, 0)
	}
	if err != nil {
		return nil, broken(id, err), nil
	}
	return records, nil, nil
}

func (v *verification) decode(records []eventsourcing.Record) ([]projection.Event, []ports.VerifyDifference) {
	events := make([]projection.Event, len(records))
	for i, r := range records {
		var err error
		if events[i], err = v.Codec.Decode(r); err != nil {
			return nil, broken(r.AggregateID, err)
		}
	}
	return events, nil
}

// broken returns the difference of a history that is wrong itself.
func broken(id uuid.UUID, err error) []ports.VerifyDifference {
	return []ports.VerifyDifference{{AggregateID: id, Detail: err.Error()}}
}

func (v *verification) add(differences ...ports.VerifyDifference) {
	v.report.Differences += uint64(len(differences))
	for _, d := range differences {
		switch {
		case d.Behind:
			v.report.Behind++
		case d.Consumer == "":
			v.report.Broken++
		}
	}
	if room := maxShown - len(v.report.Shown); room > 0 {
		v.report.Shown = append(v.report.Shown, differences[:min(room, len(differences))]...)
	}
}
