package otherdomain_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/application/orders"
	"orderflow/domain/order"
	orderviews "orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/otherdomain"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stock/views"
)

// Two domains in one service: commands, views, lists, the publisher, and the view over both.
func TestService_HasBothDomains(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		pens, inks, orderID := uuid.New(), uuid.New(), uuid.New()
		w.item(receive(pens, "PEN-1", 10), receive(inks, "INK-1", 1))
		w.order(createOrder(orderID, wants("PEN-1", 4), wants("INK-1", 2)))
		w.item(reserve(pens, orderID, 4), reserve(inks, orderID, 1))
		_, err := w.Items.Handle(t.Context(), inventory.Request{Command: reserve(inks, uuid.New(), 1)})
		var rule *stock.RuleError
		if !errors.As(err, &rule) || rule.Refusal().Code != stock.CodeNotEnough {
			t.Errorf("reserving what is not there: %v", err)
		}

		report := w.settled()
		// Of the order: a row in three views, and two in each of orders_by_sku and
		// reserved_by_order. Of each item: one in each.
		if report.Aggregates != 3 || report.Events != 5 || report.Rows != 7+2*3 {
			t.Errorf("report = %+v", report)
		}
		row, err := w.ItemViews.Row(t.Context(), pens, 2, patience)
		if err != nil {
			t.Fatal(err)
		}
		table := views.StockLevels().Table
		if table.Get(row, "free") != int64(6) || table.Get(row, "reserved") != int64(4) {
			t.Errorf("stock of pens: %v", row)
		}
		list, err := w.Lists.List(t.Context(), "reservations_by_sku", "PEN-1", "", 10)
		if err != nil || len(list.Rows) != 1 || list.Rows[0][3] != orderID {
			t.Errorf("reservations of pens: %v, %v", list.Rows, err)
		}
		if _, err := w.OrderViews.Row(t.Context(), orderID, 1, patience); err != nil {
			t.Error(err)
		}
		got, err := w.Fulfilled(t.Context(), orderID)
		want := []views.Fulfilment{{SKU: "INK-1", Wanted: 2, Reserved: 1}, {SKU: "PEN-1", Wanted: 4, Reserved: 4}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("fulfilment, %v (-want +got):\n%s", err, diff)
		}
		for _, id := range []uuid.UUID{pens, inks, orderID} {
			if diff := cmp.Diff(w.history(id), w.publishedOf(id)); diff != "" {
				t.Errorf("published of %s (-stored +published):\n%s", id, diff)
			}
		}
	})
}

// Ids are unique over all types. The first type keeps the id.
func TestService_AnIDBelongsToOneType(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		item, orderID := uuid.New(), uuid.New()
		w.item(receive(item, "PEN-1", 10))
		w.order(createOrder(orderID, wants("PEN-1", 1)))
		w.settled()

		for _, c := range []order.Command{createOrder(item, wants("A", 1)), order.CancelOrder{OrderID: item, Reason: "r"}} {
			_, err := w.Orders.Handle(t.Context(), orders.Request{Command: c})
			expectOtherType(t, err, ports.OtherTypeError{AggregateID: item, Type: stock.Type, Wanted: order.Type})
		}
		for _, c := range []stock.Command{receive(orderID, "PEN-1", 1), reserve(orderID, uuid.New(), 1)} {
			_, err := w.Items.Handle(t.Context(), inventory.Request{Command: c})
			expectOtherType(t, err, ports.OtherTypeError{AggregateID: orderID, Type: order.Type, Wanted: stock.Type})
		}
		_, err := w.OrderViews.Row(t.Context(), item, 0, 0)
		mustBe(t, err, ports.ErrNotFound)
		_, err = w.OrderViews.Events(t.Context(), item, 0, 1_000)
		mustBe(t, err, ports.ErrNotFound)
		_, err = w.ItemViews.RowAt(t.Context(), orderID, ports.Moment{Time: time.Now()})
		mustBe(t, err, ports.ErrNotFound)
		if events, err := w.ItemViews.Events(t.Context(), item, 0, 1_000); err != nil || len(events.Events) != 1 {
			t.Errorf("events of the item: %v, %v", events, err)
		}
		if report := w.settled(); report.Events != 2 {
			t.Errorf("a refused command has written something: %+v", report)
		}
	})
}

func expectOtherType(t *testing.T, err error, want ports.OtherTypeError) {
	t.Helper()
	var other *ports.OtherTypeError
	if !errors.As(err, &other) || *other != want {
		t.Errorf("error %v, want %+v", err, want)
	}
}

