package opsapi

import (
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type operationsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Operations []operationDocument `json:"operations" doc:"What was done, the newest first."`
	NextCursor string              `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

type operationDocument struct {
	_ struct{} `additionalProperties:"true"`

	ID          string `json:"id" format:"uuid" doc:"The id of the entry."`
	At          string `json:"at" format:"date-time" doc:"When it was done."`
	Subject     string `json:"subject,omitempty" example:"token:ci" doc:"Who has done it. Absent where nobody had to say."`
	TokenID     string `json:"token_id,omitempty" doc:"The id of the token that was shown."`
	Action      string `json:"action" example:"pause" doc:"What was done."`
	Target      string `json:"target,omitempty" example:"orders-by-sku" doc:"The consumer or the token that it was done to."`
	AggregateID string `json:"aggregate_id,omitempty" format:"uuid" doc:"The aggregate that it was about, if it was about one."`
	Reason      string `json:"reason,omitempty" doc:"Why, as the operator has said it."`
	Detail      string `json:"detail,omitempty" doc:"What exactly."`
	Failure     string `json:"failure,omitempty" doc:"Why it was not done. Such an entry follows the one about the attempt."`
}

func (r routes) operations() []endpoint.Operation {
	if r.Operations == nil {
		return nil
	}
	return []endpoint.Operation{{
		ID: "list-operations", Method: http.MethodGet, Path: "/v1/operations", Tag: tag, Scope: ports.ScopeOpsRead,
		Summary: "List who has done what to the service",
		Description: "Each pause, resume, reset, rebuild, retry, skip and repair is written down before it is done, " +
			"and so is each token that is created or revoked. Entries are kept for ever.",
		Parameters: endpoint.PageParameters(),
		Answers:    endpoint.OK("A page of the log.", operationsDocument{}),
		Problems:   []int{400, 500, 503, 504},
		Run:        r.listOperations,
	}}
}

func (r routes) listOperations(c *endpoint.Call) (endpoint.Reply, error) {
	after, limit, err := c.Page()
	if err != nil {
		return endpoint.Reply{}, err
	}
	page, err := r.Operations.Operations(c.Context(), after, limit)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := operationsDocument{
		Operations: make([]operationDocument, 0, len(page.Entries)), NextCursor: endpoint.ShowCursor(page.Next),
	}
	for _, e := range page.Entries {
		document.Operations = append(document.Operations, operationDocument{
			ID: e.ID.String(), At: endpoint.Timestamp(e.At), Subject: e.Subject, TokenID: e.TokenID, Action: e.Action,
			Target: e.Target, AggregateID: endpoint.NameMaybe(e.AggregateID, "").AggregateID, Reason: e.Reason, Detail: e.Detail,
			Failure: e.Failure,
		})
	}
	return endpoint.Reply{Body: document}, nil
}

// reasonParameter lets a client say why it acts.
func reasonParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: endpoint.ParamReason, In: endpoint.InQuery, Description: "Why, for the log of operations.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxReason}, Example: "ticket 4711",
	}
}
