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

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// Config is what a [Server] needs. The ports are required; everything else has a default, which the zero value stands for.
type Config struct {
	Commands  ports.CommandHandler[order.Command, order.Event]
	Orders    ports.AggregateQueries
	Lists     ports.ViewLists
	Consumers ports.ConsumerMonitor
	Tables    ports.Tables
	// Manager, Rebuilder and Parked are behind the routes below /v1/consumers/{name}. Default: there are no such routes.
	Manager   ports.ConsumerManager
	Rebuilder ports.Rebuilder
	Parked    ports.ParkingManager
	// Records tells which events of a parked order wait. It is required with Parked.
	Records Records
	// Verifier is behind /v1/verify. Default: there is no such route.
	Verifier ports.Verifier
	// TopicVerifier is behind /v1/verify/topic. Default: there is no such route.
	TopicVerifier ports.TopicVerifier
	// AsyncAPI is the document behind /asyncapi.yaml, which describes the messages that are published. Default: there is no such
	// route.
	AsyncAPI []byte
	// Explainer is behind /v1/orders/{id}/explain. Default: there is no such route.
	Explainer ports.Explainer
	// Codec renders events.
	Codec ports.Codec[any]

	// StoreID is the id of the store, which the index at / tells. Default: it tells none.
	StoreID uuid.UUID

	// Ready is asked by /readyz; its error says what is wrong, and is shown. Default: always ready.
	Ready func(context.Context) error
	// Metrics serves /metrics. Default: there is no such route.
	Metrics http.Handler
	// Registerer gets the metrics of the requests. Default: none are made.
	Registerer prometheus.Registerer
	// Trace, when set, is told of each request before it is served. It returns the context that the request has from then on,
	// and a function that is told of the end: the route, one of a fixed number, and the status, which is 499 for a client that
	// left. Default: nothing is traced.
	Trace func(r *http.Request) (ctx context.Context, end func(route string, status int))
	// Now is the clock for what is asked for as of now. Default: time.Now.
	Now func() time.Time
	// Logger gets each request at debug level, and failures of the service above that. Default: nothing is logged.
	Logger *slog.Logger
	// NewID makes the ids of commands and orders that clients did not name. It must be safe for concurrent use. Default: UUIDv7.
	NewID func() uuid.UUID

	// Listener is served and closed by Run. Default: Run listens on Address.
	Listener net.Listener
	// Address is a TCP address. Default: 127.0.0.1:8080.
	Address string

	// MaxBodyBytes bounds a request body. Default: 1 MiB, enough for an order with 1,000 items.
	MaxBodyBytes int64
	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are those of http.Server. Defaults: 5 s, 30 s, 60 s, 2 min.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// RequestTimeout bounds the work on one request. Default: 45 s, more than the longest wait for a view.
	RequestTimeout time.Duration
	// ShutdownTimeout is how long requests in flight may go on when the server stops. Default: 10 s.
	ShutdownTimeout time.Duration
}

// Records is what is read of the event store as it is stored: what waits may be waiting because it cannot be decoded.
type Records interface {
	// Load is that of ports.EventStore.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

func (c Config) withDefaults() Config {
	if c.Ready == nil {
		c.Ready = always
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:8080"
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
	if c.Commands == nil || c.Orders == nil || c.Lists == nil || c.Consumers == nil || c.Tables == nil || c.Codec == nil ||
		c.Parked != nil && c.Records == nil {
		return errors.New("http api: a port is missing")
	}
	if c.MaxBodyBytes < 0 || min(c.ReadHeaderTimeout, c.ReadTimeout, c.WriteTimeout, c.IdleTimeout, c.RequestTimeout, c.ShutdownTimeout) < 0 {
		return errors.New("http api: a limit is negative")
	}
	return nil
}

// errShutdown is why the context of a request ends that outlived ShutdownTimeout.
var errShutdown = errors.New("the server is shutting down")

// lastWords is how long requests that were cut off at ShutdownTimeout have to answer.
const lastWords = time.Second

// Server serves the API.
type Server struct {
	config  Config
	handler http.Handler
	ran     atomic.Bool
	ready   chan struct{} // closed when address is set
	address net.Addr
}

// New returns a Server. It does no I/O.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	handler, err := newHandler(config)
	if err != nil {
		return nil, err
	}
	return &Server{config: config, handler: handler, ready: make(chan struct{})}, nil
}

// Handler returns the API without a server around it, for use in the same process. It needs no Run.
func (s *Server) Handler() http.Handler { return s.handler }

// Ready returns a channel that is closed once the server accepts connections.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address that the server listens on; nil before Ready.
func (s *Server) Addr() net.Addr {
	select {
	case <-s.ready:
		return s.address
	default:
		return nil
	}
}

// Run serves until ctx ends. Then it accepts no more connections, lets requests in flight finish for at most ShutdownTimeout,
// cancels the contexts of those that are left, and returns nil when all of them have been answered. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("http api: run twice")
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return fmt.Errorf("http api: %w", err)
	}
	requests, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(errShutdown)
	server := &http.Server{
		Handler:           s.handler,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: s.config.ReadHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.WriteTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	s.address = listener.Addr()
	close(s.ready)

	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("http api: serve %s: %w", s.address, err), s.stop(ctx, server, cancel))
	case <-ctx.Done():
	}
	err = s.stop(ctx, server, cancel)
	<-ended
	return err
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	if s.config.Listener != nil {
		return s.config.Listener, nil
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", s.config.Address)
}

func (s *Server) stop(ctx context.Context, server *http.Server, cancel context.CancelCauseFunc) error {
	drain := func(d time.Duration) error {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), d)
		defer done()
		return server.Shutdown(ctx)
	}
	if err := drain(s.config.ShutdownTimeout); err == nil {
		return nil
	}
	s.config.Logger.LogAttrs(ctx, slog.LevelWarn, "requests are still in flight and are cancelled", slog.Duration("after", s.config.ShutdownTimeout))
	cancel(errShutdown)
	if err := drain(lastWords); err != nil {
		return errors.Join(fmt.Errorf("http api: requests that do not end: %w", err), server.Close())
	}
	return nil
}
