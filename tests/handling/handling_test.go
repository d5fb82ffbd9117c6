package handling_test

import (
	"fmt"
	"strings"
	"testing"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/tests/handling"
)

type aggregate = command.Aggregate[order.Command, order.Order, order.Event]

// recorder is a test whose failures are recorded and fail nothing else.
type recorder struct{ said []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Cleanup(func()) {}

func scenarios(t eventtest.T, a aggregate) {
	id := eventtest.ID(1)
	created := order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}}}
	cancelled := order.OrderCancelled{Reason: "late"}
	s := eventtest.New(t, handling.Of[order.Command, order.Order, order.Event](a, created, cancelled))
	s.Given(created).When(order.CancelOrder{OrderID: id, Reason: "late"}).Then(cancelled)
	s.Given(created, cancelled).When(order.CancelOrder{OrderID: id, Reason: "late"}).ThenNothing()
	s.Given(created, cancelled).When(order.CancelOrder{OrderID: id, Reason: "early"}).ThenRefused("order_not_cancellable")
	s.When(order.CancelOrder{OrderID: id, Reason: "late"}).ThenRefused("order_not_found")
}

func TestOf_RunsScenariosOnTheRuntime(t *testing.T) {
	t.Parallel()
	scenarios(t, orders.Aggregate(orderjson.New()))
}

// Each of these aggregates is correct by itself and fails on the runtime.
func TestOf_FindsOut(t *testing.T) {
	t.Parallel()
	calls := 0
	for name, test := range map[string]struct {
		wrong func(*aggregate)
		says  string
	}{
		"a digest that changes": {func(a *aggregate) {
			a.AppendContent = func(b []byte, _ order.Command) []byte { calls++; return fmt.Append(b, calls) }
		}, "was already used for another command"},
		"another type in the events": {func(a *aggregate) { a.Type = "orders" }, "the aggregate type is"},
		"a check that refuses what the rules accept": {func(a *aggregate) {
			a.Check = func(c order.Command) error { return &order.RuleError{Code: "never", Detail: "never"} }
		}, "the runtime decides differently"},
		"a decider that looks at a clock of its own": {func(a *aggregate) {
			decide := a.Decider.Decide
			a.Decider.Decide = func(o order.Order, c order.Command) ([]order.Event, error) {
				if calls++; calls > 2 { // the kit calls twice, then the runtime calls
					return nil, &order.RuleError{Code: "too_late", Detail: "it is late"}
				}
				return decide(o, c)
			}
		}, "the runtime decides differently"},
	} {
		t.Run(name, func(t *testing.T) {
			calls = 0
			a := orders.Aggregate(orderjson.New())
			test.wrong(&a)
			var r recorder
			scenarios(&r, a)
			if said := strings.Join(r.said, "\n"); !strings.Contains(said, test.says) {
				t.Errorf("the report does not say %q: %s", test.says, said)
			}
		})
	}
}

// A history that the store refuses must be an error of the handler.
func TestOn_AHistoryThatCannotBeStoredIsAnError(t *testing.T) {
	t.Parallel()
	history := make([]eventsourcing.Envelope[order.Event], 1)
	handle := handling.On(orders.Aggregate(orderjson.New()))(history)
	if _, err := handle(order.DeliverOrder{OrderID: eventtest.ID(1)}, eventtest.ID(2)); err == nil {
		t.Error("no error")
	}
}
