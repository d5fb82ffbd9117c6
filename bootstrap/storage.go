package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/cdc"
	"orderflow/adapters/embedded"
	"orderflow/adapters/scylla"
	"orderflow/application/personal"
	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

// storage is a store of any kind, behind all its ports.
type storage struct {
	ports.EventStore
	ports.HeadScanner
	ports.ChangeFeed
	ports.ViewStore
	ports.ViewReader
	ports.ViewDropper
	ports.ConsumerRegistry
	ports.ParkingLot
	ports.SkipLog
	ports.RecordLister
	ports.StoreIdentity
	ports.TokenStore
	ports.OperationLog
	ports.HistoryPager
	ports.Snapshots

	// finder finds commands by their ids. It is nil when the store keeps no index of them.
	finder ports.CommandFinder
	// checker reports which views have states. It is nil when the store cannot say that at once.
	checker ports.ViewChecker
	// bulk reads many aggregates at once, and states lists how far views are. They are nil when the
	// store cannot do that.
	bulk   ports.BulkReader
	states ports.StateLister
	// keys are the wrapped keys of subjects. It is nil on an embedded store that has none.
	keys personal.Store
	// purger removes from files what was rewritten. It is nil when the store has tools for that.
	purger ports.Purger
	// exclusive says that no other process can append while this one has the store open.
	exclusive bool
	// repairer replaces rows. It is nil when the store cannot do that.
	repairer ports.ViewRepairer
	// alive says which part of the change feed is dead. It is nil when no part can be.
	alive func() error
	// posture is how a keyspace in ScyllaDB is set up. It is nil for other stores.
	posture *posture
	// backups copy the store. It is nil when the store has tools of its own for that.
	backups ports.Backups
	// leases let one of several processes run a consumer. It is nil when there is only one process.
	leases ports.Leases
	// tails is the feed of live streams.
	tails ports.FeedTail
	// pulse sends heartbeats through the feed. It is nil when the feed has none.
	pulse ports.Pulse

	// run holds the functions that run as long as the service does. An error of one of them ends
	// the service.
	run []func(context.Context) error
	// announce tells other processes the address of this one. It is nil when the store has no place
	// for it.
	announce func(url string) error
	// metrics are the metrics of the store. It is nil when there are none.
	metrics prometheus.Collector
	closers []io.Closer // in the order of opening
}

// epoch returns to the store the epoch of a consumer's lease.
func openStorage(
	ctx context.Context, config Config, log *slog.Logger, epoch func(consumer string) uint64,
) (*storage, error) {
	if config.Store == StoreScylla {
		return openScylla(ctx, config, log, epoch)
	}
	return openEmbedded(ctx, config, log)
}

func openEmbedded(ctx context.Context, config Config, log *slog.Logger) (*storage, error) {
	retention := config.Retention
	if config.Passive {
		retention = -1 // for ever
	}
	store, err := embedded.Open(ctx, embedded.Options{Dir: config.Data, Retention: retention, Now: time.Now, Logger: log})
	if err != nil {
		return nil, err
	}
	opened := &storage{
		EventStore: store, HeadScanner: store, ChangeFeed: store, ViewStore: store, ViewReader: store, ViewDropper: store,
		ConsumerRegistry: store, ParkingLot: store, SkipLog: store, RecordLister: store, StoreIdentity: store,
		TokenStore: store, OperationLog: store,
		HistoryPager: store, Snapshots: store, finder: store, checker: store, bulk: store, states: store,
		backups: store, exclusive: true, repairer: store, purger: store, pulse: store, tails: store,
		run:      []func(context.Context) error{untilFailed(store)},
		announce: store.SetAddress,
		metrics:  metrics.Store(store),
		closers:  []io.Closer{store},
	}
	if config.Passive {
		opened.pulse, opened.announce = nil, nil
	}
	return opened, nil
}

