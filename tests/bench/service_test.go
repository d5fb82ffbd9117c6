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
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/opsapi"
	"orderflow/adapters/httpapi/orderapi"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/consumers"
	"orderflow/application/explain"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/personal"
	"orderflow/application/pulse"
	"orderflow/application/query"
	"orderflow/bootstrap"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

// service is the whole service, wired as in package bootstrap, with a clock between the consumers
// and their views. Nothing is traced.
type service struct {
	config    bootstrap.Config
	store     *embedded.Store
	codec     *eventjson.Mux
	commands  orders.Commands
	consumers consumers.Manager
	beats     *pulse.Monitor
	pacemaker *pulse.Pacemaker
	router    *fanout.Router
	server    *httpapi.Server
	listener  net.Listener
	closers   []io.Closer
	// keyring seals personal data. It is nil when nothing is sealed.
	keyring *personal.Keyring
}

// sinks are where the publisher sends the events.
const (
	sinkNone = "none"
	sinkFile = "file"

	// as in package bootstrap
	sinkLinger = 5 * time.Millisecond
	sinkLanes  = 4
)

// startService opens a service and runs it until the test ends. It calls shown for every change of
// a view.
func startService(tb testing.TB, sink string, shown pace.ShownFunc) *service {
	tb.Helper()
	s := &service{}
	s.start(tb, sink, shown)
	return s
}

func (s *service) start(tb testing.TB, sink string, shown pace.ShownFunc) {
	tb.Helper()
	s.config, s.codec = bootstrap.DefaultConfig(), orderjson.NewMux()
	if s.keyring != nil {
		s.codec = s.codec.Sealed(eventjson.NewSeal(s.keyring))
	}
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
	running.Go(func() error { return s.pacemaker.Run(ctx) })
	tb.Cleanup(func() {
		stop()
		if err := running.Wait(); err != nil {
			tb.Error(err)
		}
	})
}

func (s *service) open(ctx context.Context, sink string, shown pace.ShownFunc) (err error) {
	if s.store, err = embedded.Open(ctx, embedded.Options{Dir: s.config.Data, Retention: s.config.Retention}); err != nil {
		return err
	}
	s.closers = append(s.closers, s.store)
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.closers = append(s.closers, s.listener)
	s.beats = pulse.NewMonitor(pulse.MonitorConfig{Interval: s.config.Heartbeat})
	s.pacemaker = pulse.NewPacemaker(pulse.PacemakerConfig{Pulse: s.store, Interval: s.config.Heartbeat})
	memo := eventjson.NewMemo(s.codec)
	commands := command.Config{
		Store: s.store, Now: time.Now, NewID: workload.NewID, Cache: command.NewCache(64 << 20), Exclusive: true,
	}
	codec := orderjson.New()
	if s.keyring != nil {
		commands.Subjects, codec = s.keyring, codec.Sealed(eventjson.NewSeal(s.keyring))
	}
	s.commands = orders.NewCommands(eventjson.Remembering(codec, memo), commands)
	if err := s.wireConsumers(ctx, sink, memo, clock{Views: s.store, shown: shown}); err != nil {
		return err
	}
	return s.wireServer()
}

func (s *service) wireConsumers(ctx context.Context, sink string, decoder ports.Decoder, effects consumer.Views) error {
	add := func(config consumer.Config) {
		config.Store, config.Feed, config.Views, config.Registry = s.store, s.store, effects, s.store
		config.Parking, config.Skips, config.Repairer = s.store, s.store, s.store
		config.Now, config.Logger, config.Beats = time.Now, slog.New(slog.DiscardHandler), s.beats
		s.consumers = append(s.consumers, consumer.New(config))
	}
	for _, p := range views.All() {
		add(consumer.Config{Name: p.Name, Version: p.Version, Types: p.Types, Table: p.Table, Effect: filling.Project(p, decoder)})
	}
	if sink == sinkFile {
		publisher, err := cloudevents.OpenFile(filepath.Join(s.config.Data, "order-events.jsonl"), cloudevents.Config{Linger: sinkLinger})
		if err != nil {
			return err
		}
		s.closers = append(s.closers, publisher)
		add(consumer.Config{Name: publisherName, Version: 1, Effect: filling.Publish(publisher)})
	}
	if err := s.consumers.Refresh(ctx); err != nil {
		return err
	}
	routed, names := make([]fanout.Consumer, len(s.consumers)), make([]string, len(s.consumers))
	for i, c := range s.consumers {
		routed[i], names[i] = c, c.Name()
	}
	recorder := explain.NewRecorder(explain.RecorderConfig{Consumers: names, Now: time.Now})
	var err error
	s.router, err = fanout.New(fanout.Config{Lanes: s.config.ViewLanes(), LanesOf: lanesOf, Middleware: fanout.Around(recorder.Consume)}, routed...)
	return err
}

const publisherName = "file-publisher"

func lanesOf(consumer string) int {
	if consumer == publisherName {
		return sinkLanes
	}
	return 0 // like the others
}

func (s *service) wireServer() error {
	projections := views.All()
	orderRoutes, err := orderapi.New(orderapi.Config{
		Commands: s.commands,
		Orders: query.NewAggregates(query.AggregatesConfig{
			Type: order.Type, Views: s.store, Live: s.consumers, Store: s.store, Codec: s.codec, Projection: views.OrderReadModel(),
		}),
		Lists: query.NewLists(s.store, s.store, s.consumers, projections),
		Codec: s.codec,
		NewID: workload.NewID,
	})
	if err != nil {
		return err
	}
	operatorRoutes, err := opsapi.New(opsapi.Config{
		Consumers: s.consumers,
		Tables: query.NewTables(query.TablesConfig{
			Records: s.store, Store: s.store, Views: s.store, Live: s.consumers, Projections: projections,
		}),
		Manager:   s.consumers,
		Rebuilder: s.consumers,
		Parked:    s.consumers,
		Records:   s.store,
		Now:       time.Now,
	})
	if err != nil {
		return err
	}
	s.server, err = httpapi.New(httpapi.Config{
		Resources:  []endpoint.Resource{orderRoutes, operatorRoutes},
		Registerer: prometheus.NewRegistry(),
		Listener:   s.listener,
	})
	return err
}

// url returns the address of the API.
func (s *service) url() string { return "http://" + s.listener.Addr().String() }
