package openapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/ports"
)

// The names of the ways to authenticate.
const (
	schemeBearer      = "bearer"
	schemeCertificate = "certificate"
	schemeSession     = "session"
)

func schemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		schemeBearer: {
			Type: "http", Scheme: "bearer",
			Description: "A token of 'orderflow token create', or an access token of the identity provider.",
		},
		schemeCertificate: {
			Type: "mutualTLS", Description: "A certificate of the client, where the service asks for one.",
		},
		schemeSession: {
			Type: "apiKey", In: "cookie", Name: "orderflow-session",
			Description: "The session of a browser; see POST /v1/session. Over TLS the name begins with __Host-. " +
				"Requests that change something have to come from a page of the service.",
		},
	}
}

// security says how a client can get the right to use an operation. Without authentication no
// credentials are needed, and those that are shown are not looked at.
func security(scope ports.Scope, secured bool) []map[string][]string {
	if scope == ports.ScopeOpen {
		return []map[string][]string{{}}
	}
	needed := []string{string(scope)}
	ways := []map[string][]string{{schemeBearer: needed}, {schemeCertificate: needed}, {schemeSession: needed}}
	if !secured {
		return append([]map[string][]string{{}}, ways...)
	}
	return ways
}

// refusals returns the statuses with which an operation refuses clients. A token in the URL is a
// malformed request.
func refusals(scope ports.Scope) []int {
	if scope == ports.ScopeOpen {
		return nil
	}
	return []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusServiceUnavailable,
	}
}
