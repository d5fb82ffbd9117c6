// Package orderapi has the routes of orders: their commands, reads and lists, with their bodies and
// documents.
//
// It is the only part of the API that knows orders. The routes of another aggregate type are a
// package like this one beside it. It returns an [endpoint.Resource], which the wiring adds to the
// server.
//
// # Routes
//
//	POST /v1/orders                 {"order_id"?, "customer_id", "currency",
//	                                "items": [{"sku", "quantity", "unit_price"}]}
//	PUT  /v1/orders/{id}/items      {"items"}: replaces all lines, while the order is ACTIVE
//	POST /v1/orders/{id}/confirm    {"payment_reference"}
//	POST /v1/orders/{id}/ship       {"carrier", "tracking_number"}
//	POST /v1/orders/{id}/deliver    {}
//	POST /v1/orders/{id}/cancel     {"reason"}
//	GET  /v1/orders/{id}            ?min_sequence=n&timeout=2s waits for the view;
//	                                ?at_sequence=n and ?at_time=… read an earlier state
//	GET  /v1/orders/{id}/commands   which commands it accepts now, and why not the others
//	GET  /v1/orders/{id}/events     the history, in parts; ?limit, ?after=n
//	GET  /v1/orders/{id}/explain    what each consumer has done with each event, in parts
//	GET  /v1/customers/{id}/orders  newest first; ?limit, ?cursor;
//	GET  /v1/orders?status=…        ?order_id=…&min_sequence=n waits for a write of the client
//	GET  /v1/orders?sku=…
//
// Prices are integers in minor units of the currency (cents for EUR). Every command accepts the
// headers Idempotency-Key (any text, or the command id as a UUID) and If-Match ("n", the sequence
// number that the client has seen).
//
// An error is a problem document (RFC 9457) with a code: 400 malformed, 404 no such order, 409 lost
// too many races, 412 If-Match does not match, 422 refused by a rule, 503 try again. GET
// /openapi.json has all details.
package orderapi

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Config is what the routes need. All fields but Explainer are required.
type Config struct {
	Commands ports.CommandHandler[order.Command, order.Event]
	Orders   ports.AggregateQueries
	Lists    ports.ViewLists
	// Explainer is behind /v1/orders/{id}/explain. Default: there is no such route.
	Explainer ports.Explainer
	// Codec renders events.
	Codec ports.Codec[any]
	// NewID makes the ids of commands and orders that clients did not name. It must be safe for
	// concurrent use.
	NewID func() uuid.UUID
}

// largeReads is how many answers with more than 100 events are made at once. Each takes some ten
// megabytes at most.
const largeReads = 8

// The tags of the operations.
const (
	tagCommands = "commands"
	tagQueries  = "queries"
)

// New returns the routes of orders.
func New(config Config) (endpoint.Resource, error) {
	if config.Commands == nil || config.Orders == nil || config.Lists == nil || config.Codec == nil || config.NewID == nil {
		return endpoint.Resource{}, errors.New("routes of orders: a port is missing")
	}
	r := routes{
		reads: aggregateapi.Reads{
			Kind:    kind(),
			Queries: config.Orders, Lists: config.Lists, Codec: config.Codec,
			Document: orderDocument{}, Render: render(views.OrderReadModel().Table), Large: aggregateapi.NewLarge(largeReads),
		},
		orders: views.OrderReadModel().Table,
		tables: map[string]*projection.Table{},
	}
	for _, p := range []*projection.Projection{views.OrdersByCustomer(), views.OrdersByStatus(), views.OrdersBySKU()} {
		r.tables[p.Table.Name] = p.Table
	}
	operations := commands(config)
	operations = append(operations, r.reads.Get(), r.possible(operations), r.reads.Events(), r.ofCustomer(), r.list())
	if config.Explainer != nil {
		operations = append(operations, aggregateapi.Explain(kind(), config.Explainer, r.reads.Large, tagQueries))
	}
	return endpoint.Resource{
		Tags: []endpoint.Tag{
			{Name: tagCommands, Description: "Change an order. Any of them can be repeated safely with the same Idempotency-Key."},
			{Name: tagQueries, Description: "Read orders."},
		},
		Operations: operations,
	}, nil
}

func kind() aggregateapi.Kind {
	return aggregateapi.Kind{
		Type: order.Type, Path: Path, IDName: "order_id", CommandTag: tagCommands, QueryTag: tagQueries,
		Read: ports.ScopeOrdersRead, Write: ports.ScopeOrdersWrite,
	}
}

func commands(config Config) []endpoint.Operation {
	serve := aggregateapi.Commands[order.Command, order.Event]{
		Kind: kind(), Handler: config.Commands, Codec: config.Codec, Check: order.Check, NewID: config.NewID,
	}
	type command = aggregateapi.Command[order.Command]
	type body = aggregateapi.Body[order.Command]
	return []endpoint.Operation{
		serve.Create(command{
			ID: "create-order", Method: http.MethodPost, Summary: "Create an order",
			Description: "A repeated request with the same Idempotency-Key, or with the same order_id and content, " +
				"creates no second order.",
			Body: func() body { return new(createBody) },
		}),
		serve.Change(command{
			ID: "update-items", Method: http.MethodPut, Suffix: "/items",
			Summary: "Replace the items of an ACTIVE order",
			Body:    func() body { return new(itemsBody) },
		}),
		serve.Change(command{
			ID: "confirm-order", Method: http.MethodPost, Suffix: "/confirm",
			Summary: "Record that an ACTIVE order is paid",
			Body:    func() body { return new(confirmBody) },
		}),
		serve.Change(command{
			ID: "ship-order", Method: http.MethodPost, Suffix: "/ship",
			Summary: "Record that a CONFIRMED order was handed to a carrier",
			Body:    func() body { return new(shipBody) },
		}),
		serve.Change(command{
			ID: "deliver-order", Method: http.MethodPost, Suffix: "/deliver",
			Summary: "Record that a SHIPPED order arrived",
			Body:    func() body { return new(deliverBody) }, BodyOptional: true,
		}),
		serve.Change(command{
			ID: "cancel-order", Method: http.MethodPost, Suffix: "/cancel",
			Summary: "Cancel an ACTIVE or CONFIRMED order",
			Body:    func() body { return new(cancelBody) },
		}),
	}
}

func render(table *projection.Table) func(projection.Row) (any, uint64, error) {
	return func(row projection.Row) (any, uint64, error) {
		document, err := orderOf(table, row)
		return document, uint64(document.SequenceNumber), err
	}
}
