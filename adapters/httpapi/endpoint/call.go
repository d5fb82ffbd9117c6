package endpoint

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

// Call is a request on its way through an operation. Its path and query have been checked. It is
// for one goroutine.
type Call struct {
	// About is what the request is about, for its problems to name. An operation completes it.
	About Subject

	request  *http.Request
	response http.ResponseWriter
	query    url.Values
	service  *Service
}

// Context ends at the time limit of the request, when its client leaves, and when the server has no
// patience left while it stops.
func (c *Call) Context() context.Context { return c.request.Context() }

// Header is that of the request.
func (c *Call) Header() http.Header { return c.request.Header }

// SetHeader sets a header of the answer, whether it is a document or a problem.
func (c *Call) SetHeader(name, value string) { c.response.Header().Set(name, value) }

// Wait calls f, which waits for something that may take long. The context of f ends when the one of
// the call does, and at once when the server begins to stop. Then the error is an [ErrStopping].
func (c *Call) Wait(f func(ctx context.Context) error) error {
	ctx, cancel := c.service.patient(c.Context())
	defer cancel()
	return stoppedIn(ctx, f(ctx))
}

// stoppedIn marks an error of work that was ended because the server stops.
func stoppedIn(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrStopping) {
		return fmt.Errorf("%w: %w", ErrStopping, err)
	}
	return err
}

// Path returns a parameter of the path.
func (c *Call) Path(name string) string { return c.request.PathValue(name) }

// Has reports whether a parameter of the query is given.
func (c *Call) Has(name string) bool { return c.query.Has(name) }

// Text returns a parameter of the query; "" when it is not given.
func (c *Call) Text(name string) string { return c.query.Get(name) }

// Number returns a parameter of the query that is a whole number; 0 when it is not given.
func (c *Call) Number(name string) uint64 {
	n, _ := strconv.ParseUint(c.query.Get(name), 10, 63) // it was checked
	return n
}

// UUID returns a parameter of the query that is a UUID; the nil one when it is not given.
func (c *Call) UUID(name string) uuid.UUID {
	id, _ := ParseUUID(c.query.Get(name)) // it was checked
	return id
}

// Duration returns a parameter of the query whose pattern allows durations only.
func (c *Call) Duration(name string, otherwise time.Duration) time.Duration {
	if !c.Has(name) {
		return otherwise
	}
	d, _ := time.ParseDuration(c.query.Get(name)) // it was checked
	return d
}

// Time returns a parameter of the query that is a time; the zero one when it is not given.
func (c *Call) Time(name string) time.Time {
	t, _ := ParseTime(c.query.Get(name)) // it was checked
	return t
}

// ReadAggregate returns the id of the aggregate that a parameter of the path names, see
// [IDParameter], and notes what the call is about. The type is empty where a path is for any.
func (c *Call) ReadAggregate(parameter, aggregateType string) uuid.UUID {
	c.About.AggregateID, _ = ParseUUID(c.Path(parameter)) // it was checked
	c.About.AggregateType = aggregateType
	return c.About.AggregateID
}

// Page returns the cursor and limit that the query asks for. Errors: ErrBadCursor.
func (c *Call) Page() (ports.Cursor, int, error) {
	limit := defaultLimit
	if c.Has(ParamLimit) {
		limit = int(c.Number(ParamLimit))
	}
	shown := c.Text(ParamCursor)
	cursor, err := base64.RawURLEncoding.Strict().DecodeString(shown)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	return ports.Cursor(cursor), limit, nil
}

// ShowCursor returns what clients see of a cursor. Those of the ports are arbitrary bytes, and what
// clients see must fit into URLs and JSON.
func ShowCursor(cursor ports.Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursor))
}

var errBody = errors.New("read body")

// ReadBody reads the body of the request. An empty one is fine unless required; read is not called
// then. All that is wrong with its shape becomes one problem. So that a client learns of everything
// at once, check, which may be nil, is then asked what else is wrong with the fields that could be
// read.
func (c *Call) ReadBody(required bool, read func(*strictjson.Reader), check func() []FieldError) error {
	if coding := c.request.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		c.SetHeader("Accept-Encoding", "identity")
		return NewProblem(http.StatusUnsupportedMediaType, CodeMediaType,
			"the body must not be compressed: send it without Content-Encoding")
	}
	buffer := c.service.buffer()
	defer c.service.recycle(buffer)
	body := http.MaxBytesReader(c.response, c.request.Body, c.service.config.MaxBodyBytes)
	if _, err := buffer.ReadFrom(body); err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	switch {
	case buffer.Len() == 0 && !required:
		return nil
	case buffer.Len() == 0:
		return Invalid(CodeInvalidBody, FieldError{Message: "a JSON document is required"})
	case !isJSON(c.request.Header.Get("Content-Type")):
		return NewProblem(http.StatusUnsupportedMediaType, CodeMediaType,
			"the body must be JSON and have Content-Type: application/json")
	}
	return readDocument(buffer, read, check)
}

func readDocument(document *bytes.Buffer, read func(*strictjson.Reader), check func() []FieldError) error {
	reader := strictjson.New(document.Bytes())
	read(reader)
	faults := reader.End()
	if faults == nil {
		return nil
	}
	wrong := make([]FieldError, 0, len(faults))
	for _, f := range faults {
		wrong = append(wrong, FieldError{Field: f.Field, Message: f.Message})
	}
	if check != nil && !reader.Broken() {
		for _, f := range check() {
			if !slices.ContainsFunc(wrong, func(known FieldError) bool { return covers(known.Field, f.Field) }) {
				wrong = append(wrong, f)
			}
		}
	}
	return Invalid(CodeInvalidBody, wrong...)
}

// covers reports whether a fault of one field explains one of another: of the same, or of a part of
// it, or of what it is a part of.
func covers(known, other string) bool {
	return known == "" || other == "" || within(known, other) || within(other, known)
}

func within(whole, part string) bool {
	rest, ok := strings.CutPrefix(part, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func isJSON(contentType string) bool {
	if contentType == MediaJSON {
		return true
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	return err == nil && media == MediaJSON && (!given || strings.EqualFold(charset, "utf-8"))
}

// Lines is an answer that is written line by line, each a JSON document, for work that takes long.
type Lines struct {
	call  *Call
	begun bool
}

// MediaLines is the media type of [Lines].
const MediaLines = "application/x-ndjson"

// Lines begins such an answer with its first line.
func (c *Call) Lines() *Lines { return &Lines{call: c} }

// Begun reports whether a line was sent, so that a failure can only be told in another one.
func (l *Lines) Begun() bool { return l.begun }

// Send writes a line. A client that has left ends the context of the call.
func (l *Lines) Send(document any) {
	if !l.begun {
		l.begun = true
		l.call.SetHeader("Content-Type", MediaLines)
	}
	_ = encode(l.call.response, document)
	_ = http.NewResponseController(l.call.response).Flush()
}

// Problem is what err amounts to, for the last line. It is logged like any other. It is nil when
// there is nobody left to be told.
func (l *Lines) Problem(err error) *Problem { return l.call.problem(err) }

// Done is the reply of an operation that has sent its lines.
func (l *Lines) Done() Reply { return Reply{sent: true} }
