package source_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/ports"
)

// The last commit is saved on closing, also when the next regular save is far away.
func TestFeed_SavesWhatIsCommittedOnClosing(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	settings.CommitInterval = time.Hour
	f := newFeed(t, settings)
	seekEnd(t, f)
	appendOrders(t, s, 3, 1, nil)
	sub := subscribe(t, f)
	commit(t, sub, nextOf(t, sub).Position)
	awaitLag(t, f, ports.Lag{Known: true, Events: 2}) // at once
	commit(t, sub, nextOf(t, sub).Position)
	commit(t, sub, nextOf(t, sub).Position)
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	awaitLag(t, f, ports.Lag{Known: true})
}

// An offset that expires while the group divides the partitions is not replaced by the oldest one.
func TestFeed_NoticesExpiryWhileItRejoins(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	appendOrders(t, s, 32, 1, nil)
	sub := subscribe(t, f)
	nextOf(t, sub)
	s.Expire(t)
	appendOrders(t, s, 32, 1, nil)
	cluster.ControlKey(int16(kmsg.Heartbeat), func(request kmsg.Request) (kmsg.Response, error, bool) {
		response := request.ResponseKind().(*kmsg.HeartbeatResponse)
		response.ErrorCode = kerr.IllegalGeneration.Code
		return response, nil, true
	})
	ctx := topictest.Within(t)
	for {
		_, err := sub.Next(ctx) // fetched events may come until the feed has noticed
		if errors.Is(err, ports.ErrOffsetExpired) {
			return
		}
		if err != nil {
			t.Fatalf("error %v, want %v", err, ports.ErrOffsetExpired)
		}
	}
}

func TestFeed_SeekEndIsRefusedWhileAnotherProcessConsumes(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	s := topictest.NewShelf(t, config)
	a, b := newFeed(t, feedConfig(config)), newFeed(t, feedConfig(config))
	seekEnd(t, a)
	appendOrders(t, s, 1, 1, nil)
	sub := subscribe(t, a)
	nextOf(t, sub)
	if err := b.SeekEnd(topictest.Within(t), consumerName); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, ports.ErrUnavailable)
	}
	awaitLag(t, b, ports.Lag{Known: true, Events: 1})
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	seekEnd(t, b)
	awaitLag(t, b, ports.Lag{Known: true})
}

// Messages that are no events are skipped, also by the offset, and reported.
func TestFeed_PassesOverWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	var mu sync.Mutex
	told := make(map[int64]int)
	settings.OnMalformed = func(_ int32, offset int64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			told[offset]++
		}
	}
	f := newFeed(t, settings)
	seekEnd(t, f)
	foreign := func() {
		s.Send(t, kgo.KeyStringRecord("k", "hello"))
	}
	foreign()
	appendOrders(t, s, 2, 1, nil)
	foreign()
	foreign()
	sub := subscribe(t, f)
	first, second := nextOf(t, sub), nextOf(t, sub)
	if first.Position.Offset != "1" || second.Position.Offset != "2" {
		t.Errorf("got %v and %v, want offsets 1 and 2", first.Position, second.Position)
	}
	expectNothing := func() {
		ended, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if d, err := sub.Next(ended); err == nil {
			t.Errorf("got %v, where nothing is due", d.Position)
		}
	}
	expectNothing()
	commit(t, sub, first.Position)
	awaitLag(t, f, ports.Lag{Known: true, Events: 3})
	commit(t, sub, second.Position)
	awaitLag(t, f, ports.Lag{Known: true})
	foreign()
	awaitLag(t, f, ports.Lag{Known: true, Events: 1})
	expectNothing()
	awaitLag(t, f, ports.Lag{Known: true})
	mu.Lock()
	defer mu.Unlock()
	if want := map[int64]int{0: 1, 3: 1, 4: 1, 5: 1}; !maps.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

// Partitions that are added later are read from their beginning.
func TestFeed_ReadsPartitionsThatAreAdded(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := topictest.NewShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	addPartitions(t, s, 8)
	wider := s.Another(t)
	total := appendOrders(t, wider, 64, 2, nil)
	// the client of the first feed checks for new partitions once a minute
	later := newFeed(t, feedConfig(config))
	awaitLag(t, later, ports.Lag{Known: true, Events: uint64(total)})
	j := newJournal()
	startWorker(t, feedConfig(config), j)
	j.await(t, total)
	awaitLag(t, later, ports.Lag{Known: true})
}

