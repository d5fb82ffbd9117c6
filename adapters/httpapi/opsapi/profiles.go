package opsapi

import (
	"net/http"
	"net/http/pprof"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

const paramProfile = "profile"

// profiles returns the operations for "go tool pprof". A profile shows what is in memory, and takes
// processor time, so only administrators get one.
func (r routes) profiles() []endpoint.Operation {
	if !r.Profiles {
		return nil
	}
	answers := []endpoint.Answer{{
		Status: http.StatusOK, Description: "The profile.", Media: "application/octet-stream",
		Document: endpoint.Schema{Type: endpoint.TypeString},
	}}
	return []endpoint.Operation{
		{
			ID: "list-profiles", Method: http.MethodGet, Path: "/debug/pprof/", Tag: tag, Scope: ports.ScopeAdmin,
			Summary: "List the profiles of the Go runtime",
			Answers: []endpoint.Answer{{
				Status: http.StatusOK, Description: "A page.", Media: "text/html", Document: endpoint.Schema{Type: endpoint.TypeString},
			}},
			Handler: http.HandlerFunc(pprof.Index),
		},
		{
			ID: "get-profile", Method: http.MethodGet, Path: "/debug/pprof/{profile}", Tag: tag, Scope: ports.ScopeAdmin,
			Summary:     "Take a profile of the process",
			Description: "For go tool pprof and go tool trace. It is there with --pprof only.",
			Parameters: []endpoint.Parameter{{
				Name: paramProfile, In: endpoint.InPath, Description: "The profile: profile (of the processor), trace, or one of the list.",
				Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1}, Example: "heap",
			}},
			OtherParameters: true,
			Answers:         answers, Problems: []int{404},
			Handler: http.HandlerFunc(profile),
		},
	}
}

func profile(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue(paramProfile); name {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Handler(name).ServeHTTP(w, r)
	}
}