// openScylla opens the store and the feed with separate sessions, so that the queries of the feed
// do not wait behind the writes of the store.
func openScylla(
	ctx context.Context, config Config, log *slog.Logger, epoch func(consumer string) uint64,
) (_ *storage, err error) {
	var feed *cdc.Feed
	settings := config.Scylla
	settings.Now, settings.Logger = time.Now, log
	settings.Appended = func() { feed.Wake() } // feed is set before the store is used
	if config.Passive {
		settings.Appended = nil
	}
	store, err := scylla.Open(ctx, settings)
	if err != nil {
		return nil, err
	}
	opened := []io.Closer{store}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(opened))
		}
	}()
	if config.Passive {
		return &storage{
			EventStore: store, HeadScanner: store, ChangeFeed: noFeed{}, ViewStore: store, ViewReader: store,
			ViewDropper:      store,
			ConsumerRegistry: store, ParkingLot: store, SkipLog: store, RecordLister: store, StoreIdentity: store,
			TokenStore: store, OperationLog: store,
			HistoryPager: store, Snapshots: store, keys: store,
			tails: noFeed{}, closers: opened,
		}, nil
	}
	session, err := scylla.Connect(ctx, settings)
	if err != nil {
		return nil, err
	}
	opened = append(opened, sessionCloser{session})
	feed, err = cdc.Open(ctx, cdc.Config{
		Session: session, Keyspace: settings.Keyspace, Offsets: offsets{store, epoch}, Retention: config.Retention,
		Now: store.Now, Logger: log,
		OnMalformed: func(e *cdc.MalformedRowError) { log.Error("a row of the CDC log cannot be read", "error", e) },
	})
	if err != nil {
		return nil, err
	}
	opened = append(opened, feed)
	setUp := &posture{look: store.Posture, log: log, now: time.Now}
	return &storage{
		EventStore: store, HeadScanner: store, ChangeFeed: feed, ViewStore: store, ViewReader: store, ViewDropper: store,
		ConsumerRegistry: store, ParkingLot: store, SkipLog: store, RecordLister: store, StoreIdentity: store,
		TokenStore: store, OperationLog: store,
		HistoryPager: store, Snapshots: store, keys: store,
		leases: store, pulse: store, tails: feed, alive: readersAlive(feed, config.Heartbeat),
		run: []func(context.Context) error{
			untilStopped("change feed", feed.Run), untilStopped("sweeper", store.RunSweeper), setUp.run,
		},
		posture: setUp,
		metrics: metrics.Feed(feed.Stats),
		closers: opened,
	}, nil
}

// untilStopped runs a part of the service. A return before the end of its context is an error.
func untilStopped(name string, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := run(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			return fmt.Errorf("the %s has ended", name)
		default:
			return fmt.Errorf("the %s has ended: %w", name, err)
		}
	}
}

type sessionCloser struct{ *gocql.Session }

// Close ends the session.
func (s sessionCloser) Close() error {
	s.Session.Close()
	return nil
}

// offsets stores the offsets of the feed, fenced by leases.
type offsets struct {
	*scylla.Store
	// epoch returns the epoch of the lease under which this process runs a consumer. It is 0
	// without a lease.
	epoch func(consumer string) uint64
}

var _ cdc.Offsets = offsets{}

// SaveOffsets implements cdc.Offsets.
func (o offsets) SaveOffsets(ctx context.Context, consumer string, saved map[string]uuid.UUID) error {
	return o.Store.SaveOffsets(ctx, consumer, o.epoch(consumer), saved)
}

// closeAll closes all, the last one first.
func closeAll(closers []io.Closer) error {
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i].Close())
	}
	return errors.Join(errs...)
}

// beatAllowance is how long a heartbeat may take through the fast reader in a healthy system, also
// in a process in which nothing follows the feed.
const beatAllowance = 2 * time.Second

// readersAlive says which reader of the CDC log is dead or stuck. Consumers cannot see that,
// because each reader could hide the death of the other: the safe one delivers what the fast one
// misses, only later.
func readersAlive(feed *cdc.Feed, beat time.Duration) func() error {
	return func() error {
		var errs []error
		stats := feed.Stats()
		for _, reader := range []struct {
			name        string
			age, atMost time.Duration
		}{
			{"fast", stats.FastBeat, 2*beat + beatAllowance},
			{"safe", stats.SafeBeat, 2*beat + feed.Stale()},
		} {
			if reader.age > reader.atMost {
				errs = append(errs, fmt.Errorf("the %s reader of the CDC log has found no heartbeat for %s: it is dead or stuck", reader.name, reader.age.Round(time.Millisecond)))
			}
		}
		return errors.Join(errs...)
	}
}
