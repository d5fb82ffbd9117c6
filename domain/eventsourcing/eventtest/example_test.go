package eventtest_test

import (
	"fmt"
	"strings"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/projection"
)

// printed is a T that prints its failures. A real test uses a *testing.T instead.
type printed struct{}

func (printed) Helper()        {}
func (printed) Cleanup(func()) {}

func (printed) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	before, _, _ := strings.Cut(text, "\nbut") // the layout of the difference is not stable
	fmt.Println(before)
}

// Scenarios of a basket that takes things until it is closed. The third one is wrong.
func Example() {
	baskets := eventtest.New(printed{}, eventtest.Aggregate[command, basket, event]{
		Type:    "basket",
		Decider: eventsourcing.Decider[command, basket, event]{Decide: decide, Evolve: evolve},
		Samples: []event{wasPut{[]string{"pen"}}, wasClosed{}},
	})
	filled := wasPut{[]string{"pen", "ink"}}

	baskets.Given(filled).When(put{[]string{"ink"}}).ThenNothing()
	baskets.Given(filled, wasClosed{}).When(put{[]string{"cap"}}).ThenRefused("basket_closed")
	baskets.Scenario("a basket is closed once").Given(filled, wasClosed{}).When(closing{}).Then(wasClosed{})

	// Output:
	// a basket is closed once
	// given  eventtest_test.wasPut{things: ["pen", "ink"]}
	//        eventtest_test.wasClosed{}
	// when   eventtest_test.closing{}
	// then   eventtest_test.wasClosed{}
}

// A projection with one row a thing. Its scenarios also run in every way in which a feed may
// deliver the events.
func ExampleProject() {
	history := eventtest.History("basket", basketID, wasPut{[]string{"pen", "ink"}}, wasClosed{}, wasPut{[]string{"cap"}})

	eventtest.Project(printed{}, things(reduce, rows)).Given(history).Then(
		projection.Row{"cap", basketID, "cap", int64(3)},
	)
	eventtest.Project(printed{}, things(reduce, rows)).Given(history[:1]).ThenNothing()

	// Output:
	// things
	// given  018f4e9a-0000-7000-8000-000000000007 1: eventtest_test.wasPut{things: ["pen", "ink"]}
	// then   nothing
}

// A history has fixed ids and times, so that what a test prints never changes.
func ExampleHistory() {
	for _, e := range eventtest.History("basket", eventtest.ID(7), wasPut{[]string{"pen"}}, wasClosed{}) {
		fmt.Println(e.SequenceNumber, e.AggregateID, e.CreatedAt.Format("Jan 2 15:04"), e.Event)
	}
	// Output:
	// 1 018f4e9a-0000-7000-8000-000000000007 Mar 31 12:00 {[pen]}
	// 2 018f4e9a-0000-7000-8000-000000000007 Apr 1 00:00 {}
}
