package views_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// However a history is cut into steps, the steps together make the view that the whole makes at once, and each step covers
// every row that any of its events touched.
func TestAdvance_PropAnySplitMakesTheSameView(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				events := anyHistory().Draw(t, "history")
				whole := advance(t, p, nil, events)
				want := view{}
				want.apply(p.Table, whole)

				var (
					state []byte
					got   = view{}
				)
				for from := 0; from < len(events); {
					to := rapid.IntRange(from+1, len(events)).Draw(t, "cut")
					step := advance(t, p, state, events[from:to])
					checkCover(t, p, events[:from], events[from:to], step)
					got.apply(p.Table, step)
					state, from = step.State, to
				}

				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("view (-whole +split):\n%s", diff)
				}
				if len(events) > 0 && string(state) != string(whole.State) {
					t.Fatalf("state %s, want %s", state, whole.State)
				}
			})
		})
	}
}

// advance checks what holds for every step: rows fit their table, and no key occurs twice, not even once put and once
// deleted.
func advance(t *rapid.T, p *projection.Projection, state []byte, events []projection.Event) projection.Step {
	step, err := p.Advance(slices.Clone(state), events)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range slices.Concat(step.Put, step.Delete) {
		if err := p.Table.CheckRow(row); err != nil {
			t.Fatal(err)
		}
		if key := key(p.Table, row); seen[key] {
			t.Fatalf("%s occurs twice in one step", key)
		} else {
			seen[key] = true
		}
	}
	return step
}

// checkCover compares step, the one from past over events, with the rows before, between and after the events, each told by
// folding anew: what is gone must be deleted, what was ever different must be put, and nothing else.
func checkCover(t *rapid.T, p *projection.Projection, past, events []projection.Event, step projection.Step) {
	moments := make([]view, 0, len(events)+1)
	for n := range len(events) + 1 {
		rows := view{}
		for _, row := range advance(t, p, nil, slices.Concat(past, events[:n])).Put {
			rows[key(p.Table, row)] = row
		}
		moments = append(moments, rows)
	}
	now := moments[len(events)]
	put, gone := view{}, map[string]bool{}
	for _, then := range moments[:len(events)] {
		for key := range then {
			if _, is := now[key]; !is {
				gone[key] = true
			}
		}
		for key, row := range now {
			if old, was := then[key]; !was || !projection.SameRow(old, row) {
				put[key] = row
			}
		}
	}

	gotPut, gotGone := view{}, map[string]bool{}
	for _, row := range step.Put {
		gotPut[key(p.Table, row)] = row
	}
	for _, row := range step.Delete {
		gotGone[key(p.Table, row)] = true
	}
	if diff := cmp.Diff(put, gotPut); diff != "" {
		t.Fatalf("put (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(gone, gotGone); diff != "" {
		t.Fatalf("deleted keys (-want +got):\n%s", diff)
	}
}

// The read models and the aggregate are told by different code; they must not contradict each other.
func TestAll_PropRowsAgreeWithTheAggregate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := history(lawfulEvents(t)...)
		if len(events) == 0 {
			for _, p := range views.All() {
				if step := advance(t, p, nil, events); len(step.Put)+len(step.Delete) != 0 {
					t.Fatalf("%s: rows for an order that does not exist: %+v", p.Name, step)
				}
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
			"tracking_number": state.TrackingNumber, "cancel_reason": state.CancelReason, "bucket": created.Format("2006-01-02"),
		}
		for _, p := range views.All() {
			rows := advance(t, p, nil, events).Put
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

// totalOf is safe for lists that a command has passed.
func totalOf(items []order.Item) (total int64) {
	for _, it := range items {
		total += it.Quantity * int64(it.UnitPrice)
	}
	return total
}
