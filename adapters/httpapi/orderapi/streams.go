package orderapi

import "orderflow/adapters/httpapi/endpoint"

// Path is the path of all orders.
const Path = "/v1/orders"

// The names of the filters of the stream of all events.
const (
	FilterCustomer = "customer"
	FilterStatus   = paramStatus
	FilterSKU      = paramSKU
)

// StreamFilters returns the parameters by which the stream of all events can be filtered.
func StreamFilters() []endpoint.Parameter {
	key := endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxKey}
	return []endpoint.Parameter{
		{
			Name: FilterStatus, In: endpoint.InQuery, Schema: statusSchema(),
			Description: "Only events after which the order is in this status.",
		},
		{
			Name: FilterCustomer, In: endpoint.InQuery, Schema: key,
			Description: "Only events of the orders of this customer.",
		},
		{
			Name: FilterSKU, In: endpoint.InQuery, Schema: key,
			Description: "Only events after which the order has this article.",
		},
	}
}
