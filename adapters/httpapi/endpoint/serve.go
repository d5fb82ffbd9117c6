package endpoint

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/ports"
)

// ErrStopping is the cause with which the context of a request ends that the server does not wait
// for while it stops.
var ErrStopping = errors.New("the server is shutting down")

// ServiceConfig is what a [Service] needs. All fields but Authenticator, Limits
// and PublicURL are required.
type ServiceConfig struct {
	// Stopping ends when the server begins to stop, with ErrStopping as the cause.
	Stopping context.Context
	// MaxBodyBytes bounds a request body.
	MaxBodyBytes int64
	// Timeout bounds the work on a request of an operation that is not unbounded.
	Timeout time.Duration
	// Logger gets the failures of the service.
	Logger *slog.Logger
	// Authenticator tells who a client is. It may be nil: then every client has all rights.
	Authenticator ports.Authenticator
	// Limits bound what one client may use. The zero value bounds nothing.
	Limits Limits
	// PublicURL is the address at which browsers find the service, such as https://orders.example,
	// without a path. It may be empty: then it is the one that the request names.
	PublicURL string
}

// Service serves operations.
type Service struct {
	config  ServiceConfig
	limiter *limiter // nil without limits
	origins *http.CrossOriginProtection
	buffers sync.Pool // of *bytes.Buffer
}

