package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	defaultWait = 2 * time.Second
	maxWait     = 30 * time.Second
)

func (a *api) queryOperations(d describer) []operation {
	return []operation{
		{
			id: "get-order", method: http.MethodGet, path: "/v1/orders/{id}", tag: tagQueries, summary: "Read an order, now or in the past",
			description: "Now is what the read model knows, which is a little behind what was written: pass the sequence_number of a command's answer " +
				"as min_sequence to read what it wrote. The past is folded from the history and never behind.",
			parameters: []parameter{
				orderIDParameter(), minSequenceParameter(), timeoutParameter(), atSequenceParameter(), atTimeParameter(), ifNoneMatchParameter(),
			},
			responses: d.responses(answers{
				http.StatusOK:          d.answer("The order.", orderDocument{}, "ETag"),
				http.StatusNotModified: d.answer("The order is as it was when its ETag was received.", nil, "ETag"),
			}, 400, 404, 500, 503, 504),
			run: a.getOrder,
		},
		{
			id: "get-order-events", method: http.MethodGet, path: "/v1/orders/{id}/events", tag: tagQueries, summary: "Read the history of an order",
			description: "The audit trail: every event from the first on, with the command that caused it. Never behind.",
			parameters:  []parameter{orderIDParameter(), ifNoneMatchParameter()},
			responses: d.responses(answers{
				http.StatusOK:          d.answer("The history.", eventsDocument{}, "ETag"),
				http.StatusNotModified: d.answer("The history is as it was when its ETag was received.", nil, "ETag"),
			}, 400, 404, 500, 503, 504),
			run: a.getEvents,
		},
		{
			id: "list-orders-of-customer", method: http.MethodGet, path: "/v1/customers/{id}/orders", tag: tagQueries, summary: "List the orders of a customer, newest first",
			parameters: []parameter{customerIDParameter(), writtenOrderParameter(), minSequenceParameter(), timeoutParameter(), limitParameter(), cursorParameter()},
			responses:  d.responses(answers{http.StatusOK: d.answer("A page of the list.", listDocument{})}, 400, 500, 503, 504),
			run: func(c *call) (reply, error) {
				return a.list(c, listByCustomer, paramID, c.request.PathValue(paramID))
			},
		},
		{
			id: "list-orders", method: http.MethodGet, path: "/v1/orders", tag: tagQueries, summary: "List the orders in a status, or with an article, newest first",
			description: "Exactly one of status and sku says which orders.",
			parameters:  []parameter{statusParameter(), skuParameter(), writtenOrderParameter(), minSequenceParameter(), timeoutParameter(), limitParameter(), cursorParameter()},
			responses:   d.responses(answers{http.StatusOK: d.answer("A page of the list.", listDocument{})}, 400, 500, 503, 504),
			run:         a.listOrders,
		},
	}
}

func (a *api) getOrder(c *call) (reply, error) {
	if err := c.readOrderID(); err != nil {
		return reply{}, err
	}
	known, err := parsePreconditions(c.request.Header, headerIfNoneMatch)
	if err != nil {
		return reply{}, err
	}
	row, err := a.readOrder(c)
	if err != nil {
		return reply{}, err
	}
	document, err := a.documents.order(row)
	if err != nil {
		return reply{}, err
	}
	return unlessKnown(known, uint64(document.SequenceNumber), document), nil
}

// readOrder asks for the present or the past of an order, as the parameters say.
func (a *api) readOrder(c *call) (projection.Row, error) {
	moment, past, err := c.readMoment()
	if err != nil {
		return nil, err
	}
	minSequence, waiting, err := c.queryNumber(paramMinSequence, 0)
	if err != nil {
		return nil, err
	}
	wait, err := c.queryWait()
	if err != nil {
		return nil, err
	}
	ctx, id := c.request.Context(), c.about.orderID
	if past {
		if waiting {
			return nil, invalid(codeInvalidParameter, paramMinSequence, "makes no sense for the past, which is never behind")
		}
		return a.config.Orders.RowAt(ctx, id, moment)
	}
	row, err := a.config.Orders.Row(ctx, id, minSequence, wait)
	if minSequence > 0 && errors.Is(err, ports.ErrUnavailable) && ctx.Err() == nil {
		return a.behind(ctx, c, minSequence)
	}
	return row, err
}

// behind looks at the view once more after a wait in vain, to say where it stands, or that it cannot be read at all.
func (a *api) behind(ctx context.Context, c *call, minSequence uint64) (projection.Row, error) {
	row, err := a.config.Orders.Row(ctx, c.about.orderID, 0, 0)
	var at uint64
	switch {
	case err == nil:
		document, err := a.documents.order(row)
		if err != nil || uint64(document.SequenceNumber) >= minSequence {
			return row, err
		}
		at = uint64(document.SequenceNumber)
	case !errors.Is(err, ports.ErrNotFound):
		return nil, err
	}
	p := newProblem(http.StatusServiceUnavailable, codeViewBehind,
		fmt.Sprintf("the read model is at sequence number %d of this order, not yet at %d; try again, or ask without min_sequence", at, minSequence))
	p.Expected, p.Actual = &minSequence, &at
	return nil, p
}

