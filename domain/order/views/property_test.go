package views_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
)

// These properties hold for every projection and any history, however its events are delivered.
func TestAll_PropHold(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				eventtest.Project(t, p, oneOfEach()...).Given(anyHistory().Draw(t, "history")).Holds()
			})
		})
	}
}

// Fold gives the rows that Advance puts, whatever the history is.
func TestAll_PropFoldGivesTheSameRows(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				events := anyHistory().Draw(t, "history")
				if diff := cmp.Diff(fold(t, p, events).Put, p.Fold(events), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("-Advance +Fold:\n%s", diff)
				}
			})
		})
	}
}

// Begin gives what Advance gives, but that it deletes nothing, and the next event can follow both.
func TestAll_PropBeginsLikeAdvance(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				events := anyHistory().Draw(t, "history")
				cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
				want := fold(t, p, events[:cut])
				want.Delete = nil
				got, kept, err := p.Begin(events[:cut])
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Fatalf("%v, -Advance +Begin:\n%s", err, diff)
				}
				next, err := p.Advance(got.State, events[cut:])
				if err != nil {
					t.Fatal(err)
				}
				fromKept, _, err := p.Continue(kept, events[cut:])
				if diff := cmp.Diff(next, fromKept, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Fatalf("%v, -Advance +Continue:\n%s", err, diff)
				}
			})
		})
	}
}

// The read models and the aggregate are different code. They must not contradict each other.
func TestAll_PropRowsAgreeWithTheAggregate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := eventtest.HistoryOf(order.Type, orderID, lawfulEvents(t))
		if len(events) == 0 {
			for _, p := range views.All() {
				eventtest.Project(t, p).Given(events).ThenNothing()
			}
			return
		}
		var state order.Order
		for _, e := range events {
			state = order.Evolve(state, e.Event.(order.Event))
		}
		created, last := events[0].CreatedAt, events[len(events)-1]
		head, total := int64(last.SequenceNumber), totalOf(state.Items)
		common := map[string]any{
			"order_id": orderID, "customer_id": state.CustomerID, "status": string(state.Status), "currency": string(state.Currency),
			"total": total, "sequence_number": head, "created_at": created, "updated_at": last.CreatedAt,
			"payment_reference": state.PaymentReference, "carrier": state.Carrier,
			"tracking_number": state.TrackingNumber, "cancel_reason": state.CancelReason,
		}
		for _, p := range views.All() {
			rows := fold(t, p, events).Put
			want := 1
			if p.Name == "orders-by-sku" {
				want = len(state.Items)
			}
			if len(rows) != want {
				t.Fatalf("%s: %d rows, want %d", p.Name, len(rows), want)
			}
			for i, row := range rows {
				for c, column := range p.Table.Columns {
					want, told := common[column.Name]
					switch column.Name {
					case "items": // the golden files show it
						continue
					case "sku":
						want, told = state.Items[i].SKU, true
					case "quantity":
						want, told = state.Items[i].Quantity, true
					case "unit_price":
						want, told = int64(state.Items[i].UnitPrice), true
					}
					if !told || row[c] != want {
						t.Fatalf("%s: %s is %v, the aggregate says %v", p.Name, column.Name, row[c], want)
					}
				}
			}
		}
	})
}

// totalOf does not overflow for lists that a command has accepted.
func totalOf(items []order.Item) (total int64) {
	for _, it := range items {
		total += it.Quantity * int64(it.UnitPrice)
	}
	return total
}
