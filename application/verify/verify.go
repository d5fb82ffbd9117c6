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
	// maxDoubts bounds how many orders are looked at again.
	maxDoubts = 10_000
	// between is the pause between two looks at the orders in doubt.
	between = 50 * time.Millisecond
)

// Store is what is verified against.
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
	// Live says which generation of each view is looked at.
	Live ports.LiveViews
	// Skips tells which events were passed over on purpose: they are no difference.
	Skips ports.SkipLog
	// Projections are compared row by row.
	Projections []*projection.Projection
	// Others are consumers without rows, such as publishers: they are only asked how far they are. They take all types.
	Others []string
	// Repairer puts an order right in the view of a consumer; nil where nothing can.
	Repairer Repairer
	// Progress, when set, is told now and then how many orders were looked at.
	Progress func(orders uint64)
}

// Repairer puts right what one order has in the view of one consumer.
type Repairer interface {
	// RepairAggregate brings the view up to the order's last event, and makes its rows what the events say. stray are rows to be
	// removed that the events do not say.
	RepairAggregate(ctx context.Context, consumer string, aggregateID uuid.UUID, stray []projection.Row) error
}

// Verifier implements ports.Verifier.
type Verifier struct{ config Config }

var _ ports.Verifier = (*Verifier)(nil)

// New returns a Verifier.
func New(config Config) *Verifier { return &Verifier{config: config} }

// Verify compares every order with every consumer.
func (v *Verifier) Verify(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	return v.run(ctx, patience, nil)
}

// Repair compares every order with every consumer, and puts right what it finds.
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
	// repairer puts differences right; nil to leave them.
	repairer Repairer
	patience time.Duration
	report   ports.VerifyReport
	// expected is how many rows the orders account for.
	expected map[string]uint64
	// skips are the events that were passed over.
	skips map[skipped]bool
}

// skipped is an event that a consumer has passed over.
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

// everyOrder compares each order once, and returns those with differences.
func (v *verification) everyOrder(ctx context.Context) (doubtful []ports.Head, err error) {
	for cursor := ports.Cursor(""); ; {
		heads, err := v.Store.ScanHeads(ctx, cursor, page)
		if err != nil {
			return nil, fmt.Errorf("list orders: %w", err)
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

// settle looks at doubtful orders again until the differences are gone or patience is used up.
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

// outcome is what the look at one order gave.
type outcome struct {
	events      uint64
	rows        map[string]uint64 // by consumer
	differences []ports.VerifyDifference
}

// settled takes the outcome of an order into the report, after differences were put right if they are to be.
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

// repaired puts an order right and looks at it again.
func (v *verification) repaired(ctx context.Context, head ports.Head, o outcome) (outcome, error) {
	done := make(map[string]bool)
	for _, d := range o.differences {
		if d.Consumer == "" || done[d.Consumer] {
			continue
		}
		done[d.Consumer] = true
		if err := v.repairer.RepairAggregate(ctx, d.Consumer, head.AggregateID, nil); err != nil {
			v.add(ports.VerifyDifference{
				AggregateID: head.AggregateID, AggregateType: head.AggregateType, Consumer: d.Consumer, Detail: "cannot be put right: " + err.Error(),
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

// compare holds one order against its history.
func (v *verification) compare(ctx context.Context, head ports.Head) (outcome, error) {
	id := head.AggregateID
	// States are read before the history: so a state that is ahead of the history is a difference and not a race.
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
		if history, wrong = v.decode(records); wrong != nil { // else nobody here needs to read these events
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

// fold returns what a projection makes of events, or names the event that it cannot take.
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

// blame names the skipped events when a view differs because it has their effect.
func (v *verification) blame(ctx context.Context, p *projection.Projection, handled []projection.Event, detail string) (string, error) {
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
	return fmt.Sprintf("events %d are skipped, and the view has their effect: %s", skips, detail), nil
}

// reached reads how far each consumer is with one order.
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
		if err != nil {
			return nil, fmt.Errorf("state of %s for %s: %w", consumer, head.AggregateID, err)
		}
		reached[consumer] = state
	}
	return reached, nil
}

// readSkips reads all decisions to pass over an event. People make them one by one, so there are few.
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

// withoutSkipped returns the events that a consumer has not passed over.
func (v *verification) withoutSkipped(consumer string, events []projection.Event) []projection.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e projection.Event) bool {
		return v.skips[skipped{consumer, e.AggregateID, e.SequenceNumber}]
	})
}

// history loads and decodes one aggregate. What is wrong with the stored bytes is a finding, not a failure of the verification.
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

// broken is the difference of a history that is wrong itself.
func broken(id uuid.UUID, err error) []ports.VerifyDifference {
	return []ports.VerifyDifference{{AggregateID: id, Detail: err.Error()}}
}

// compareRows looks for each wanted row in the table, and says what differs.
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

// row reads the row that has the key of like.
func (v *verification) row(ctx context.Context, p *projection.Projection, like projection.Row) (row projection.Row, found bool, err error) {
	listing, err := v.Rows.Rows(ctx, ports.RowQuery{View: v.Live.LiveView(p.Name), Table: p.Table, Prefix: p.Table.Key(like), Limit: 1})
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
