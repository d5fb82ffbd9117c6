package order_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

func update(items ...order.Item) order.UpdateItems {
	return order.UpdateItems{OrderID: orderID, Items: items}
}

func line(sku string, quantity int64, unitPrice order.Money) order.Item {
	return order.Item{SKU: sku, Quantity: quantity, UnitPrice: unitPrice}
}

// distinct returns n lines of one article each.
func distinct(n int) []order.Item {
	items := make([]order.Item, n)
	for i := range items {
		items[i] = line(fmt.Sprintf("A-%d", i), 1, 1)
	}
	return items
}

// foreign is a command that this package does not know.
type foreign struct{ order.DeliverOrder }

func TestCheck_Refuses(t *testing.T) {
	t.Parallel()
	confirm := func(reference string) order.Command {
		return order.ConfirmOrder{OrderID: orderID, PaymentReference: reference}
	}
	ship := func(carrier, number string) order.Command {
		return order.ShipOrder{OrderID: orderID, Carrier: carrier, TrackingNumber: number}
	}
	cancel := func(reason string) order.Command { return order.CancelOrder{OrderID: orderID, Reason: reason} }

	tests := []struct {
		name    string
		command order.Command
		code    order.Code
		field   string
	}{
		{"no customer", create("", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer of 65 characters", create(strings.Repeat("c", 65), "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer with a blank", create("ada l", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer with a letter outside ASCII", create("adä", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer that is a dot, which no path can name", create(".", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer of two dots", create("..", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"customer with a slash", create("a/b", "EUR", books()), order.CodeInvalidCustomerID, "customer_id"},
		{"no currency", create("ada", "", books()), order.CodeInvalidCurrency, "currency"},
		{"currency in lower case", create("ada", "eur", books()), order.CodeInvalidCurrency, "currency"},
		{"currency that does not circulate", create("ada", "XAU", books()), order.CodeInvalidCurrency, "currency"},
		{"create without items", create("ada", "EUR", nil), order.CodeInvalidItems, "items"},
		{"create with a bad item", create("ada", "EUR", []order.Item{line("A", 0, 1)}), order.CodeInvalidQuantity, "items[0].quantity"},

		{"update without items", update(), order.CodeInvalidItems, "items"},
		{"1001 items", update(distinct(1001)...), order.CodeInvalidItems, "items"},
		{"no sku", update(line("A", 1, 1), line("", 1, 1)), order.CodeInvalidSKU, "items[1].sku"},
		{"sku of 65 characters", update(line(strings.Repeat("s", 65), 1, 1)), order.CodeInvalidSKU, "items[0].sku"},
		{"sku with a colon", update(line("A:1", 1, 1)), order.CodeInvalidSKU, "items[0].sku"},
		{"sku with a NUL", update(line("A\x00", 1, 1)), order.CodeInvalidSKU, "items[0].sku"},
		{"sku that is not UTF-8", update(line("A\xff", 1, 1)), order.CodeInvalidSKU, "items[0].sku"},
		{"the same sku on two lines", update(line("A", 1, 1), line("B", 1, 1), line("A", 2, 2)), order.CodeDuplicateSKU, "items[2].sku"},
		{"quantity 0", update(line("A", 1, 1), line("B", 0, 1)), order.CodeInvalidQuantity, "items[1].quantity"},
		{"negative quantity", update(line("A", -1, 1)), order.CodeInvalidQuantity, "items[0].quantity"},
		{"quantity 10001", update(line("A", 10_001, 1)), order.CodeInvalidQuantity, "items[0].quantity"},
		{"greatest quantity there is", update(line("A", math.MaxInt64, 1)), order.CodeInvalidQuantity, "items[0].quantity"},
		{"negative price", update(line("A", 1, -1)), order.CodeInvalidUnitPrice, "items[0].unit_price"},
		{"least price there is", update(line("A", 1, math.MinInt64)), order.CodeInvalidUnitPrice, "items[0].unit_price"},
		{"one line that overflows", update(line("A", 2, math.MaxInt64/2+1)), order.CodeTotalTooLarge, "items"},
		{"a sum that overflows by 1", update(line("A", 1, math.MaxInt64), line("B", 1, 1)), order.CodeTotalTooLarge, "items"},
		{"a sum that would wrap to a positive number", update(line("A", 4, math.MaxInt64/2), line("B", 4, math.MaxInt64/2)), order.CodeTotalTooLarge, "items"},

		{"no payment reference", confirm(""), order.CodeInvalidText, "payment_reference"},
		{"payment reference of 129 characters", confirm(strings.Repeat("p", 129)), order.CodeInvalidText, "payment_reference"},
		{"payment reference with a line break", confirm("pay\n1"), order.CodeInvalidText, "payment_reference"},
		{"payment reference that is not UTF-8", confirm("pay\xff"), order.CodeInvalidText, "payment_reference"},
		{"no carrier", ship("", "JD01"), order.CodeInvalidText, "carrier"},
		{"carrier of 65 characters", ship(strings.Repeat("c", 65), "JD01"), order.CodeInvalidText, "carrier"},
		{"no tracking number", ship("DHL", ""), order.CodeInvalidText, "tracking_number"},
		{"tracking number of 129 characters", ship("DHL", strings.Repeat("1", 129)), order.CodeInvalidText, "tracking_number"},
		{"no reason", cancel(""), order.CodeInvalidText, "reason"},
		{"reason of 501 characters", cancel(strings.Repeat("ä", 501)), order.CodeInvalidText, "reason"},
		{"reason with a C1 control character", cancel("a\u0085b"), order.CodeInvalidText, "reason"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rule := refusal(t, order.Check(tt.command))
			if rule.Code != tt.code || rule.Field != tt.field {
				t.Errorf("got %s at %q, want %s at %q", rule.Code, rule.Field, tt.code, tt.field)
			}
			if !rule.Malformed() || rule.AggregateID != orderID || rule.Detail == "" {
				t.Errorf("got %+v, want a malformed command of order %s with a detail", rule, orderID)
			}
		})
	}
}

// A command with several faults is refused with all of them at once.
func TestCheck_ReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	command := order.CreateOrder{
		CustomerID: "..", Currency: "EUX",
		Items: []order.Item{line("A", 0, -1), line("B", 1, 1), line("A", 1, 1), line("?", 1, math.MaxInt64)},
	}
	rule := refusal(t, order.Check(command))
	var got []string
	for _, r := range append([]*order.RuleError{rule}, rule.Others...) {
		got = append(got, fmt.Sprint(r.Code, " ", r.Field))
		if r.Detail == "" || r != rule && r.Others != nil {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"invalid_order_id order_id", "invalid_customer_id customer_id", "invalid_currency currency", "invalid_quantity items[0].quantity",
		"invalid_unit_price items[0].unit_price", "duplicate_sku items[2].sku", "invalid_sku items[3].sku",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	refused := rule.Refusal()
	if len(refused.Others) != len(rule.Others) || refused.Others[0].Field != "customer_id" || refused.Kind != eventsourcing.RefusedMalformed {
		t.Errorf("refusal %+v", refused)
	}
	if rule := refusal(t, order.Check(order.ShipOrder{OrderID: orderID})); len(rule.Others) != 1 || rule.Others[0].Field != "tracking_number" {
		t.Errorf("a shipment without anything: %+v", rule)
	}
}

func TestCheck_ReportsABoundedNumberOfFaults(t *testing.T) {
	t.Parallel()
	rule := refusal(t, order.Check(update(make([]order.Item, order.MaxItems)...)))
	if got := 1 + len(rule.Others); got != order.MaxFaults {
		t.Errorf("%d faults, want %d", got, order.MaxFaults)
	}
}

func TestCheck_RefusesTheNilOrderIDOfEveryCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []order.Command{
		order.CreateOrder{CustomerID: "ada", Currency: "EUR", Items: books()},
		order.UpdateItems{Items: books()},
		order.ConfirmOrder{PaymentReference: "p"},
		order.ShipOrder{Carrier: "c", TrackingNumber: "n"},
		order.DeliverOrder{},
		order.CancelOrder{Reason: "r"},
	} {
		rule := refusal(t, order.Check(c))
		if rule.Code != order.CodeInvalidOrderID || rule.Field != "order_id" || rule.AggregateID != uuid.Nil || !rule.Malformed() {
			t.Errorf("%s: got %+v, want %s at order_id", c.Name(), rule, order.CodeInvalidOrderID)
		}
	}
}

// The interface cannot exclude foreign commands, so Check refuses them. It calls none of their
// methods, because a method could panic.
func TestCheck_RefusesCommandsItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]order.Command{
		"nil":             nil,
		"a pointer":       &order.DeliverOrder{OrderID: orderID},
		"a nil pointer":   (*order.DeliverOrder)(nil),
		"another package": foreign{order.DeliverOrder{OrderID: orderID}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if rule := refusal(t, order.Check(c)); rule.Code != order.CodeUnknownCommand || !rule.Malformed() {
				t.Errorf("Check: got %+v, want %s", rule, order.CodeUnknownCommand)
			}
			for _, given := range [][]order.Event{noOrder(), activeOrder()} {
				events, err := order.Decide(after(given...), c)
				if rule := refusal(t, err); rule.Code != order.CodeUnknownCommand || events != nil {
					t.Errorf("Decide: got %v and %+v, want %s", events, rule, order.CodeUnknownCommand)
				}
			}
		})
	}
}

