package order_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderflow/domain/order"
)

// The model describes the aggregate a second time in another way: a table says which command leads
// from which statuses to which status, and a map of texts holds everything else. It shares no code
// with the aggregate.

type transition struct {
	from    []order.Status
	to      order.Status
	refusal order.Code
}

func transitions() map[string]transition {
	return map[string]transition{
		"create_order":  {[]order.Status{""}, "ACTIVE", "order_exists"},
		"update_items":  {[]order.Status{"ACTIVE"}, "ACTIVE", "order_not_active"},
		"confirm_order": {[]order.Status{"ACTIVE"}, "CONFIRMED", "order_not_active"},
		"ship_order":    {[]order.Status{"CONFIRMED"}, "SHIPPED", "order_not_confirmed"},
		"deliver_order": {[]order.Status{"SHIPPED"}, "DELIVERED", "order_not_shipped"},
		"cancel_order":  {[]order.Status{"ACTIVE", "CONFIRMED"}, "CANCELLED", "order_not_cancellable"},
	}
}

type model struct {
	status order.Status
	facts  map[string]string
}

// take returns the number of events that c causes or the code of its refusal, and updates the
// model.
func (m *model) take(c order.Command) (events int, refused order.Code) {
	if code := flaw(c); code != "" {
		return 0, code
	}
	step, says := transitions()[c.Name()], contents(c)
	switch {
	case m.status == "" && c.Name() != "create_order":
		return 0, "order_not_found"
	case m.status == step.to && m.already(says):
		return 0, ""
	case !slices.Contains(step.from, m.status):
		return 0, step.refusal
	}
	m.status = step.to
	maps.Copy(m.facts, says)
	return 1, ""
}

func (m *model) already(says map[string]string) bool {
	for name, text := range says {
		if m.facts[name] != text {
			return false
		}
	}
	return true
}

// contents returns the values that c would set.
func contents(c order.Command) map[string]string {
	switch c := c.(type) {
	case order.CreateOrder:
		return map[string]string{"customer": c.CustomerID, "currency": string(c.Currency), "items": fmt.Sprint(c.Items)}
	case order.UpdateItems:
		return map[string]string{"items": fmt.Sprint(c.Items)}
	case order.ConfirmOrder:
		return map[string]string{"payment": c.PaymentReference}
	case order.ShipOrder:
		return map[string]string{"carrier": c.Carrier, "number": c.TrackingNumber}
	case order.CancelOrder:
		return map[string]string{"reason": c.Reason}
	default:
		return nil
	}
}

// facts returns a state in the form of the model.
func facts(o order.Order) map[string]string {
	all := map[string]string{
		"customer": o.CustomerID, "currency": string(o.Currency), "payment": o.PaymentReference,
		"carrier": o.Carrier, "number": o.TrackingNumber, "reason": o.CancelReason,
	}
	if o.Items != nil {
		all["items"] = fmt.Sprint(o.Items)
	}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	return all
}

// The generator below draws valid or empty texts and only some kinds of invalid lists, so the model
// needs no grammar. TestCheck_Refuses covers the rest.
func flaw(c order.Command) order.Code {
	for name, text := range contents(c) {
		switch {
		case text != "":
		case name == "customer":
			return "invalid_customer_id"
		default:
			return "invalid_text"
		}
	}
	switch c := c.(type) {
	case order.CreateOrder:
		return flawedList(c.Items)
	case order.UpdateItems:
		return flawedList(c.Items)
	default:
		return ""
	}
}

func flawedList(items []order.Item) order.Code {
	if len(items) == 0 {
		return "invalid_items"
	}
	total, seen := new(big.Int), ""
	for _, it := range items {
		if strings.Contains(seen, it.SKU) {
			return "duplicate_sku"
		}
		seen += it.SKU
		if it.Quantity < 1 {
			return "invalid_quantity"
		}
		total.Add(total, new(big.Int).Mul(big.NewInt(it.Quantity), big.NewInt(int64(it.UnitPrice))))
	}
	if !total.IsInt64() {
		return "total_too_large"
	}
	return ""
}

// anyCommand draws from few values, so that repetitions are frequent.
func anyCommand() *rapid.Generator[order.Command] {
	text := rapid.SampledFrom([]string{"a", "b", "b", "a", "a", ""})
	items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Item {
		return line(
			rapid.SampledFrom([]string{"P", "Q", "R", "S"}).Draw(t, "sku"),
			rapid.SampledFrom([]int64{1, 1, 2, 2, 10_000, 0}).Draw(t, "quantity"),
			rapid.SampledFrom([]order.Money{0, 1, 1, 2, math.MaxInt64 / 10_000, math.MaxInt64}).Draw(t, "unit price"),
		)
	}), 0, 2)
	return rapid.Custom(func(t *rapid.T) order.Command {
		switch rapid.IntRange(0, 5).Draw(t, "command") {
		case 0:
			currency := rapid.SampledFrom([]order.Currency{"EUR", "JPY"})
			return create(text.Draw(t, "customer"), currency.Draw(t, "currency"), items.Draw(t, "items"))
		case 1:
			return update(items.Draw(t, "items")...)
		case 2:
			return order.ConfirmOrder{OrderID: orderID, PaymentReference: text.Draw(t, "reference")}
		case 3:
			return order.ShipOrder{OrderID: orderID, Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
		case 4:
			return order.DeliverOrder{OrderID: orderID}
		default:
			return order.CancelOrder{OrderID: orderID, Reason: text.Draw(t, "reason")}
		}
	})
}

