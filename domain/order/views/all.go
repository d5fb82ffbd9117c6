package views

import "orderflow/domain/projection"

// All returns every read model, in the order in which they are shown. A new one is added here.
func All() []*projection.Projection {
	return []*projection.Projection{
		OrderReadModel(),
		OrdersByCustomer(),
		OrdersByStatus(),
		OrdersBySKU(),
	}
}
