package source_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
	"orderflow/tests/servers"
)

func TestFeed_Rebalance(t *testing.T) {
	t.Parallel()
	rebalance(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_RebalanceIntegration(t *testing.T) {
	t.Parallel()
	rebalance(t, servers.Kafka(t))
}

// rebalance lets processes join and leave while events are written.
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
		j.await(t, 40*n) // so that each of them handles something
	})
	j.await(t, total)
	awaitLag(t, first, ports.Lag{Known: true})
	t.Logf("%d events, of which %d came again", j.events, j.doubled)
	if j.events != total {
		t.Errorf("%d events were handled, want %d", j.events, total)
	}
}

// A process hands a partition over in order: it commits what was delivered, no longer delivers what
// it had fetched, and the other process continues after the commit. So nothing is delivered twice.
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
	// something of each partition, whichever is handed over
	for partitions := make(map[string]bool); len(partitions) < 4; {
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
	select { // the length of this wait does not matter when the feed is correct
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
		if n == len(given) { // the partitions have been divided again
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

// A process that does not commit in time loses a partition that must be handed over. Uncommitted
// events are delivered elsewhere, and later commits of this process change nothing there. The
// partitions that it keeps continue without interruption.
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
	commit(t, second, last) // one event of it was delivered
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

// A member sends heartbeats while its consumer is slow, and while it waits for delivered events
// before it hands a partition over. So it does not count as dead: nothing is taken from it before
// it is ready, and nothing is delivered twice.
func TestFeed_AMemberThatWaitsIsNotTakenForDead(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := topictest.NewTopic(cluster.ListenAddrs())
	config.Topic.Partitions = 2
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	a, b := newFeed(t, settings), newFeed(t, settings)
	seekEnd(t, a)
	total := appendOrders(t, s, 32, 1, nil)
	first := subscribe(t, a)
	var given []ports.Delivery
	for range total {
		given = append(given, nextOf(t, first))
	}
	beats := make(chan string)
	cluster.ControlKey(int16(kmsg.Heartbeat), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		select {
		case beats <- request.(*kmsg.HeartbeatRequest).MemberID:
		default: // no one counts now
		}
		return nil, nil, false
	})
	await := func(n int) (member string) {
		for counted := 0; counted < n; {
			select {
			case from := <-beats:
				if member = cmp.Or(member, from); from == member {
					counted++
				}
			case <-time.After(topictest.Bound):
				t.Fatalf("%d heartbeats came", counted)
			}
		}
		return member
	}
	member := await(20)
	second := subscribe(t, b)
	got := make(chan ports.Delivery, total)
	reading, stop := context.WithCancel(t.Context())
	defer stop()
	read := func(s ports.Subscription) {
		for {
			d, err := s.Next(reading)
			if err != nil {
				return
			}
			got <- d
		}
	}
	go read(second)
	// of the first member, and of the second one, which has joined
	for another := ""; another != member; another = await(20) {
	}
	select {
	case d := <-got:
		t.Fatalf("%v came while the first member was still to commit it", d.Position)
	default:
	}
	for _, d := range given {
		commit(t, first, d.Position)
	}
	go read(first)
	more := appendOrders(t, s, 32, 1, nil)
	known := make(map[uuid.UUID]bool)
	for _, d := range given {
		known[d.Record.EventID] = true
	}
	for range more {
		select {
		case d := <-got:
			if known[d.Record.EventID] {
				t.Fatalf("%v came twice", d.Position)
			}
			known[d.Record.EventID] = true
		case <-time.After(topictest.Bound):
			t.Fatal("not everything came")
		}
	}
}
