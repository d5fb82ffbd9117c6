package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/openapi"
	"orderflow/ports"
)

// The codes of problems of requests that no operation has seen.
const (
	codeRouteNotFound    = "route_not_found"
	codeMethodNotAllowed = "method_not_allowed"
	codeMisdirected      = "misdirected"
	codeHeadersTooLarge  = "headers_too_large"
	codeNotReady         = "not_ready"
)

// newHandler makes the router, and all that it serves, out of the operations.
func newHandler(config Config, service *endpoint.Service) (http.Handler, error) {
	var tags []endpoint.Tag
	var operations []endpoint.Operation
	own := self{config: config}
	for _, resource := range append(slices.Clone(config.Resources), own.resource()) {
		tags = append(tags, resource.Tags...)
		operations = append(operations, resource.Operations...)
	}
	if config.WithoutOperations {
		operations = slices.DeleteFunc(operations, isForOperators)
	}
	described, err := openapi.Document(tags, operations, config.Authenticator != nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, op := range operations {
		switch op.ID { // these need all operations to be known
		case indexID:
			op.Run = own.serveIndex(index(config.StoreID, operations))
		case openAPIID:
			op.Run = func(*endpoint.Call) (endpoint.Reply, error) {
				return endpoint.Reply{Body: json.RawMessage(described)}, nil
			}
		}
		handler, err := service.Handler(op)
		if err != nil {
			return nil, err
		}
		mux.Handle(op.Method+" "+pattern(op.Path), handler)
	}
	for path, methods := range methodsByPath(operations) {
		mux.Handle(pattern(path), refuseMethod(methods))
	}
	if config.Console != nil {
		mux.Handle("GET "+consolePath, config.Console)
		mux.Handle(consolePath, refuseMethod([]string{http.MethodGet, http.MethodHead}))
	}
	mux.HandleFunc(unmatched, func(w http.ResponseWriter, _ *http.Request) {
		endpoint.WriteProblem(w, endpoint.NewProblem(http.StatusNotFound, codeRouteNotFound,
			"there is no route with this path; GET / lists the routes"))
	})
	g := newGate(mux, nil, config.AllowedHosts)
	if config.Listener != nil {
		g = newGate(mux, config.Listener.Addr(), config.AllowedHosts)
	}
	return newObserver(config, g)
}

// consolePath is the path below which the pages for people are.
const consolePath = "/ui/"

func isForOperators(op endpoint.Operation) bool {
	return op.Scope == ports.ScopeOpsRead || op.Scope == ports.ScopeOpsWrite || op.Scope == ports.ScopeAdmin ||
		op.Scope == ports.ScopePersonalErase || op.ID == metricsID
}

// unmatched is the pattern of everything that no operation serves.
const unmatched = "/"

// pattern returns a path in the language of http.ServeMux, in which one that ends with / would
// stand for everything below.
func pattern(path string) string {
	if strings.HasSuffix(path, "/") {
		return path + exactly
	}
	return path
}

// exactly ends a pattern for one path that ends with /.
const exactly = "{$}"

func methodsByPath(operations []endpoint.Operation) map[string][]string {
	methods := make(map[string][]string)
	for _, op := range operations {
		methods[op.Path] = append(methods[op.Path], op.Method)
		if op.Method == http.MethodGet {
			methods[op.Path] = append(methods[op.Path], http.MethodHead)
		}
	}
	return methods
}

// refuseMethod answers requests for a path that exists with a method that it does not have.
func refuseMethod(methods []string) http.Handler {
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		endpoint.WriteProblem(w, endpoint.NewProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed,
			fmt.Sprintf("this path does not have the method %.32s; it has %s", r.Method, allow)))
	})
}

// self has the operations that are about the server itself.
type self struct{ config Config }

const (
	indexID   = "get-index"
	openAPIID = "get-openapi"
	metricsID = "get-metrics"
	tagSelf   = "self"
)

type indexDocument struct {
	_ struct{} `additionalProperties:"true"`

	Service string          `json:"service" example:"orderflow" doc:"The name of the service."`
	StoreID uuid.UUID       `json:"store_id,omitzero" format:"uuid" doc:"The id that the store got when it was created. Services with the same id use the same data."`
	OpenAPI string          `json:"openapi" example:"/openapi.json" doc:"Where the description of the API is."`
	Routes  []routeDocument `json:"routes" doc:"The routes."`
}

type routeDocument struct {
	_ struct{} `additionalProperties:"true"`

	Method  string `json:"method" example:"GET" doc:"The method."`
	Path    string `json:"path" example:"/v1/orders/{id}" doc:"The path, with its parameters in braces."`
	Summary string `json:"summary" doc:"What it does."`
}

