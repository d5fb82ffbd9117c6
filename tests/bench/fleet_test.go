package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/scylla"
	"orderflow/bootstrap"
	"orderflow/tests/bench/workload"
	"orderflow/tests/scyllasim"
)

const (
	// fleetStreams is the number of CDC streams: those of a node with the usual number of vnodes.
	fleetStreams = 256
	// fleetIdle is how long an idle fleet is observed.
	fleetIdle = 10 * time.Second
)

// BenchmarkFleet measures several processes of the service that share one keyspace: how fast they
// handle a backlog of b.N events together, and how many queries a second they make when there is
// nothing to do. Store and topic are doubles in this process, so all of them share its processors:
// what it shows is how the work and the queries are divided, and not how fast a cluster is.
func BenchmarkFleet(b *testing.B) {
	for _, source := range []bootstrap.Source{bootstrap.SourceStore, bootstrap.SourceRedpanda} {
		for _, processes := range []int{1, 3, 9} {
			b.Run(fmt.Sprintf("source=%s/processes=%d", source, processes), func(b *testing.B) {
				measureFleet(b, source, processes, b.N, fleetIdle).report(b)
			})
		}
	}
}

// What is measured must happen: every view handles every event, in whichever process, and the
// processes without work make fewer queries of the log than the one that has it.
func TestFleet_SharesTheWork(t *testing.T) {
	t.Parallel()
	const events = 60
	for _, source := range []bootstrap.Source{bootstrap.SourceStore, bootstrap.SourceRedpanda} {
		f := measureFleet(t, source, 3, events, 2*time.Second)
		total := 0.0
		for _, handled := range f.handled {
			total += handled
		}
		if total < events || f.seconds <= 0 {
			t.Errorf("%s: %v events were handled in %f s, want %d", source, f.handled, f.seconds, events)
		}
		if f.queries <= f.ofLog {
			t.Errorf("%s: %f queries a second, of them %f of the log", source, f.queries, f.ofLog)
		}
	}
}

// fleetFigures are the results of one measurement.
type fleetFigures struct {
	// handled are the events that each process has handled, by view.
	handled []float64
	seconds float64
	// queries a second of the idle fleet, and how many of them read the CDC log
	queries, ofLog float64
}

func (f fleetFigures) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	total, least, most := 0.0, math.Inf(1), 0.0
	for _, handled := range f.handled {
		total, least, most = total+handled, min(least, handled), max(most, handled)
	}
	for unit, value := range map[string]float64{
		"events/s": total / f.seconds, "least-events/s": least / f.seconds, "most-events/s": most / f.seconds,
		"idle-queries/s": f.queries, "idle-log-queries/s": f.ofLog,
	} {
		b.ReportMetric(value, unit)
	}
}

// measureFleet lets processes handle a backlog of events, and then observes them idle.
func measureFleet(tb testing.TB, source bootstrap.Source, processes, events int, idle time.Duration) (f fleetFigures) {
	tb.Helper()
	sim, config := fleetServers(tb)
	config.Source = source
	var filling *fleet
	if source == bootstrap.SourceRedpanda {
		publisher := config
		publisher.Sink, publisher.Consumers = "redpanda", []string{"redpanda-publisher"}
		filling = startFleet(tb, publisher, 1) // it makes the topic
	}
	first := startFleet(tb, config, 1) // it makes the offsets
	first.awaitRunning()
	first.stop()
	fillStore(tb, config.Scylla, events)
	if filling != nil {
		filling.await("the publisher", func(all []map[string]consumerStatus) bool {
			for name, c := range all[0] {
				if strings.HasPrefix(name, "redpanda-publisher") && c.Handled >= events {
					return true
				}
			}
			return false
		})
		filling.stop()
	}

	fleet := startFleet(tb, config, processes)
	began := time.Now() // the last time that nothing was handled yet
	fleet.await("every view to have every event", func(all []map[string]consumerStatus) bool {
		f.handled = make([]float64, processes)
		now, done, some := time.Now(), true, false
		for _, view := range viewNames() {
			sum := 0
			for i, process := range all {
				sum += process[view].Handled
				f.handled[i] += float64(process[view].Handled) / float64(len(viewNames()))
			}
			some, done = some || sum > 0, done && sum >= events
		}
		if !some {
			began = now
		}
		return done
	})
	f.seconds = time.Since(began).Seconds()

	<-time.After(3 * time.Second) // until nothing is left to do
	log := config.Scylla.Keyspace + ".outbox_messages_scylla_cdc_log"
	counts := func() (all, ofLog int) {
		return sim.QueryCount("", scyllasim.KindAny), sim.QueryCount(log, scyllasim.KindSelect)
	}
	all, ofLog := counts()
	<-time.After(idle)
	allThen, ofLogThen := counts()
	f.queries, f.ofLog = float64(allThen-all)/idle.Seconds(), float64(ofLogThen-ofLog)/idle.Seconds()
	fleet.stop()
	return f
}

