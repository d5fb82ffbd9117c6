package orders_test

import (
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
