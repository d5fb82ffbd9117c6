package opsapi

import (
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type droppedDocument struct {
	_ struct{} `additionalProperties:"true"`

	Aggregates uint64 `json:"aggregates" doc:"How many aggregates had snapshots."`
}

// snapshots returns the operations on snapshots.
func (r routes) snapshots() []endpoint.Operation {
	if r.Snapshots == nil {
		return nil
	}
	return []endpoint.Operation{{
		ID: "drop-snapshots", Method: http.MethodDelete, Path: "/v1/snapshots", Tag: tag, Scope: ports.ScopeOpsWrite,
		Summary: "Delete the snapshots of one aggregate, or of all",
		Description: "It is always safe: what needs a snapshot reads the events, and snapshots are written again. " +
			"Until then long histories cost more. After an error some may be deleted; repeat the request.",
		Parameters: []endpoint.Parameter{
			{
				Name: paramAggregateID, In: endpoint.InQuery, Description: "Only those of this aggregate.",
				Schema: endpoint.UUIDSchema(),
			},
			reasonParameter(),
		},
		Answers:   endpoint.OK("They are deleted.", droppedDocument{}),
		Problems:  []int{400, 403, 500, 503, 507},
		Unbounded: true,
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			aggregates, err := r.Snapshots.DropSnapshotsOf(c.Context(), c.UUID(paramAggregateID))
			return endpoint.Reply{Body: droppedDocument{Aggregates: aggregates}}, err
		},
	}}
}
