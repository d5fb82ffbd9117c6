package views_test

import (
	"encoding/hex"
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
// state in the layout that the file's name shows, and the rows in tables that others read.
func TestAdvance_Golden(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			got := fmt.Sprintf("%s version %d, table %s\n", p.Name, p.Version, p.Table.Name)
			got += "\nan order that is delivered\n" + told(t, p, delivered())
			got += "\nan order that is cancelled\n" + told(t, p, cancelled())

			// the second byte of a state is the version of its layout
			path := filepath.Join("testdata", fmt.Sprintf("%s.v%d.golden", p.Name, fold(t, p, delivered()).State[1]))
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
				t.Errorf("stored states or rows changed; if that is meant: for rows, raise the version of the projection and run with -update; "+
					"for states, raise the version of the layout, keep the reader of the old one in Earlier and the old file, "+
					"and run with -update (-want +got):\n%s", diff)
			}
		})
	}
}

// A view goes on from the states that every earlier version of its projection has stored. The files
// are the golden files of those versions.
func TestAdvance_ReadsTheStatesOfEveryVersion(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		files, err := filepath.Glob(filepath.Join("testdata", p.Name+".*.golden"))
		if err != nil || len(files) < 2 {
			t.Fatalf("%s: files %v: %v", p.Name, files, err)
		}
		for _, path := range files {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				states := storedStates(t, path)
				if len(states) != len(delivered())+len(cancelled()) {
					t.Fatalf("%d states", len(states))
				}
				for _, history := range [][]projection.Event{delivered(), cancelled()} {
					for n := range history {
						fresh := fold(t, p, history[:n+1]).State
						for rest := n + 1; rest <= len(history); rest++ {
							want, err := p.Advance(fresh, history[n+1:rest])
							if err != nil {
								t.Fatal(err)
							}
							got, err := p.Advance(states[n], history[n+1:rest])
							if diff := cmp.Diff(want, got); err != nil || diff != "" {
								t.Errorf("from event %d to %d: %v (-fresh +stored):\n%s", n+1, rest, err, diff)
							}
						}
					}
					states = states[len(history):]
				}
			})
		}
	}
}

// storedStates returns the states in a golden file.
func storedStates(t *testing.T, path string) (states [][]byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "state  ")
		if !ok {
			continue
		}
		state := []byte(text)
		if !strings.HasPrefix(text, "{") {
			if state, err = hex.DecodeString(text); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, state)
	}
	return states
}

// A state that was cut off, changed or extended is refused. A state of another projection is, too,
// although some have the same fields.
func TestOpen_RefusesDamage(t *testing.T) {
	t.Parallel()
	for _, p := range views.All() {
		state := fold(t, p, delivered()).State
		refuse := func(what string, data []byte) {
			if _, err := p.Open(data); err == nil {
				t.Errorf("%s: %s is accepted", p.Name, what)
			}
		}
		for i := range state {
			refuse(fmt.Sprintf("a state of %d of %d bytes", i+1, len(state)), state[:max(i, 1)])
			for bit := range 8 {
				changed := slices.Clone(state)
				changed[i] ^= 1 << bit
				refuse(fmt.Sprintf("a state with bit %d of byte %d changed", bit, i), changed)
			}
		}
		refuse("a state with one byte more", append(slices.Clone(state), 0))
		for _, other := range views.All() {
			if other.Name != p.Name {
				refuse("a state of "+other.Name, fold(t, other, delivered()).State)
			}
		}
	}
}

// No bytes make Open panic, and what it accepts is a state that is stored in the same form.
func FuzzOpen(f *testing.F) {
	for i, p := range views.All() {
		for _, state := range [][]byte{fold(f, p, delivered()[:1]).State, fold(f, p, delivered()).State, fold(f, p, cancelled()).State} {
			f.Add(uint8(i), state)
		}
		f.Add(uint8(i), []byte(`{"order_id":"018f4e9a-0000-7000-8000-000000000001","items":[{"sku":"A"}]}`))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		p := views.All()[int(which)%len(views.All())]
		kept, err := p.Open(data)
		if err != nil {
			return
		}
		step, _, err := p.Continue(kept, nil)
		if err != nil {
			return // a time that JSON can hold and a state cannot
		}
		if len(data) > 0 && data[0] == 1 && string(step.State) != string(data) {
			t.Errorf("% x is read, and stored as % x", data, step.State)
		}
		if _, err := p.Open(step.State); err != nil {
			t.Errorf("% x is stored as % x, which cannot be read: %v", data, step.State, err)
		}
	})
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
		fmt.Fprintf(&b, "  %d %T\n    state  %x\n", e.SequenceNumber, e.Event, state)
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
