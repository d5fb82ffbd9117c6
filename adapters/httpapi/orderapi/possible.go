package orderapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/order"
	"orderflow/ports"
)

type possibleDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        uuid.UUID                 `json:"order_id" format:"uuid" doc:"The order."`
	Status         string                    `json:"status" doc:"The status of the order, which decides."`
	SequenceNumber int64                     `json:"sequence_number" minimum:"1" example:"1" doc:"The last event of the order when this was decided. With it as If-Match, a command is refused if the order has changed since."`
	Commands       []possibleCommandDocument `json:"commands" doc:"Every command on an existing order."`
}

// Members implements [endpoint.Describer].
func (possibleDocument) Members() map[string]endpoint.Schema { return statusMember() }

type possibleCommandDocument struct {
	_ struct{} `additionalProperties:"true"`

	Command  string `json:"command" example:"confirm_order" doc:"The command, as orderflow submit names it."`
	Method   string `json:"method" example:"POST" doc:"The method of its route."`
	Path     string `json:"path" example:"/v1/orders/018f4e5a-0000-7000-8000-000000000001/confirm" doc:"The path of its route, for this order."`
	Possible bool   `json:"possible" doc:"Whether the command has an effect in this status. Its content can be refused all the same."`
	Code     string `json:"code,omitempty" example:"order_not_active" doc:"The code of the refusal, if it is refused. Without a code, and not possible, it is accepted and changes nothing."`
	Detail   string `json:"detail,omitempty" doc:"Why it is not possible, for people."`
}

// possible returns the operation that says which commands an order accepts. The operations of the
// commands are among all.
func (r routes) possible(all []endpoint.Operation) endpoint.Operation {
	routes := map[string]endpoint.Operation{}
	for _, op := range all {
		routes[strings.ReplaceAll(op.ID, "-", "_")] = op
	}
	head := ports.Moment{Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} // later than any event
	return endpoint.Operation{
		Scope: ports.ScopeOrdersRead,
		ID:    "get-order-commands", Method: http.MethodGet, Path: "/v1/orders/{id}/commands", Tag: tagQueries,
		Summary:     "See which commands an order accepts now, and why it refuses the others",
		Description: "The rules of the order are asked, on its whole history. It is never behind.",
		Parameters:  []endpoint.Parameter{endpoint.IDParameter(endpoint.ParamID, "The order.")},
		Answers:     endpoint.OK("The commands.", possibleDocument{}),
		Problems:    []int{400, 404, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			id := c.ReadAggregate(endpoint.ParamID, order.Type)
			row, err := r.reads.Queries.RowAt(c.Context(), id, head)
			if err != nil {
				return endpoint.Reply{}, err
			}
			current, err := orderOf(r.orders, row)
			if err != nil {
				return endpoint.Reply{}, err
			}
			document := possibleDocument{OrderID: id, Status: current.Status, SequenceNumber: current.SequenceNumber}
			for _, command := range probes(id) {
				op := routes[command.Name()]
				one := possibleCommandDocument{
					Command: command.Name(), Method: op.Method,
					Path: strings.Replace(op.Path, "{"+endpoint.ParamID+"}", id.String(), 1), Possible: true,
				}
				events, err := order.Decide(order.Order{Status: order.Status(current.Status)}, command)
				var refusal *order.RuleError
				switch {
				case errors.As(err, &refusal):
					one.Possible, one.Code, one.Detail = false, string(refusal.Code), refusal.Detail
				case len(events) == 0:
					one.Possible, one.Detail = false, "it changes nothing: the order is "+current.Status+" already"
				}
				document.Commands = append(document.Commands, one)
			}
			return endpoint.Reply{Body: document}, nil
		},
	}
}

// probes returns one well-formed command of each type that changes an order. They differ from what
// any order without content has, so a refusal is by the status alone.
func probes(id uuid.UUID) []order.Command {
	return []order.Command{
		order.UpdateItems{OrderID: id, Items: []order.Item{{SKU: "A", Quantity: 1}}},
		order.ConfirmOrder{OrderID: id, PaymentReference: "-"},
		order.ShipOrder{OrderID: id, Carrier: "-", TrackingNumber: "-"},
		order.DeliverOrder{OrderID: id},
		order.CancelOrder{OrderID: id, Reason: "-"},
	}
}
