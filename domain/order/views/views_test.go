package views_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

var update = flag.Bool("update", false, "write the golden files")

func TestAll_DeclaresEachReadModelOnce(t *testing.T) {
	t.Parallel()
	var names []string
	tables := map[string]bool{}
	for _, p := range views.All() {
		names = append(names, p.Name)
		if p.Version < 1 {
			t.Errorf("%s: version %d, want 1 or more", p.Name, p.Version)
		}
		if err := p.Table.Check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if tables[p.Table.Name] {
			t.Errorf("%s: table %s belongs to another projection", p.Name, p.Table.Name)
		}
		tables[p.Table.Name] = true
	}
	want := []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("projections (-want +got):\n%s", diff)
	}
}

// The golden files hold the state and the rows after each event of two orders. Both are stored: the
// state under the version of its projection, and the rows in tables that others read.
func TestAdvance_Golden(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			got := fmt.Sprintf("%s version %d, table %s\n", p.Name, p.Version, p.Table.Name)
			got += "\nan order that is delivered\n" + told(t, p, delivered())
			got += "\nan order that is cancelled\n" + told(t, p, cancelled())

			path := filepath.Join("testdata", p.Name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("stored states or rows changed; if that is meant, raise the projection's version and run with -update (-want +got):\n%s", diff)
			}
		})
	}
}

// told advances p event by event and describes each step.
func told(t *testing.T, p *projection.Projection, events []projection.Event) string {
	var (
		b     strings.Builder
		state []byte
	)
	for _, e := range events {
		step, err := p.Advance(state, []projection.Event{e})
		if err != nil {
			t.Fatal(err)
		}
		state = step.State
		fmt.Fprintf(&b, "  %d %T\n    state  %s\n", e.SequenceNumber, e.Event, state)
		for _, row := range step.Put {
			fmt.Fprintf(&b, "    put    %s\n", render(p.Table, row))
		}
		for _, row := range step.Delete {
			fmt.Fprintf(&b, "    delete %s\n", render(p.Table, p.Table.Key(row)))
		}
	}
	return b.String()
}

// Two orders together give what the golden files show of each, and nothing else.
func TestAll_HoldForSeveralOrders(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		other := eventtest.History(order.Type, eventtest.ID(2), cancelled()[0].Event, order.OrderConfirmed{PaymentReference: "pay-2"})
		eventtest.Project(t, p, oneOfEach()...).Given(delivered(), other).Then(
			slices.Concat(fold(t, p, delivered()).Put, fold(t, p, other).Put)...)
	}
}

func TestAdvance_RefusesAStateThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		for _, state := range []string{"{", `"text"`, `{"total":"1"}`, `{"order_id":"x"}`, "{} {}"} {
			_, err := p.Advance([]byte(state), delivered())
			if err == nil || !strings.HasPrefix(err.Error(), "state of "+p.Name+": ") {
				t.Errorf("%s: state %s: got error %v, want one that names the projection", p.Name, state, err)
			}
		}
	}
}

// No command can cause a total that does not fit, but a reducer must accept such an event.
func TestAdvance_TotalThatDoesNotFitIs0(t *testing.T) {
	t.Parallel()
	huge := history(order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 2, UnitPrice: 1 << 62}}})
	p := views.OrderReadModel()
	step, err := p.Advance(nil, huge)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Table.Get(step.Put[0], "total"); got != int64(0) {
		t.Errorf("got total %v, want 0", got)
	}
}

func TestOrdersBySKU_AnArticleOnTwoLinesHasOneRow(t *testing.T) {
	t.Parallel()
	p := views.OrdersBySKU()
	events := history(order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: []order.Item{
		{SKU: "A", Quantity: 1, UnitPrice: 5}, {SKU: "B", Quantity: 2, UnitPrice: 5}, {SKU: "A", Quantity: 3, UnitPrice: 5},
	}})
	step, err := p.Advance(nil, events)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range step.Put {
		got = append(got, fmt.Sprintf("%v×%v", p.Table.Get(row, "quantity"), p.Table.Get(row, "sku")))
	}
	if diff := cmp.Diff([]string{"1×A", "2×B"}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
