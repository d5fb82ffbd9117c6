package views_test

import (
	"fmt"

	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// An order that gets another status moves from one partition of the table to another.
func ExampleOrdersByStatus() {
	byStatus := views.OrdersByStatus()
	events := cancelled()

	var state []byte
	for _, e := range events {
		step, err := byStatus.Advance(state, []projection.Event{e})
		if err != nil {
			fmt.Println(err)
			return
		}
		state = step.State
		for _, row := range step.Put {
			fmt.Println("put   ", byStatus.Table.Get(row, "status"), byStatus.Table.Get(row, "order_id"))
		}
		for _, row := range step.Delete {
			fmt.Println("delete", byStatus.Table.Get(row, "status"), byStatus.Table.Get(row, "order_id"))
		}
	}

	// Output:
	// put    ACTIVE 018f4e9a-0000-7000-8000-000000000001
	// put    CANCELLED 018f4e9a-0000-7000-8000-000000000001
	// delete ACTIVE 018f4e9a-0000-7000-8000-000000000001
}
