package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// api is what the operations share. It is immutable but for the pool.
type api struct {
	config    Config
	documents documents
	tables    map[string]*projection.Table // behind the lists
	origins   *http.CrossOriginProtection
	buffers   sync.Pool // of *bytes.Buffer
}

// newHandler makes the router, and everything it serves, out of the list of operations.
func newHandler(config Config) (http.Handler, error) {
	a := &api{
		config:    config,
		documents: documents{codec: config.Codec, readModel: views.OrderReadModel().Table},
		tables:    listTables(),
		origins:   http.NewCrossOriginProtection(),
		buffers:   sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	d := newDescriber()
	operations := slices.Concat(a.commandOperations(d), a.queryOperations(d), a.explanationOperations(d),
		a.consumerOperations(d), a.managementOperations(d), a.rebuildOperations(d), a.parkedOperations(d),
		a.operatorOperations(d), a.verificationOperations(d), a.topicOperations(d), a.selfOperations(d))
	described, err := json.Marshal(d.document(operations))
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	mux := http.NewServeMux()
	for _, op := range operations {
		mux.Handle(op.method+" "+pattern(op.path), a.handlerOf(op, operations, described))
	}
	for path, methods := range methodsByPath(operations) {
		mux.Handle(pattern(path), refuseMethod(methods))
	}
	mux.HandleFunc(unmatched, func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, codeRouteNotFound, "there is nothing at this path; / lists what there is"))
	})
	return newObserver(config, mux)
}

// The operations that answer from what is known once all operations are.
const (
	indexID   = "index"
	openAPIID = "openapi"
)

func (a *api) selfOperations(d describer) []operation {
	var operations []operation
	if len(a.config.AsyncAPI) > 0 {
		operations = append(operations, operation{
			id: "asyncAPI", method: http.MethodGet, path: "/asyncapi.yaml", tag: tagOperations, summary: "Read the description of the messages that are published",
			responses: map[string]*huma.Response{"200": {
				Description: "AsyncAPI 3.", Content: map[string]*huma.MediaType{mediaYAML: {Schema: &huma.Schema{Type: huma.TypeString}}},
			}},
			handler: document{mediaYAML, a.config.AsyncAPI},
		})
	}
	return append(operations, []operation{
		{
			id: indexID, method: http.MethodGet, path: "/", tag: tagOperations, summary: "List the routes",
			responses: d.responses(answers{http.StatusOK: d.answer("The routes.", indexDocument{})}, 400),
		},
		{
			id: openAPIID, method: http.MethodGet, path: "/openapi.json", tag: tagOperations, summary: "Read this description of the API",
			responses: d.responses(answers{http.StatusOK: d.answer("OpenAPI 3.1.", json.RawMessage{})}, 400),
		},
	}...)
}

const mediaYAML = "application/yaml"

// document is an http.Handler that answers with the same bytes each time.
type document struct {
	media string
	text  []byte
}

func (d document) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", d.media)
	_, _ = w.Write(d.text) // the client has left, or the connection will tell the server
}

func (a *api) handlerOf(op operation, all []operation, described []byte) http.Handler {
	switch {
	case op.handler != nil:
		return op.handler
	case op.id == indexID:
		op.run = func(*call) (reply, error) { return reply{body: index(a.config.StoreID, all)}, nil }
	case op.id == openAPIID:
		op.run = func(*call) (reply, error) { return reply{body: json.RawMessage(described)}, nil }
	}
	return a.serve(op)
}

func index(storeID uuid.UUID, operations []operation) indexDocument {
	document := indexDocument{Service: "orderflow", StoreID: storeID, OpenAPI: "/openapi.json"}
	for _, op := range operations {
		document.Routes = append(document.Routes, routeDocument{Method: op.method, Path: op.path, Summary: op.summary})
	}
	return document
}

// unmatched is the pattern of everything that no operation serves.
const unmatched = "/"

// pattern is a path in the language of http.ServeMux, in which / alone would stand for everything below.
func pattern(path string) string {
	if path == "/" {
		return "/{$}"
	}
	return path
}

func methodsByPath(operations []operation) map[string][]string {
	methods := make(map[string][]string)
	for _, op := range operations {
		methods[op.path] = append(methods[op.path], op.method)
		if op.method == http.MethodGet {
			methods[op.path] = append(methods[op.path], http.MethodHead)
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
		writeProblem(w, methodNotAllowed(r.Method, allow))
	})
}
