package opsapi

import (
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type tablesDocument struct {
	_ struct{} `additionalProperties:"true"`

	Tables []string `json:"tables" doc:"Names of the tables."`
}

type tableDocument struct {
	_ struct{} `additionalProperties:"true"`

	Columns    []string   `json:"columns" doc:"Names of the columns."`
	Rows       [][]string `json:"rows" doc:"The rows, each value as text."`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

func (r routes) looks() []endpoint.Operation {
	return []endpoint.Operation{
		{
			Scope: ports.ScopeOpsRead,
			ID:    "list-tables", Method: http.MethodGet, Path: "/v1/tables", Tag: tag,
			Summary:  "List the tables that can be read",
			Answers:  endpoint.OK("Their names.", tablesDocument{}),
			Problems: []int{400, 500},
			Run: func(*endpoint.Call) (endpoint.Reply, error) {
				return endpoint.Reply{Body: tablesDocument{Tables: append([]string{}, r.Tables.Names()...)}}, nil
			},
		},
		{
			Scope: ports.ScopeOpsRead,
			ID:    "get-table", Method: http.MethodGet, Path: "/v1/tables/{name}", Tag: tag,
			Summary:    "Read a table",
			Parameters: append([]endpoint.Parameter{tableParameter()}, endpoint.PageParameters()...),
			Answers:    endpoint.OK("A page of the table.", tableDocument{}),
			Problems:   []int{400, 404, 500, 503, 504},
			Run:        r.table,
		},
	}
}

func (r routes) table(c *endpoint.Call) (endpoint.Reply, error) {
	c.About.Table, c.About.Known = c.Path(paramName), r.Tables.Names
	after, limit, err := c.Page()
	if err != nil {
		return endpoint.Reply{}, err
	}
	page, err := r.Tables.Table(c.Context(), c.About.Table, after, limit)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := tableDocument{Columns: page.Columns, Rows: page.Rows, NextCursor: endpoint.ShowCursor(page.Next)}
	if document.Rows == nil {
		document.Rows = [][]string{}
	}
	return endpoint.Reply{Body: document}, nil
}