// fleetServers starts the doubles, and returns the configuration of a process that uses them.
func fleetServers(tb testing.TB) (*scyllasim.Sim, bootstrap.Config) {
	tb.Helper()
	tokens := make([]int64, fleetStreams)
	for i := range tokens {
		tokens[i] = math.MinInt64 + int64(i+1)*(math.MaxInt64/fleetStreams*2)
	}
	sim, err := scyllasim.Start(scyllasim.Options{Tokens: [][]int64{tokens}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(sim.Close)
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(brokers.Close)
	store, _ := scyllaKeyspace(tb, sim.Hosts())
	config := bootstrap.DefaultConfig()
	config.Store, config.Scylla, config.Sink, config.Listen = bootstrap.StoreScylla, store, "none", "127.0.0.1:0"
	config.Redpanda.Brokers = brokers.ListenAddrs()
	config.Redpanda.Topic = redpanda.Topic{Name: store.Keyspace, Partitions: topicPartitions}
	config.GroupPrefix = store.Keyspace + "."
	return sim, config
}

// fillStore handles commands of one event each.
func fillStore(tb testing.TB, config scylla.Config, events int) {
	tb.Helper()
	store, err := scylla.Open(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	err = workload.Create().Drive(tb.Context(), 64, events, handleOn(store))
	if err = errors.Join(err, store.Close()); err != nil {
		tb.Fatal(err)
	}
}

// fleet is some processes of the service, all of them in this one.
type fleet struct {
	tb    testing.TB
	apps  []*bootstrap.App
	end   context.CancelFunc
	group *errgroup.Group
}

func startFleet(tb testing.TB, config bootstrap.Config, processes int) *fleet {
	tb.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(tb.Context()))
	group, ctx := errgroup.WithContext(ctx)
	f := &fleet{tb: tb, end: end, group: group}
	tb.Cleanup(f.stop)
	for range processes {
		config.Data = tb.TempDir()
		app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
		if err != nil {
			tb.Fatal(err)
		}
		f.apps = append(f.apps, app)
	}
	for _, app := range f.apps { // none begins while others are not there
		group.Go(func() error { return app.Run(ctx) })
	}
	return f
}

func (f *fleet) stop() {
	f.end()
	errs := []error{f.group.Wait()}
	for _, app := range f.apps {
		errs = append(errs, app.Close())
	}
	f.apps = nil
	if err := errors.Join(errs...); err != nil {
		f.tb.Error(err)
	}
}

// consumerStatus is what the API says about a consumer.
type consumerStatus struct {
	Name    string
	State   string
	Handled int
}

// await waits until what the processes say about their consumers, by name, is as it should be.
func (f *fleet) await(what string, done func(all []map[string]consumerStatus) bool) {
	f.tb.Helper()
	ctx, cancel := context.WithTimeout(f.tb.Context(), 5*time.Minute)
	defer cancel()
	for {
		all := make([]map[string]consumerStatus, len(f.apps))
		for i, app := range f.apps {
			all[i] = f.consumers(ctx, app.URL())
		}
		if done(all) {
			return
		}
		select {
		case <-ctx.Done():
			f.tb.Fatalf("no end of the wait for %s: %v", what, all)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (f *fleet) awaitRunning() {
	f.tb.Helper()
	f.await("the consumers to run", func(all []map[string]consumerStatus) bool {
		for _, view := range viewNames() {
			if all[0][view].State != "running" {
				return false
			}
		}
		return true
	})
}

func (f *fleet) consumers(ctx context.Context, url string) map[string]consumerStatus {
	f.tb.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/consumers", nil)
	if err != nil {
		f.tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.tb.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	var answer struct{ Consumers []consumerStatus }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		f.tb.Fatal(err)
	}
	byName := map[string]consumerStatus{}
	for _, c := range answer.Consumers {
		byName[c.Name] = c
	}
	return byName
}