// onward draws a command that takes an order from status to the next one, so that many orders reach
// the end of their life.
func onward(t *rapid.T, status order.Status) order.Command {
	text := rapid.SampledFrom([]string{"a", "b"})
	switch status {
	case "":
		return create(text.Draw(t, "customer"), "EUR", books())
	case order.Active:
		return order.ConfirmOrder{OrderID: orderID, PaymentReference: text.Draw(t, "reference")}
	case order.Confirmed:
		return order.ShipOrder{OrderID: orderID, Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
	default:
		return order.DeliverOrder{OrderID: orderID}
	}
}

// almost returns c with at most one field changed, like a client that repeats a command, or nearly
// the same one.
func almost(t *rapid.T, c order.Command) order.Command {
	text := rapid.SampledFrom([]string{"a", "b"})
	field := rapid.IntRange(0, 3).Draw(t, "field")
	switch c := c.(type) {
	case order.CreateOrder:
		switch field {
		case 0:
			c.CustomerID = text.Draw(t, "customer")
		case 1:
			c.Currency = rapid.SampledFrom([]order.Currency{"EUR", "JPY"}).Draw(t, "currency")
		case 2:
			c.Items = reversed(slices.Clone(c.Items))
		}
		return c
	case order.ShipOrder:
		switch field {
		case 0:
			c.Carrier = text.Draw(t, "carrier")
		case 1:
			c.TrackingNumber = text.Draw(t, "number")
		}
		return c
	case order.ConfirmOrder:
		c.PaymentReference = text.Draw(t, "reference")
		return c
	case order.CancelOrder:
		c.Reason = text.Draw(t, "reason")
		return c
	default:
		return c
	}
}

func TestOrder_PropEqualsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := machine{judge: model{facts: map[string]string{}}}
		t.Repeat(map[string]func(*rapid.T){
			"anything": func(t *rapid.T) { m.take(t, anyCommand().Draw(t, "command")) },
			"onward":   func(t *rapid.T) { m.take(t, onward(t, m.live.Status)) },
			"almost a repetition": func(t *rapid.T) {
				if len(m.said) == 0 {
					t.Skip("nothing was said yet")
				}
				m.take(t, almost(t, rapid.SampledFrom(m.said).Draw(t, "earlier command")))
			},
			"": m.check,
		})
	})
}

// machine is an order and its model, which get the same commands.
type machine struct {
	live    order.Order
	history []order.Event
	said    []order.Command
	judge   model
}

func (m *machine) take(t *rapid.T, c order.Command) {
	m.said = append(m.said, c)
	wantEvents, wantCode := m.judge.take(c)
	before := m.live
	before.Items = slices.Clone(m.live.Items)

	events, err := order.Decide(m.live, c)

	if diff := cmp.Diff(before, m.live); diff != "" {
		t.Fatalf("Decide changed the state it was given (-before +after):\n%s", diff)
	}
	if code := codeOf(t, err); code != wantCode || len(events) != wantEvents {
		t.Fatalf("%s in %q: got %d events and code %q, want %d and %q", c.Name(), m.live.Status, len(events), code, wantEvents, wantCode)
	}
	if len(events) > 0 {
		// the events say everything that the command said
		if caused, ok := order.CommandOf(c.AggregateID(), events); !ok || !cmp.Equal(caused, c) {
			t.Fatalf("%s: the command of its events is %+v, want %+v", c.Name(), caused, c)
		}
	}
	for _, e := range events {
		m.live = order.Evolve(m.live, e)
	}
	m.history = append(m.history, events...)
	if len(events) > 0 {
		if again, err := order.Decide(m.live, c); err != nil || len(again) != 0 {
			t.Fatalf("%s again: got %v and %v, want no event and no error", c.Name(), again, err)
		}
	}
}

func (m *machine) check(t *rapid.T) {
	if m.live.Status != m.judge.status {
		t.Fatalf("status %q, the model says %q", m.live.Status, m.judge.status)
	}
	if diff := cmp.Diff(m.judge.facts, facts(m.live)); diff != "" {
		t.Fatalf("state (-model +live):\n%s", diff)
	}
	if diff := cmp.Diff(m.live, after(m.history...)); diff != "" {
		t.Fatalf("state (-live +replayed):\n%s", diff)
	}
	if _, ok := order.Total(m.live.Items); !ok {
		t.Fatalf("the total of %v overflows", m.live.Items)
	}
}

func codeOf(t *rapid.T, err error) order.Code {
	if err == nil {
		return ""
	}
	return refusal(t, err).Code
}