type healthDocument struct {
	_ struct{} `additionalProperties:"true"`

	Status string   `json:"status" enum:"ok" doc:"Always ok; otherwise the answer is a problem."`
	Notes  []string `json:"notes,omitempty" doc:"What should be different all the same, for those who may see it."`
}

func index(storeID uuid.UUID, operations []endpoint.Operation) indexDocument {
	document := indexDocument{Service: "orderflow", StoreID: storeID, OpenAPI: "/openapi.json"}
	for _, op := range operations {
		document.Routes = append(document.Routes, routeDocument{Method: op.Method, Path: op.Path, Summary: op.Summary})
	}
	return document
}

// indexOperation completes the operation of the index.
func (s self) indexOperation(op endpoint.Operation) endpoint.Operation {
	if s.config.Console != nil {
		op.Answers = append(op.Answers, endpoint.Answer{
			Status: http.StatusSeeOther, Description: "A browser, which accepts text/html, is sent to the console.",
			Headers: []endpoint.Parameter{{
				Name: "Location", Description: "The path of the console.", Schema: endpoint.Schema{Type: endpoint.TypeString},
			}},
		})
	}
	return op
}

// serveIndex answers with the index, and sends browsers to the console if there is one.
func (s self) serveIndex(document indexDocument) func(*endpoint.Call) (endpoint.Reply, error) {
	return func(c *endpoint.Call) (endpoint.Reply, error) {
		if s.config.Console == nil {
			return endpoint.Reply{Body: document}, nil
		}
		c.SetHeader("Vary", "Accept")
		if wantsPage(c.Header()) {
			return endpoint.Reply{Status: http.StatusSeeOther, Location: consolePath}, nil
		}
		return endpoint.Reply{Body: document}, nil
	}
}

// wantsPage reports whether a client names HTML among what it accepts, as browsers do.
func wantsPage(header http.Header) bool {
	for _, accepted := range strings.Split(strings.Join(header.Values("Accept"), ","), ",") {
		media, _, _ := strings.Cut(accepted, ";")
		if strings.EqualFold(strings.TrimSpace(media), "text/html") {
			return true
		}
	}
	return false
}

func (s self) resource() endpoint.Resource {
	get := func(id, path, summary, description string, document any, problems ...int) endpoint.Operation {
		return endpoint.Operation{
			ID: id, Scope: ports.ScopeOpen, Method: http.MethodGet, Path: path, Tag: tagSelf, Summary: summary, Problems: problems,
			Answers: []endpoint.Answer{{Status: http.StatusOK, Description: description, Document: document}},
		}
	}
	live := get("get-live", "/livez", "Ask whether the process is up", "It is.", healthDocument{}, 400)
	live.Run = func(*endpoint.Call) (endpoint.Reply, error) {
		return endpoint.Reply{Body: healthDocument{Status: "ok"}}, nil
	}
	ready := get("get-ready", "/readyz", "Ask whether the service can do its work", "It can.", healthDocument{}, 400, 503)
	ready.Run = s.ready
	resource := endpoint.Resource{
		Tags: []endpoint.Tag{{Name: tagSelf, Description: "The service about itself."}},
		Operations: []endpoint.Operation{
			live, ready,
			s.indexOperation(get(indexID, "/", "List the routes", "The routes.", indexDocument{}, 400)),
			get(openAPIID, "/openapi.json", "Read this description of the API", "OpenAPI 3.1.",
				endpoint.Schema{Type: endpoint.TypeObject}, 400),
		},
	}
	if s.config.Metrics != nil {
		metrics := get(metricsID, "/metrics", "Read the metrics, for Prometheus", "Prometheus text format.",
			endpoint.Schema{Type: endpoint.TypeString})
		metrics.Answers[0].Media = "text/plain"
		metrics.Handler = s.config.Metrics
		if !s.config.OpenMetrics {
			metrics.Scope = ports.ScopeOpsRead
		}
		resource.Operations = append(resource.Operations, metrics)
	}
	return resource
}

func (s self) ready(c *endpoint.Call) (endpoint.Reply, error) {
	if err := s.config.Ready(c.Context()); err != nil {
		detail := err.Error()
		if !s.tells(c) {
			detail = "the service is not ready; with the scope " + string(ports.ScopeOpsRead) + " this says why"
		}
		p := endpoint.NewProblem(http.StatusServiceUnavailable, codeNotReady, detail)
		return endpoint.Reply{}, p.Because(slog.LevelDebug, err)
	}
	document := healthDocument{Status: "ok"}
	if s.tells(c) {
		document.Notes = s.config.Notes(c.Context())
	}
	return endpoint.Reply{Body: document}, nil
}

// tells reports whether a client may know details of the readiness.
func (s self) tells(c *endpoint.Call) bool {
	return !s.config.WithoutOperations && c.Allows(ports.ScopeOpsRead)
}

// always is the readiness check of a service without one.
func always(context.Context) error { return nil }
