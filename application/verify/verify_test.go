package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/verify"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// bundle is a store with two orders of two lines each. Every projection has handled all their
// events.
type bundle struct {
	store  *memory.Store
	orders []uuid.UUID
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{store: memory.New(memory.Options{}), orders: []uuid.UUID{uuid.New(), uuid.New()}}
	for _, id := range b.orders {
		items := []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}, {SKU: "B", Quantity: 2, UnitPrice: 7}}
		b.handle(t, b.command(t, order.CreateOrder{OrderID: id, CustomerID: "c", Currency: "EUR", Items: items}))
		b.handle(t, b.command(t, order.ConfirmOrder{OrderID: id, PaymentReference: "p"}))
	}
	return b
}

func (b *bundle) command(t *testing.T, c order.Command) eventsourcing.Record {
	t.Helper()
	handler := orders.NewCommands(orderjson.New(), command.Config{Store: b.store, Now: time.Now, NewID: uuid.New})
	result, err := handler.Handle(t.Context(), orders.Request{Command: c})
	if err != nil {
		t.Fatal(err)
	}
	records, err := b.store.Load(t.Context(), c.AggregateID(), result.SequenceNumber-1)
	if err != nil {
		t.Fatal(err)
	}
	return records[0]
}

func (b *bundle) handle(t *testing.T, r eventsourcing.Record) {
	t.Helper()
	for _, p := range views.All() {
		view := firstGeneration{}.LiveView(p.Name)
		state, err := b.store.State(t.Context(), view, r.AggregateID)
		if err != nil {
			t.Fatal(err)
		}
		change, err := filling.Project(p, orderjson.NewMux()).Apply(t.Context(), state.Data, []eventsourcing.Record{r})
		if err != nil {
			t.Fatal(err)
		}
		change.AggregateID, change.State.SequenceNumber = r.AggregateID, r.SequenceNumber
		if err := b.store.Apply(t.Context(), view, change); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bundle) config() verify.Config {
	return verify.Config{
		Store: b.store, Codec: orderjson.NewMux(), States: b.store, Rows: b.store,
		Live: firstGeneration{}, Skips: b.store, Projections: views.All(),
	}
}

// firstGeneration makes the first generation of every view the live one.
type firstGeneration struct{}

func (firstGeneration) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: 1}
}

func TestVerify_findsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var phases []string
	config := b.config()
	config.Progress = func(p ports.VerifyProgress) {
		phases = append(phases, fmt.Sprintf("%s of %d: %v", p.Phase, p.Total, p.Running))
	}
	verifier := verify.New(config)
	if p := verifier.Progress(); p != (ports.VerifyProgress{}) {
		t.Errorf("before the first run: %+v", p)
	}
	report, err := verifier.Verify(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"counting of 0: true", "folding of 2: true", "reading rows of 10: true", "reading rows of 10: false"}
	if diff := cmp.Diff(want, phases); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if p := verifier.Progress(); p.Running || p.Done != 10 || p.EndedAt.Before(p.PhaseStartedAt) || p.PhaseStartedAt.Before(p.StartedAt) {
		t.Errorf("after the run: %+v", p)
	}
	// Two orders: a row in each of three tables, and two in orders_by_sku.
	if report.Aggregates != 2 || report.Events != 4 || report.Rows != 10 || report.Differences != 0 {
		t.Errorf("report = %+v", report)
	}
}

