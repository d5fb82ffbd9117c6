package bootstrap

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/console"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/chaosapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/opsapi"
	"orderflow/adapters/httpapi/orderapi"
	"orderflow/adapters/redpanda"
	"orderflow/adapters/tracing"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/pushback"
	"orderflow/application/query"
	"orderflow/application/snapshot"
	"orderflow/application/verify"
	"orderflow/bootstrap/metrics"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// wireServer puts the API in front of the store. The routes of another aggregate type are one more
// resource.
func (a *App) wireServer(ctx context.Context, env Environment) (err error) {
	var storeID uuid.UUID
	if !a.config.Passive { // otherwise a store without an id would get one
		if storeID, err = a.store.StoreID(ctx); err != nil { // nothing depends on it here
			a.log.Warn("the id of the store is not known, and / does not tell it", "error", err)
		}
	}
	var names []string
	for _, c := range a.consumers {
		names = append(names, c.Name())
	}
	explainer := newExplainer(a.store, names, a.consumers, a.recorder)
	orderRoutes, err := a.orderRoutes(explainer)
	if err != nil {
		return err
	}
	operatorRoutes, err := a.operatorRoutes(names, explainer, a.system(storeID, env.Settings), a.logLevels(env))
	if err != nil {
		return err
	}
	pages, err := console.New("/openapi.json")
	if err != nil {
		return err
	}
	a.registerParts()
	streamRoutes, err := a.streamRoutes(a.registry)
	if err != nil {
		return err
	}
	keepRoutes, err := a.keepRoutes()
	if err != nil {
		return err
	}
	erasureRoutes, err := a.erasureRoutes()
	if err != nil {
		return err
	}
	if a.eraser != nil {
		a.registry.MustRegister(metrics.Erasures(a.eraser.Stats, time.Now))
	}
	resources := append([]endpoint.Resource{orderRoutes, streamRoutes, operatorRoutes, keepRoutes, a.sessionRoutes()},
		erasureRoutes...)
	if a.faults != nil {
		resources = append(resources, chaosapi.New(a.recordings.Faults(a.faults), projectionNames()))
	}
	config := httpapi.Config{
		Resources:       resources,
		StoreID:         storeID,
		Console:         pages,
		Ready:           a.ready,
		Notes:           a.notes,
		Metrics:         metrics.Handler(a.registry, a.log),
		Authenticator:   a.authenticator(),
		Limits:          a.limits(),
		OpenMetrics:     !a.config.Access.MetricsAuth,
		Registerer:      a.registry,
		Trace:           traceRequests(a.tracing),
		Logger:          a.log,
		AccessLog:       accessLog(env, a.tracing),
		Listener:        a.listener,
		PublicURL:       a.config.Access.PublicURL,
		AllowedHosts:    a.config.AllowedHosts,
		ShutdownTimeout: a.config.ShutdownTimeout,
	}
	if a.certificates != nil {
		a.registry.MustRegister(metrics.Certificate(a.certificates.Expires, a.certificates.Err))
	}
	if a.door != nil {
		a.registry.MustRegister(a.door)
	}
	if a.opsListener != nil {
		operators := config
		operators.Listener = a.opsListener
		if a.opsServer, err = httpapi.New(operators); err != nil {
			return err
		}
		config.WithoutOperations = true
	}
	a.server, err = httpapi.New(config)
	return err
}