func TestCheck_AcceptsTheLimits(t *testing.T) {
	t.Parallel()
	tests := map[string]order.Command{
		"customer of 1 character":             create("a", "EUR", books()),
		"customer of 64 characters":           create(strings.Repeat("c", 64), "EUR", books()),
		"customer of every kind of character": create("azAZ09._-:@", "EUR", books()),
		"customer of three dots":              create("...", "EUR", books()),
		"1 item":                              update(distinct(1)...),
		"1000 items":                          update(distinct(1000)...),
		"sku of 1 character":                  update(line("a", 1, 1)),
		"sku of 64 characters":                update(line(strings.Repeat("s", 64), 1, 1)),
		"sku of every kind of character":      update(line("azAZ09._-", 1, 1)),
		"skus that differ in case only":       update(line("a", 1, 1), line("A", 1, 1)),
		"quantity 1 for nothing":              update(line("A", 1, 0)),
		"quantity 10000":                      update(line("A", 10_000, 1)),
		"the greatest total in one line":      update(line("A", 1, math.MaxInt64)),
		"the greatest total in two lines":     update(line("A", 1, math.MaxInt64-1), line("B", 1, 1)),
		"the greatest quantity and price":     update(line("A", 10_000, math.MaxInt64/10_000)),
		"payment reference of 128 characters": order.ConfirmOrder{OrderID: orderID, PaymentReference: strings.Repeat("p", 128)},
		"carrier of 64, number of 128":        order.ShipOrder{OrderID: orderID, Carrier: strings.Repeat("ü", 64), TrackingNumber: strings.Repeat("1", 128)},
		"reason of 500 characters, not bytes": order.CancelOrder{OrderID: orderID, Reason: strings.Repeat("日", 500)},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := order.Check(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRuleError_MalformedDividesTheCodes(t *testing.T) {
	t.Parallel()
	for code, malformed := range map[order.Code]bool{
		order.CodeInvalidOrderID: true, order.CodeInvalidCustomerID: true, order.CodeInvalidCurrency: true,
		order.CodeInvalidItems: true, order.CodeInvalidSKU: true, order.CodeDuplicateSKU: true,
		order.CodeInvalidQuantity: true, order.CodeInvalidUnitPrice: true, order.CodeTotalTooLarge: true,
		order.CodeInvalidText: true, order.CodeUnknownCommand: true,
		order.CodeOrderNotFound: false, order.CodeOrderExists: false, order.CodeOrderNotActive: false,
		order.CodeOrderNotConfirmed: false, order.CodeOrderNotShipped: false, order.CodeOrderNotCancellable: false,
	} {
		if got := (&order.RuleError{Code: code}).Malformed(); got != malformed {
			t.Errorf("%s: Malformed() = %v, want %v", code, got, malformed)
		}
	}
}
