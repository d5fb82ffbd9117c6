package orders

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"orderflow/domain/order"
)

// The file says what a snapshot of this version holds. When it differs, snapshots that are stored
// would be taken for something else: raise stateVersion, and let the test write the file of the new
// version.
func TestState_changesOnlyWithItsVersion(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	shape(&b, reflect.TypeFor[order.Order](), "Order")
	for _, history := range lives() {
		state := order.Order{}
		for _, e := range history {
			state = order.Evolve(state, e)
			fmt.Fprintf(&b, "%T %s\n", e, hex.EncodeToString(appendState(nil, state)))
		}
	}
	name := fmt.Sprintf("testdata/state.%d.golden", stateVersion)
	want, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("%s was written; commit it", name)
	}
	if diff := cmp.Diff(string(want), b.String()); err != nil || diff != "" {
		t.Errorf("the state is not that of version %d: raise stateVersion (-want +got):\n%s %v", stateVersion, diff, err)
	}
}

// shape writes every field of a type, with its type.
func shape(b *strings.Builder, typ reflect.Type, path string) {
	switch typ.Kind() {
	case reflect.Struct:
		for field := range typ.Fields() {
			shape(b, field.Type, path+"."+field.Name)
		}
	case reflect.Slice:
		shape(b, typ.Elem(), path+"[]")
	default:
		fmt.Fprintf(b, "%s %s\n", path, typ.Kind())
	}
}

// lives are histories with every event.
func lives() [][]order.Event {
	items := []order.Item{{SKU: "A-1", Quantity: 2, UnitPrice: 1250}, {SKU: "B", Quantity: 10_000, UnitPrice: 0}}
	created := order.OrderCreated{CustomerID: "c-ü", Currency: "EUR", Items: items}
	return [][]order.Event{
		{
			created,
			order.OrderItemsUpdated{Items: items[:1]},
			order.OrderConfirmed{PaymentReference: "P"},
			order.OrderShipped{Carrier: "C", TrackingNumber: "T"},
			order.OrderDelivered{},
		},
		{created, order.OrderItemsUpdated{}, order.OrderCancelled{Reason: "R"}},
	}
}

func TestState_PropComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := order.Order{
			Status: order.Status(rapid.String().Draw(t, "status")), CustomerID: rapid.String().Draw(t, "customer"),
			Currency: order.Currency(rapid.String().Draw(t, "currency")), PaymentReference: rapid.String().Draw(t, "payment"),
			Carrier: rapid.String().Draw(t, "carrier"), TrackingNumber: rapid.String().Draw(t, "tracking"),
			CancelReason: rapid.String().Draw(t, "reason"),
			Items: rapid.SliceOf(rapid.Custom(func(t *rapid.T) order.Item {
				return order.Item{
					SKU: rapid.String().Draw(t, "sku"), Quantity: rapid.Int64().Draw(t, "quantity"),
					UnitPrice: order.Money(rapid.Int64().Draw(t, "price")),
				}
			})).Draw(t, "items"),
		}
		data := appendState(nil, want)
		got, err := decodeState(data)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		if !bytes.Equal(appendState(nil, got), data) {
			t.Fatal("the same state has other bytes")
		}
		if cut := rapid.IntRange(0, len(data)-1).Draw(t, "cut"); cut < len(data) {
			if _, err := decodeState(data[:cut]); err == nil {
				t.Fatalf("the first %d of %d bytes are taken for a state", cut, len(data))
			}
		}
		if _, err := decodeState(append(data, 0)); err == nil {
			t.Fatal("a byte after the state is not noticed")
		}
	})
}

// Every field counts for the size and is kept: a new field must be added to both.
func TestState_knowsEveryField(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[order.Order]()
	for i := range typ.NumField() {
		var o order.Order
		field := reflect.ValueOf(&o).Elem().Field(i)
		switch field.Kind() {
		case reflect.String:
			field.SetString(strings.Repeat("x", 1_000))
		case reflect.Slice:
			o.Items = []order.Item{{SKU: strings.Repeat("x", 1_000)}}
		default:
			t.Fatalf("field %s has a kind that this test does not know", typ.Field(i).Name)
		}
		if back, err := decodeState(appendState(nil, o)); err != nil || !reflect.DeepEqual(reflect.ValueOf(back).Field(i).Interface(), field.Interface()) {
			t.Errorf("%s is not kept", typ.Field(i).Name)
		}
		// the status and the currency come from small sets
		if name := typ.Field(i).Name; name != "Status" && name != "Currency" && size(o)-size(order.Order{}) < 1_000 {
			t.Errorf("%s does not count for the size", name)
		}
	}
}
