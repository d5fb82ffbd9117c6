package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	page = 256
	// maxShown bounds how many differences are described; all are counted.
	maxShown = 20
	// maxDoubts bounds how many aggregates are compared again.
	maxDoubts = 10_000
	// between is the pause before aggregates with differences are compared again.
	between = 50 * time.Millisecond
)

// Store is what the views are compared with.
type Store interface {
	ports.HeadScanner
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Config is what a verification needs. Fields without a stated default are required.
type Config struct {
	Store  Store
	Codec  ports.Decoder
	States ports.ViewStore
	Rows   ports.ViewReader
	// Live says which generation of each view is compared.
	Live ports.LiveViews
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
	// Progress, when set, is called now and then with the number of aggregates that were compared.
	Progress func(orders uint64)
}

// Repairer repairs what one aggregate has in the view of one consumer.
type Repairer interface {
	// RepairAggregate brings the view up to the last event of the aggregate and makes its rows what
	// the events say. It also removes the rows in stray, which the events do not explain.
	RepairAggregate(ctx context.Context, consumer string, aggregateID uuid.UUID, stray []projection.Row) error
}

// Verifier implements ports.Verifier.
type Verifier struct{ config Config }

var _ ports.Verifier = (*Verifier)(nil)

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

func (v *Verifier) run(ctx context.Context, patience time.Duration, repairer Repairer) (ports.VerifyReport, error) {
	run := &verification{
		Config: v.config, patience: patience, repairer: repairer,
		expected: make(map[string]uint64), skips: make(map[skipped]bool),
	}
	err := run.all(ctx)
	return run.report, err
}

// verification is one run.
type verification struct {
	Config
	// repairer repairs differences. It is nil when they are only reported.
	repairer Repairer
	patience time.Duration
	report   ports.VerifyReport
	// expected is the number of rows that belong to aggregates, by projection.
	expected map[string]uint64
	// skips are the events that were skipped.
	skips map[skipped]bool
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
	doubtful, err := v.everyOrder(ctx)
	if err != nil {
		return err
	}
	if err := v.settle(ctx, doubtful); err != nil {
		return err
	}
	for _, p := range v.Projections {
		if err := v.strayRows(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// everyOrder compares each aggregate once. It returns those with differences.
func (v *verification) everyOrder(ctx context.Context) (doubtful []ports.Head, err error) {
	for cursor := ports.Cursor(""); ; {
		heads, err := v.Store.ScanHeads(ctx, cursor, page)
		if err != nil {
			return nil, fmt.Errorf("list aggregates: %w", err)
		}
		for _, head := range heads.Heads {
			outcome, err := v.compare(ctx, head)
			if err != nil {
				return nil, err
			}
			if len(outcome.differences) > 0 && len(doubtful) < maxDoubts {
				doubtful = append(doubtful, head)
				continue
			}
			if err := v.settled(ctx, head, outcome); err != nil {
				return nil, err
			}
		}
		if v.Progress != nil {
			v.Progress(v.report.Aggregates)
		}
		if cursor = heads.Next; cursor == "" {
			return doubtful, nil
		}
	}
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

// outcome is the result of the comparison of one aggregate.
type outcome struct {
	events      uint64
	rows        map[string]uint64 // by consumer
	differences []ports.VerifyDifference
}

// settled adds the outcome of an aggregate to the report. When differences are to be repaired, it
// repairs them first.
func (v *verification) settled(ctx context.Context, head ports.Head, o outcome) error {
	if v.repairer != nil && len(o.differences) > 0 {
		var err error
		if o, err = v.repaired(ctx, head, o); err != nil {
			return err
		}
	}
	v.report.Aggregates++
	v.report.Events += o.events
	for consumer, n := range o.rows {
		v.expected[consumer] += n
	}
	for i := range o.differences {
		o.differences[i].AggregateType = head.AggregateType
	}
	v.add(o.differences...)
	return nil
}

// repaired repairs an aggregate and compares it again.
func (v *verification) repaired(ctx context.Context, head ports.Head, o outcome) (outcome, error) {
	done := make(map[string]bool)
	for _, d := range o.differences {
		if d.Consumer == "" || done[d.Consumer] {
			continue
		}
		done[d.Consumer] = true
		if err := v.repairer.RepairAggregate(ctx, d.Consumer, head.AggregateID, nil); err != nil {
			v.add(ports.VerifyDifference{
				AggregateID: head.AggregateID, AggregateType: head.AggregateType, Consumer: d.Consumer,
				Detail: "cannot be repaired: " + err.Error(),
			})
		}
	}
	if len(done) == 0 {
		return o, nil
	}
	again, err := v.compare(ctx, head)
	if err == nil && len(again.differences) == 0 {
		v.report.Repaired++
	}
	return again, err
}

// compare compares one aggregate with its history.
func (v *verification) compare(ctx context.Context, head ports.Head) (outcome, error) {
	id := head.AggregateID
	// The states are read before the history. So a state that is ahead of the history is a real
	// difference and not a race.
	reached, err := v.reached(ctx, head)
	if err != nil {
		return outcome{}, err
	}
	records, wrong, err := v.records(ctx, id)
	if err != nil || wrong != nil {
		return outcome{differences: wrong}, err
	}
	var history []projection.Event
	if slices.ContainsFunc(v.Projections, func(p *projection.Projection) bool { return p.Takes(head.AggregateType) }) {
		// otherwise no one here has to decode these events
		if history, wrong = v.decode(records); wrong != nil {
			return outcome{differences: wrong}, nil
		}
	}
	o := outcome{events: uint64(len(records)), rows: make(map[string]uint64)}
	for consumer, state := range reached {
		if state.SequenceNumber != o.events {
			o.differences = append(o.differences, ports.VerifyDifference{
				AggregateID: id, Consumer: consumer,
				Detail: fmt.Sprintf("has handled %d of %d events", state.SequenceNumber, o.events),
			})
		}
	}
	for _, p := range v.Projections {
		if !p.Takes(head.AggregateType) {
			continue
		}
		handled := history[:min(reached[p.Name].SequenceNumber, o.events)]
		fold, detail := v.fold(p, v.withoutSkipped(p.Name, handled))
		if detail == "" {
			o.rows[p.Name] = uint64(len(fold.Put))
			if detail, err = v.compareRows(ctx, p, fold.Put); err == nil && detail != "" {
				detail, err = v.blame(ctx, p, handled, detail)
			}
		}
		if err != nil {
			return outcome{}, err
		}
		if detail != "" {
			o.differences = append(o.differences, ports.VerifyDifference{AggregateID: id, Consumer: p.Name, Detail: detail})
		}
	}
	return o, nil
}

// fold returns the rows that a projection makes of events. Its error names the event that the
// projection fails on.
func (v *verification) fold(p *projection.Projection, events []projection.Event) (projection.Step, string) {
	advance := func(state []byte, events []projection.Event) (step projection.Step, err error) {
		err = portkit.Protect(func() error {
			step, err = p.Advance(state, events)
			return err
		})
		return step, err
	}
	whole, err := advance(nil, events)
	if err == nil {
		return whole, ""
	}
	var state []byte
	for _, e := range events {
		step, err := advance(state, []projection.Event{e})
		if err != nil {
			return projection.Step{}, fmt.Sprintf("event %d cannot be applied: %v", e.SequenceNumber, err)
		}
		state = step.State
	}
	return projection.Step{}, fmt.Sprintf("%d events cannot be applied at once, but one by one: %v", len(events), err)
}

// blame names the skipped events when a view differs because it contains their effect.
func (v *verification) blame(
	ctx context.Context, p *projection.Projection, handled []projection.Event, detail string,
) (string, error) {
	var skips []uint64
	for _, e := range handled {
		if v.skips[skipped{p.Name, e.AggregateID, e.SequenceNumber}] {
			skips = append(skips, e.SequenceNumber)
		}
	}
	if len(skips) == 0 {
		return detail, nil
	}
	fold, wrong := v.fold(p, handled)
	if wrong != "" {
		return detail, nil
	}
	if with, err := v.compareRows(ctx, p, fold.Put); err != nil || with != "" {
		return detail, err
	}
	return fmt.Sprintf("events %d are skipped, but the view has their effect: %s", skips, detail), nil
}

// reached reads how far each consumer is with one aggregate.
func (v *verification) reached(ctx context.Context, head ports.Head) (map[string]ports.ViewState, error) {
	consumers := append([]string(nil), v.Others...)
	for _, p := range v.Projections {
		if p.Takes(head.AggregateType) {
			consumers = append(consumers, p.Name)
		}
	}
	reached := make(map[string]ports.ViewState, len(consumers))
	for _, consumer := range consumers {
		state, err := v.States.State(ctx, v.Live.LiveView(consumer), head.AggregateID)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) { // which counts as no state
			return nil, fmt.Errorf("state of %s for %s: %w", consumer, head.AggregateID, err)
		}
		reached[consumer] = state
	}
	return reached, nil
}

// readSkips reads all skipped events. Operators skip events one by one, so there are few.
func (v *verification) readSkips(ctx context.Context) error {
	for _, p := range v.Projections {
		for query := (ports.SkipQuery{Consumer: p.Name, Limit: page}); ; {
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

// compareRows reads each wanted row from the table and returns the differences.
func (v *verification) compareRows(ctx context.Context, p *projection.Projection, wanted []projection.Row) (string, error) {
	for _, want := range wanted {
		got, found, err := v.row(ctx, p, want)
		switch {
		case err != nil:
			return "", err
		case !found:
			return fmt.Sprintf("row %v is missing from %s", p.Table.Key(want), p.Table.Name), nil
		case !projection.SameRow(got, want):
			return fmt.Sprintf("row of %s is %v, the events say %v", p.Table.Name, got, want), nil
		}
	}
	return "", nil
}

// row reads the row that has the same key as like.
func (v *verification) row(
	ctx context.Context, p *projection.Projection, like projection.Row,
) (row projection.Row, found bool, err error) {
	listing, err := v.Rows.Rows(ctx, ports.RowQuery{
		View: v.Live.LiveView(p.Name), Table: p.Table, Prefix: p.Table.Key(like), Limit: 1,
	})
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", p.Table.Name, err)
	}
	if len(listing.Rows) == 0 {
		return nil, false, nil
	}
	return listing.Rows[0], true, nil
}

func (v *verification) add(differences ...ports.VerifyDifference) {
	v.report.Differences += uint64(len(differences))
	if room := maxShown - len(v.report.Shown); room > 0 {
		v.report.Shown = append(v.report.Shown, differences[:min(room, len(differences))]...)
	}
}
