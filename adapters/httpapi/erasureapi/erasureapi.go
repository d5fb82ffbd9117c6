// Package erasureapi has the routes with which the personal data of a customer is erased.
//
//	POST /v1/customers/{id}/erase    {"reason", "reference"?, "force"?}
//	GET  /v1/customers/{id}/erasure  how far the erasure is
package erasureapi

import (
	"errors"
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

const (
	tag = "personal data"
	// maxCustomer is the longest id of a customer.
	maxCustomer = 64
)

type erasureDocument struct {
	_ struct{} `additionalProperties:"true"`

	Subject     string `json:"subject" doc:"What names the customer in the metadata of events, and in the events of the erasure."`
	SubjectID   string `json:"subject_id" format:"uuid" doc:"The aggregate whose events are the request and the end of the erasure."`
	State       string `json:"state" enum:"requested,done,partial" doc:"requested: it goes on until it is done. partial: events from before personal data was sealed still have it."`
	Reason      string `json:"reason" doc:"Why it was requested."`
	Reference   string `json:"reference,omitempty" doc:"What the request refers to."`
	RequestedAt string `json:"requested_at" format:"date-time" doc:"When it was requested."`
	EndedAt     string `json:"ended_at,omitempty" format:"date-time" doc:"When it ended. Absent until then."`
	Aggregates  int64  `json:"aggregates" minimum:"0" doc:"How many orders the customer has; 0 until the end."`
	Rewritten   int64  `json:"rewritten" minimum:"0" doc:"How often something derived from one of them was written again; 0 until the end."`
	PlainEvents int64  `json:"plain_events" minimum:"0" doc:"How many events have personal data that was never sealed, and still is there; 0 until the end."`
	Waits       string `json:"waits,omitempty" doc:"Why it makes no progress at the moment, as far as this process knows."`
}

func documentOf(e ports.Erasure) erasureDocument {
	document := erasureDocument{
		Subject: string(e.Subject), SubjectID: e.SubjectID.String(), State: string(e.State), Reason: e.Reason,
		Reference: e.Reference, RequestedAt: endpoint.Timestamp(e.RequestedAt), Aggregates: e.Aggregates,
		Rewritten: e.Rewritten, PlainEvents: e.Plain, Waits: e.Waits,
	}
	if !e.EndedAt.IsZero() {
		document.EndedAt = endpoint.Timestamp(e.EndedAt)
	}
	return document
}

type eraseBody struct {
	Reason    string `json:"reason" minLength:"1" maxLength:"500" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"the customer has asked for it" doc:"Why. It is kept for ever and published, so it must not name the customer."`
	Reference string `json:"reference,omitempty" maxLength:"128" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"ticket 4711" doc:"What the request refers to. It must not name the customer either."`
	Force     bool   `json:"force,omitempty" doc:"Erase although orders are not finished. They cannot be shipped or cancelled after that."`
}

// Read reads the body.
func (b *eraseBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "reason", Required: true, Read: func() { b.Reason = r.Text() }},
		strictjson.Member{Name: "reference", Read: func() { b.Reference = r.Text() }},
		strictjson.Member{Name: "force", Read: func() { b.Force = r.Boolean() }},
	)
}

type routes struct{ erasures ports.Erasures }

// New returns the routes.
func New(erasures ports.Erasures) (endpoint.Resource, error) {
	if erasures == nil {
		return endpoint.Resource{}, errors.New("routes of erasures: the port is missing")
	}
	r := routes{erasures}
	customer := endpoint.Parameter{
		Name: endpoint.ParamID, In: endpoint.InPath, Description: "The customer.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxCustomer}, Example: "ann",
	}
	return endpoint.Resource{
		Tags: []endpoint.Tag{{Name: tag, Description: "Erase what is personal."}},
		Operations: []endpoint.Operation{
			{
				Scope: ports.ScopePersonalErase,
				ID:    "erase-customer", Method: http.MethodPost, Path: "/v1/customers/{id}/erase", Tag: tag,
				Summary: "Erase the personal data of a customer",
				Description: "When the answer comes, the request is durable and the key of the customer is destroyed: " +
					"payment references, tracking numbers, carriers and reasons of all orders are null from then on, and new ones, and new orders, " +
					"are refused with 409 subject_erased. Views and snapshots are written again in the background. It cannot be undone. " +
					"To repeat the request changes nothing, unless the erasure is partial.",
				Parameters: []endpoint.Parameter{customer},
				Body:       &endpoint.Body{Document: eraseBody{}, Required: true},
				Answers: []endpoint.Answer{{
					Status: http.StatusAccepted, Description: "The erasure is requested, or has ended already.", Document: erasureDocument{},
				}},
				Problems: []int{400, 403, 404, 408, 409, 413, 415, 500, 503, 504, 507},
				Run:      r.erase,
			},
			{
				Scope: ports.ScopeOpsRead,
				ID:    "get-erasure", Method: http.MethodGet, Path: "/v1/customers/{id}/erasure", Tag: tag,
				Summary:    "Read how far the erasure of a customer is",
				Parameters: []endpoint.Parameter{customer},
				Answers:    endpoint.OK("The erasure.", erasureDocument{}),
				Problems:   []int{400, 404, 500, 503, 504},
				Run: func(c *endpoint.Call) (endpoint.Reply, error) {
					erasure, err := r.erasures.Erasure(c.Context(), c.Path(endpoint.ParamID))
					if errors.Is(err, ports.ErrNotFound) {
						err = endpoint.NewProblem(http.StatusNotFound, endpoint.CodeNotFound, "no erasure of this customer was requested")
					}
					return endpoint.Reply{Body: documentOf(erasure)}, err
				},
			},
		},
	}, nil
}

func (r routes) erase(c *endpoint.Call) (endpoint.Reply, error) {
	var body eraseBody
	if err := c.ReadBody(true, body.Read, nil); err != nil {
		return endpoint.Reply{}, err
	}
	erasure, err := r.erasures.Erase(c.Context(), c.Path(endpoint.ParamID), ports.ErasureRequest{
		Reason: body.Reason, Reference: body.Reference, Force: body.Force,
	})
	refused := (*ports.RefusedError)(nil)
	switch {
	case errors.As(err, &refused):
		err = endpoint.NewProblem(http.StatusConflict, endpoint.CodeRefused, refused.Reason)
	case errors.Is(err, ports.ErrNotFound):
		err = endpoint.NewProblem(http.StatusNotFound, endpoint.CodeNotFound, "this customer has no orders")
	}
	return endpoint.Reply{Status: http.StatusAccepted, Body: documentOf(erasure)}, err
}
