package otherdomain

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/consumers"
	"orderflow/application/explain"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/pulse"
	"orderflow/application/query"
	"orderflow/application/rebuild"
	"orderflow/application/verify"
	"orderflow/domain/order"
	orderviews "orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stock/views"
	"orderflow/tests/otherdomain/stockjson"
)

// PublisherName is the name of the consumer that publishes.
const PublisherName = "publisher"

// Store is everything that a service keeps.
type Store interface {
	ports.EventStore
	ports.HistoryPager
	ports.HeadScanner
	ports.RecordLister
	ports.ChangeFeed
	ports.Pulse
	ports.ViewStore
	ports.ViewReader
	ports.ViewDropper
	ports.ViewRepairer
	ports.ConsumerRegistry
	ports.ParkingLot
	ports.SkipLog
}

// Config is what a [Service] needs. Fields without a stated default are required.
type Config struct {
	Store     Store
	Publisher ports.Publisher
	Logger    *slog.Logger
	// OrdersOnly makes it the service as it was before there was stock.
	OrdersOnly bool
	// Adjust, unless nil, changes the configuration of a consumer. Tests break consumers with it.
	Adjust func(*consumer.Config)
	// Heartbeat is the time between two heartbeats; a second by default.
	Heartbeat time.Duration
}

// Service is the order service with a second domain in it: what bootstrap wires, without HTTP.
type Service struct {
	Orders     orders.Commands
	Items      inventory.Commands
	OrderViews *query.Aggregates
	ItemViews  *query.Aggregates
	Lists      *query.Lists
	Tables     *query.Tables
	Consumers  consumers.Manager
	Verifier   *verify.Verifier
	Explainer  *explain.Explainer

	config      Config
	codec       *eventjson.Mux
	projections []*projection.Projection
	recorder    *explain.Recorder
	beats       *pulse.Monitor
	pacemaker   *pulse.Pacemaker
	router      *fanout.Router
}

// New wires a service. It starts nothing.
func New(ctx context.Context, config Config) (*Service, error) {
	s := &Service{config: config, codec: orderjson.NewMux(), projections: orderviews.All()}
	if !config.OrdersOnly {
		eventjson.Register(s.codec, stockjson.New())
		s.projections = append(s.projections, views.All()...)
	}
	s.beats = pulse.NewMonitor(pulse.MonitorConfig{Interval: config.Heartbeat})
	s.pacemaker = pulse.NewPacemaker(pulse.PacemakerConfig{
		Pulse: config.Store, Interval: config.Heartbeat, Logger: config.Logger,
	})
	if err := s.wireConsumers(ctx); err != nil {
		return nil, err
	}
	store, commands := config.Store, command.Config{Store: config.Store, Now: time.Now, NewID: newID}
	s.Orders = orders.NewCommands(orderjson.New(), commands)
	s.OrderViews = s.queries(order.Type, orderviews.OrderReadModel())
	s.Items = inventory.NewCommands(stockjson.New(), commands)
	s.ItemViews = s.queries(stock.Type, views.StockLevels())
	s.Lists = query.NewLists(store, store, s.Consumers, s.projections)
	s.Tables = query.NewTables(query.TablesConfig{
		Records: store, Store: store, Views: store, Live: s.Consumers, Projections: s.projections,
	})
	verification := s.verification(s.Consumers, s.projections...)
	verification.Others, verification.Repairer = []string{PublisherName}, s.Consumers
	s.Verifier = verify.New(verification)
	s.Explainer = explain.New(explain.Config{
		Store: store, Views: store, Consumers: s.names(), Takes: s.Consumers.Takes, View: s.Consumers.LiveView,
		Recorder: s.recorder,
	})
	return s, nil
}

func (s *Service) queries(aggregateType string, p *projection.Projection) *query.Aggregates {
	return query.NewAggregates(query.AggregatesConfig{
		Type: aggregateType, Views: s.config.Store, Live: s.Consumers, Store: s.config.Store, Codec: s.codec, Projection: p,
	})
}

// names returns the names of all consumers.
func (s *Service) names() []string {
	var names []string
	for _, p := range s.projections {
		names = append(names, p.Name)
	}
	return append(names, PublisherName)
}

// wireConsumers gives every projection, and the publisher, a consumer of its own.
func (s *Service) wireConsumers(ctx context.Context) (err error) {
	for _, p := range s.projections {
		s.consume(consumer.Config{
			Name: p.Name, Version: p.Version, Types: p.Types, Table: p.Table, Effect: filling.Project(p, s.codec),
			Verify: func(next, live ports.ViewID, _ func(ports.VerifyProgress)) rebuild.Verification {
				config := s.verification(only(next), p)
				if live != (ports.ViewID{}) {
					config.Beside = only(live)
				}
				return verify.New(config).Ahead(5 * time.Second)
			},
		})
	}
	s.consume(consumer.Config{Name: PublisherName, Version: 1, Effect: filling.Publish(s.config.Publisher)})
	if err := s.Consumers.Refresh(ctx); err != nil {
		return err
	}
	s.recorder = explain.NewRecorder(explain.RecorderConfig{Consumers: s.names(), Now: time.Now})
	routed := make([]fanout.Consumer, len(s.Consumers))
	for i, c := range s.Consumers {
		routed[i] = c
	}
	s.router, err = fanout.New(fanout.Config{
		Lanes: 4, LaneBuffer: 4, RetryPause: 10 * time.Millisecond, Logger: s.config.Logger,
		Middleware: fanout.Around(s.recorder.Consume),
	}, routed...)
	return err
}

// consume completes config with what all consumers have in common.
func (s *Service) consume(config consumer.Config) {
	store := s.config.Store
	config.Store, config.Feed, config.Views, config.Registry = store, store, store, store
	config.Parking, config.Skips, config.Repairer, config.Beats = store, store, store, s.beats
	config.Now, config.Logger = time.Now, s.config.Logger
	config.Backoff = failure.Backoff{First: time.Millisecond, Max: 20 * time.Millisecond}
	if s.config.Adjust != nil {
		s.config.Adjust(&config)
	}
	s.Consumers = append(s.Consumers, consumer.New(config))
}

// only makes one generation the live one.
type only ports.ViewID

// LiveView implements ports.LiveViews.
func (o only) LiveView(string) ports.ViewID { return ports.ViewID(o) }

func (s *Service) verification(live ports.LiveViews, projections ...*projection.Projection) verify.Config {
	store := s.config.Store
	return verify.Config{
		Store: store, Codec: s.codec, States: store, Rows: store, Live: live, Skips: store, Projections: projections,
	}
}

// Run serves until ctx ends, and returns when everything of the service has ended. It is called
// once.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.router.Run(ctx) })
	group.Go(func() error { return s.pacemaker.Run(ctx) })
	return group.Wait()
}

// Fulfilled returns what an order wants of each article, and what is reserved for it. A service
// with many orders would read in pages.
func (s *Service) Fulfilled(ctx context.Context, orderID uuid.UUID) ([]views.Fulfilment, error) {
	p := views.ReservedByOrder()
	page, err := s.config.Store.Rows(ctx, ports.RowQuery{
		View: s.Consumers.LiveView(p.Name), Table: p.Table, Prefix: []any{orderID}, Limit: 1000,
	})
	return views.Fulfilled(slices.Clone(page.Rows)), err
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// VersionOf implements ports.LiveViews.
func (only) VersionOf(ports.ViewID) int { return 0 }
