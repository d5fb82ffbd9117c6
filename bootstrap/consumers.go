package bootstrap

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/fanout"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/application/rebuild"
	"orderflow/application/transfer"
	"orderflow/application/verify"
	"orderflow/bootstrap/metrics"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// wireConsumers makes a consumer for every projection, and for the publisher if there is one.
func (a *App) wireConsumers(ctx context.Context, env Environment) error {
	target, err := parseSink(a.config.Sink, a.config.Data)
	if err != nil {
		return err
	}
	source, err := a.openSource(ctx)
	if err != nil {
		return err
	}
	for _, p := range views.All() {
		decoder := a.withFaults(p.Name, a.memo)
		earlier := make(map[int]consumer.Earlier, len(p.Earlier))
		for version, table := range p.Earlier {
			earlier[version] = consumer.Earlier{Effect: filling.Project(p.At(version), decoder), Table: table}
		}
		a.addConsumer(source, consumer.Config{
			Name: p.Name, Version: p.Version, Types: p.Types, Table: p.Table, Earlier: earlier,
			Effect: filling.Project(p, decoder),
			Verify: a.verifyOne(p),
		})
	}
	if err := a.wirePublisher(ctx, target, env); err != nil {
		return err
	}
	names := make([]string, len(a.consumers))
	for i, c := range a.consumers {
		names[i] = c.Name()
	}
	a.recorder = newRecorder(names)
	delays := metrics.NewDelays(a.registry, names, time.Now)
	if err := a.consumers.Refresh(ctx); err != nil {
		return err
	}
	if a.config.Passive {
		return nil
	}
	routed := make([]fanout.Consumer, 0, len(a.consumers))
	for _, c := range a.consumers {
		if a.config.runs(c.Name()) {
			routed = append(routed, c)
		}
	}
	a.router, err = fanout.New(fanout.Config{
		Lanes: a.config.ViewLanes(), LanesOf: func(consumer string) int {
			if consumer == a.publisher {
				return a.config.publisherLanes()
			}
			return 0 // like the others
		},
		DrainTimeout: a.config.ShutdownTimeout, Logger: a.log, Middleware: fanout.Around(around(a.tracing, a.recorder, delays)...),
	}, routed...)
	return err
}

// wirePublisher makes a consumer for the sink, if there is one.
func (a *App) wirePublisher(ctx context.Context, target sink, env Environment) error {
	publisher, err := a.openSink(ctx, target, env)
	if err != nil || publisher == nil {
		return err
	}
	a.closers = append(a.closers, publisher)
	if file, ok := publisher.(interface{ Size() int64 }); ok && target.kind == sinkFile {
		a.sinkSize = func() float64 { return float64(file.Size()) }
	}
	identity, err := a.identity(target, publisher)
	if err != nil {
		return err
	}
	if a.publisher, err = a.publisherName(ctx, target, identity); err != nil {
		return err
	}
	effect, imported := filling.Publish(a.tracing.Publisher(a.personalPublisher(publisher))), true
	if a.store.exclusive { // then an import cannot run at the same time
		if imported, err = transfer.Imported(ctx, a.store.checker); err != nil {
			return err
		}
	}
	if imported {
		effect = transfer.Unpublished(effect, a.store)
	}
	if !a.config.Passive {
		if a.gate, err = a.openGate(ctx, target); err != nil {
			return err
		}
		effect = a.gate.Guard(effect)
	}
	config := consumer.Config{Name: a.publisher, Version: 1, Effect: effect}
	if a.config.PublishFrom == PublishFromNow {
		config.StartFrom = eventsourcing.Timestamp(time.Now())
	}
	a.addConsumer(a.store, config)
	return nil
}

// addConsumer adds to config what all consumers have in common.
func (a *App) addConsumer(feed ports.ChangeFeed, config consumer.Config) {
	store := a.store
	config.Store, config.Feed, config.Views, config.Registry = store, feed, store, store
	config.Parking, config.Skips, config.Repairer, config.Bulk = store, store, store.repairer, store.bulk
	config.Leases, config.Owner = store.leases, ports.LeaseOwner{ID: uuid.New(), Address: a.URL()}
	config.Now, config.Logger = time.Now, a.log
	if feed == store {
		config.Beats, config.Retention = a.beats, a.config.Retention
		// the topic: its consumer groups distribute its partitions over processes, and no heartbeat
		// goes through it
	} else {
		config.Shared, config.Untrusted = true, true
	}
	if a.faults != nil {
		config.Feed = a.faults.Feed(feed)
	}
	config.DrainTimeout, config.Grace = a.config.ShutdownTimeout, a.config.RollbackGrace
	config.ReconcileEvery, config.ReconcileRate = a.config.ReconcileEvery, a.config.ReconcileRate
	a.consumers = append(a.consumers, consumer.New(config))
}

// withFaults returns the decoder of a consumer in which faults can be made, in a service for
// practice.
func (a *App) withFaults(consumer string, decoder ports.Decoder) ports.Decoder {
	if a.faults == nil {
		return decoder
	}
	return a.faults.Decoder(consumer, decoder)
}

// runs reports whether this process may run a consumer.
func (c Config) runs(consumer string) bool {
	named := func(name string) bool {
		return name == consumer || strings.HasSuffix(name, publisherSuffix) && strings.HasPrefix(consumer, name+"-")
	}
	return !c.Passive && (len(c.Consumers) == 0 || slices.ContainsFunc(c.Consumers, named))
}

// rebuildPatience is how long a difference may last when a rebuild is verified, because live
// traffic continues.
const rebuildPatience = 5 * time.Second

// verifyOne compares generations of one view with the events.
func (a *App) verifyOne(p *projection.Projection) rebuild.Verify {
	return func(next, live ports.ViewID, progress func(ports.VerifyProgress)) rebuild.Verification {
		config := a.verification(only{next, p.Version}, p)
		if config.Progress = progress; live != (ports.ViewID{}) {
			config.Beside = only{live, a.consumers.VersionOf(live)}
		}
		return verify.New(config).Ahead(rebuildPatience)
	}
}

// only makes one generation the live one.
type only struct {
	view    ports.ViewID
	version int
}

// LiveView implements ports.LiveViews.
func (o only) LiveView(string) ports.ViewID { return o.view }

// VersionOf implements ports.LiveViews.
func (o only) VersionOf(ports.ViewID) int { return o.version }

func (a *App) verification(live ports.LiveViews, projections ...*projection.Projection) verify.Config {
	return verify.Config{
		Store: a.store, Codec: a.codec, States: a.store, Lister: a.store.states, Rows: a.store, Live: live, Skips: a.store,
		Projections: projections,
	}
}

// publisher is a sink with its Close.
type publisher interface {
	ports.Publisher
	io.Closer
}

// sinkLinger is how long the sink waits for more events before it syncs. Without it, the syncs of
// the sink would compete with those of the store. With it, the sink writes up to a batch of each
// lane per linger.
const sinkLinger = 5 * time.Millisecond

// openSink returns nil for sinkNone.
func (a *App) openSink(ctx context.Context, target sink, env Environment) (publisher, error) {
	if a.config.Passive && target.kind != sinkNone {
		return noSink{}, nil
	}
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
