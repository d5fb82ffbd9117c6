package orders_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/orders"
	"orderflow/domain/order"
)

// Digests are stored with the events, so these values must never change.
func TestDigest_isStable(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4e5a-0000-7000-8000-000000000001")
	items := []order.Item{{SKU: "A-1", Quantity: 2, UnitPrice: 1250}, {SKU: "B", Quantity: 1, UnitPrice: 0}}
	seen := map[string]bool{}
	for _, test := range []struct {
		command order.Command
		want    string
	}{
		{order.CreateOrder{OrderID: id, CustomerID: "ada", Currency: "EUR", Items: items}, "d902055b98a04dda"},
		{order.UpdateItems{OrderID: id, Items: items}, "75401446ae2b95ec"},
		{order.ConfirmOrder{OrderID: id, PaymentReference: "P \"1\" ü"}, "eaa02ec6c44513f1"},
		{order.ShipOrder{OrderID: id, Carrier: "a", TrackingNumber: "b"}, "404a6830038372ee"},
		{order.ShipOrder{OrderID: id, Carrier: "a b", TrackingNumber: ""}, "bc0fc828b86843c9"},
		{order.DeliverOrder{OrderID: id}, "9ee30c79755f449d"},
		{order.CancelOrder{OrderID: id, Reason: "r"}, "6a6dba6072bab1d6"},
	} {
		got := orders.Aggregate(orderjson.New()).Digest(test.command)
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.command, got, test.want)
		}
		if seen[got] {
			t.Errorf("%+v shares its digest with another command", test.command)
		}
		seen[got] = true
	}
}

// Every command has a digest. It costs the room for its content and the text of the digest, and
// nothing that grows with the number of fields.
func TestDigest_takesLittleMemory(t *testing.T) { // not parallel: it counts allocations
	aggregate, id := orders.Aggregate(orderjson.New()), uuid.New()
	var command order.Command = order.UpdateItems{OrderID: id, Items: []order.Item{
		{SKU: "KEYBOARD-DE", Quantity: 1, UnitPrice: 7999},
		{SKU: "MOUSE-2.4G", Quantity: 2, UnitPrice: 2450},
		{SKU: "USB-C_CABLE", Quantity: 5, UnitPrice: 699},
	}}
	if got := testing.AllocsPerRun(100, func() { _ = aggregate.Digest(command) }); got > 2 {
		t.Errorf("%v allocations", got)
	}
}

// Texts are quoted as strconv.Quote does it, whatever is in them.
func TestDigest_quotesEveryCharacter(t *testing.T) {
	t.Parallel()
	aggregate, id := orders.Aggregate(orderjson.New()), uuid.New()
	for c := range rune(0x180) {
		for _, text := range []string{string(c), "a" + string(c), string([]byte{'a', byte(c)})} {
			got := string(aggregate.AppendContent(nil, order.CancelOrder{OrderID: id, Reason: text}))
			if want := " " + strconv.Quote(text); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

// A long command has the digest that it always had: it does not matter how much room there is.
func TestDigest_ofALongCommand(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4e5a-0000-7000-8000-000000000001")
	got := orders.Aggregate(orderjson.New()).Digest(order.CancelOrder{OrderID: id, Reason: strings.Repeat("r", 400)})
	if want := "62196616fba385f5"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
