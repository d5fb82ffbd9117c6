package source_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/servers"
)

func subscribe(t testing.TB, f *source.Feed) ports.Subscription {
	t.Helper()
	s, err := f.Subscribe(topictest.Within(t), consumerName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const consumerName = "view"

func seekEnd(t testing.TB, f *source.Feed) {
	t.Helper()
	if err := f.SeekEnd(topictest.Within(t), consumerName); err != nil {
		t.Fatal(err)
	}
}

func nextOf(t testing.TB, s ports.Subscription) ports.Delivery {
	t.Helper()
	d, err := s.Next(topictest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func commit(t testing.TB, s ports.Subscription, p ports.Position) {
	t.Helper()
	if err := s.Commit(topictest.Within(t), p); err != nil {
		t.Fatal(err)
	}
}

func awaitLag(t testing.TB, f *source.Feed, want ports.Lag) {
	t.Helper()
	ctx := topictest.Within(t)
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
	feed *source.Feed
	stop context.CancelFunc
	done chan struct{}
	// handled counts what it was given.
	handled atomic.Int64
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
	ctx := topictest.Within(t)
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

func startWorker(t testing.TB, config source.Config, j *journal) *worker {
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
		w.handled.Add(1)
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
func appendOrders(t testing.TB, s *topictest.Shelf, orders, length int, each func(n int)) int {
	t.Helper()
	ids := make([]uuid.UUID, orders)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for n := range length {
		var group sync.WaitGroup
		errs := make([]error, orders)
		for i, id := range ids {
			group.Go(func() { _, errs[i] = s.Append(t.Context(), topictest.Next(id, uint64(n))) })
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

func TestFeed_Rebalance(t *testing.T) {
	t.Parallel()
	rebalance(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_RebalanceIntegration(t *testing.T) {
	t.Parallel()
	rebalance(t, servers.Kafka(t))
}

// rebalance has processes come and go while events are written.
func rebalance(t *testing.T, brokers []string) {
	config := topictest.NewTopic(brokers)
	s := topictest.NewShelf(t, config)
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
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	a, b := newFeed(t, settings), newFeed(t, settings)
	seekEnd(t, a)
	appendOrders(t, s, 64, 1, nil)
	first := subscribe(t, a)
	came := make(map[uuid.UUID]bool)
	var given []ports.Delivery
	for partitions := make(map[string]bool); len(partitions) < 4; { // something of each, whichever is to be handed over
		d := nextOf(t, first)
		given = append(given, d)
		partitions[d.Position.Stream] = true
		came[d.Record.EventID] = true
	}
	got := make(chan ports.Delivery, 1024)
	read := func(member ports.Subscription) {
		for {
			d, err := member.Next(t.Context())
			if err != nil || member.Commit(t.Context(), d.Position) != nil {
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
	for n := len(given); n < 128; n++ {
		select {
		case d := <-got:
			if came[d.Record.EventID] {
				t.Fatalf("%v came twice", d.Position)
			}
			came[d.Record.EventID] = true
		case <-time.After(topictest.Bound):
			t.Fatalf("%d events came", n)
		}
		if n == len(given) { // the partitions have been divided anew
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

// An offset that expires while the group divides the partitions anew is not taken for the oldest one.
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
		_, err := sub.Next(ctx) // what it had fetched may come until it has noticed
		if errors.Is(err, ports.ErrOffsetExpired) {
			return
		}
		if err != nil {
			t.Fatalf("error %v, want %v", err, ports.ErrOffsetExpired)
		}
	}
}

// A process that does not commit in time loses a partition that is to be handed over: what it has not committed comes again
// elsewhere, and what it commits afterwards changes nothing there. What it keeps goes on without a break.
func TestFeed_IgnoresCommitsOfLostPartitions(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	config.Topic.Partitions = 2 // of which the second member gets one
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	settings.HandOver = time.Millisecond
	a, b := newFeed(t, settings), newFeed(t, settings)
	seekEnd(t, a)
	const total = 32
	appendOrders(t, s, total, 1, nil)
	first := subscribe(t, a)
	given := make(map[string][]ports.Delivery)
	for range total {
		d := nextOf(t, first)
		given[d.Position.Stream] = append(given[d.Position.Stream], d)
	}
	for _, of := range given {
		commit(t, first, of[1].Position)
	}
	awaitLag(t, a, ports.Lag{Known: true, Events: total - 4})

	second := subscribe(t, b)
	again := nextOf(t, second)
	moved := given[again.Position.Stream]
	if again.Record.EventID != moved[2].Record.EventID {
		t.Errorf("event %d of those given came first, want the one behind the commit",
			slices.IndexFunc(moved, func(g ports.Delivery) bool { return g.Record.EventID == again.Record.EventID }))
	}
	last := moved[len(moved)-1].Position
	commit(t, first, last)
	commit(t, second, last) // it was given one event of it
	ended, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if d, err := first.Next(ended); err == nil {
		t.Errorf("%v came again in a partition that did not change hands", d.Position)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	awaitLag(t, a, ports.Lag{Known: true, Events: total - 4})
	rest := subscribe(t, a)
	came := make(map[string]int)
	for range total - 4 {
		d := nextOf(t, rest)
		of := d.Position.Stream
		if want := given[of][2+came[of]]; d.Record.EventID != want.Record.EventID {
			t.Fatalf("event %s came, want %s", d.Record.EventID, want.Record.EventID)
		}
		came[of]++
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

// What is in the topic and is no event is passed over, also by the offset, and is told.
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
	later := newFeed(t, feedConfig(config)) // the client of the first one looks for partitions once a minute
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

// remake deletes the topic and makes another one of the same name. It returns when brokers know it.
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
		if !errors.Is(err, kerr.TopicAlreadyExists) || ctx.Err() != nil { // until the deletion is over
			t.Fatal(err)
		}
	}
	for now := id(); now == old || now == (kadm.TopicID{}); now = id() {
	}
}

// A topic that ends before an offset is another one than the offset was for.
func TestFeed_RefusesAnOffsetBehindTheEnd(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	s := topictest.NewShelf(t, config)
	appendOrders(t, s, 20, 1, nil)
	f := newFeed(t, feedConfig(config))
	seekEnd(t, f)
	remake(t, s)
	_, err := f.Subscribe(topictest.Within(t), consumerName)
	if !errors.Is(err, ports.ErrOffsetExpired) && !errors.Is(err, ports.ErrNoOffset) { // some brokers drop the offsets with the topic
		t.Errorf("error %v, want %v", err, ports.ErrOffsetExpired)
	}
	seekEnd(t, f)
	awaitLag(t, f, ports.Lag{Known: true})
}

// A broker that is away shows as an error of Next and as a lag that is not known; when it is back, everything goes on.
func TestFeed_OutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := topictest.StartBroker(t, t.TempDir())
	config := topictest.NewTopic([]string{b.Address})
	config.Timeout = time.Second
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
	if _, err := newFeed(t, settings).Subscribe(topictest.Within(t), consumerName); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("subscribe without a broker: error %v, want %v", err, ports.ErrUnavailable)
	}

	b.Start(t)
	after := appendOrders(t, s.Another(t), 10, 2, nil)
	for range after {
		d, err := sub.Next(topictest.Within(t))
		for errors.Is(err, ports.ErrUnavailable) { // it may have been told more than once
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
