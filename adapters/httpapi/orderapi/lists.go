package orderapi

import (
	"net/http"

	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Names of the parameters.
const (
	paramStatus = "status"
	paramSKU    = "sku"
)

// maxKey is the longest customer id or sku that an order can have.
const maxKey = 64

// The tables behind the lists.
const (
	listByCustomer = "orders_by_customer"
	listByStatus   = "orders_by_status"
	listBySKU      = "orders_by_sku"
)

// routes serve the reads of orders.
type routes struct {
	reads  aggregateapi.Reads
	orders *projection.Table            // order_read_model
	tables map[string]*projection.Table // behind the lists
}

func (r routes) ofCustomer() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeOrdersRead,
		ID:    "list-orders-of-customer", Method: http.MethodGet, Path: "/v1/customers/{id}/orders", Tag: tagQueries,
		Summary: "List the orders of a customer, newest first",
		Parameters: append([]endpoint.Parameter{{
			Name: endpoint.ParamID, In: endpoint.InPath, Description: "The customer, as in the request that created the order, or as orders show it.",
			Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxKey}, Example: "ann",
		}}, r.reads.ListParameters()...),
		Rules:    []endpoint.Rule{r.reads.ListRule()},
		Answers:  endpoint.OK("A page of the list.", listDocument{}),
		Problems: []int{400, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			return r.page(c, listByCustomer, c.Path(endpoint.ParamID))
		},
	}
}

func (r routes) list() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeOrdersRead,
		ID:    "list-orders", Method: http.MethodGet, Path: "/v1/orders", Tag: tagQueries,
		Summary: "List the orders in a status, or with an article, newest first",
		Parameters: append([]endpoint.Parameter{
			{
				Name: paramStatus, In: endpoint.InQuery, Description: "List the orders in this status.",
				Schema: statusSchema(),
			},
			{
				Name: paramSKU, In: endpoint.InQuery, Description: "List the orders with this article.",
				Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxKey},
			},
		}, r.reads.ListParameters()...),
		Rules:    []endpoint.Rule{{Kind: endpoint.ExactlyOne, Names: []string{paramStatus, paramSKU}}, r.reads.ListRule()},
		Answers:  endpoint.OK("A page of the list.", listDocument{}),
		Problems: []int{400, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			if c.Has(paramSKU) {
				return r.page(c, listBySKU, c.Text(paramSKU))
			}
			return r.page(c, listByStatus, c.Text(paramStatus))
		},
	}
}

// page answers with the entries of a table under a key.
func (r routes) page(c *endpoint.Call, table, key string) (endpoint.Reply, error) {
	page, err := r.reads.Page(c, table, key)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := listDocument{Orders: make([]summaryDocument, 0, len(page.Rows)), NextCursor: endpoint.ShowCursor(page.Next)}
	for _, row := range page.Rows {
		entry, err := summary(r.tables[table], row)
		if err != nil {
			return endpoint.Reply{}, err
		}
		document.Orders = append(document.Orders, entry)
	}
	return endpoint.Reply{Body: document}, nil
}