// ofOrders are the consumers that take orders only.
func ofOrders() (names []string) {
	for _, p := range orderviews.All() {
		names = append(names, p.Name)
	}
	return names
}

// calm waits until each consumer reports that nothing is left to deliver, and its offset is saved.
func (w *world) calm() map[string]ports.ConsumerStatus {
	w.t.Helper()
	w.settled()
	var statuses map[string]ports.ConsumerStatus
	w.await(func() (bool, string) {
		statuses = w.statuses()
		for name, s := range statuses {
			if s.State != ports.ConsumerRunning || !s.Lag.Known || s.Lag.Events != 0 {
				return false, fmt.Sprintf("%s to be at the end of the feed: %+v", name, s)
			}
		}
		return true, ""
	})
	return statuses
}

// Consumers of orders never see a stock event: no state, no row, nothing parked, nothing counted.
// Their offsets pass it, so that their lag is right, and so that nothing is delivered again after a
// restart.
func TestService_ConsumersSeeTheirOwnTypesOnly(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		w.calm()
		item, orderID := uuid.New(), uuid.New()
		w.item(receive(item, "PEN-1", 100))
		for range 10 {
			w.item(reserve(item, uuid.New(), 1))
		}
		w.order(createOrder(orderID, wants("PEN-1", 1)))
		for range 10 {
			w.item(reserve(item, uuid.New(), 1))
		}

		statuses := w.calm()
		for name, handled := range map[string]uint64{
			"order-read-model": 1, "orders-by-customer": 1, "orders-by-status": 1, "orders-by-sku": 1,
			"stock-levels": 21, "reservations-by-sku": 21, "reserved-by-order": 22, otherdomain.PublisherName: 22,
		} {
			s := statuses[name]
			if s.Handled != handled || s.Duplicates != 0 || s.Healed != 0 || s.Retries != 0 || s.Parked != 0 {
				t.Errorf("%s: %+v, want %d events handled", name, s, handled)
			}
		}
		for _, name := range ofOrders() {
			state, err := w.store.State(t.Context(), w.Consumers.LiveView(name), item)
			if err != nil || state.SequenceNumber != 0 || len(state.Data) != 0 {
				t.Errorf("%s has a state of the stock item: %+v, %v", name, state, err)
			}
		}

		w.restart()
		w.start()
		w.item(reserve(item, uuid.New(), 1))
		for name, s := range w.calm() {
			want := uint64(1)
			if slices.Contains(ofOrders(), name) {
				want = 0
			}
			if s.Handled != want || s.Duplicates != 0 || s.Healed != 0 {
				t.Errorf("after a restart, %s: %+v, want %d events handled", name, s, want)
			}
		}
		if n := len(w.published.Published()); n != 23 {
			t.Errorf("%d records were published, want each of 23 once", n)
		}
	})
}

// A stock event that cannot be read parks its item for the consumers of stock, and for no others.
func TestService_AParkedItemIsTheBusinessOfItsConsumers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		item, orderID := uuid.New(), uuid.New()
		w.item(receive(item, "PEN-1", 10))
		w.raw(stock.Type, item, "stock.reserved", 1, `{"order_id":"broken"}`)
		// the oldest version
		w.raw(stock.Type, item, "stock.received", 1, `{"sku":"PEN-1","quantity":5}`)
		w.order(createOrder(orderID, wants("PEN-1", 1)))

		ofStock := []string{"stock-levels", "reservations-by-sku", "reserved-by-order"}
		w.await(func() (bool, string) {
			for _, name := range ofStock {
				if s := w.statuses()[name]; s.Parked != 1 {
					return false, fmt.Sprintf("%s to park the item: %+v", name, s)
				}
			}
			return true, ""
		})
		for name, s := range w.statuses() {
			if !slices.Contains(ofStock, name) && (s.Parked != 0 || s.State == ports.ConsumerFailing) {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if _, err := w.OrderViews.Row(t.Context(), orderID, 1, patience); err != nil {
			t.Errorf("an order behind it: %v", err)
		}
		if got, err := w.Fulfilled(t.Context(), orderID); err != nil || len(got) != 1 || got[0].Wanted != 1 {
			t.Errorf("the order in the view over both: %+v, %v", got, err)
		}
		page, err := w.Consumers.ListParked(t.Context(), "stock-levels", "", 10)
		if err != nil || len(page.Aggregates) != 1 || page.Aggregates[0].AggregateID != item ||
			page.Aggregates[0].AggregateType != stock.Type || page.Aggregates[0].SequenceNumber != 2 {
			t.Errorf("parked: %+v, %v", page.Aggregates, err)
		}
		for _, name := range ofStock {
			if err := w.Consumers.SkipParked(t.Context(), name, item, "broken"); err != nil {
				t.Errorf("skip for %s: %v", name, err)
			}
		}
		row, err := w.ItemViews.Row(t.Context(), item, 3, patience)
		if err != nil || views.StockLevels().Table.Get(row, "received") != int64(15) {
			t.Errorf("stock behind the event that was skipped: %v, %v", row, err)
		}
	})
}

