package opsapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

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
			Summary: "Read a table",
			Description: "With a column and a value, a page has the rows with that value. It has fewer than its limit, or none, " +
				"when there are many others, and the table may go on all the same.",
			Parameters: append([]endpoint.Parameter{
				tableParameter(),
				filterParameter(paramColumn, "Only the rows in which this column has the value.", "customer_id"),
				filterParameter(paramValue, "The value of the column, as the table shows it.", "ann"),
			}, endpoint.PageParameters()...),
			Answers:  endpoint.OK("A page of the table.", tableDocument{}),
			Problems: []int{400, 404, 500, 503, 504},
			Run:      r.table,
		},
	}
}

const (
	paramColumn = "column"
	paramValue  = "value"
	// maxScanned bounds how many rows are read for a page with a filter. No index has the columns.
	maxScanned = 20 * endpoint.MaxLimit
)

func filterParameter(name, description, example string) endpoint.Parameter {
	return endpoint.Parameter{
		Name: name, In: endpoint.InQuery, Description: description, Example: example,
		Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: 1000},
	}
}

func (r routes) table(c *endpoint.Call) (endpoint.Reply, error) {
	c.About.Table, c.About.Known = c.Path(paramName), r.Tables.Names
	after, limit, err := c.Page()
	if err != nil {
		return endpoint.Reply{}, err
	}
	var page ports.TablePage
	if c.Has(paramColumn) || c.Has(paramValue) {
		page, err = r.filtered(c, after, limit)
	} else {
		page, err = r.Tables.Table(c.Context(), c.About.Table, after, limit)
	}
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := tableDocument{Columns: page.Columns, Rows: page.Rows, NextCursor: endpoint.ShowCursor(page.Next)}
	if document.Rows == nil {
		document.Rows = [][]string{}
	}
	return endpoint.Reply{Body: document}, nil
}

// filtered reads a table until a page has so many rows with the value, or until enough was read.
func (r routes) filtered(c *endpoint.Call, after ports.Cursor, limit int) (ports.TablePage, error) {
	found := ports.TablePage{Next: after}
	for scanned := 0; len(found.Rows) < limit && scanned < maxScanned; {
		page, err := r.Tables.Table(c.Context(), c.About.Table, found.Next, endpoint.MaxLimit)
		if err != nil {
			return found, err
		}
		scanned += max(1, len(page.Rows))
		rows, last, err := matches(c, page, limit-len(found.Rows))
		if err == nil && last < len(page.Rows) { // the page ends with the last row that is wanted
			if page, err = r.Tables.Table(c.Context(), c.About.Table, found.Next, last); err == nil {
				rows, _, err = matches(c, page, last)
			}
		}
		if err != nil {
			return found, err
		}
		found.Columns, found.Rows, found.Next = page.Columns, append(found.Rows, rows...), page.Next
		if page.Next == "" {
			break
		}
	}
	return found, nil
}

// matches returns the first rows with the value, and how many rows of the page come up to the last
// of them. That is the whole page when there are fewer than wanted.
func matches(c *endpoint.Call, page ports.TablePage, wanted int) (rows [][]string, last int, err error) {
	column := slices.Index(page.Columns, c.Text(paramColumn))
	if column < 0 || !c.Has(paramValue) {
		wrong := endpoint.FieldError{Field: paramColumn, Message: "must be one of " + strings.Join(page.Columns, ", ")}
		if column >= 0 {
			wrong = endpoint.FieldError{Field: paramValue, Message: fmt.Sprintf("is needed, as %s is given", paramColumn)}
		}
		return nil, 0, endpoint.Invalid(endpoint.CodeInvalidParameter, wrong)
	}
	for i, row := range page.Rows {
		if row[column] != c.Text(paramValue) {
			continue
		}
		if rows = append(rows, row); len(rows) == wanted {
			return rows, i + 1, nil
		}
	}
	return rows, len(page.Rows), nil
}
