package opsapi

import (
	"net/http"
	"slices"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type parkedGroupsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Groups []parkedGroupDocument `json:"groups" doc:"What is parked, by its cause. The group with the aggregate that has been parked for longest comes first."`
}

type parkedGroupDocument struct {
	_ struct{} `additionalProperties:"true"`

	Fingerprint string `json:"fingerprint" example:"8f14e45fceea" doc:"The name of the cause, which its parked aggregates have as well."`
	Kind        string `json:"kind" enum:"undecodable,newer,store,refused,bug" doc:"Who has to act, as in the failure of a consumer."`
	EventType   string `json:"event_type" example:"order.created" doc:"The type of the events that failed."`
	Error       string `json:"error" doc:"What went wrong with the oldest of them."`
	Aggregates  int    `json:"aggregates" minimum:"1" doc:"How many aggregates are parked for this cause."`
	Oldest      string `json:"oldest" format:"date-time" doc:"When the first of them was parked."`
	Newest      string `json:"newest" format:"date-time" doc:"When the last of them was parked."`
}

const (
	paramFingerprint = "fingerprint"
	paramAtMost      = "limit"
)

func fingerprintParameter(description string) endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramFingerprint, In: endpoint.InQuery, Description: description, Example: "8f14e45fceea",
		Schema: endpoint.Schema{Type: endpoint.TypeString, Pattern: "^[0-9a-f]{12}$"},
		Must:   "must be the fingerprint of a group of parked aggregates",
	}
}

func atMostParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramAtMost, In: endpoint.InQuery, Description: "How many are retried at most. Default: all.",
		Schema: endpoint.WholeSchema(1),
	}
}

// wanted reports whether a request is about a parked aggregate.
func wanted(c *endpoint.Call, parked endpoint.ParkedDocument) bool {
	return !c.Has(paramFingerprint) || c.Text(paramFingerprint) == parked.Fingerprint
}

func (r routes) parkedGroups() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeOpsRead,
		ID:    "list-parked-groups", Method: http.MethodGet, Path: "/v1/consumers/{name}/parked-groups", Tag: tag,
		Summary:    "List the causes for which a consumer has parked something",
		Parameters: []endpoint.Parameter{consumerParameter()},
		Answers:    endpoint.OK("The causes.", parkedGroupsDocument{}),
		Problems:   []int{400, 404, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			r.readConsumer(c)
			var all []ports.ParkedAggregate
			if err := r.eachParked(c, func(parked ports.ParkedAggregate) { all = append(all, parked) }); err != nil {
				return endpoint.Reply{}, err
			}
			return endpoint.Reply{Body: grouped(all)}, nil
		},
	}
}

// grouped puts together what is parked for the same cause.
func grouped(all []ports.ParkedAggregate) parkedGroupsDocument {
	slices.SortStableFunc(all, func(a, b ports.ParkedAggregate) int { return a.ParkedAt.Compare(b.ParkedAt) })
	document := parkedGroupsDocument{Groups: []parkedGroupDocument{}}
	places := map[string]int{}
	for _, parked := range all {
		fingerprint := endpoint.Fingerprint(parked)
		at, known := places[fingerprint]
		if !known {
			at = len(document.Groups)
			places[fingerprint] = at
			document.Groups = append(document.Groups, parkedGroupDocument{
				Fingerprint: fingerprint, Kind: string(parked.Kind), EventType: parked.EventType, Error: parked.Error,
				Oldest: endpoint.Timestamp(parked.ParkedAt),
			})
		}
		document.Groups[at].Aggregates++
		document.Groups[at].Newest = endpoint.Timestamp(parked.ParkedAt) // the last one so far
	}
	return document
}
