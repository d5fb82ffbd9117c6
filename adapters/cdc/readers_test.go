package cdc_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// reader is one consumer of a feed, and one aggregate.
type reader struct {
	testing.TB
	server
	feed *cdc.Feed
	sub  ports.Subscription
	id   uuid.UUID
}

// follow runs a feed, moves a consumer to its end, and subscribes the consumer.
func follow(tb testing.TB, s server, config cdc.Config) *reader {
	tb.Helper()
	r := &reader{TB: tb, server: s, feed: run(tb, config), id: uuid.New()}
	if err := r.feed.SeekEnd(tb.Context(), "a"); err != nil {
		tb.Fatal(err)
	}
	r.subscribe()
	return r
}

func (r *reader) subscribe() {
	r.Helper()
	var err error
	if r.sub, err = r.feed.Subscribe(r.Context(), "a"); err != nil {
		r.Fatal(err)
	}
}

// put writes outbox rows of the aggregate, each separately.
func (r *reader) put(sequence ...uint64) {
	r.Helper()
	for _, n := range sequence {
		r.exec(r, "INSERT INTO "+r.keyspace+`.outbox_messages (aggregate_id, sequence_number, event_id, event_type, event_version, payload,
			command_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			gocql.UUID(r.id), int64(n), gocql.MustRandomUUID(), "happened", 1, "{}", gocql.MustRandomUUID(), time.Now())
	}
	r.feed.Wake()
}

func (r *reader) next() ports.Delivery {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	d, err := r.sub.Next(ctx)
	if err != nil {
		r.Fatalf("next: %v; %+v", err, r.feed.Stats())
	}
	return d
}

// expect checks that records of the aggregate are the next deliveries, and returns them.
func (r *reader) expect(sequence ...uint64) (deliveries []ports.Delivery) {
	r.Helper()
	for _, want := range sequence {
		d := r.next()
		if d.Record.AggregateID != r.id || d.Record.SequenceNumber != want {
			r.Fatalf("got event %d of %s, want %d of %s; %+v", d.Record.SequenceNumber, d.Record.AggregateID, want, r.id, r.feed.Stats())
		}
		deliveries = append(deliveries, d)
	}
	return deliveries
}

func (r *reader) commit(d ports.Delivery) {
	r.Helper()
	if err := r.sub.Commit(r.Context(), d.Position); err != nil {
		r.Fatal(err)
	}
}

// await waits until is accepts the statistics.
func (r *reader) await(what string, is func(cdc.Stats) bool) {
	r.Helper()
	await(r, what, func() bool { return is(r.feed.Stats()) }, r.feed)
}

func await(tb testing.TB, what string, is func() bool, feed ...*cdc.Feed) {
	tb.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for start := time.Now(); !is(); <-again.C {
		if time.Since(start) > time.Minute {
			for _, f := range feed {
				tb.Logf("%+v", f.Stats())
			}
			tb.Fatalf("waited for: %s", what)
		}
	}
}

// lateConfidence is how long a row that the fast reader missed has to appear before the safe reader
// reads it.
const lateConfidence = 3 * time.Second

func TestFeed_LateRowIsSortedWithinThePatience(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience = lateConfidence, time.Minute
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.HeldLog, Late: time.Hour})
	r.put(2, 3)
	r.await("the third one without the second one", func(s cdc.Stats) bool { return s.Held == 1 })
	s.sim.Advance(time.Hour)
	r.expect(2, 3)
	if got := r.feed.Stats(); got.Late != 1 || got.Held != 1 || got.Holes != 0 {
		t.Errorf("got %d late, %d held and %d holes, want 1, 1 and 0", got.Late, got.Held, got.Holes)
	}
}

func TestFeed_LateRowComesBehindAHoleAfterThePatience(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience = lateConfidence, time.Millisecond
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.HeldLog, Late: time.Hour})
	r.put(2, 3)
	r.expect(3)
	s.sim.Advance(time.Hour)
	r.expect(2)
	if got := r.feed.Stats(); got.Late != 1 || got.Holes != 1 {
		t.Errorf("got %d late and %d holes, want 1 and 1", got.Late, got.Holes)
	}
}

func TestFeed_RowBehindBothReadersLeavesAHole(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Patience = time.Millisecond
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.LateLog, Late: 30 * time.Second})
	r.put(2, 3)
	r.expect(3) // the consumer reads event 2 from the event store
	if got := r.feed.Stats(); got.Holes != 1 {
		t.Errorf("got %d holes, want 1", got.Holes)
	}
}

func TestFeed_DuplicateRowsComeOnce(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, true) // with postimages, too
	r := follow(t, s, s.config(newOffsets()))
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.DuplicateLog, Times: -1})
	r.put(1, 2, 3)
	r.expect(1, 2, 3)
	r.await("3 records 4 times from each reader", func(s cdc.Stats) bool { return s.Duplicates >= 3*4*2-3 })
	r.put(4)
	r.expect(4)
}

func TestFeed_OtherRowsAreIgnoredOrReported(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Patience = 10 * time.Millisecond
	reported := make(chan *cdc.MalformedRowError, 10)
	config.OnMalformed = func(e *cdc.MalformedRowError) { reported <- e }
	r := follow(t, s, config)
	r.put(1)
	table := s.keyspace + ".outbox_messages"
	s.exec(t, "DELETE FROM "+table+" WHERE aggregate_id = ? AND sequence_number = 1", gocql.UUID(r.id))
	s.exec(t, "INSERT INTO "+table+" (aggregate_id, sequence_number, event_id, payload) VALUES (?, 2, ?, '{}')", gocql.UUID(r.id), gocql.MustRandomUUID())
	r.put(3)
	r.expect(1, 3)
	if e := <-reported; e.AggregateID != r.id || e.SequenceNumber != 2 {
		t.Errorf("reported %v, want event 2 of %s", e, r.id)
	}
	r.await("what was read to be counted", func(s cdc.Stats) bool { return s.Malformed == 1 && s.Ignored >= 1 })
}

// A malformed row that the fast reader has missed is reported by the safe one.
func TestFeed_LateRowThatIsMalformedIsReported(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Confidence = lateConfidence
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	written := s.sim.Now()
	r.await("the fast reader to pass", func(s cdc.Stats) bool { return s.FastHorizon.After(written) })
	s.exec(t, "INSERT INTO "+s.keyspace+".outbox_messages (aggregate_id, sequence_number, event_id, payload) VALUES (?, 2, ?, '{}') USING TIMESTAMP ?",
		gocql.UUID(r.id), gocql.MustRandomUUID(), written.UnixMicro())
	r.await("a report", func(s cdc.Stats) bool { return s.Malformed == 1 })
}

func TestFeed_BothReadersFollowAGenerationChange(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]scyllasim.Options{"vnodes": {}, "tablets": {Tablets: true}, "three nodes": {Nodes: 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, options, false)
			r := follow(t, s, s.config(newOffsets()))
			n := uint64(0)
			step := func() {
				n++
				r.put(n)
				r.expect(n)
			}
			for range 3 { // more than the library queues
				start := s.sim.NewGeneration(300 * time.Millisecond)
				for s.sim.Now().Before(start) {
					step()
				}
				step()
				r.await("the safe reader in the new generation", func(s cdc.Stats) bool { return s.SafeHorizon.After(start) })
				step()
			}
			r.await("the fast reader in the new generations", func(s cdc.Stats) bool { return s.Generations == 3 })
		})
	}
}

func TestFeed_GoesOnAfterConnectionsDrop(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	r := follow(t, s, s.config(newOffsets()))
	r.put(1)
	r.expect(1)
	s.sim.DropConnections()
	at := time.Now()
	await(t, "a write after the reconnect", func() bool {
		return s.session.Query("INSERT INTO "+s.keyspace+".outbox_messages (aggregate_id, sequence_number) VALUES (uuid(), 0)").Exec() == nil
	})
	r.put(2)
	r.expect(2)
	r.await("the safe reader to go on", func(s cdc.Stats) bool { return s.SafeHorizon.After(at) })
}

func TestFeed_SafeReaderThatFailsGoesOn(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Pattern: safeQueries, Effect: scyllasim.Unavailable, Times: 3})
	at := time.Now()
	r := follow(t, s, s.config(newOffsets()))
	r.await("a failure", func(s cdc.Stats) bool { return s.SafeFailures > 0 })
	r.put(1)
	r.expect(1)
	r.await("progress of the safe reader", func(s cdc.Stats) bool { return s.SafeHorizon.After(at) })
}

func TestFeed_DeadReadersMakeTheLagUnknown(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Stale = 4 * time.Second
	r := follow(t, s, config)
	known := func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return lag.Known
	}
	await(t, "a lag that is known", known)
	heal := s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Effect: scyllasim.Unavailable, Times: -1})
	await(t, "a lag that is unknown", func() bool { return !known() })
	r.await("failures of both readers", func(s cdc.Stats) bool { return s.SafeFailures > 0 && s.FastFailures > 0 })
	heal()
	await(t, "a lag that is known again", known)
	r.put(1)
	r.expect(1)
}

func TestFeed_IdleQueriesDoNotDependOnTheConsumers(t *testing.T) {
	t.Parallel()
	const consumers = 20
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.SafeDelay, config.Stale = time.Hour, 3*time.Hour // out of the way
	r := follow(t, s, config)
	for i := range consumers {
		name := string(rune('b' + i))
		if err := r.feed.SeekEnd(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		sub, err := r.feed.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := sub.Next(ctx); done <- err }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("next: %v", err)
			}
		})
	}
	log := s.keyspace + ".outbox_messages_scylla_cdc_log"
	passes := r.feed.Stats().FastPasses
	// this may be incomplete by then, and the passes are counted below
	before := s.sim.QueryCount(log, scyllasim.KindSelect)
	r.await("some passes", func(s cdc.Stats) bool { return s.FastPasses > passes+30 })
	asked := s.sim.QueryCount(log, scyllasim.KindSelect) - before
	stats := r.feed.Stats()
	if most := int(stats.FastPasses-passes) + 10; stats.StreamBatches != 1 || asked > most {
		t.Errorf("%d queries of the log in %d passes of %d batches, with %d consumers", asked, stats.FastPasses-passes, stats.StreamBatches, consumers)
	}
	if stats.IdleQueries != 50 { // 1 batch every 20 ms
		t.Errorf("told of %v idle queries a second, want 50", stats.IdleQueries)
	}
}

func TestFeed_ConsumerBehindTheTailRejoinsWithoutHoleOrDouble(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.TailRecords, config.CatchUpRecords = 10, 40
	r := follow(t, s, config)
	var n, got uint64
	for range 5 {
		for range 60 {
			n++
			r.put(n)
		}
		for range 45 {
			got++
			r.expect(got)
		}
	}
	for got < n {
		got++
		r.expect(got)
	}
	r.put(n + 1)
	r.expect(n + 1)
	if stats := r.feed.Stats(); stats.Detached == 0 || stats.CaughtUp == 0 {
		t.Errorf("the consumer never was behind the tail: %+v", stats)
	}
}

func TestFeed_ExpiryIsToldBySubscribeAndNext(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{GenerationAge: 48 * time.Hour}, false)
	saved := newOffsets()
	config := s.config(saved)
	var skew atomic.Int64
	config.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	feed := run(t, config)
	save := func(consumer string, ago time.Duration) {
		at := gocql.MinTimeUUID(time.Now().Add(-ago))
		if err := saved.SaveOffsets(t.Context(), consumer, map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(at)}); err != nil {
			t.Fatal(err)
		}
	}
	save("old", 25*time.Hour)
	if _, err := feed.Subscribe(t.Context(), "old"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe at an offset of yesterday: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	save("young", 23*time.Hour)
	sub, err := feed.Subscribe(t.Context(), "young")
	if err != nil {
		t.Fatal(err)
	}
	skew.Store(int64(2 * time.Hour))
	if _, err := sub.Next(t.Context()); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("next at an offset that is too old by now: error %v, want %v", err, ports.ErrOffsetExpired)
	}
}

// The readers are cut off for longer than the log keeps rows. A consumer at the end has missed
// something, although nothing in memory shows it.
func TestFeed_ConsumerAtTheEndExpiresWhenNobodyReadTheLog(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Now = s.sim.Now
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	heal := s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Effect: scyllasim.Unavailable, Times: -1})
	r.await("the fast reader to fail", func(s cdc.Stats) bool { return s.FastFailures > 0 })
	s.sim.Advance(25 * time.Hour)
	if _, err := r.sub.Next(t.Context()); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("next: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.feed.Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	heal()
	// although the safe reader is far behind on the new clock
	if err := r.feed.SeekEnd(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	r.subscribe()
}
