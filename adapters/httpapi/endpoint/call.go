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

// Call is a request that an operation serves. Its path and query have been checked. It is for one
// goroutine.
type Call struct {
	// About is what the request is about, so that its problems can name it. An operation completes
	// it.
	About Subject

	request  *http.Request
	response http.ResponseWriter
	query    url.Values
	service  *Service
}

// Context ends at the time limit of the request, when its client leaves, and when the server stops
// and waits no longer.
func (c *Call) Context() context.Context { return c.request.Context() }

// Header returns the header of the request.
func (c *Call) Header() http.Header { return c.request.Header }

// SetHeader sets a header of the answer, whether it is a document or a problem.
func (c *Call) SetHeader(name, value string) { c.response.Header().Set(name, value) }

// keepReason puts the reason for the request into its context, where the log of operations finds
// it.
func (c *Call) keepReason() {
	if c.query.Has(ParamReason) {
		c.request = c.request.WithContext(ports.WithReason(c.Context(), c.Text(ParamReason)))
	}
}

// Wait calls f, which waits for something that may take long. The context of f ends when the one of
// the call does, and at once when the server begins to stop. Then the error is an [ErrStopping].
func (c *Call) Wait(f func(ctx context.Context) error) error {
	ctx, cancel := c.service.patient(c.Context())
	defer cancel()
	return endedIn(ctx, f(ctx))
}

// endedIn marks an error of work that was ended because the server stops, or because the client may
// not go on.
func endedIn(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), ErrStopping):
		return fmt.Errorf("%w: %w", ErrStopping, err)
	case expulsion(ctx) != nil:
		return fmt.Errorf("%w: %w", expulsion(ctx), err)
	default:
		return err
	}
}

// Path returns a parameter of the path.
func (c *Call) Path(name string) string { return c.request.PathValue(name) }

// Has reports whether a parameter of the query is given.
func (c *Call) Has(name string) bool { return c.query.Has(name) }

// Text returns a parameter of the query. It is "" when the parameter is not given.
func (c *Call) Text(name string) string { return c.query.Get(name) }

// Number returns a parameter of the query that is a whole number. It is 0 when the parameter is not
// given.
func (c *Call) Number(name string) uint64 {
	n, _ := strconv.ParseUint(c.query.Get(name), 10, 63) // it was checked
	return n
}

// UUID returns a parameter of the query that is a UUID. It is the nil UUID when the parameter is
// not given.
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

// Time returns a parameter of the query that is a time. It is zero when the parameter is not given.
func (c *Call) Time(name string) time.Time {
	t, _ := ParseTime(c.query.Get(name)) // it was checked
	return t
}

// ReadAggregate returns the id of the aggregate that a parameter of the path names, see
// [IDParameter], and records in About what the call is about. The type is empty if the path is for
// any type.
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

// ShowCursor returns a cursor in the form that clients see. Cursors of the ports are arbitrary
// bytes, and what clients see must fit into URLs and JSON.
func ShowCursor(cursor ports.Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursor))
}

var errBody = errors.New("read body")

// ReadBody reads the body of the request. An empty body is an error only if required is set;
// otherwise read is not called for it. All faults of its shape become one problem. check, which may
// be nil, then returns what else is wrong with the fields that could be read. So a client gets all
// faults at once.
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

// covers reports whether a fault of one field explains a fault of another: of the same field, of a
// part of it, or of a field that it is a part of.
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

// Lines returns such an answer, which begins with its first line.
func (c *Call) Lines() *Lines { return &Lines{call: c} }

// Begun reports whether a line was sent. After that a failure can only be reported in another line.
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

// Problem returns the problem for err, to be sent in the last line. It is logged like any other. It
// is nil when the client has left.
func (l *Lines) Problem(err error) *Problem { return l.call.problem(err) }

// Done returns the reply of an operation that has sent its lines.
func (l *Lines) Done() Reply { return Reply{sent: true} }
