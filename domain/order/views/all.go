package views

import "orderflow/domain/projection"

// All returns every read model, in the order in which they are shown. Add a new one here.
func All() []*projection.Projection {
	return []*projection.Projection{
		OrderReadModel(),
		OrdersByCustomer(),
		OrdersByStatus(),
		OrdersBySKU(),
	}
}