// NewService returns a Service.
func NewService(config ServiceConfig) *Service {
	origins := http.NewCrossOriginProtection()
	if config.PublicURL != "" {
		_ = origins.AddTrustedOrigin(config.PublicURL) // it is one, as the caller promises
	}
	return &Service{
		config:  config,
		limiter: newLimiter(config.Limits, time.Now),
		origins: origins,
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// checkedParameter is a parameter whose pattern is compiled.
type checkedParameter struct {
	Parameter
	pattern *regexp.Regexp // nil for none
}

func (p checkedParameter) check(value string) string {
	if p.pattern != nil && (!utf8.ValidString(value) || !p.pattern.MatchString(value)) {
		return p.Must
	}
	return p.Schema.check(value)
}

// Handler returns the handler of an operation. It must be served under the operation's method and
// path by an http.ServeMux. It returns an error for an operation without a valid scope, and for a
// pattern that is not a regular expression.
func (s *Service) Handler(op Operation) (http.Handler, error) {
	if !op.Scope.Valid() {
		return nil, fmt.Errorf("operation %s: scope %q: every operation needs a valid one", op.ID, op.Scope)
	}
	if op.Handler != nil {
		return s.guard(op.Scope, op.Handler), nil
	}
	handler, err := s.handler(op)
	if err != nil {
		return nil, err
	}
	return s.guard(op.Scope, handler), nil
}

func (s *Service) handler(op Operation) (http.Handler, error) {
	var inPath []checkedParameter
	inQuery := make(map[string]checkedParameter)
	for _, p := range op.Parameters {
		checked := checkedParameter{Parameter: p}
		if p.Schema.Pattern != "" && p.In != InHeader {
			var err error
			if checked.pattern, err = regexp.Compile(p.Schema.Pattern); err != nil || p.Must == "" {
				return nil, fmt.Errorf("parameter %s of %s: pattern or message: %w", p.Name, op.ID, err)
			}
		}
		switch p.In {
		case InPath:
			inPath = append(inPath, checked)
		case InQuery:
			inQuery[p.Name] = checked
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := s.limit(w, r, op.Unbounded)
		defer cancel()
		if op.Rechecked {
			var done func()
			ctx, done = s.whileAllowed(ctx, r, op.Scope)
			defer done()
		}
		c := &Call{request: r.WithContext(ctx), response: w, service: s}
		c.About.ReadsOnly = r.Method == http.MethodGet || r.Method == http.MethodHead
		reply, err := Reply{}, c.admit(inPath, inQuery, op)
		if err == nil {
			c.keepReason()
			reply, err = op.Run(c)
		}
		if reply.Done != nil {
			defer reply.Done()
		}
		if op.Unbounded || errors.Is(err, context.Canceled) {
			err = endedIn(ctx, err)
		}
		if err == nil {
			err = s.send(w, reply)
		}
		if err != nil {
			c.fail(err)
		}
	}), nil
}

// limit bounds the work on a request, and the time to write its answer, unless the operation is
// unbounded.
func (s *Service) limit(w http.ResponseWriter, r *http.Request, unbounded bool) (context.Context, context.CancelFunc) {
	if !unbounded {
		return context.WithTimeout(r.Context(), s.config.Timeout)
	}
	// If the server cannot lift its limits, it cuts the answer off, and the client sees that.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return s.patient(r.Context())
}

// patient returns a context that ends when the server begins to stop, too.
func (s *Service) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(s.config.Stopping, func() { cancel(ErrStopping) })
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}

// admit refuses requests that pages of other sites make a visitor's browser send, and invalid paths
// and queries. A misspelt parameter must be an error. Otherwise the client would get the answer to
// another question.
func (c *Call) admit(inPath []checkedParameter, inQuery map[string]checkedParameter, op Operation) error {
	if err := c.service.origins.Check(c.request); err != nil { // methods that only read always pass
		return NewProblem(http.StatusForbidden, CodeCrossOrigin, "a browser sent this on behalf of another site")
	}
	if raw := c.request.URL.RawQuery; raw != "" {
		var err error
		if c.query, err = url.ParseQuery(raw); err != nil {
			return Invalid(CodeInvalidParameter, FieldError{Message: "the query of the URL is not well-formed"})
		}
	}
	if op.OtherParameters {
		maps.DeleteFunc(c.query, func(name string, _ []string) bool {
			_, known := inQuery[name]
			return !known
		})
	}
	if wrong, code := c.wrongParameters(inPath, inQuery); wrong != nil {
		return Invalid(code, wrong...)
	}
	for _, rule := range op.Rules {
		if names := rule.blames(c.query); names != nil {
			p := NewProblem(http.StatusBadRequest, CodeInvalidParameter, rule.String())
			for _, name := range names {
				p.Errors = append(p.Errors, FieldError{Field: name, Message: rule.String()})
			}
			return p
		}
	}
	return nil
}

// wrongParameters returns which parameters are invalid by themselves, and the code of the first of
// them.
func (c *Call) wrongParameters(
	inPath []checkedParameter, inQuery map[string]checkedParameter,
) (wrong []FieldError, code string) {
	blame := func(name, message, itsCode string) {
		if len(wrong) == 0 {
			code = cmp.Or(itsCode, CodeInvalidParameter)
		}
		if len(wrong) < maxErrors {
			wrong = append(wrong, FieldError{Field: name, Message: message})
		}
	}
	for _, p := range inPath {
		if message := p.check(c.Path(p.Name)); message != "" {
			blame(p.Name, message, p.Code)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.query)) { // the same order each time
		p, known := inQuery[name]
		if !known {
			blame(shortened(name), "is not a parameter of this path", "")
		} else if len(c.query[name]) > 1 {
			blame(name, "must not be given twice", "")
		} else if message := p.check(c.query.Get(name)); message != "" {
			blame(name, message, p.Code)
		}
	}
	return wrong, code
}

// shortened bounds the length of a name that comes from the client and is sent back.
func shortened(name string) string {
	const limit = 64
	if len(name) <= limit {
		return strings.ToValidUTF8(name, "\ufffd")
	}
	return strings.ToValidUTF8(name[:limit], "") + "..."
}

// send writes an answer. It fails only as long as nothing is written.
func (s *Service) send(w http.ResponseWriter, reply Reply) error {
	if reply.sent {
		return nil
	}
	header := w.Header()
	if reply.ETag != "" {
		header.Set("ETag", reply.ETag)
	}
	if reply.Location != "" {
		header.Set("Location", reply.Location)
	}
	if reply.Body == nil {
		w.WriteHeader(reply.Status)
		return nil
	}
	buffer := s.buffer()
	defer s.recycle(buffer)
	if document, ok := reply.Body.(Appender); ok {
		buffer.Write(append(document.AppendJSON(buffer.AvailableBuffer()), '\n'))
	} else if err := encode(buffer, reply.Body); err != nil {
		return err
	}
	writeDocument(w, max(reply.Status, http.StatusOK), MediaJSON, buffer.Bytes())
	return nil
}

// goner is a ResponseWriter that is told about clients that have left.
type goner interface{ Gone() }

// fail answers with the problem for err.
func (c *Call) fail(err error) {
	if p := c.problem(err); p != nil {
		WriteProblem(c.response, p)
	} else if w, ok := c.response.(goner); ok {
		w.Gone()
	}
}

// problem returns the problem for err, and logs it if an operator should know. It returns nil when
// the client has left.
func (c *Call) problem(err error) *Problem {
	p := problemOf(c.Context(), err, &c.About)
	if p == nil || p.cause == nil {
		return p
	}
	attributes := []slog.Attr{slog.String("code", p.Code), slog.Any("error", p.cause)}
	if c.About.Consumer != "" {
		attributes = append(attributes, slog.String("consumer", c.About.Consumer))
	}
	if c.About.AggregateID != uuid.Nil {
		attributes = append(attributes, slog.String("aggregate_id", c.About.AggregateID.String()))
	}
	if c.About.CommandID != uuid.Nil {
		attributes = append(attributes, slog.String("command_id", c.About.CommandID.String()))
	}
	c.service.config.Logger.LogAttrs(c.Context(), p.level, "request failed", attributes...)
	return p
}

// Warn logs a failure of a request whose answer is no problem.
func (c *Call) Warn(message string, err error) {
	c.service.config.Logger.LogAttrs(c.Context(), slog.LevelWarn, message, slog.Any("error", err))
}

// WriteProblem answers with a problem.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	var buffer bytes.Buffer
	if err := encode(&buffer, p); err != nil {
		panic(err) // a problem is made of strings and numbers
	}
	header := w.Header()
	header.Del("ETag")
	header.Del("Location")
	if p.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter)
	}
	writeDocument(w, p.Status, MediaProblem, buffer.Bytes())
}

// encode writes a document as one line.
func encode(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return nil
}

func writeDocument(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has left, or the next read from the connection fails
}

// maxPooledBuffer is the capacity above which a buffer is left to the garbage collector.
const maxPooledBuffer = 64 << 10

func (s *Service) buffer() *bytes.Buffer { return s.buffers.Get().(*bytes.Buffer) }

func (s *Service) recycle(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxPooledBuffer {
		buffer.Reset()
		s.buffers.Put(buffer)
	}
}
