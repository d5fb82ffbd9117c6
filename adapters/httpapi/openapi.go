package httpapi

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Tags group the operations in the OpenAPI document.
const (
	tagCommands   = "commands"
	tagQueries    = "queries"
	tagOperations = "operations"
)

const mediaJSON = "application/json"

const apiVersion = "1.0.0"

// describer makes the parts of an OpenAPI document. Schemas come from the Go types that are really read and written.
type describer struct {
	registry huma.Registry
}

func newDescriber() describer {
	return describer{registry: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)}
}

// document puts the operations together. It panics when they contradict each other, as that is a bug of this package.
func (d describer) document(operations []operation) *huma.OpenAPI {
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Orderflow", Version: apiVersion,
			Description: "An event-sourced order service. Commands change orders; what they changed comes back as events. " +
				"Queries read what the projections have made of the events, a little later.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers: []*huma.Server{{URL: "/", Description: "Where this document came from."}},
		Tags: []*huma.Tag{
			{Name: tagCommands, Description: "Change an order. Any of them can be repeated safely with the same Idempotency-Key."},
			{Name: tagQueries, Description: "Read orders."},
			{Name: tagOperations, Description: "Look after the service. Like the rest of the API, they ask nobody who they are: see to it that only those reach them who may."},
		},
		Components: &huma.Components{Schemas: d.registry, Responses: d.problems()},
		Security:   []map[string][]string{{}}, // none is needed, and none is offered
	}
	for _, op := range operations {
		api.AddOperation(&huma.Operation{
			OperationID: op.id, Method: op.method, Path: op.path, Tags: []string{op.tag},
			Summary: op.summary, Description: op.description,
			Parameters: parameters(op.parameters), RequestBody: op.body, Responses: op.responses,
		})
	}
	return api
}

func parameters(list []parameter) []*huma.Param {
	var described []*huma.Param
	for _, p := range list {
		described = append(described, &huma.Param{
			Name: p.name, In: p.in, Description: p.description, Required: p.in == inPath, Schema: &p.schema, Example: p.example,
		})
	}
	return described
}

// body describes a request body.
func (d describer) body(t reflect.Type, required bool) *huma.RequestBody {
	return &huma.RequestBody{
		Required: required,
		Content:  map[string]*huma.MediaType{mediaJSON: {Schema: d.registry.Schema(t, true, "")}},
	}
}

// answers are the responses of an operation when all goes well, by status.
type answers map[int]*huma.Response

// answer describes one of them: its body, if document is not nil, and its headers.
func (d describer) answer(description string, document any, headers ...string) *huma.Response {
	response := &huma.Response{Description: description}
	if document != nil {
		response.Content = map[string]*huma.MediaType{
			mediaJSON: {Schema: d.registry.Schema(reflect.TypeOf(document), true, "")},
		}
	}
	for _, name := range headers {
		if response.Headers == nil {
			response.Headers = make(map[string]*huma.Header)
		}
		response.Headers[name] = describedHeader(name)
	}
	return response
}

func (d describer) text(description string) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

func describedHeader(name string) *huma.Header {
	switch name {
	case "ETag":
		return &huma.Header{
			Description: "The version of the order: its last sequence number in quotes.",
			Schema:      &huma.Schema{Type: huma.TypeString, Pattern: `^"[1-9][0-9]*"$`}, Example: `"2"`,
		}
	case "Location":
		return &huma.Header{Description: "The path of the order.", Schema: &huma.Schema{Type: huma.TypeString, Format: "uri-reference"}}
	case "Retry-After":
		return &huma.Header{Description: "Try again after so many seconds.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)}}
	case headerCorrelationID:
		return &huma.Header{Description: "What the command belongs to.", Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}
	default:
		panic(fmt.Sprintf("header %s has no description", name))
	}
}

// responses adds the statuses of the problems that an operation can end in.
func (d describer) responses(good answers, problems ...int) map[string]*huma.Response {
	all := make(map[string]*huma.Response)
	for status, response := range good {
		all[strconv.Itoa(status)] = response
	}
	for _, status := range problems {
		all[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + problemName(status)}
	}
	return all
}

// problems describes every problem once, for the operations to refer to.
func (d describer) problems() map[string]*huma.Response {
	described := make(map[string]*huma.Response)
	for status, description := range map[int]string{
		http.StatusBadRequest:            "The request makes no sense, whatever the state of the order: see errors.",
		http.StatusForbidden:             "A browser sent this on behalf of another site.",
		http.StatusNotFound:              "There is no such thing.",
		http.StatusRequestTimeout:        "The body did not arrive in time.",
		http.StatusConflict:              "Not as things are now: see code. Others changed the order at the same time, again and again, and nothing happened; or a consumer refuses what was asked for, works in another process, or could not handle an order that it has set aside.",
		http.StatusPreconditionFailed:    "The order is not at a version that If-Match names. Nothing happened.",
		http.StatusRequestEntityTooLarge: "The body is too large.",
		http.StatusUnsupportedMediaType:  "The body is not application/json.",
		http.StatusUnprocessableEntity:   "A rule refuses the command in the state that the order is in, or its Idempotency-Key stands for another command.",
		http.StatusInternalServerError:   "Something is broken. The log of the service tells more. With code internal a command may have taken effect.",
		http.StatusServiceUnavailable:    "Not now. With code outcome_unknown or shutting_down what was asked for may have taken effect; with any other, nothing happened.",
		http.StatusGatewayTimeout:        "There was no answer in time. What was asked for may have taken effect.",
	} {
		response := &huma.Response{
			Description: description,
			Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: d.registry.Schema(reflect.TypeFor[problem](), true, "")},
			},
		}
		if status == http.StatusServiceUnavailable {
			response.Headers = map[string]*huma.Header{"Retry-After": describedHeader("Retry-After")}
		}
		described[problemName(status)] = response
	}
	return described
}

func problemName(status int) string { return "Problem" + strconv.Itoa(status) }
