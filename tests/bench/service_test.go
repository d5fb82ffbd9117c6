package bench_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/httpapi"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/query"
	"orderflow/bootstrap"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

// service is the whole service, wired as package bootstrap does it, except that a clock is between the consumers and their
// views.
type service struct {
	config    bootstrap.Config
	store     *embedded.Store
	codec     *eventjson.Codec
	commands  ports.CommandHandler
	consumers consumer.Monitor
	router    *fanout.Router
	server    *httpapi.Server
	listener  net.Listener
	closers   []io.Closer
}

// sinks are where the publisher sends the events.
const (
	sinkNone = "none"
	sinkFile = "file"

	sinkLinger = 5 * time.Millisecond // as in package bootstrap
)

// startService opens a service and runs it until the test ends. Every change of a view is noted with shown.
func startService(tb testing.TB, sink string, shown shownFunc) *service {
	tb.Helper()
	s := &service{config: bootstrap.DefaultConfig(), codec: eventjson.New()}
	s.config.Data = tb.TempDir()
	err := s.open(tb.Context(), sink, shown)
	tb.Cleanup(func() {
		for i := len(s.closers) - 1; i >= 0; i-- {
			if err := s.closers[i].Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				tb.Error(err)
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}

	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return s.server.Run(ctx) })
	running.Go(func() error { return s.router.Run(ctx) })
	tb.Cleanup(func() {
		stop()
		if err := running.Wait(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func (s *service) open(ctx context.Context, sink string, shown shownFunc) (err error) {
	if s.store, err = embedded.Open(ctx, embedded.Options{Dir: s.config.Data, Retention: s.config.Retention}); err != nil {
		return err
	}
	s.closers = append(s.closers, s.store)
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.closers = append(s.closers, s.listener)
	s.commands = command.New(command.Config{Store: s.store, Codec: s.codec, Now: time.Now, NewID: workload.NewID})
	if err := s.wireConsumers(sink, clock{ViewStore: s.store, shown: shown}); err != nil {
		return err
	}
	return s.wireServer()
}

func (s *service) wireConsumers(sink string, views ports.ViewStore) error {
	add := func(name string, generation int, effect consumer.Effect) {
		s.consumers = append(s.consumers, consumer.New(consumer.Config{
			Name: name, Generation: generation, Effect: effect,
			Store: s.store, Feed: s.store, Views: views, Registry: s.store,
			Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		}))
	}
	for _, p := range projection.All() {
		add(p.Name, p.Version, consumer.Project(p, s.codec))
	}
	if sink == sinkFile {
		publisher, err := cloudevents.OpenFile(filepath.Join(s.config.Data, "order-events.jsonl"), cloudevents.Config{Linger: sinkLinger})
		if err != nil {
			return err
		}
		s.closers = append(s.closers, publisher)
		add("file-publisher", 1, consumer.Publish(publisher))
	}
	routed := make([]fanout.Consumer, len(s.consumers))
	for i, c := range s.consumers {
		routed[i] = c
	}
	var err error
	s.router, err = fanout.New(fanout.Config{Lanes: s.config.Lanes}, routed...)
	return err
}

func (s *service) wireServer() (err error) {
	projections := projection.All()
	s.server, err = httpapi.New(httpapi.Config{
		Commands:   s.commands,
		Orders:     query.NewOrders(query.OrdersConfig{Views: s.store, Store: s.store, Codec: s.codec, Projection: projection.OrderReadModel()}),
		Lists:      query.NewLists(s.store, projections),
		Tables:     query.NewTables(query.TablesConfig{Records: s.store, Store: s.store, Views: s.store, Projections: projections}),
		Consumers:  s.consumers,
		Codec:      s.codec,
		Registerer: prometheus.NewRegistry(),
		Listener:   s.listener,
	})
	return err
}

// url is where the API is.
func (s *service) url() string { return "http://" + s.listener.Addr().String() }
