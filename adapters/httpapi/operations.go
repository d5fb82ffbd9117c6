package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"orderflow/ports"
)

type consumersDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consumers []consumerDocument `json:"consumers" nullable:"false" doc:"In the order in which they were wired."`
}

type consumerDocument struct {
	_ struct{} `additionalProperties:"true"`

	Name       string           `json:"name" example:"order-read-model" doc:"The consumer."`
	Generation int              `json:"generation" example:"1" doc:"Generation of the view that it fills."`
	State      string           `json:"state" enum:"stopped,catching-up,running,failing" doc:"What it is doing."`
	Lag        lagDocument      `json:"lag" doc:"How far it is behind."`
	Failure    *failureDocument `json:"failure,omitempty" doc:"What it is stuck on."`
	Handled    uint64           `json:"handled" doc:"Events that had their effect, since the process started."`
	Duplicates uint64           `json:"duplicates" doc:"Events that came again and were dropped, since the process started."`
	Healed     uint64           `json:"healed" doc:"Events that the feed lost and the event store made good, since the process started."`
	Retries    uint64           `json:"retries" doc:"Attempts that failed, since the process started."`
}

type lagDocument struct {
	_ struct{} `additionalProperties:"true"`

	Events     uint64  `json:"events" doc:"Events behind the end of the feed."`
	AgeSeconds float64 `json:"age_seconds" doc:"How long ago the oldest of them was committed."`
	Known      bool    `json:"known" doc:"When false the figures mean nothing."`
}

type failureDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        string `json:"order_id,omitempty" format:"uuid" doc:"The order that is stuck, if it is one."`
	SequenceNumber uint64 `json:"sequence_number,omitempty" doc:"The event that is stuck, if it is one."`
	Error          string `json:"error" doc:"What went wrong the last time."`
	Attempts       int    `json:"attempts" doc:"How often it was tried."`
	Since          string `json:"since" format:"date-time" doc:"When it went wrong first."`
}

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
			id: "get-consumers", method: http.MethodGet, path: "/v1/consumers", tag: tagOperations, summary: "See how the consumers are, and how far behind",
			responses: d.responses(answers{http.StatusOK: d.answer("Every consumer.", consumersDocument{})}, 400, 500, 503, 504),
			run:       a.getConsumers,
		},
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

func (a *api) getConsumers(c *call) (reply, error) {
	statuses, err := a.config.Consumers.Consumers(c.request.Context())
	if err != nil {
		return reply{}, err
	}
	document := consumersDocument{Consumers: make([]consumerDocument, 0, len(statuses))}
	for _, s := range statuses {
		document.Consumers = append(document.Consumers, consumerDocument{
			Name: s.Name, Generation: s.Generation, State: string(s.State),
			Lag:     lagDocument{Events: s.Lag.Events, AgeSeconds: s.Lag.Age.Seconds(), Known: s.Lag.Known},
			Failure: failure(s.Failure),
			Handled: s.Handled, Duplicates: s.Duplicates, Healed: s.Healed, Retries: s.Retries,
		})
	}
	return reply{body: document}, nil
}

func failure(f *ports.ConsumerFailure) *failureDocument {
	if f == nil {
		return nil
	}
	document := &failureDocument{
		SequenceNumber: f.SequenceNumber, Error: f.Error, Attempts: f.Attempts, Since: f.Since.UTC().Format(time.RFC3339Nano),
	}
	if f.OrderID != uuid.Nil {
		document.OrderID = f.OrderID.String()
	}
	return document
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
