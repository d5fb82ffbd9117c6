package projection

// All returns every read model, in the order in which they are shown. A new one is added here.
func All() []*Projection {
	return []*Projection{
		OrderReadModel(),
		OrdersByCustomer(),
		OrdersByStatus(),
		OrdersBySKU(),
	}
}