// readMoment reads at_sequence or at_time; past is false when neither is given.
func (c *call) readMoment() (moment ports.Moment, past bool, err error) {
	sequence, atSequence, err := c.queryNumber(paramAtSequence, 1)
	if err != nil {
		return ports.Moment{}, false, err
	}
	if !c.query.Has(paramAtTime) {
		return ports.Moment{SequenceNumber: sequence}, atSequence, nil
	}
	if atSequence {
		return ports.Moment{}, false, invalid(codeInvalidParameter, paramAtTime, "cannot go together with "+paramAtSequence)
	}
	at, err := time.Parse(time.RFC3339, c.query.Get(paramAtTime))
	if err != nil {
		return ports.Moment{}, false, invalid(codeInvalidParameter, paramAtTime, "must be an RFC 3339 time such as 2026-03-01T12:00:00Z (a + in it is written %2B)")
	}
	return ports.Moment{Time: at}, true, nil
}

func (c *call) queryWait() (time.Duration, error) {
	if !c.query.Has(paramTimeout) {
		return defaultWait, nil
	}
	wait, err := time.ParseDuration(c.query.Get(paramTimeout))
	if err != nil || wait < 0 || wait > maxWait {
		return 0, invalid(codeInvalidParameter, paramTimeout, fmt.Sprintf("must be a duration such as 2s or 500ms, at most %s", maxWait))
	}
	return wait, nil
}

func (a *api) getEvents(c *call) (reply, error) {
	if err := c.readOrderID(); err != nil {
		return reply{}, err
	}
	known, err := parsePreconditions(c.request.Header, headerIfNoneMatch)
	if err != nil {
		return reply{}, err
	}
	history, err := a.config.Orders.Events(c.request.Context(), c.about.orderID)
	if err != nil {
		return reply{}, err
	}
	events, err := a.documents.events(history)
	if err != nil {
		return reply{}, err
	}
	return unlessKnown(known, uint64(len(events)), eventsDocument{Events: events}), nil
}

// unlessKnown answers with a document, or with 304 when the client has this version of it.
func unlessKnown(known *preconditions, sequence uint64, document any) reply {
	if known.has(sequence) {
		return reply{status: http.StatusNotModified, etag: etag(sequence)}
	}
	return reply{etag: etag(sequence), body: document}
}

// The tables behind the lists.
const (
	listByCustomer = "orders_by_customer"
	listByStatus   = "orders_by_status"
	listBySKU      = "orders_by_sku"
)

func listTables() map[string]*projection.Table {
	return map[string]*projection.Table{
		listByCustomer: views.OrdersByCustomer().Table,
		listByStatus:   views.OrdersByStatus().Table,
		listBySKU:      views.OrdersBySKU().Table,
	}
}

func (a *api) listOrders(c *call) (reply, error) {
	byStatus, bySKU := c.query.Has(paramStatus), c.query.Has(paramSKU)
	switch {
	case byStatus == bySKU:
		return reply{}, invalid(codeInvalidParameter, "", "exactly one of status and sku must be given")
	case bySKU:
		return a.list(c, listBySKU, paramSKU, c.query.Get(paramSKU))
	}
	status := c.query.Get(paramStatus)
	if !slices.Contains(order.Statuses(), order.Status(status)) {
		return reply{}, invalid(codeInvalidParameter, paramStatus, fmt.Sprintf("must be one of %v", order.Statuses()))
	}
	return a.list(c, listByStatus, paramStatus, status)
}

// awaitWritten waits until a list has what the client says that it has written: order_id and min_sequence.
func (a *api) awaitWritten(c *call, table string) error {
	minSequence, given, err := c.queryNumber(paramMinSequence, 0)
	if err != nil {
		return err
	}
	wait, err := c.queryWait()
	if err != nil {
		return err
	}
	if given != c.query.Has(paramOrderID) {
		return invalid(codeInvalidParameter, paramMinSequence, "order_id and min_sequence go together: they name an event")
	}
	if !given {
		return nil
	}
	id, err := uuid.Parse(c.query.Get(paramOrderID))
	if err != nil {
		return invalid(codeInvalidParameter, paramOrderID, "must be a UUID")
	}
	err = a.config.Lists.Await(c.request.Context(), table, id, minSequence, wait)
	if errors.Is(err, ports.ErrUnavailable) && c.request.Context().Err() == nil {
		return newProblem(http.StatusServiceUnavailable, codeViewBehind,
			fmt.Sprintf("the list does not have event %d of order %s yet; try again, or ask without min_sequence", minSequence, id))
	}
	return err
}

// list answers with the entries of a table under key, which came in the parameter of that name.
func (a *api) list(c *call, table, name, key string) (reply, error) {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return reply{}, invalid(codeInvalidParameter, name, fmt.Sprintf("must have 1 to %d characters", maxKey))
	}
	after, limit, err := c.readPage()
	if err != nil {
		return reply{}, err
	}
	if err := a.awaitWritten(c, table); err != nil {
		return reply{}, err
	}
	page, err := a.config.Lists.List(c.request.Context(), table, key, after, limit)
	if err != nil {
		return reply{}, err
	}
	document := listDocument{Orders: make([]summaryDocument, 0, len(page.Rows)), NextCursor: showCursor(page.Next)}
	for _, row := range page.Rows {
		entry, err := summary(a.tables[table], row)
		if err != nil {
			return reply{}, err
		}
		document.Orders = append(document.Orders, entry)
	}
	return reply{body: document}, nil
}
