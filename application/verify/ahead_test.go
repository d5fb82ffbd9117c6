package verify_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/verify"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// ahead begins a verification of one view, whose histories were read for filling.
func (b *bundle) ahead(t *testing.T, p *projection.Projection, change func(*verify.Config)) *verify.Ahead {
	t.Helper()
	config := b.config()
	config.Projections, config.Lister = []*projection.Projection{p}, b.store
	change(&config)
	a := verify.New(config).Ahead(0)
	for _, id := range b.orders {
		history, err := b.store.Load(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		events := make([]projection.Event, len(history))
		for i, r := range history {
			if events[i], err = orderjson.NewMux().Decode(r); err != nil {
				t.Fatal(err)
			}
		}
		a.Expect(history, p.Fold(events), true)
	}
	return a
}

// counted counts the pages of events that are listed.
type counted struct {
	verify.Store
	pages int
}

func (c *counted) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	c.pages++
	return c.Store.ListEvents(ctx, after, limit)
}

func TestAhead_findsWhatDiffersWithoutReadingTheEvents(t *testing.T) {
	t.Parallel()
	status := views.OrdersByStatus()
	for name, test := range map[string]struct {
		damage func(t *testing.T, b *bundle, c *verify.Config)
		detail string
	}{
		"nothing": {func(*testing.T, *bundle, *verify.Config) {}, ""},
		"a row that is different": {func(_ *testing.T, b *bundle, c *verify.Config) {
			c.Rows = tampered{b.store, func(rows []projection.Row, _ string) []projection.Row {
				rows[0] = slices.Clone(rows[0])
				rows[0][3] = "other"
				return rows
			}}
		}, "the events say"},
		"a state that is behind": {func(t *testing.T, b *bundle, c *verify.Config) {
			state, err := b.store.State(t.Context(), c.Live.LiveView(status.Name), b.orders[0])
			if err != nil {
				t.Fatal(err)
			}
			change := ports.Change{AggregateID: b.orders[0], State: ports.ViewState{SequenceNumber: 1, Data: state.Data}}
			if err := b.store.Replace(t.Context(), c.Live.LiveView(status.Name), change, state.SequenceNumber); err != nil {
				t.Fatal(err)
			}
		}, "has handled 1 of 2 events"},
		"an order that was not expected": {func(t *testing.T, b *bundle, _ *verify.Config) {
			b.command(t, order.CreateOrder{
				OrderID: uuid.New(), CustomerID: "c", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}},
			})
		}, "has handled 0 of 1 events"},
		"the effect of an event that was skipped since": {func(t *testing.T, b *bundle, _ *verify.Config) {
			skip := ports.Skip{Consumer: status.Name, AggregateID: b.orders[0], SequenceNumber: 2}
			if err := b.store.RecordSkip(t.Context(), skip); err != nil {
				t.Fatal(err)
			}
		}, "are skipped, but the view has their effect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			// the orders that move on must not be too many
			for range 60 {
				id := uuid.New()
				b.orders = append(b.orders, id)
				b.handle(t, b.command(t, order.CreateOrder{
					OrderID: id, CustomerID: "c", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}},
				}))
			}
			listed := &counted{Store: b.store}
			var config verify.Config
			a := b.ahead(t, status, func(c *verify.Config) {
				c.Store = listed
				config = *c
			})
			changed := config
			test.damage(t, b, &changed)
			if changed.Rows != config.Rows { // what reads is part of the verification
				a = b.ahead(t, status, func(c *verify.Config) { c.Rows, c.Store = changed.Rows, listed })
			}
			report, err := a.Verify(t.Context(), true)
			if err != nil || (report.Differences > 0) != (test.detail != "") {
				t.Fatalf("report %+v, %v", report, err)
			}
			if test.detail != "" && !strings.Contains(report.Shown[0].Detail, test.detail) {
				t.Errorf("found %+v, want %q", report.Shown, test.detail)
			}
			if listed.pages > 0 {
				t.Errorf("the events were listed %d times", listed.pages)
			}
		})
	}
}

// What moved on since its history was read is compared by itself, or all is read when that is much.
func TestAhead_takesWhatMovedOnForNoDifference(t *testing.T) {
	t.Parallel()
	status := views.OrdersByStatus()
	for name, test := range map[string]struct {
		moved    int
		complete bool
		pages    bool
	}{
		"all have moved on":         {2, true, true},
		"nothing has moved on":      {0, true, false},
		"not all were read":         {0, false, true},
		"they were not read either": {2, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			listed := &counted{Store: b.store}
			a := b.ahead(t, status, func(c *verify.Config) { c.Store = listed })
			for _, id := range b.orders[:test.moved] {
				b.handle(t, b.command(t, order.ShipOrder{OrderID: id, Carrier: "c", TrackingNumber: "t"}))
			}
			report, err := a.Verify(t.Context(), test.complete)
			if err != nil || report.Differences > 0 || report.Aggregates != 2 || report.Rows != 2 {
				t.Errorf("report %+v, %v", report, err)
			}
			if (listed.pages > 0) != test.pages {
				t.Errorf("the events were listed %d times", listed.pages)
			}
		})
	}
}