func TestVerify_findsEveryKindOfDifference(t *testing.T) {
	t.Parallel()
	statusView := ports.ViewID{Consumer: "orders-by-status", Generation: 1}
	for name, test := range map[string]struct {
		damage func(t *testing.T, b *bundle, c *verify.Config)
		detail string
	}{
		"an event that no consumer handled": {func(t *testing.T, b *bundle, _ *verify.Config) {
			b.command(t, order.ShipOrder{OrderID: b.orders[0], Carrier: "c", TrackingNumber: "t"})
		}, "has handled 2 of 3 events"},
		"a publisher that is behind": {func(_ *testing.T, _ *bundle, c *verify.Config) {
			c.Others = []string{"publisher"}
		}, "has handled 0 of 2 events"},
		"a row that is missing": {func(_ *testing.T, b *bundle, c *verify.Config) {
			c.Rows = tampered{b.store, func(rows []projection.Row, table string) []projection.Row {
				if table == "orders_by_sku" {
					return nil
				}
				return rows
			}}
		}, "is missing from orders_by_sku"},
		"a row that is different": {func(_ *testing.T, b *bundle, c *verify.Config) {
			c.Rows = tampered{b.store, func(rows []projection.Row, table string) []projection.Row {
				if table == "orders_by_customer" {
					rows[0][3] = "SHIPPED"
				}
				return rows
			}}
		}, "the events say"},
		"a row too many": {func(t *testing.T, b *bundle, _ *verify.Config) {
			at := eventsourcing.Timestamp(time.Now())
			stray := projection.Row{"DELIVERED", at, b.orders[0], "c", "EUR", int64(1), int64(1), at}
			err := b.store.Apply(t.Context(), statusView, ports.Change{
				AggregateID: uuid.New(), State: ports.ViewState{SequenceNumber: 1}, Table: views.OrdersByStatus().Table, Put: []projection.Row{stray},
			})
			if err != nil {
				t.Fatal(err)
			}
		}, "is not in the fold of its aggregate"},
		"a state ahead of the history": {func(t *testing.T, b *bundle, _ *verify.Config) {
			if err := b.store.Apply(t.Context(), statusView, ports.Change{AggregateID: b.orders[0], State: ports.ViewState{SequenceNumber: 9}}); err != nil {
				t.Fatal(err)
			}
		}, "has handled 9 of 2 events"},
		"a history with a hole": {func(_ *testing.T, b *bundle, c *verify.Config) {
			c.Store = holed{b.store}
		}, "sequence number 2 where 1 is due"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(t *testing.T, report ports.VerifyReport) {
				t.Helper()
				if report.Differences == 0 || !strings.Contains(report.Shown[0].Detail, test.detail) || report.Shown[0].AggregateType != "order" {
					t.Errorf("report = %+v, want %q", report, test.detail)
				}
				behind := strings.HasPrefix(test.detail, "has handled") && !strings.HasPrefix(test.detail, "has handled 9 of 2")
				if behind != (report.Behind == report.Differences) || (name == "a history with a hole") != (report.Broken > 0) {
					t.Errorf("report = %+v: %d are behind, %d broken", report, report.Behind, report.Broken)
				}
			}
			for _, listed := range []bool{false, true} {
				b := setup(t)
				config := b.config()
				if listed {
					config.Lister = b.store
				}
				test.damage(t, b, &config)
				report, err := verify.New(config).Verify(t.Context(), time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				check(t, report)
			}
		})
	}
}

func TestVerify_waitsForConsumersThatAreOnTheirWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := b.command(t, order.ShipOrder{OrderID: b.orders[0], Carrier: "c", TrackingNumber: "t"})
	config := b.config()
	// after the first comparison
	config.Progress = at(ports.VerifyRows, func() { b.handle(t, late) })
	report, err := verify.New(config).Verify(t.Context(), time.Minute)
	if err != nil || report.Differences != 0 || report.Aggregates != 2 || report.Events != 5 {
		t.Errorf("report = %+v, %v", report, err)
	}
}

// at returns a Progress that calls once at the beginning of a phase.
func at(phase ports.VerifyPhase, once func()) func(ports.VerifyProgress) {
	return func(p ports.VerifyProgress) {
		if p.Phase == phase && p.Done == 0 && p.Running && once != nil {
			do := once
			once = nil
			do()
		}
	}
}

// Live traffic continues while rows are listed. An order gets another status, and its consumer has
// not received the event yet, or is applying it.
func TestVerify_takesTrafficForNoStrayRow(t *testing.T) {
	t.Parallel()
	status := views.OrdersByStatus()
	view := firstGeneration{}.LiveView(status.Name)
	for name, applied := range map[string]func(t *testing.T, b *bundle, shipped eventsourcing.Record){
		"the consumer is behind":      func(*testing.T, *bundle, eventsourcing.Record) {},
		"the consumer has handled it": func(t *testing.T, b *bundle, r eventsourcing.Record) { b.handle(t, r) },
		"the consumer has written a row, and is to delete another": func(t *testing.T, b *bundle, r eventsourcing.Record) {
			page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: status.Table, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(page.Rows, func(row projection.Row) bool { return status.Table.Get(row, "order_id") == r.AggregateID })
			written := slices.Clone(page.Rows[at])
			written[0] = "SHIPPED"
			state, err := b.store.State(t.Context(), view, r.AggregateID)
			if err != nil {
				t.Fatal(err)
			}
			err = b.store.Replace(t.Context(), view, ports.Change{
				AggregateID: r.AggregateID, State: state, Table: status.Table, Put: []projection.Row{written},
			}, state.SequenceNumber)
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := uuid.New()
			b.handle(t, b.command(t, order.CreateOrder{
				OrderID: id, CustomerID: "c", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}},
			}))
			config := b.config()
			// The order changes between its fold and the listing of its rows: it is compared by
			// itself.
			config.Progress = at(ports.VerifyRows, func() {
				b.handle(t, b.command(t, order.UpdateItems{OrderID: id, Items: []order.Item{{SKU: "A", Quantity: 2, UnitPrice: 5}}}))
			})
			listings := 0
			config.Rows = &during{ViewReader: b.store, table: status.Table.Name, before: func() {
				// It changes again behind its comparison: each row is looked at.
				if listings++; listings == 2 {
					b.handle(t, b.command(t, order.ConfirmOrder{OrderID: id, PaymentReference: "p"}))
				}
			}, after: func() {
				if listings == 3 {
					applied(t, b, b.command(t, order.ShipOrder{OrderID: id, Carrier: "c", TrackingNumber: "t"}))
				}
			}}
			report, err := verify.New(config).Verify(t.Context(), 0)
			if err != nil || report.Differences != 0 || listings != 3 {
				t.Errorf("report = %+v, %v, after %d listings; want no difference after 3", report, err, listings)
			}
		})
	}
}

