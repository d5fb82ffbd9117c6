package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// operation is one route: what the OpenAPI document says about it, and what it does. The router and the document are both
// made from the same list of operations, so neither can have a route that the other lacks.
type operation struct {
	id, method, path, tag string
	summary, description  string
	parameters            []parameter
	body                  *huma.RequestBody
	unbounded             bool // takes as long as it takes
	responses             map[string]*huma.Response

	// run serves the request, or else handler does.
	run     func(*call) (reply, error)
	handler http.Handler
}

// call is a request on its way through an operation.
type call struct {
	request  *http.Request
	response *recorder
	query    url.Values
	about    subject
}

// reply is what an operation answers when nothing went wrong.
type reply struct {
	status   int // 0 is 200
	etag     string
	location string
	body     any  // a document; nil for none
	sent     bool // it was written already, piece by piece
}

// maxPooledBuffer is the capacity above which a buffer is left to the garbage collector.
const maxPooledBuffer = 64 << 10

// serve makes the http.Handler of an operation with a run function.
func (a *api) serve(op operation) http.Handler {
	known := make(map[string]bool)
	for _, p := range op.parameters {
		if p.in == inQuery {
			known[p.name] = true
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := a.limit(w, r, op.unbounded)
		defer cancel()
		c := &call{request: r.WithContext(ctx), response: w.(*recorder)}
		answer, err := reply{}, a.admit(c, known)
		if err == nil {
			answer, err = op.run(c)
		}
		if err == nil {
			err = a.send(w, answer)
		}
		if err != nil {
			a.fail(c, err)
		}
	})
}

// admit turns away what pages of other sites would have a visitor's browser send, and queries that make no sense.
func (a *api) admit(c *call, known map[string]bool) error {
	if err := a.origins.Check(c.request); err != nil { // methods that only read always pass
		return newProblem(http.StatusForbidden, codeCrossOrigin, "a browser sent this on behalf of another site")
	}
	return c.readQuery(known)
}

// readQuery parses the query, and refuses parameters that the operation does not know: one that is misspelt must not turn
// into an answer to another question.
func (c *call) readQuery(known map[string]bool) error {
	if c.request.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return invalid(codeInvalidParameter, "", "the query of the URL is not well-formed")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) { // the first of several that are wrong is the same each time
		switch {
		case !known[name]:
			return invalid(codeInvalidParameter, shortened(name), "is not a parameter of this path")
		case len(query[name]) > 1:
			return invalid(codeInvalidParameter, name, "must not be given twice")
		}
	}
	c.query = query
	return nil
}

// readOrderID reads the order that the path names.
func (c *call) readOrderID() error { return c.readOrderIDIn(paramID) }

func (c *call) readOrderIDIn(parameter string) error {
	id, ok := parseUUID(c.request.PathValue(parameter))
	if !ok {
		return invalid(codeInvalidParameter, parameter, mustBeUUID)
	}
	c.about.orderID = id
	return nil
}

// send writes an answer. It fails only as long as nothing is written.
func (a *api) send(w http.ResponseWriter, answer reply) error {
	if answer.sent {
		return nil
	}
	header := w.Header()
	if answer.etag != "" {
		header.Set("ETag", answer.etag)
	}
	if answer.location != "" {
		header.Set("Location", answer.location)
	}
	if answer.body == nil {
		w.WriteHeader(answer.status)
		return nil
	}
	buffer := a.buffers.Get().(*bytes.Buffer)
	defer a.recycle(buffer)
	if err := encode(buffer, answer.body); err != nil {
		return err
	}
	writeJSON(w, max(answer.status, http.StatusOK), mediaJSON, buffer.Bytes())
	return nil
}

// fail answers with the problem that err amounts to, and logs what an operator should know.
func (a *api) fail(c *call, err error) {
	if p := a.problem(c, err); p != nil {
		writeProblem(c.response, p)
	} else {
		c.response.status = statusClientGone
	}
}

// problem is what err amounts to, after it was logged; nil when there is nobody left to be told.
func (a *api) problem(c *call, err error) *problem {
	ctx := c.request.Context()
	p := problemOf(ctx, err, c.about)
	if p == nil {
		return nil
	}
	if p.cause != nil {
		attributes := []slog.Attr{slog.String("code", p.Code), slog.Any("error", p.cause)}
		if c.about.consumer != "" {
			attributes = append(attributes, slog.String("consumer", c.about.consumer))
		}
		if c.about.orderID != uuid.Nil {
			attributes = append(attributes, slog.String("order_id", c.about.orderID.String()))
		}
		if c.about.commandID != uuid.Nil {
			attributes = append(attributes, slog.String("command_id", c.about.commandID.String()))
		}
		a.config.Logger.LogAttrs(ctx, p.level, "request failed", attributes...)
	}
	return p
}

func writeProblem(w http.ResponseWriter, p *problem) {
	var buffer bytes.Buffer
	if err := encode(&buffer, p); err != nil {
		panic(err) // a problem is made of strings and numbers
	}
	header := w.Header()
	header.Del("ETag")
	header.Del("Location")
	if p.retry {
		header.Set("Retry-After", retryAfter)
	}
	writeJSON(w, p.Status, "application/problem+json", buffer.Bytes())
}

func encode(buffer *bytes.Buffer, document any) error { return encodeLine(buffer, document) }

// encodeLine writes a document as one line.
func encodeLine(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has left, or the connection will tell the server
}

func (a *api) recycle(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxPooledBuffer {
		buffer.Reset()
		a.buffers.Put(buffer)
	}
}
