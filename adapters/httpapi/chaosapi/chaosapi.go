// Package chaosapi has the routes with which faults are made in a service that is for practice.
package chaosapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

const tag = "practice"

type routes struct {
	faults    ports.FaultMaker
	consumers []string
}

// New returns the routes. consumers are those in which faults can be made.
func New(faults ports.FaultMaker, consumers []string) endpoint.Resource {
	r := routes{faults, consumers}
	return endpoint.Resource{
		Tags:       []endpoint.Tag{{Name: tag, Description: "Make faults on purpose, in a service that is for practice."}},
		Operations: []endpoint.Operation{r.list(), r.begin(), r.end()},
	}
}

// faultDocument is a fault.
type faultDocument struct {
	_ struct{} `additionalProperties:"true"`

	Fault    string `json:"fault" example:"slow" doc:"The kind of the fault."`
	Consumer string `json:"consumer,omitempty" example:"orders-by-sku" doc:"The consumer that it is about."`
	OrderID  string `json:"order_id,omitempty" format:"uuid" doc:"The order that it is about."`
	Until    string `json:"until" format:"date-time" doc:"When it ends."`
}

func document(f ports.Fault) faultDocument {
	d := faultDocument{Fault: string(f.Kind), Consumer: f.Consumer, Until: endpoint.Timestamp(f.Until)}
	if f.AggregateID != uuid.Nil {
		d.OrderID = f.AggregateID.String()
	}
	return d
}

// faultsDocument is the list of faults.
type faultsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Faults []faultDocument `json:"faults" doc:"The faults that go on."`
}

func (r routes) list() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeAdmin,
		ID:    "list_faults", Method: http.MethodGet, Path: "/v1/chaos", Tag: tag,
		Summary:  "Which faults go on",
		Answers:  []endpoint.Answer{{Status: http.StatusOK, Description: "The faults.", Document: faultsDocument{}}},
		Problems: []int{500},
		Run: func(*endpoint.Call) (endpoint.Reply, error) {
			list := faultsDocument{Faults: []faultDocument{}}
			for _, f := range r.faults.Now() {
				list.Faults = append(list.Faults, document(f))
			}
			return endpoint.Reply{Body: list}, nil
		},
	}
}

const (
	paramFault    = "fault"
	paramConsumer = "consumer"
	paramOrder    = "order"
	paramSeconds  = "seconds"
)

func (r routes) begin() endpoint.Operation {
	kinds, consumers := []any{}, []any{}
	for _, k := range ports.FaultKinds() {
		kinds = append(kinds, string(k))
	}
	for _, name := range r.consumers {
		consumers = append(consumers, name)
	}
	return endpoint.Operation{
		Scope: ports.ScopeAdmin,
		ID:    "begin_fault", Method: http.MethodPost, Path: "/v1/chaos", Tag: tag,
		Summary: "Begin a fault",
		Description: "It ends by itself, at the latest after an hour or with the process. Each fault but full-disk needs a " +
			"consumer, and poison needs an order.",
		Parameters: []endpoint.Parameter{
			{
				Name: paramFault, In: endpoint.InQuery, Description: "The kind of the fault. It is required.",
				Schema: endpoint.Schema{Type: endpoint.TypeString, Enum: kinds},
			},
			{
				Name: paramConsumer, In: endpoint.InQuery, Description: "The consumer that it is about.",
				Schema: endpoint.Schema{Type: endpoint.TypeString, Enum: consumers},
			},
			{
				Name: paramOrder, In: endpoint.InQuery, Description: "The order whose events are poison.",
				Schema: endpoint.UUIDSchema(),
			},
			{
				Name: paramSeconds, In: endpoint.InQuery, Description: "How long it lasts, from 1 to 3600. Without it, 600 seconds.",
				Schema: endpoint.WholeSchema(1),
			},
		},
		Answers:  []endpoint.Answer{{Status: http.StatusOK, Description: "The fault has begun.", Document: faultDocument{}}},
		Problems: []int{400, 409, 500},
		Run:      r.runBegin,
	}
}

func (r routes) runBegin(c *endpoint.Call) (endpoint.Reply, error) {
	if !c.Has(paramFault) {
		return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeInvalidParameter,
			endpoint.FieldError{Field: paramFault, Message: "is required"})
	}
	fault := ports.Fault{Kind: ports.FaultKind(c.Text(paramFault)), Consumer: c.Text(paramConsumer)}
	if c.Has(paramOrder) {
		fault.AggregateID = c.UUID(paramOrder)
	}
	lasts := 10 * time.Minute
	if c.Has(paramSeconds) {
		lasts = time.Duration(min(c.Number(paramSeconds), uint64(ports.LongestFault/time.Second))) * time.Second //nolint:gosec // it is bounded
	}
	fault, err := r.faults.Begin(c.Context(), fault, lasts)
	if refused := (*ports.RefusedError)(nil); errors.As(err, &refused) {
		return endpoint.Reply{}, endpoint.NewProblem(http.StatusConflict, endpoint.CodeRefused, refused.Reason)
	}
	if err != nil {
		return endpoint.Reply{}, err
	}
	return endpoint.Reply{Body: document(fault)}, nil
}

func (r routes) end() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeAdmin,
		ID:    "end_faults", Method: http.MethodDelete, Path: "/v1/chaos", Tag: tag,
		Summary:  "End all faults",
		Answers:  []endpoint.Answer{{Status: http.StatusNoContent, Description: "No fault goes on."}},
		Problems: []int{500},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			return endpoint.Reply{Status: http.StatusNoContent}, r.faults.End(c.Context())
		},
	}
}