// A row that was correct before the last event that its consumer has handled is stray, whatever
// events come later.
func TestVerify_findsRowsThatWereLeftBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status := views.OrdersByStatus()
	view := firstGeneration{}.LiveView(status.Name)
	page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: status.Table, Limit: 10})
	if err != nil || len(page.Rows) != 2 {
		t.Fatalf("rows = %v, %v", page, err)
	}
	left := page.Rows[0]
	id, _ := status.Table.Get(left, "order_id").(uuid.UUID)
	b.handle(t, b.command(t, order.ShipOrder{OrderID: id, Carrier: "c", TrackingNumber: "t"}))
	state, err := b.store.State(t.Context(), view, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.Replace(t.Context(), view, ports.Change{AggregateID: id, State: state, Table: status.Table, Put: []projection.Row{left}}, state.SequenceNumber); err != nil {
		t.Fatal(err)
	}
	config := b.config()
	listings := 0
	config.Rows = &during{ViewReader: b.store, table: status.Table.Name, before: func() {
		if listings++; listings == 2 { // the order was compared
			b.command(t, order.DeliverOrder{OrderID: id})
		}
	}, after: func() {}}
	report, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil || report.Differences != 1 || !strings.Contains(report.Shown[0].Detail, "is not in the fold") ||
		report.Shown[0].AggregateType != "order" {
		t.Errorf("report = %+v, %v; want the row that was left", report, err)
	}
}

// during is a reader that calls before and after it reads a listing of one table.
type during struct {
	ports.ViewReader
	table         string
	before, after func()
}

func (r *during) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	if q.Table.Name != r.table || len(q.Prefix) > 0 {
		return r.ViewReader.Rows(ctx, q)
	}
	r.before()
	page, err := r.ViewReader.Rows(ctx, q)
	r.after()
	return page, err
}

type tampered struct {
	ports.ViewReader
	change func(rows []projection.Row, table string) []projection.Row
}

func (r tampered) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	page, err := r.ViewReader.Rows(ctx, q)
	if len(page.Rows) > 0 {
		page.Rows = r.change(page.Rows, q.Table.Name)
	}
	return page, err
}

// holed has lost the first event of every history.
type holed struct{ *memory.Store }

func (s holed) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.Store.ListEvents(ctx, after, limit)
	page.Records = slices.DeleteFunc(page.Records, func(r eventsourcing.Record) bool { return r.SequenceNumber == 1 })
	return page, err
}

func (s holed) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := s.Store.Load(ctx, id, after)
	return records[1:], err
}

// repairs repairs with the effect of the projection, as a consumer does.
type repairs struct {
	*bundle
	asked []string
}

func (r *repairs) RepairAggregate(ctx context.Context, consumerName string, aggregateID uuid.UUID, stray []projection.Row) error {
	r.asked = append(r.asked, consumerName)
	for _, p := range views.All() {
		if p.Name != consumerName {
			continue
		}
		records, err := r.store.Load(ctx, aggregateID, 0)
		if err != nil {
			return err
		}
		change := ports.Change{Table: p.Table}
		if len(records) > 0 {
			if change, err = filling.Project(p, orderjson.NewMux()).Apply(ctx, nil, records); err != nil {
				return err
			}
		}
		change.AggregateID, change.State.SequenceNumber = aggregateID, uint64(len(records))
		change.Delete = append(change.Delete, stray...)
		view := firstGeneration{}.LiveView(p.Name)
		state, err := r.store.State(ctx, view, aggregateID)
		if err != nil {
			return err
		}
		return r.store.Replace(ctx, view, change, state.SequenceNumber)
	}
	return errors.New("no such projection")
}

