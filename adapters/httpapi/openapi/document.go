package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/adapters/httpapi/endpoint"
)

// apiVersion is the version of the API, not of the program.
const apiVersion = "1.0.0"

// Document returns the description of an API, as JSON. It panics when a type has no schema, because
// that is a bug of the package of the type. secured says whether the API asks for credentials.
func Document(tags []endpoint.Tag, operations []endpoint.Operation, secured bool) ([]byte, error) {
	d := newDescriber()
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Orderflow", Version: apiVersion,
			Description: "An event-sourced order service. Commands change orders, and the answers have the events. " +
				"Queries read what the projections have derived from the events, a little later.\n\n" +
				"Some answers are not in the list of an operation, because they say nothing about it: " +
				"404 for a path that has an empty segment, 421 for a request whose Host is not one of the service, " +
				"and 431 for headers above 64 KiB, each with a problem.\n\n" +
				"A number is whole if its value is: 206.0 is the same as 206.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers:    []*huma.Server{{URL: "/", Description: "The server that sent this document."}},
		Components: &huma.Components{Schemas: d.registry, Responses: d.problems(), SecuritySchemes: schemes()},
		Security:   []map[string][]string{{}}, // operations name their own
	}
	for _, tag := range tags {
		api.Tags = append(api.Tags, &huma.Tag{Name: tag.Name, Description: tag.Description})
	}
	for _, op := range operations {
		described := d.operation(op)
		described.Security = security(op.Scope, secured)
		api.AddOperation(described)
	}
	d.finish()
	document, err := json.Marshal(api)
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return document, nil
}

func (d *describer) operation(op endpoint.Operation) *huma.Operation {
	described := &huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Tags: []string{op.Tag},
		Summary: op.Summary, Description: op.Description, Responses: make(map[string]*huma.Response),
	}
	if len(op.Rules) > 0 {
		described.Extensions = map[string]any{"x-parameter-rules": op.Rules}
	}
	for _, rule := range op.Rules {
		sentence := rule.String()
		described.Description = strings.TrimSpace(described.Description + " " + strings.ToUpper(sentence[:1]) +
			sentence[1:] + ".")
	}
	for _, p := range op.Parameters {
		described.Parameters = append(described.Parameters, &huma.Param{
			Name: p.Name, In: p.In, Description: p.Description, Required: p.In == endpoint.InPath,
			Schema: asked(p.Schema), Example: p.Example,
		})
	}
	if op.Body != nil {
		described.RequestBody = &huma.RequestBody{
			Required: op.Body.Required,
			Content:  map[string]*huma.MediaType{endpoint.MediaJSON: {Schema: d.body(op.Body.Document)}},
		}
	}
	for _, answer := range op.Answers {
		status, response := strconv.Itoa(answer.Status), d.answer(answer)
		if other := described.Responses[status]; other != nil { // the same in another media type
			maps.Copy(other.Content, response.Content)
			continue
		}
		described.Responses[status] = response
	}
	for _, status := range append(slices.Clone(op.Problems), refusals(op.Scope)...) {
		described.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + problemName(status)}
	}
	return described
}

func (d *describer) answer(answer endpoint.Answer) *huma.Response {
	response := &huma.Response{Description: answer.Description}
	if answer.Document != nil {
		media := answer.Media
		if media == "" {
			media = endpoint.MediaJSON
		}
		response.Content = map[string]*huma.MediaType{media: {Schema: d.schema(answer.Document)}}
	}
	for _, header := range answer.Headers {
		if response.Headers == nil {
			response.Headers = make(map[string]*huma.Header)
		}
		response.Headers[header.Name] = &huma.Header{
			Description: header.Description, Schema: schema(header.Schema), Example: header.Example,
		}
	}
	return response
}

// problems describes every problem once, and the operations refer to it.
func (d *describer) problems() map[string]*huma.Response {
	described := make(map[string]*huma.Response)
	for status, description := range map[int]string{
		http.StatusBadRequest: "The request is not valid, whatever is stored. errors names all that is wrong with it.",
		http.StatusUnauthorized: "The client has to show credentials, or those that it has shown are not accepted. " +
			"code says why.",
		http.StatusForbidden: "The client does not have the scope that the operation needs, " +
			"or a browser sent the request on behalf of another site.",
		http.StatusNotFound:       "What the request names does not exist.",
		http.StatusRequestTimeout: "The body did not arrive in time.",
		http.StatusConflict: "The request conflicts with the present state; code says how. " +
			"version_conflict: others repeatedly changed the aggregate at the same time, and nothing happened. " +
			"other_aggregate_type: the id belongs to an aggregate of another type. " +
			"refused: a consumer does not do it, for the reason in detail. " +
			"held_elsewhere: another process works as the consumer; holder names it. " +
			"still_parked: the consumer could not handle the aggregate this time either; parked says why.",
		http.StatusPreconditionFailed: "The aggregate is not at a version that If-Match names, and nothing happened. " +
			"actual is the version that it is at.",
		http.StatusRequestEntityTooLarge: "The body is too large.",
		http.StatusUnsupportedMediaType:  "The body is not application/json, or it is compressed.",
		http.StatusUnprocessableEntity: "A rule refuses the command in the state that the aggregate is in. " +
			"With the code impossible_token, the rights or the end of a new token are not possible. " +
			"With the code command_id_reused, its Idempotency-Key stands for another command.",
		http.StatusTooManyRequests: "The client sends too many requests, or has too many in progress. Nothing happened.",
		http.StatusInternalServerError: "The service has a fault; its log says more. " +
			"With the code internal, a command may have taken effect.",
		http.StatusServiceUnavailable: "The service cannot do it now; try again. " +
			"With the codes outcome_unknown and shutting_down the request may have taken effect; " +
			"with all others it had no effect.",
		http.StatusGatewayTimeout:      "There was no answer in time. The request may have taken effect.",
		http.StatusInsufficientStorage: "The disk of the service is full. Nothing was written, and reads still work.",
	} {
		response := &huma.Response{
			Description: description,
			Content:     map[string]*huma.MediaType{endpoint.MediaProblem: {Schema: d.schema(endpoint.Problem{})}},
		}
		if status == http.StatusUnauthorized {
			response.Headers = map[string]*huma.Header{"WWW-Authenticate": {
				Description: "How to authenticate, and why it was refused (RFC 6750).",
				Schema:      &huma.Schema{Type: huma.TypeString},
			}}
		}
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			response.Headers = map[string]*huma.Header{"Retry-After": {
				Description: "Try again after so many seconds.",
				Schema:      &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)},
			}}
		}
		described[problemName(status)] = response
	}
	return described
}

func problemName(status int) string { return "Problem" + strconv.Itoa(status) }
