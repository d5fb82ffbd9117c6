package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// Config is what a [Server] needs. All fields have defaults, which the zero value stands for; only
// Run needs a Listener.
type Config struct {
	// Resources are the parts of the API. The server adds the operations about itself: /,
	// /openapi.json, /livez, /readyz and /metrics.
	Resources []endpoint.Resource

	// StoreID is the id of the store, which the index at / shows. Default: the index shows none.
	StoreID uuid.UUID

	// Console serves GET requests below /ui/, and / sends browsers there. Default: there is no such
	// path.
	Console http.Handler

	// Ready is called by /readyz. Its error says what is wrong, and is shown. Default: always
	// ready.
	Ready func(context.Context) error
	// Notes is called by /readyz of a service that is ready. It returns what should be different
	// all the same. Default: nothing.
	Notes func(context.Context) []string
	// Metrics serves /metrics. Default: there is no such route.
	Metrics http.Handler
	// Authenticator tells who a client is, and so what it may do. Default: everybody may do
	// everything.
	Authenticator ports.Authenticator
	// WithoutOperations leaves out the operations for operators, those whose scope is ops:read,
	// ops:write or admin, and /metrics and the details of /readyz. Another server has them, which
	// may use the same Registerer and is made first.
	WithoutOperations bool
	// Limits bound what one client may use of the service. Default: nothing is bounded.
	Limits endpoint.Limits
	// OpenMetrics lets clients without credentials read /metrics.
	OpenMetrics bool
	// Registerer gets the metrics of the requests. Default: none are made.
	Registerer prometheus.Registerer
	// Trace, unless nil, is called for each request before it is served. It returns the context
	// that the request has from then on, and a function that is called at the end with the route,
	// one of a fixed number, and the status, which is 499 for a client that left. Default: nothing
	// is traced.
	Trace func(r *http.Request) (ctx context.Context, end func(route string, status int))
	// Logger gets each request at debug level, and failures of the service above that. Default:
	// nothing is logged.
	Logger *slog.Logger

	// AccessLog gets one line for each request that was answered, with the attribute names of
	// OpenTelemetry. Default: there is no such log.
	AccessLog *slog.Logger

	// Listener is served and closed by Run.
	Listener net.Listener
	// PublicURL is the address at which browsers find the service, such as https://orders.example,
	// without a path. Default: the one that a request names.
	PublicURL string
	// AllowedHosts are the names that requests may have in Host, without ports, besides localhost
	// and the loopback addresses. Default: on a Listener of the loopback interface no others,
	// elsewhere any.
	AllowedHosts []string

	// MaxBodyBytes bounds a request body. Default: 1 MiB, enough for an order with 1,000 items.
	MaxBodyBytes int64
	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are those of http.Server.
	// Defaults: 5 s, 30 s, 60 s, 2 min.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// RequestTimeout bounds the work on one request. Default: 45 s, more than the longest wait for
	// a view.
	RequestTimeout time.Duration
	// ShutdownTimeout is how long requests in flight may continue when the server stops. Default:
	// 10 s.
	ShutdownTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Ready == nil {
		c.Ready = always
	}
	if c.Notes == nil {
		c.Notes = func(context.Context) []string { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 1 << 20
	}
	for _, timeout := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.ReadHeaderTimeout, 5 * time.Second},
		{&c.ReadTimeout, 30 * time.Second},
		{&c.WriteTimeout, time.Minute},
		{&c.IdleTimeout, 2 * time.Minute},
		{&c.RequestTimeout, 45 * time.Second},
		{&c.ShutdownTimeout, 10 * time.Second},
	} {
		if *timeout.value == 0 {
			*timeout.value = timeout.usual
		}
	}
	return c
}

func (c Config) validate() error {
	shortest := min(c.ReadHeaderTimeout, c.ReadTimeout, c.WriteTimeout, c.IdleTimeout, c.RequestTimeout, c.ShutdownTimeout)
	if c.MaxBodyBytes < 0 || shortest < 0 {
		return errors.New("http api: a limit is negative")
	}
	return nil
}

// lastWords is how long requests that were cancelled at ShutdownTimeout have to answer.
const lastWords = time.Second

// Server serves the API. It is an http.Handler as well, which needs no Run.
type Server struct {
	config  Config
	handler http.Handler
	ran     atomic.Bool
	// hurry ends the requests that the server does not wait for when it stops.
	hurry context.CancelCauseFunc
}

// New returns a Server. It does no I/O.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config}
	var stopping context.Context
	stopping, s.hurry = context.WithCancelCause(context.Background())
	var err error
	s.handler, err = newHandler(config, endpoint.NewService(endpoint.ServiceConfig{
		Stopping: stopping, MaxBodyBytes: config.MaxBodyBytes, Timeout: config.RequestTimeout, Logger: config.Logger,
		Authenticator: config.Authenticator, Limits: config.Limits, PublicURL: config.PublicURL,
	}))
	if err != nil {
		return nil, fmt.Errorf("http api: %w", err)
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run serves until ctx ends. Then it accepts no more connections, and ends at once what may take
// long: requests that wait for a view, and those without a time limit. It lets other requests in
// flight finish for at most ShutdownTimeout, and cancels the contexts of those that are left. It
// returns nil when all of them have been answered. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("http api: run twice")
	}
	if s.config.Listener == nil {
		return errors.New("http api: no listener")
	}
	requests, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(endpoint.ErrStopping)
	server := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: s.config.ReadHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.WriteTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    hardHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.config.Listener) }()

	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("http api: serve %s: %w", s.config.Listener.Addr(), err), s.stop(ctx, server, cancel))
	case <-ctx.Done():
	}
	err := s.stop(ctx, server, cancel)
	<-ended
	return err
}

func (s *Server) stop(ctx context.Context, server *http.Server, cancel context.CancelCauseFunc) error {
	s.hurry(endpoint.ErrStopping)
	drain := func(d time.Duration) error {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), d)
		defer done()
		return server.Shutdown(ctx)
	}
	if err := drain(s.config.ShutdownTimeout); err == nil {
		return nil
	}
	s.config.Logger.LogAttrs(ctx, slog.LevelWarn, "requests are still in flight and are cancelled",
		slog.Duration("after", s.config.ShutdownTimeout))
	cancel(endpoint.ErrStopping)
	if err := drain(lastWords); err != nil {
		return errors.Join(fmt.Errorf("http api: requests that do not end: %w", err), server.Close())
	}
	return nil
}
