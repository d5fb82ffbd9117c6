package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/httpapi"
	"orderflow/adapters/redpanda"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/query"
	"orderflow/application/verify"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Environment is what the service takes from the process that it runs in.
type Environment struct {
	Logger *slog.Logger
	// Stdout is where --sink=stdout writes.
	Stdout io.Writer
}

// App is the whole service.
type App struct {
	config    Config
	log       *slog.Logger
	store     *storage
	listener  net.Listener
	server    *httpapi.Server
	router    *fanout.Router
	consumers consumer.Monitor
	closers   []io.Closer // in the order of opening
}

// Open opens the store and wires everything. It listens already, so that the address is known, but answers nothing before
// Run. Errors: what Config.Validate says, ports.ErrLocked when another process owns the data, and what the store says of
// data or a schema that it cannot work with.
func Open(ctx context.Context, config Config, env Environment) (app *App, err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	a := &App{config: config, log: env.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.store, err = openStorage(ctx, config, env.Logger); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.store.closers...)
	if a.listener, err = net.Listen("tcp", config.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a.closers = append(a.closers, listenerCloser{a.listener})
	if a.store.announce != nil {
		if err := a.store.announce(a.URL()); err != nil {
			return nil, err
		}
	}
	if err := a.wireConsumers(ctx, env); err != nil {
		return nil, err
	}
	return a, a.wireServer()
}

// wireConsumers gives every projection, and the publisher if there is one, a consumer of its own.
func (a *App) wireConsumers(ctx context.Context, env Environment) error {
	store, codec := a.store, eventjson.New()
	source, err := a.openSource()
	if err != nil {
		return err
	}
	add := func(name string, generation int, feed ports.ChangeFeed, effect consumer.Effect) {
		a.consumers = append(a.consumers, consumer.New(consumer.Config{
			Name: name, Generation: generation, Effect: effect,
			Store: store, Feed: feed, Views: store, Registry: store,
			Now: time.Now, Logger: a.log,
		}))
	}
	for _, p := range projection.All() {
		add(p.Name, p.Version, source, consumer.Project(p, codec))
	}
	target, err := parseSink(a.config.Sink, a.config.Data)
	if err != nil {
		return err
	}
	publisher, err := a.openSink(ctx, target, env)
	if err != nil {
		return err
	}
	if publisher != nil {
		a.closers = append(a.closers, publisher)
		add(target.consumer(), 1, store, consumer.Publish(publisher))
	}
	routed := make([]fanout.Consumer, len(a.consumers))
	for i, c := range a.consumers {
		routed[i] = c
	}
	a.router, err = fanout.New(fanout.Config{Lanes: a.config.Lanes, DrainTimeout: a.config.ShutdownTimeout, Logger: a.log}, routed...)
	return err
}

// publisher is a sink that is to be closed.
type publisher interface {
	ports.Publisher
	io.Closer
}

// sinkLinger keeps the fsyncs of the sink from competing with those of the store. With it, the sink holds up to Lanes events
// per linger.
const sinkLinger = 5 * time.Millisecond

// openSink returns nil for sinkNone.
func (a *App) openSink(ctx context.Context, target sink, env Environment) (publisher, error) {
	switch target.kind {
	case sinkStdout:
		return cloudevents.NewWriter(env.Stdout, cloudevents.Config{}), nil
	case sinkFile:
		return cloudevents.OpenFile(target.path, cloudevents.Config{Linger: sinkLinger})
	case sinkRedpanda:
		return a.openTopicSink(ctx)
	default:
		return nil, nil
	}
}

// wireServer puts the API in front of the store.
func (a *App) wireServer() error {
	store, codec, projections := a.store, eventjson.New(), projection.All()
	var others []ports.ViewID
	for _, c := range a.consumers[len(projections):] {
		others = append(others, ports.ViewID{Consumer: c.Name(), Generation: 1})
	}
	metrics := newMetrics(a.consumers)
	if store.metrics != nil {
		metrics.MustRegister(store.metrics)
	}
	topic, err := a.openTopicVerifier()
	if err != nil {
		return err
	}
	a.server, err = httpapi.New(httpapi.Config{
		Commands:  command.New(command.Config{Store: store, Codec: codec, Now: time.Now, NewID: newID}),
		Orders:    query.NewOrders(query.OrdersConfig{Views: store, Store: store, Codec: codec, Projection: projection.OrderReadModel()}),
		Lists:     query.NewLists(store, projections),
		Tables:    query.NewTables(query.TablesConfig{Records: store, Store: store, Views: store, Projections: projections}),
		Consumers: a.consumers,
		Verifier: verify.New(verify.Config{
			Store: store, Codec: codec, States: store, Rows: store, Projections: projections, Others: others,
		}),
		TopicVerifier:   topic,
		AsyncAPI:        redpanda.AsyncAPI(),
		Codec:           codec,
		Ready:           a.ready,
		Metrics:         promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
		Registerer:      metrics,
		Logger:          a.log,
		NewID:           newID,
		Listener:        a.listener,
		ShutdownTimeout: a.config.ShutdownTimeout,
	})
	return err
}

// readyPoll is how often WaitReady looks. It is what a command line tool that starts a service of its own waits for.
const readyPoll = 5 * time.Millisecond

// newID makes time-ordered ids. Where the system has no randomness left to give nothing else works either.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// URL is where the API is.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Run serves until ctx ends; then it stops in order and returns nil. It is called once.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.server.Run(ctx) })
	group.Go(func() error { return a.router.Run(ctx) })
	for _, run := range a.store.run {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}

// WaitReady waits until the service is ready in the sense of /readyz.
func (a *App) WaitReady(ctx context.Context, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	again := time.NewTicker(readyPoll)
	defer again.Stop()
	for {
		err := a.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("the service is not ready: %w: %w", ctx.Err(), err)
		}
	}
}

// ready says what keeps the service from being ready.
func (a *App) ready(ctx context.Context) error {
	statuses, err := a.consumers.Consumers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range statuses {
		if s.State == ports.ConsumerStopped {
			errs = append(errs, fmt.Errorf("consumer %s is stopped", s.Name))
		}
	}
	return errors.Join(errs...)
}

// Close closes what Open opened, the last thing first. It is safe to call twice, and after Run has returned.
func (a *App) Close() error {
	err := closeAll(a.closers)
	a.closers = nil
	return err
}

// listenerCloser closes a listener that the server may have closed already.
type listenerCloser struct{ net.Listener }

// Close implements io.Closer.
func (l listenerCloser) Close() error {
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// RunningService returns the address of the service that has the data directory open, and nothing when there is none. After a
// service was killed, what it wrote about itself is still there; its process is not.
func RunningService(data string) (string, error) {
	owner, err := embedded.ReadOwner(data)
	if errors.Is(err, ports.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if process, err := os.FindProcess(owner.PID); err != nil || errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return "", nil
	}
	return owner.Address, nil
}
