package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

type tablesDocument struct {
	_ struct{} `additionalProperties:"true"`

	Tables []string `json:"tables" nullable:"false" doc:"Names of the tables."`
}

type tableDocument struct {
	_ struct{} `additionalProperties:"true"`

	Columns    []string   `json:"columns" nullable:"false" doc:"Names of the columns."`
	Rows       [][]string `json:"rows" nullable:"false" doc:"The rows, each value as text."`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

// TransformSchema says of the inner lists too that they are never null; the tags reach only the outer one.
func (tableDocument) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["rows"].Items.Nullable = false
	return s
}

type indexDocument struct {
	_ struct{} `additionalProperties:"true"`

	Service string          `json:"service" example:"orderflow" doc:"What this is."`
	StoreID uuid.UUID       `json:"store_id,omitzero" format:"uuid" doc:"The id that the store got when it was made. It tells whether two services, or two answers, are about the same orders."`
	OpenAPI string          `json:"openapi" example:"/openapi.json" doc:"Where the description of the API is."`
	Routes  []routeDocument `json:"routes" nullable:"false" doc:"What there is."`
}

type routeDocument struct {
	_ struct{} `additionalProperties:"true"`

	Method  string `json:"method" example:"GET" doc:"The method."`
	Path    string `json:"path" example:"/v1/orders/{id}" doc:"The path, with its parameters in braces."`
	Summary string `json:"summary" doc:"What it does."`
}

type healthDocument struct {
	_ struct{} `additionalProperties:"true"`

	Status string `json:"status" enum:"ok" doc:"Always ok; what is not ok is a problem."`
}

func (a *api) operatorOperations(d describer) []operation {
	operations := []operation{
		{
			id: "list-tables", method: http.MethodGet, path: "/v1/tables", tag: tagOperations, summary: "List the tables that can be looked into",
			responses: d.responses(answers{http.StatusOK: d.answer("Their names.", tablesDocument{})}, 400, 500),
			run: func(*call) (reply, error) {
				return reply{body: tablesDocument{Tables: append([]string{}, a.config.Tables.Names()...)}}, nil
			},
		},
		{
			id: "get-table", method: http.MethodGet, path: "/v1/tables/{name}", tag: tagOperations, summary: "Look into a table",
			parameters: []parameter{tableParameter(), limitParameter(), cursorParameter()},
			responses:  d.responses(answers{http.StatusOK: d.answer("A page of the table.", tableDocument{})}, 400, 404, 500, 503, 504),
			run:        a.getTable,
		},
		{
			id: "live", method: http.MethodGet, path: "/livez", tag: tagOperations, summary: "Ask whether the process is up",
			responses: d.responses(answers{http.StatusOK: d.answer("It is.", healthDocument{})}, 400),
			run:       func(*call) (reply, error) { return reply{body: healthDocument{Status: "ok"}}, nil },
		},
		{
			id: "ready", method: http.MethodGet, path: "/readyz", tag: tagOperations, summary: "Ask whether the service can do its work",
			responses: d.responses(answers{http.StatusOK: d.answer("It can.", healthDocument{})}, 400, 503),
			run:       a.getReady,
		},
	}
	if a.config.Metrics != nil {
		operations = append(operations, operation{
			id: "metrics", method: http.MethodGet, path: "/metrics", tag: tagOperations, summary: "Read the metrics, for Prometheus",
			responses: d.responses(answers{http.StatusOK: d.text("Prometheus text format.")}),
			handler:   a.config.Metrics,
		})
	}
	return operations
}

func (a *api) getTable(c *call) (reply, error) {
	after, limit, err := c.readPage()
	if err != nil {
		return reply{}, err
	}
	page, err := a.config.Tables.Table(c.request.Context(), c.request.PathValue(paramName), after, limit)
	if err != nil {
		return reply{}, err
	}
	document := tableDocument{Columns: page.Columns, Rows: page.Rows, NextCursor: showCursor(page.Next)}
	if document.Rows == nil {
		document.Rows = [][]string{}
	}
	return reply{body: document}, nil
}

func (a *api) getReady(c *call) (reply, error) {
	if err := a.config.Ready(c.request.Context()); err != nil {
		return reply{}, newProblem(http.StatusServiceUnavailable, codeNotReady, err.Error()).because(slog.LevelDebug, err)
	}
	return reply{body: healthDocument{Status: "ok"}}, nil
}

// always is the readiness check of a service without one.
func always(context.Context) error { return nil }