// Consumers catch up with what was stored before their domain existed, and with what is stored
// while they do not run, each with the types that it takes.
func TestService_CatchesUpWithItsTypes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start(ordersOnly)
		orderID, item := uuid.New(), uuid.New()
		w.order(createOrder(orderID, wants("PEN-1", 2)))
		w.settled()
		w.stop()

		// The new version begins with the history of the old one.
		w.start()
		w.item(receive(item, "PEN-1", 10), reserve(item, orderID, 2))
		w.settled()
		if s := w.statuses()["reserved-by-order"]; s.Handled != 3 {
			t.Errorf("the view over both, which is new: %+v", s)
		}
		w.stop()

		// The old version, run again, does not know the new type. The type must not disturb it.
		w.start(ordersOnly)
		w.order(order.ConfirmOrder{OrderID: orderID, PaymentReference: "p"})
		statuses := w.calm()
		for _, name := range ofOrders() {
			if s := statuses[name]; s.Handled != 1 || s.Parked != 0 {
				t.Errorf("the old version of %s: %+v", name, s)
			}
		}
		w.stop()

		// The feed drops everything that comes while no service runs.
		w.start()
		w.calm()
		w.stop()
		w.start(func(c *otherdomain.Config) { c.Store = deaf{w.store} })
		w.item(reserve(item, uuid.New(), 1))
		w.order(order.ShipOrder{OrderID: orderID, Carrier: "c", TrackingNumber: "t"})
		w.stop()
		w.disk.expire(t)
		w.start()
		report := w.settled()
		if report.Events != 6 || report.Aggregates != 2 {
			t.Errorf("report = %+v", report)
		}
		for name, s := range w.calm() {
			want := map[string]uint64{
				"stock-levels": 1, "reservations-by-sku": 1, "reserved-by-order": 2, otherdomain.PublisherName: 2,
			}[name]
			if slices.Contains(ofOrders(), name) {
				want = 1
			}
			if s.Expired != 1 || s.Handled != want {
				t.Errorf("%s: %+v, want %d events from the event store", name, s, want)
			}
		}
		for _, id := range []uuid.UUID{orderID, item} {
			if diff := cmp.Diff(w.history(id), w.publishedOf(id)); diff != "" {
				t.Errorf("published of %s (-stored +published):\n%s", id, diff)
			}
		}
	})
}

func TestService_RebuildsEachViewFromItsTypes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		items, orderIDs := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}, []uuid.UUID{uuid.New(), uuid.New()}
		for i, id := range items {
			w.item(receive(id, fmt.Sprint("SKU-", i), 10))
		}
		for _, id := range orderIDs {
			w.order(createOrder(id, wants("SKU-0", 1), wants("SKU-1", 1)))
			w.item(reserve(items[0], id, 1))
		}
		w.calm()
		for name, aggregates := range map[string]uint64{"orders-by-status": 2, "reservations-by-sku": 3, "reserved-by-order": 5} {
			before := w.Consumers.LiveView(name)
			if err := w.Consumers.Rebuild(t.Context(), name, ports.RebuildRequest{}); err != nil {
				t.Fatal(err)
			}
			w.await(func() (bool, string) {
				s := w.statuses()[name]
				return s.Rebuild != nil && s.Rebuild.Phase == ports.RebuildSwitched && s.State == ports.ConsumerRunning,
					fmt.Sprintf("%s to be rebuilt: %+v, %+v", name, s, s.Rebuild)
			})
			if s := w.statuses()[name]; s.Rebuild.Total != aggregates || s.Live.Number == before.Generation {
				t.Errorf("%s: %+v of %d aggregates, want %d", name, s.Rebuild, s.Rebuild.Total, aggregates)
			}
		}
		w.item(reserve(items[1], orderIDs[0], 1))
		w.order(order.CancelOrder{OrderID: orderIDs[1], Reason: "r"})
		w.settled()
		if got, err := w.Fulfilled(t.Context(), orderIDs[0]); err != nil || len(got) != 2 || got[1].Reserved != 1 {
			t.Errorf("after the rebuild: %+v, %v", got, err)
		}
	})
}

