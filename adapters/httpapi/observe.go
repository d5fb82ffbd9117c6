package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/httpapi/endpoint"
)

// observer wraps all operations: it catches panics, counts, times, traces and logs requests.
type observer struct {
	next   http.Handler
	logger *slog.Logger
	// access is nil without an access log.
	access *slog.Logger
	// nil without traces
	trace func(r *http.Request) (ctx context.Context, end func(route string, status int))
	// nil without metrics
	seconds *prometheus.HistogramVec
	// observers are those of seconds by label, so that a request need not look for its own by
	// texts.
	observers sync.Map
}

// labels are the values of the labels of a request. Their number is fixed.
type labels struct {
	route, method string
	status        int
}

func (o *observer) observe(of labels, took time.Duration) {
	known, ok := o.observers.Load(of)
	if !ok {
		known, _ = o.observers.LoadOrStore(of, o.seconds.WithLabelValues(of.route, of.method, strconv.Itoa(of.status)))
	}
	known.(prometheus.Observer).Observe(took.Seconds())
}

func newObserver(config Config, next http.Handler) (*observer, error) {
	o := &observer{next: next, trace: config.Trace, logger: config.Logger, access: config.AccessLog}
	if config.Registerer == nil {
		return o, nil
	}
	o.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "orderflow_http_request_duration_seconds",
		Help:    "How long requests took, by route, method and status; 499 is a client that left.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "method", "status"})
	err := config.Registerer.Register(o.seconds)
	// the server for operators counts in the same metric
	if other := (prometheus.AlreadyRegisteredError{}); config.WithoutOperations && errors.As(err, &other) {
		if known, ok := other.ExistingCollector.(*prometheus.HistogramVec); ok {
			o.seconds, err = known, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("register the metrics of HTTP requests: %w", err)
	}
	return o, nil
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rec := &recorder{ResponseWriter: w}
	end := func(string, int) {}
	if o.trace != nil {
		var ctx context.Context
		ctx, end = o.trace(r)
		r = r.WithContext(ctx)
	}
	defer func() {
		panicked := recover()
		abort := o.answerPanic(rec, r, panicked)
		o.record(rec, r, time.Since(start))
		end(route(r), rec.answered())
		if abort {
			// an answer that was begun and cannot be finished: the client must not take it for
			// complete
			panic(http.ErrAbortHandler)
		}
	}()
	o.next.ServeHTTP(rec, r)
}

func (o *observer) answerPanic(rec *recorder, r *http.Request, panicked any) (abort bool) {
	if panicked == nil {
		return false
	}
	begun := rec.status != 0
	if panicked != http.ErrAbortHandler {
		o.logger.LogAttrs(r.Context(), slog.LevelError, "panic while serving a request",
			slog.String("route", route(r)), slog.Any("panic", panicked), slog.String("stack", string(debug.Stack())))
		if !begun {
			endpoint.WriteProblem(rec, endpoint.NewProblem(http.StatusInternalServerError, endpoint.CodeInternal,
				"an internal error; the log of the service says more"))
		}
	}
	return begun || panicked == http.ErrAbortHandler
}

func (o *observer) record(rec *recorder, r *http.Request, took time.Duration) {
	status := rec.answered()
	if o.seconds != nil {
		o.observe(labels{route(r), method(r.Method), status}, took)
	}
	if o.access != nil {
		o.access.LogAttrs(r.Context(), slog.LevelInfo, "request", accessed(rec, r, took)...)
	}
	if o.logger.Enabled(r.Context(), slog.LevelDebug) {
		o.logger.LogAttrs(r.Context(), slog.LevelDebug, "request",
			slog.String("method", r.Method), slog.String("route", route(r)), slog.Int("status", status),
			slog.Duration("took", took))
	}
}

// route returns the pattern that r matched, without its method. Their number is fixed, whatever
// clients send.
func route(r *http.Request) string {
	_, path, found := strings.Cut(r.Pattern, " ")
	if !found {
		path = r.Pattern
	}
	if path == unmatched || path == "" {
		return "unmatched"
	}
	return strings.TrimSuffix(path, exactly)
}

// method returns a known name of a method, so that clients cannot make up values of the label.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return name
	default:
		return "other"
	}
}

// recorder records the status of the answer. It is 0 before there is one.
type recorder struct {
	http.ResponseWriter
	status int
	// bytes is the length of what was sent of the body.
	bytes int64
	// user is who the client is, when it is known.
	user string
}

// answered returns the status that the client has got.
func (r *recorder) answered() int {
	if r.status == 0 {
		return http.StatusOK // a handler that wrote nothing
	}
	return r.status
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// statusClientGone is never sent. Metrics and logs show it for requests whose client left.
const statusClientGone = 499

// Gone records that the client has left without an answer.
func (r *recorder) Gone() { r.status = statusClientGone }

// Identified records who the client is.
func (r *recorder) Identified(user string) { r.user = user }

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