// addPartitions gives the topic so many partitions.
func addPartitions(t testing.TB, s *topictest.Shelf, partitions int) {
	t.Helper()
	added, err := s.Admin.UpdatePartitions(t.Context(), partitions, s.Config.Topic.Name)
	if err == nil {
		err = added.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// remake deletes the topic and creates another one of the same name. It returns when the brokers
// know it.
func remake(t testing.TB, s *topictest.Shelf) {
	t.Helper()
	ctx, name := topictest.Within(t), s.Config.Topic.Name
	id := func() kadm.TopicID {
		topics, err := s.Admin.ListTopics(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return topics[name].ID
	}
	old := id()
	if _, err := s.Admin.DeleteTopic(ctx, name); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := s.Admin.CreateTopic(ctx, s.Config.Topic.Partitions, 1, nil, name)
		if err == nil {
			break
		}
		// until the deletion is over
		if !errors.Is(err, kerr.TopicAlreadyExists) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	for now := id(); now == old || now == (kadm.TopicID{}); now = id() {
	}
}

// A topic that ends before an offset is not the topic of the offset.
func TestFeed_RefusesAnOffsetBehindTheEnd(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	s := topictest.NewShelf(t, config)
	appendOrders(t, s, 20, 1, nil)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	remake(t, s)
	_, err := f.Subscribe(topictest.Within(t), consumerName)
	// some brokers drop the offsets with the topic
	if !errors.Is(err, ports.ErrOffsetExpired) && !errors.Is(err, ports.ErrNoOffset) {
		t.Errorf("error %v, want %v", err, ports.ErrOffsetExpired)
	}
	seekEnd(t, f)
	awaitLag(t, f, ports.Lag{Known: true})
}

// While a broker is away, Next returns an error and the lag is not known. When the broker is back,
// everything continues.
func TestFeed_OutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := topictest.StartBroker(t, t.TempDir())
	config := topictest.NewTopic([]string{b.Address})
	config.Timeout = time.Second
	var log syncedBuffer
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	f := newFeed(t, settings)
	seekEnd(t, f)
	before := appendOrders(t, s, 10, 2, nil)
	sub := subscribe(t, f)
	for range before {
		commit(t, sub, nextOf(t, sub).Position)
	}
	awaitLag(t, f, ports.Lag{Known: true})

	b.Kill(t)
	if _, err := sub.Next(topictest.Within(t)); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("next without a broker: error %v, want %v", err, ports.ErrUnavailable)
	}
	awaitLag(t, f, ports.Lag{})
	for range 2 { // it is reported again, and not logged again
		if _, err := sub.Next(topictest.Within(t)); !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("next without a broker: error %v, want %v", err, ports.ErrUnavailable)
		}
	}
	if n := strings.Count(log.String(), "nothing can be read"); n != 1 || !strings.Contains(log.String(), b.Address) {
		t.Errorf("the outage was logged %d times: %s", n, log.String())
	}
	if _, err := newFeed(t, settings).Subscribe(topictest.Within(t), consumerName); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("subscribe without a broker: error %v, want %v", err, ports.ErrUnavailable)
	}

	b.Start(t)
	after := appendOrders(t, s.Another(t), 10, 2, nil)
	for range after {
		d, err := sub.Next(topictest.Within(t))
		for errors.Is(err, ports.ErrUnavailable) { // it may be reported more than once
			d, err = sub.Next(topictest.Within(t))
		}
		if err != nil {
			t.Fatal(err)
		}
		commit(t, sub, d.Position)
	}
	awaitLag(t, f, ports.Lag{Known: true})
}

func TestFeed_IsNotConfigured(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]source.Config{
		"without brokers":                        {},
		"with a heartbeat that is too slow":      {Config: redpanda.Config{Brokers: []string{"b:1"}}, Heartbeat: time.Minute},
		"with a certificate that is not there":   {Config: redpanda.Config{Brokers: []string{"b:1"}, TLS: &redpanda.TLS{CA: "nowhere"}}},
		"with a session that ends at once":       {Config: redpanda.Config{Brokers: []string{"b:1"}}, SessionTimeout: time.Millisecond},
		"with a negative time to hold back data": {Config: redpanda.Config{Brokers: []string{"b:1"}}, FetchWait: -1},
	} {
		if _, err := source.NewFeed(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
