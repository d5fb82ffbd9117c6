package cdc_test

import (
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// An operator lowers how many partitions a query may name, while the feed runs. Nothing is lost, no
// pass fails, and later queries are small enough at once.
func TestFeed_ServerThatAllowsFewerStreams(t *testing.T) {
	t.Parallel()
	for name, kind := range bothKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, kind.options, false)
			saved := newOffsets()
			config := s.config(saved)
			r := follow(t, s, config)
			before := map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.MinTimeUUID(s.sim.Now()))}
			r.put(1)
			r.expect(1)
			s.sim.LimitKeys(3)
			r.put(2, 3, 4)
			r.commit(r.expect(2, 3, 4)[2])
			r.await("more passes", func(s cdc.Stats) bool { return s.FastPasses > 50 })
			// catch-up reads the same way
			if err := saved.SaveOffsets(t.Context(), "b", before); err != nil {
				t.Fatal(err)
			}
			other := run(t, config)
			sub, err := other.Subscribe(t.Context(), "b")
			if err != nil {
				t.Fatal(err)
			}
			for want := uint64(1); want <= 4; want++ {
				if d, err := sub.Next(t.Context()); err != nil || d.Record.SequenceNumber != want {
					t.Fatalf("%v, %v; want %d", d.Record.SequenceNumber, err, want)
				}
			}
			if got := r.feed.Stats(); got.FastFailures+got.SafeFailures > 0 {
				t.Errorf("%d and %d passes failed", got.FastFailures, got.SafeFailures)
			}
		})
	}
}

// A table that is not there is refused as well. That is no limit, and is reported.
func TestFeed_RefusalThatIsNoLimit(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	r := follow(t, s, s.config(newOffsets()))
	r.put(1)
	r.expect(1)
	s.exec(t, "DROP TABLE "+s.keyspace+".outbox_messages")
	r.await("passes that fail", func(s cdc.Stats) bool { return s.FastFailures > 1 && s.SafeFailures > 1 })
}

// A process in which nothing follows the feed asks seldom. It is as fast as the others as soon as
// something does: a consumer, or a stream of a client.
func TestFeed_UnusedFeedAsksSeldom(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	r := follow(t, s, config)
	config.UnusedDelay = time.Hour
	feeds := map[string]*cdc.Feed{}
	for _, name := range []string{"a consumer", "a stream", "nothing"} {
		feeds[name] = run(t, config)
	}
	const passes, atStart = 20, 2
	seldom := func(names ...string) {
		t.Helper()
		before := r.feed.Stats().FastPasses
		r.await("passes of the feed that is used", func(s cdc.Stats) bool { return s.FastPasses > before+passes })
		for _, name := range names {
			if n := feeds[name].Stats().FastPasses; n > atStart {
				t.Errorf("the feed that is for %s later made %d passes already", name, n)
			}
		}
	}
	seldom("a consumer", "a stream", "nothing")
	feeds["nothing"].Wake()
	if err := feeds["a consumer"].SeekEnd(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	sub, err := feeds["a consumer"].Subscribe(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feeds["a stream"].OpenTail(t.Context(), ports.PlaceNow); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a consumer", "a stream"} {
		await(t, "passes of the feed with "+name, func() bool { return feeds[name].Stats().FastPasses > passes }, feeds[name])
	}
	seldom("nothing")
	r.put(1)
	if d, err := sub.Next(t.Context()); err != nil || d.Record.SequenceNumber != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
}