func TestRepair_putsRightWhatVerifyFinds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := &repairs{bundle: b}
	config := b.config()
	config.Repairer = r
	status := views.OrdersByStatus()
	view := firstGeneration{}.LiveView(status.Name)

	// no consumer has handled it
	b.command(t, order.ShipOrder{OrderID: b.orders[0], Carrier: "c", TrackingNumber: "t"})
	page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: status.Table, Limit: 10})
	if err != nil || len(page.Rows) != 2 {
		t.Fatalf("rows = %v, %v", page, err)
	}
	for i, row := range page.Rows {
		if status.Table.Get(row, "order_id") != b.orders[1] {
			continue
		}
		stray := append(projection.Row(nil), row...)
		stray[0] = "CANCELLED" // the same order in another status as well
		state, err := b.store.State(t.Context(), view, b.orders[1])
		if err != nil {
			t.Fatal(err)
		}
		page.Rows[i][len(row)-1] = time.UnixMilli(0).UTC()
		change := ports.Change{AggregateID: b.orders[1], State: state, Table: status.Table, Put: []projection.Row{stray, page.Rows[i]}}
		if err := b.store.Replace(t.Context(), view, change, state.SequenceNumber); err != nil {
			t.Fatal(err)
		}
	}
	found, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil || found.Differences == 0 || len(r.asked) > 0 {
		t.Fatalf("before: %+v, %v; repairs of %v", found, err, r.asked)
	}
	report, err := verify.New(config).Repair(t.Context(), 0)
	if err != nil || report.Differences != 0 || report.Repaired < 2 {
		t.Errorf("repair: %+v, %v", report, err)
	}
	after, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil || after.Differences != 0 || after.Repaired != 0 {
		t.Errorf("after: %+v, %v", after, err)
	}
}

func TestVerify_countsSkippedEventsAndWantsTheRowsWithoutThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, p := range views.All() {
		err := b.store.RecordSkip(t.Context(), ports.Skip{Consumer: p.Name, AggregateID: b.orders[0], SequenceNumber: 2, Reason: "test", SkippedAt: time.UnixMilli(1).UTC()})
		if err != nil {
			t.Fatal(err)
		}
	}
	report, err := verify.New(b.config()).Verify(t.Context(), 0)
	if err != nil || report.Skipped != 4 || report.Differences == 0 {
		t.Errorf("report = %+v, %v; want the rows, which have the event, to differ", report, err)
	}
	for _, d := range report.Shown {
		if !strings.HasPrefix(d.Detail, "events [2] are skipped, but the view has their effect: ") &&
			!strings.Contains(d.Detail, "is not in the fold") {
			t.Errorf("%s: %s", d.Consumer, d.Detail)
		}
	}
}

// A reducer that fails or panics is a difference that names the event. The verification continues.
func TestVerify_namesTheEventThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.handle(t, b.command(t, order.ShipOrder{OrderID: b.orders[0], Carrier: "c", TrackingNumber: "t"}))
	config := b.config()
	sound := config.Projections[1]
	config.Projections[1] = projection.Define(projection.Definition[struct{}, order.Event]{
		Name: sound.Name, Version: sound.Version, Types: sound.Types, Table: sound.Table,
		Reduce: func(s struct{}, e eventsourcing.Envelope[order.Event]) struct{} {
			if _, shipped := e.Event.(order.OrderShipped); shipped {
				panic("a bug")
			}
			return s
		},
		Rows: func(struct{}) []projection.Row { return nil },
	})
	report, err := verify.New(config).Verify(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(report.Shown, func(d ports.VerifyDifference) bool {
		return d.AggregateID == b.orders[0] && d.Consumer == sound.Name && d.Detail == "event 3 cannot be applied: panic: a bug"
	})
	if !found {
		t.Errorf("report = %+v", report)
	}
}

// Rows and states of orders that never existed are removed as well.
func TestRepair_removesWhatNoOrderAccountsFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status := views.OrdersByStatus()
	view := firstGeneration{}.LiveView(status.Name)
	page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: status.Table, Limit: 1})
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("rows = %v, %v", page, err)
	}
	stranger, row := uuid.New(), slices.Clone(page.Rows[0])
	for i, column := range status.Table.Columns {
		if column.Name == status.Table.Owner {
			row[i] = stranger
		}
	}
	err = b.store.Apply(t.Context(), view, ports.Change{
		AggregateID: stranger, State: ports.ViewState{SequenceNumber: 3}, Table: status.Table, Put: []projection.Row{row},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := b.config()
	config.Repairer = &repairs{bundle: b}
	if report, err := verify.New(config).Repair(t.Context(), 0); err != nil || report.Differences != 0 || report.Repaired != 1 {
		t.Errorf("repair = %+v, %v", report, err)
	}
	if report, err := verify.New(config).Verify(t.Context(), 0); err != nil || report.Differences != 0 {
		t.Errorf("after it: %+v, %v", report, err)
	}
}

// VersionOf implements ports.LiveViews.
func (firstGeneration) VersionOf(ports.ViewID) int { return 0 }
