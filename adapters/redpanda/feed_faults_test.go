package redpanda_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// within returns a context for something that must happen.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func subscribe(t testing.TB, f *redpanda.Feed) ports.Subscription {
	t.Helper()
	s, err := f.Subscribe(within(t), consumerName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const consumerName = "view"

func seekEnd(t testing.TB, f *redpanda.Feed) {
	t.Helper()
	if err := f.SeekEnd(within(t), consumerName); err != nil {
		t.Fatal(err)
	}
}

func nextOf(t testing.TB, s ports.Subscription) ports.Delivery {
	t.Helper()
	d, err := s.Next(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func commit(t testing.TB, s ports.Subscription, p ports.Position) {
	t.Helper()
	if err := s.Commit(within(t), p); err != nil {
		t.Fatal(err)
	}
}

func awaitLag(t testing.TB, f *redpanda.Feed, want ports.Lag) {
	t.Helper()
	ctx := within(t)
	for {
		lag, err := f.Lag(ctx, consumerName)
		if err != nil {
			t.Fatal(err)
		}
		if lag.Known == want.Known && lag.Events == want.Events {
			return
		}
	}
}

// worker is a process that handles what it gets, as application/consumer does: it keeps to the order within each order, and
// commits afterwards.
type worker struct {
	feed *redpanda.Feed
	stop context.CancelFunc
	done chan struct{}
}

// journal is what all workers have handled, in the views that they share.
type journal struct {
	mu      sync.Mutex
	last    map[uuid.UUID]uint64
	events  int
	doubled int
	holes   []string
	changed chan struct{}
}

func newJournal() *journal {
	return &journal{last: make(map[uuid.UUID]uint64), changed: make(chan struct{}, 1)}
}

func (j *journal) handle(r eventsourcing.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch due := j.last[r.AggregateID] + 1; {
	case r.SequenceNumber == due:
		j.last[r.AggregateID] = due
		j.events++
	case r.SequenceNumber < due:
		j.doubled++
	default:
		j.holes = append(j.holes, fmt.Sprintf("%d of %s came where %d was due", r.SequenceNumber, r.AggregateID, due))
	}
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// await waits until n events have been handled.
func (j *journal) await(t testing.TB, n int) {
	t.Helper()
	ctx := within(t)
	for {
		j.mu.Lock()
		events, holes := j.events, j.holes
		j.mu.Unlock()
		if len(holes) > 0 {
			t.Fatalf("%d holes, the first one: %s", len(holes), holes[0])
		}
		if events >= n {
			return
		}
		select {
		case <-j.changed:
		case <-ctx.Done():
			t.Fatalf("%d of %d events were handled", events, n)
		}
	}
}

func startWorker(t testing.TB, config redpanda.FeedConfig, j *journal) *worker {
	t.Helper()
	w := &worker{feed: newFeed(t, config), done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	t.Cleanup(func() { w.end() })
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			if err := w.follow(ctx, j); err != nil && ctx.Err() == nil && !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("worker: %v", err)
				return
			}
		}
	}()
	return w
}

func (w *worker) follow(ctx context.Context, j *journal) error {
	s, err := w.feed.Subscribe(ctx, consumerName)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		d, err := s.Next(ctx)
		if err != nil {
			return err
		}
		j.handle(d.Record)
		if err := s.Commit(ctx, d.Position); err != nil {
			return err
		}
	}
}

func (w *worker) end() {
	w.stop()
	<-w.done
}

// appendOrders writes orders of length events each, from several writers, and tells how many events that were.
func appendOrders(t testing.TB, s *shelf, orders, length int, each func(n int)) int {
	t.Helper()
	ids := make([]uuid.UUID, orders)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for n := range length {
		var group sync.WaitGroup
		errs := make([]error, orders)
		for i, id := range ids {
			group.Go(func() { _, errs[i] = s.Append(t.Context(), next(id, uint64(n))) })
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each(n)
		}
	}
	return orders * length
}

func next(id uuid.UUID, head uint64) ports.Append {
	r := history(1)[0]
	r.AggregateID, r.SequenceNumber = id, head+1
	return ports.Append{AggregateID: id, Expected: head, CommandID: r.CommandID, Records: []eventsourcing.Record{r}}
}

func TestFeed_Rebalance(t *testing.T) {
	t.Parallel()
	rebalance(t, newCluster(t).ListenAddrs())
}

func TestFeed_RebalanceIntegration(t *testing.T) {
	t.Parallel()
	rebalance(t, servers.Kafka(t))
}

// rebalance has processes come and go while events are written.
func rebalance(t *testing.T, brokers []string) {
	config := newTopic(brokers)
	s := newShelf(t, config)
	settings := feedConfig(config)
	first := newFeed(t, settings)
	seekEnd(t, first)
	j := newJournal()
	var workers []*worker
	total := appendOrders(t, s, 40, 25, func(n int) {
		switch n {
		case 0, 5, 10:
			workers = append(workers, startWorker(t, settings, j))
		case 15, 20:
			workers[0].end()
			workers = workers[1:]
		}
		j.await(t, 40*n) // so that each of them has something to do
	})
	j.await(t, total)
	awaitLag(t, first, ports.Lag{Known: true})
	t.Logf("%d events, of which %d came again", j.events, j.doubled)
	if j.events != total {
		t.Errorf("%d events were handled, want %d", j.events, total)
	}
}

// A process that loses a partition hands it over in good order: what it was given is committed first, what it had fetched beside
// that it does not deliver any more, and the other one goes on behind the commit. So nothing comes twice.
func TestFeed_HandsOverWhatIsCommitted(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	s := newShelf(t, config)
	settings := feedConfig(config)
	a, b := newFeed(t, settings), newFeed(t, settings)
	seekEnd(t, a)
	appendOrders(t, s, 64, 1, nil)
	first := subscribe(t, a)
	came := make(map[uuid.UUID]bool)
	var given []ports.Delivery
	for range 16 {
		d := nextOf(t, first)
		given = append(given, d)
		came[d.Record.EventID] = true
	}
	got := make(chan ports.Delivery, 1024)
	read := func(member ports.Subscription) {
		for {
			d, err := member.Next(t.Context())
			if err != nil {
				return
			}
			got <- d
		}
	}
	second := subscribe(t, b)
	go read(second)
	select { // how long this waits does not matter where it is right
	case d := <-got:
		t.Fatalf("%v came in another process before the first one had committed what it was given", d.Position)
	case <-time.After(500 * time.Millisecond):
	}
	for _, d := range given {
		commit(t, first, d.Position)
	}
	appendOrders(t, s, 64, 1, nil)
	for n := 16; n < 128; n++ {
		select {
		case d := <-got:
			if came[d.Record.EventID] {
				t.Fatalf("%v came twice", d.Position)
			}
			came[d.Record.EventID] = true
		case <-time.After(bound):
			t.Fatalf("%d events came", n)
		}
		if n == 16 { // the partitions have been divided anew
			go read(first)
		}
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	select {
	case d := <-got:
		t.Errorf("%v came, where nothing was due", d.Position)
	default:
	}
}

// What was committed last is saved on closing, also when the next regular save is far away.
func TestFeed_SavesWhatIsCommittedOnClosing(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	s := newShelf(t, config)
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

// An offset that expires while the group divides the partitions anew is not taken for the oldest one.
func TestFeed_NoticesExpiryWhileItRejoins(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	config := newTopic(cluster.ListenAddrs())
	s := newShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	appendOrders(t, s, 32, 1, nil)
	sub := subscribe(t, f)
	nextOf(t, sub)
	s.expire(t)
	appendOrders(t, s, 32, 1, nil)
	cluster.ControlKey(int16(kmsg.Heartbeat), func(request kmsg.Request) (kmsg.Response, error, bool) {
		response := request.ResponseKind().(*kmsg.HeartbeatResponse)
		response.ErrorCode = kerr.IllegalGeneration.Code
		return response, nil, true
	})
	ctx := within(t)
	for {
		_, err := sub.Next(ctx) // what it had fetched may come until it has noticed
		if errors.Is(err, ports.ErrOffsetExpired) {
			return
		}
		if err != nil {
			t.Fatalf("error %v, want %v", err, ports.ErrOffsetExpired)
		}
	}
}

// A process that does not commit in time loses its partitions: what it has not committed comes again elsewhere, and what it
// commits afterwards changes nothing there.
func TestFeed_IgnoresCommitsOfLostPartitions(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := newShelf(t, config)
	settings := feedConfig(config)
	settings.HandOver = time.Millisecond
	a, b := newFeed(t, settings), newFeed(t, settings)
	seekEnd(t, a)
	appendOrders(t, s, 8, 1, nil)
	first := subscribe(t, a)
	var given []ports.Delivery
	for range 8 {
		given = append(given, nextOf(t, first))
	}
	commit(t, first, given[1].Position)
	awaitLag(t, a, ports.Lag{Known: true, Events: 6})

	// Of two members one gets the partition, whichever it is: after a break in any case.
	second := subscribe(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	again := make(chan ports.Delivery, 2)
	for _, member := range []ports.Subscription{first, second} {
		go func() {
			if d, err := member.Next(ctx); err == nil {
				again <- d
			}
		}()
	}
	select {
	case d := <-again:
		if d.Record.EventID != given[2].Record.EventID {
			t.Errorf("event %d of those given came first, want the one behind the commit", slices.IndexFunc(given, func(g ports.Delivery) bool { return g.Record.EventID == d.Record.EventID }))
		}
	case <-time.After(bound):
		t.Fatal("nothing came again")
	}
	cancel()
	commit(t, first, given[7].Position) // whoever has the partition now was given one event of it
	commit(t, second, given[7].Position)
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	awaitLag(t, a, ports.Lag{Known: true, Events: 6})
	rest := subscribe(t, a)
	for i := range 6 {
		if d := nextOf(t, rest); d.Record.EventID != given[2+i].Record.EventID {
			t.Fatalf("event %s came, want %s", d.Record.EventID, given[2+i].Record.EventID)
		}
	}
}

func TestFeed_SeekEndIsRefusedWhileAnotherProcessConsumes(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	s := newShelf(t, config)
	a, b := newFeed(t, feedConfig(config)), newFeed(t, feedConfig(config))
	seekEnd(t, a)
	appendOrders(t, s, 1, 1, nil)
	sub := subscribe(t, a)
	nextOf(t, sub)
	if err := b.SeekEnd(within(t), consumerName); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, ports.ErrUnavailable)
	}
	awaitLag(t, b, ports.Lag{Known: true, Events: 1})
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	seekEnd(t, b)
	awaitLag(t, b, ports.Lag{Known: true})
}

// What is in the topic and is no event is passed over, also by the offset, and is told.
func TestFeed_PassesOverWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := newShelf(t, config)
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
		s.send(t, kgo.KeyStringRecord("k", "hello"))
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
	config := newTopic(newCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := newShelf(t, config)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	if err := s.admin.CreatePartitions(config.Topic.Name, 8, nil, false); err != nil {
		t.Fatal(err)
	}
	wider := newShelfOn(t, s)
	total := appendOrders(t, wider, 64, 2, nil)
	later := newFeed(t, feedConfig(config)) // the client of the first one looks for partitions once a minute
	awaitLag(t, later, ports.Lag{Known: true, Events: uint64(total)})
	j := newJournal()
	startWorker(t, feedConfig(config), j)
	j.await(t, total)
	awaitLag(t, later, ports.Lag{Known: true})
}

// newShelfOn is another writer on the topic of s.
func newShelfOn(t testing.TB, s *shelf) *shelf {
	t.Helper()
	other := reopenShelf(s)
	other.producer = newProducer(t, s.config)
	return other
}

// A topic that ends before an offset is another one than the offset was for.
func TestFeed_RefusesAnOffsetBehindTheEnd(t *testing.T) {
	t.Parallel()
	config := newTopic(newCluster(t).ListenAddrs())
	s := newShelf(t, config)
	appendOrders(t, s, 20, 1, nil)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	if err := s.admin.DeleteTopic(config.Topic.Name); err != nil {
		t.Fatal(err)
	}
	if err := s.admin.CreateTopic(config.Topic.Name, &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	_, err := f.Subscribe(within(t), consumerName)
	if !errors.Is(err, ports.ErrOffsetExpired) && !errors.Is(err, ports.ErrNoOffset) { // some brokers drop the offsets with the topic
		t.Errorf("error %v, want %v", err, ports.ErrOffsetExpired)
	}
	seekEnd(t, f)
	awaitLag(t, f, ports.Lag{Known: true})
}

// A broker that is away shows as an error of Next and as a lag that is not known; when it is back, everything goes on.
func TestFeed_OutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := startBroker(t, t.TempDir())
	config := newTopic([]string{b.address})
	config.Timeout = time.Second
	s := newShelf(t, config)
	settings := feedConfig(config)
	f := newFeed(t, settings)
	seekEnd(t, f)
	before := appendOrders(t, s, 10, 2, nil)
	sub := subscribe(t, f)
	for range before {
		commit(t, sub, nextOf(t, sub).Position)
	}
	awaitLag(t, f, ports.Lag{Known: true})

	b.kill(t)
	if _, err := sub.Next(within(t)); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("next without a broker: error %v, want %v", err, ports.ErrUnavailable)
	}
	awaitLag(t, f, ports.Lag{})
	if _, err := newFeed(t, settings).Subscribe(within(t), consumerName); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("subscribe without a broker: error %v, want %v", err, ports.ErrUnavailable)
	}

	b.start(t)
	after := appendOrders(t, newShelfOn(t, s), 10, 2, nil)
	for range after {
		d, err := sub.Next(within(t))
		for errors.Is(err, ports.ErrUnavailable) { // it may have been told more than once
			d, err = sub.Next(within(t))
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
	for name, config := range map[string]redpanda.FeedConfig{
		"without brokers":                        {},
		"with a heartbeat that is too slow":      {Config: redpanda.Config{Brokers: []string{"b:1"}}, Heartbeat: time.Minute},
		"with a certificate that is not there":   {Config: redpanda.Config{Brokers: []string{"b:1"}, TLS: &redpanda.TLS{CA: "nowhere"}}},
		"with a session that ends at once":       {Config: redpanda.Config{Brokers: []string{"b:1"}}, SessionTimeout: time.Millisecond},
		"with a negative time to hold back data": {Config: redpanda.Config{Brokers: []string{"b:1"}}, FetchWait: -1},
	} {
		if _, err := redpanda.NewFeed(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