// projectionNames returns the consumers that fill views.
func projectionNames() (names []string) {
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// registerParts makes the metrics of the parts that count for themselves.
func (a *App) registerParts() {
	a.registry.MustRegister(metrics.Consumers(a.consumers), metrics.States(a.states))
	if a.pacemaker != nil {
		a.registry.MustRegister(metrics.Beats(a.pacemaker))
	}
	if a.snapshots != nil {
		a.registry.MustRegister(metrics.Snapshots(a.snapshots))
	}
	if a.store.metrics != nil {
		a.registry.MustRegister(a.store.metrics)
	}
	if a.store.posture != nil {
		a.registry.MustRegister(metrics.Posture(a.store.posture.figures))
	}
	if a.sinkSize != nil {
		a.registry.MustRegister(metrics.Gauge("orderflow_sink_size_bytes",
			"Length of the file that events are published to, without files that were rotated away.", a.sinkSize))
	}
}

func (a *App) orderRoutes(explainer ports.Explainer) (endpoint.Resource, error) {
	store := a.store
	codec := orderjson.New().Sealed(a.seal)
	history := metrics.NewHistory(a.registry, string(a.config.Store), codec.Types())
	commands := orders.NewCommands(eventjson.Remembering(codec, a.memo),
		command.Config{
			Store: a.tracing.Store(history.Store(store)), Now: time.Now, NewID: newID, Cache: a.states, Exclusive: store.exclusive,
			MaxEvents: a.config.MaxEvents, Pages: a.tracing.Pages(history.Pages(store)),
			Snapshots: a.snapshots.Shelf(command.SnapshotName), Finder: store.finder, Subjects: a.subjects(),
		})
	one := query.NewAggregates(query.AggregatesConfig{
		Type: order.Type, Views: a.masked(), Live: a.consumers, Store: store, Codec: a.codec,
		Projection: views.OrderReadModel(), Snapshots: a.snapshots.Shelf(query.SnapshotName),
	})
	a.registry.MustRegister(metrics.Gauge("orderflow_reads_waiting",
		"Reads of orders that wait until the view has an event.", func() float64 { return float64(one.Waiting()) }))
	return orderapi.New(orderapi.Config{
		Commands: a.customers.commands(metrics.Commands(a.registry, order.CommandNames(),
			tracing.Commands(a.tracing, pushback.Commands(a.pushback, commands)))),
		Orders:    a.maskedPast(one),
		Lists:     a.customers.lists(query.NewLists(store, store, a.consumers, views.All())),
		Explainer: explainer,
		Codec:     a.codec.Shown(),
		NewID:     newID,
	})
}

func (a *App) operatorRoutes(
	consumers []string, explainer ports.Explainer, system *opsapi.System, levels ports.LogLevels,
) (endpoint.Resource, error) {
	store, projections := a.store, views.All()
	verification := a.verification(a.consumers, projections...)
	verification.Others = consumers[len(projections):]
	verification.Repairer = a.consumers
	topic, err := a.openTopicVerifier()
	if err != nil {
		return endpoint.Resource{}, err
	}
	verifier := verify.New(verification)
	return opsapi.New(opsapi.Config{
		Consumers: a.consumers,
		Tables: query.NewTables(query.TablesConfig{
			Records: store, Store: store, Views: a.masked(), Live: a.consumers, Projections: projections,
		}),
		Manager:       a.recordings.Consumers(a.consumers),
		Rebuilder:     a.recordings.Rebuilds(a.consumers),
		Parked:        a.recordings.Parking(a.consumers),
		Skips:         a.recordings.Skips(a.consumers),
		Records:       store,
		Verifier:      a.recordings.Verification(a.withSnapshots(verifier)),
		VerifyMonitor: verifier,
		TokenManager:  a.recordings.Tokens(a.tokens),
		Operations:    store,
		TopicVerifier: topic,
		AsyncAPI:      redpanda.AsyncAPI(),
		Explainer:     explainer,
		System:        system,
		Snapshots:     a.recordings.Snapshots(snapshot.Dropper{Keeper: a.anySnapshots(), Heads: store}),
		LogLevels:     levels,
		Profiles:      a.config.Access.Profiles,
		Now:           time.Now,
	})
}

// system returns what the process tells about itself.
func (a *App) system(storeID uuid.UUID, settings []Setting) *opsapi.System {
	place := a.config.Data
	if a.config.Store == StoreScylla {
		place = "keyspace " + a.config.Scylla.Keyspace + " on " + strings.Join(a.config.Scylla.Hosts, ", ")
	}
	return &opsapi.System{
		Version: Version(), StartedAt: time.Now(), Store: string(a.config.Store), Place: place, StoreID: storeID,
		Ready: a.ready, Settings: settings,
	}
}
