package verify_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/application/verify"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Whatever is damaged among many orders, the orders and views that are damaged are named, and no
// other.
func TestVerify_PropNamesExactlyWhatIsDamaged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := setup(t)
		for range rapid.IntRange(0, 30).Draw(rt, "orders") {
			id := uuid.New()
			b.orders = append(b.orders, id)
			b.handle(t, b.command(t, order.CreateOrder{
				OrderID: id, CustomerID: "c", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}},
			}))
		}
		want := map[string]bool{}
		for _, victim := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(b.orders)-1), 0, 4, rapid.ID).Draw(rt, "victims") {
			p := rapid.SampledFrom(views.All()).Draw(rt, "view")
			b.damage(t, p, b.orders[victim], rapid.SampledFrom([]string{"change", "remove", "add"}).Draw(rt, "how"))
			want[fmt.Sprint(p.Name, " ", b.orders[victim])] = true
		}
		got := map[string]bool{}
		config := b.config()
		if rapid.Bool().Draw(rt, "states are listed") {
			config.Lister = b.store
		}
		report, err := verify.New(config).Verify(t.Context(), 0)
		if err != nil || report.Aggregates != uint64(len(b.orders)) {
			rt.Fatalf("%+v, %v", report, err)
		}
		for _, d := range report.Shown {
			got[fmt.Sprint(d.Consumer, " ", d.AggregateID)] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// damage changes the first row of an order, or removes it, or adds one with another key.
func (b *bundle) damage(t *testing.T, p *projection.Projection, id uuid.UUID, how string) {
	t.Helper()
	view := firstGeneration{}.LiveView(p.Name)
	state, err := b.store.State(t.Context(), view, id)
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.store.Rows(t.Context(), ports.RowQuery{View: view, Table: p.Table, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	change := ports.Change{AggregateID: id, State: state, Table: p.Table}
	for _, row := range page.Rows {
		if owner, _ := p.Table.OwnerOf(row); owner != id || len(change.Put)+len(change.Delete) > 0 {
			continue
		}
		damaged := append(projection.Row(nil), row...)
		switch first, isText := row[0].(string); {
		case how == "remove":
			change.Delete = []projection.Row{row}
		case how == "add" && isText:
			damaged[0] = first + "X"
			change.Put = []projection.Row{damaged}
		default:
			for i := p.Table.KeyLen(); i < len(row); i++ {
				if v, isNumber := row[i].(int64); isNumber {
					damaged[i] = v + 1
				}
			}
			change.Put = []projection.Row{damaged}
		}
	}
	if err := b.store.Replace(t.Context(), view, change, state.SequenceNumber); err != nil {
		t.Fatal(err)
	}
}