func TestService_VerifiesAndRepairsEachType(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		item, orderID := uuid.New(), uuid.New()
		w.item(receive(item, "PEN-1", 10), reserve(item, orderID, 1))
		w.order(createOrder(orderID, wants("PEN-1", 1)))
		w.calm()

		// A row of the view over both that the item owns, and a whole stock level.
		both, levels := views.ReservedByOrder(), views.StockLevels()
		level, err := w.ItemViews.Row(t.Context(), item, 2, patience)
		if err != nil {
			t.Fatal(err)
		}
		w.replace(both.Name, ports.Change{
			AggregateID: item, State: w.state(both.Name, item), Table: both.Table,
			Put: []projection.Row{{orderID, "PEN-1", item, int64(0), int64(9)}},
		})
		w.replace(levels.Name, ports.Change{
			AggregateID: item, State: w.state(levels.Name, item), Table: levels.Table, Delete: []projection.Row{level},
		})
		report, err := w.Verifier.Verify(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]ports.VerifyDifference{}
		for _, d := range report.Shown {
			found[d.Consumer] = d
		}
		if report.Differences != 2 || found[both.Name].AggregateID != item || found[levels.Name].AggregateType != stock.Type {
			t.Errorf("found %+v", report.Shown)
		}
		if report, err = w.Verifier.Repair(t.Context(), 0); err != nil || report.Differences != 0 || report.Repaired != 1 {
			t.Errorf("repaired: %+v, %v", report, err)
		}
		w.settled()
	})
}

func TestService_ExplainsAndInspectsEachType(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		w.calm() // otherwise the consumers would catch up with the events, which leaves no times
		item, orderID := uuid.New(), uuid.New()
		w.item(receive(item, "PEN-1", 10))
		w.order(createOrder(orderID, wants("PEN-1", 1)))
		w.calm()
		for id, want := range map[uuid.UUID][]string{
			item:    {"stock-levels", "reservations-by-sku", "reserved-by-order", otherdomain.PublisherName},
			orderID: append(ofOrders(), "reserved-by-order", otherdomain.PublisherName),
		} {
			explanation, err := w.Explainer.Explain(t.Context(), id, 0, 1_000)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range explanation.Events[0].Consumers {
				names = append(names, c.Consumer)
				if !c.Applied || c.Unknown != "" {
					t.Errorf("%s of %s: %+v", c.Consumer, explanation.AggregateType, c)
				}
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("consumers of the %s (-want +got):\n%s", explanation.AggregateType, diff)
			}
		}

		if !slices.Contains(w.Tables.Names(), "stock_levels") || !slices.Contains(w.Tables.Names(), "reserved_by_order") {
			t.Errorf("tables: %v", w.Tables.Names())
		}
		for _, name := range []string{"event_store", "outbox_messages"} {
			page, err := w.Tables.Table(t.Context(), name, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			types := map[string]string{}
			for _, row := range page.Rows {
				types[row[slices.Index(page.Columns, "aggregate_id")]] = row[slices.Index(page.Columns, "aggregate_type")]
			}
			if diff := cmp.Diff(map[string]string{item.String(): stock.Type, orderID.String(): order.Type}, types); diff != "" {
				t.Errorf("types in %s (-want +got):\n%s", name, diff)
			}
		}
		page, err := w.Tables.Table(t.Context(), "reserved_by_order", "", 10)
		if err != nil || len(page.Rows) != 1 || page.Rows[0][0] != orderID.String() {
			t.Errorf("the view over both: %+v, %v", page, err)
		}
	})
}

// P6 on the second aggregate: the content of a receipt does not make it repeatable, so only its
// command id does.
func TestService_ARepeatedReceiptIsOneReceipt(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.start()
		item := uuid.New()
		request := inventory.Request{Command: receive(item, "PEN-1", 10), CommandID: uuid.New()}
		first, err := w.Items.Handle(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		w.item(receive(item, "PEN-1", 10))
		w.restart()
		w.start()
		again, err := w.Items.Handle(t.Context(), request)
		if diff := cmp.Diff(first, again); err != nil || diff != "" {
			t.Errorf("repeated, %v (-first +second):\n%s", err, diff)
		}
		other := request
		other.Command = receive(item, "PEN-1", 11)
		var reused *ports.CommandIDReusedError
		if _, err := w.Items.Handle(t.Context(), other); !errors.As(err, &reused) {
			t.Errorf("the id of another command: %v", err)
		}
		if n := len(w.history(item)); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}
