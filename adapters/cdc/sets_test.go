package cdc_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// bothKinds are clusters with either kind of stream sets, and the table that the streams are listed
// in.
var bothKinds = map[string]struct {
	options scyllasim.Options
	sets    string
	streams string
}{
	"vnodes":  {scyllasim.Options{}, "system_distributed.cdc_generation_timestamps", "system_distributed.cdc_streams_descriptions_v2"},
	"tablets": {scyllasim.Options{Tablets: true}, "system.cdc_timestamps", "system.cdc_streams"},
}

// The streams of a set are listed some time after the set is in use. The feed must not end and must
// lose nothing.
func TestFeed_StreamsThatAreListedLate(t *testing.T) {
	t.Parallel()
	const confidence = time.Second
	for name, kind := range bothKinds {
		// before and after the safe reader reads them
		for _, late := range []time.Duration{confidence * 7 / 10, 2 * confidence} {
			t.Run(fmt.Sprint(name, " ", late), func(t *testing.T) {
				t.Parallel()
				s := simulated(t, kind.options, false)
				saved := newOffsets()
				config := s.config(saved)
				config.Confidence = confidence
				r := follow(t, s, config)
				r.put(1)
				r.commit(r.expect(1)[0])
				s.sim.DescribeLate(late)
				start := s.sim.NewGeneration(100 * time.Millisecond)
				await(t, "the new set to be in use", func() bool { return s.sim.Now().After(start) })
				r.put(2, 3)
				// a test that was suspended meanwhile finds the set listed
				r.await("a pass that says that it cannot read the set", func(s cdc.Stats) bool { return s.FastFailures > 0 || s.Generations > 0 })
				if got := r.feed.Stats(); got.Generations == 0 && !got.SafeHorizon.Before(start) {
					at := got.SafeHorizon
					t.Errorf("the safe reader claims to have read everything up to %s, beyond the start of the set, %s", at, start)
				}
				r.commit(r.expect(2, 3)[1])
				r.await("both readers in the new set", func(s cdc.Stats) bool { return s.Generations == 1 && s.SafeHorizon.After(start) })
				await(t, "the offset to follow", func() bool { return saved.at("a").After(start) })
			})
		}
	}
}

// A set that starts later cannot be read yet, for an hour or for ever. The set in use can, and its
// rows come as fast as always.
func TestFeed_SetThatIsToComeNeedNotBeReadable(t *testing.T) {
	t.Parallel()
	for name, kind := range bothKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, kind.options, false)
			config := s.config(newOffsets())
			// so what comes was found by the fast reader
			config.Confidence, config.Stale = time.Minute, time.Hour
			r := follow(t, s, config)
			r.put(1)
			r.commit(r.expect(1)[0])
			s.sim.Inject(scyllasim.Fault{Table: kind.streams, Effect: scyllasim.Unavailable, Times: -1})
			s.sim.NewGeneration(30 * time.Minute)
			asked := s.sim.QueryCount(kind.streams, scyllasim.KindSelect)
			await(t, "looks at the new set", func() bool { return s.sim.QueryCount(kind.streams, scyllasim.KindSelect) > asked+2 })
			r.put(2, 3, 4)
			r.commit(r.expect(2, 3, 4)[2])
			if got := r.feed.Stats(); got.Fast != 4 || got.FastFailures != 0 {
				t.Errorf("%d events were found by the fast reader, and %d of its passes failed; want 4 and 0", got.Fast, got.FastFailures)
			}
		})
	}
}

// While it cannot be determined whether there are new sets, the known ones are read, and the lag is
// unknown.
func TestLag_IsUnknownWhenThereMayBeOtherSets(t *testing.T) {
	t.Parallel()
	for name, kind := range bothKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, kind.options, false)
			config := s.config(newOffsets())
			config.Fresh = time.Second
			r := follow(t, s, config)
			r.put(1)
			r.commit(r.expect(1)[0])
			known := func() bool {
				lag, err := r.feed.Lag(t.Context(), "a")
				if err != nil {
					t.Fatal(err)
				}
				return lag.Known
			}
			await(t, "a lag that is known", known, r.feed)
			heal := s.sim.Inject(scyllasim.Fault{Table: kind.sets, Effect: scyllasim.Unavailable, Times: -1})
			start := s.sim.NewGeneration(0)
			await(t, "the new set to be in use", func() bool { return s.sim.Now().After(start) })
			r.put(2) // into a stream that is not read
			await(t, "a lag that is unknown", func() bool { return !known() })
			passes := r.feed.Stats().FastPasses
			r.await("more passes", func(s cdc.Stats) bool { return s.FastPasses > passes+10 && s.FastHorizon.After(start) })
			if known() {
				t.Error("the lag is known, and event 2 is not counted")
			}
			heal()
			r.commit(r.expect(2)[0])
			await(t, "a lag that is known again", known, r.feed)
		})
	}
}

// Right after a start the safe reader has read nothing. The fast reader may have missed what the
// safe reader will find.
func TestLag_IsUnknownUntilBothReadersHaveRead(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	heal := s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Pattern: safeQueries, Effect: scyllasim.Unavailable, Times: -1})
	r := follow(t, s, s.config(newOffsets()))
	r.await("some passes", func(s cdc.Stats) bool { return s.FastPasses > 20 && s.SafeFailures > 0 })
	if lag, err := r.feed.Lag(t.Context(), "a"); err != nil || lag.Known {
		t.Errorf("before the safe reader has read anything the lag is %+v, %v", lag, err)
	}
	heal()
	await(t, "a lag that is known", func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Known
	}, r.feed)
}

func TestLag_SaysHowOldItIs(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	r := follow(t, s, s.config(newOffsets()))
	await(t, "a lag that is known", func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Known
	}, r.feed)
	release := make(chan struct{})
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Hold: release, Times: -1})
	held := time.Now()
	defer close(release)
	await(t, "a lag that is not younger than the last pass", func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Known && lag.Stale > 200*time.Millisecond && lag.Stale <= time.Since(held)+time.Second
	}, r.feed)
}

// A node that learns late of a new set writes after the end of the old one. A consumer that reads
// the log separately finds that row as well.
func TestFeed_CatchUpReadsBehindTheEndOfASet(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{Tablets: true, Nodes: 2}, false)
	s.sim.Advance(time.Minute)
	s.sim.LagNode(2, 8*time.Second)
	saved := newOffsets()
	config := s.config(saved)
	config.Now = s.sim.Now
	late := connectOnly(t, s.sim.Hosts()[1])
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.feed.Close(); err != nil {
		t.Fatal(err)
	}
	start := s.sim.NewGeneration(0)
	s.sim.Advance(5 * time.Second)
	// the end of the old set
	beyond := map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.MinTimeUUID(start.Add(2 * time.Second)))}
	if err := saved.SaveOffsets(t.Context(), "a", beyond); err != nil {
		t.Fatal(err)
	}
	other := server{sim: s.sim, session: late, keyspace: s.keyspace}
	(&reader{TB: t, server: other, feed: r.feed, id: r.id}).put(2)
	s.sim.Advance(time.Hour)
	r.feed = run(t, config)
	r.subscribe()
	for r.next().Record.SequenceNumber != 2 {
	}
	r.put(3)
	r.expect(3)
}

// A node learns of a set 5 minutes after it began, and writes to the set before until then. The
// safe reader finds what it writes, the feed says that there is such a node, and a consumer that
// reads the log separately finds the row as well.
func TestFeed_NodeThatLearnsOfASetMinutesLate(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{Tablets: true, Nodes: 2}, false)
	s.sim.Advance(time.Minute)
	s.sim.LagNode(2, 5*time.Minute)
	late := server{sim: s.sim, session: connectOnly(t, s.sim.Hosts()[1]), keyspace: s.keyspace}
	s.session = connectOnly(t, s.sim.Hosts()[0]) // the readers ask a node that knows the set
	var log safeBuffer
	saved := newOffsets()
	config := s.config(saved)
	config.Now, config.Logger = s.sim.Now, slog.New(slog.NewTextHandler(&log, nil))
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	start := s.sim.NewGeneration(0)
	r.await("the new set", func(s cdc.Stats) bool { return s.Generations == 1 })
	s.sim.Advance(4 * time.Minute)
	r.await("both readers far beyond the end of the old set", func(s cdc.Stats) bool {
		return s.SafeHorizon.After(start.Add(3*time.Minute)) && s.FastHorizon.After(start.Add(3*time.Minute))
	})
	before := s.sim.Now()
	s.sim.Advance(time.Second)
	r.await("a pass of the fast reader that begins without the old set", func(s cdc.Stats) bool {
		return s.FastHorizon.After(before.Add(time.Second / 2))
	})
	(&reader{TB: t, server: late, feed: r.feed, id: r.id}).put(2)
	r.commit(r.expect(2)[0])
	if got := r.feed.Stats(); got.Fast != 1 || got.Safe+got.Late != 1 {
		t.Errorf("the fast reader has found %d, the safe one %d; want 1 and 1", got.Fast, got.Safe+got.Late)
	}
	if got := log.String(); !strings.Contains(got, "has not learned of a new stream set") {
		t.Errorf("nothing says that a node is late: %s", got)
	}
	if err := r.feed.Close(); err != nil {
		t.Fatal(err)
	}
	at := map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.MinTimeUUID(before.Add(-time.Millisecond)))}
	if err := saved.SaveOffsets(t.Context(), "a", at); err != nil {
		t.Fatal(err)
	}
	s.sim.Advance(time.Hour)
	r.feed = run(t, config)
	r.subscribe()
	r.expect(2)
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// connectOnly connects to one node and no other.
func connectOnly(tb testing.TB, host string) *gocql.Session {
	tb.Helper()
	c := gocql.NewCluster(host)
	c.Consistency, c.Timeout, c.DefaultTimestamp, c.Logger = gocql.LocalQuorum, time.Minute, false, quiet{}
	c.DisableInitialHostLookup, c.Events.DisableSchemaEvents = true, true
	session, err := c.CreateSession()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(session.Close)
	return session
}

// With tablets a write of an old time goes to the closed set of that time. The safe reader still
// reads it.
func TestFeed_LateRowInAClosedSet(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{Tablets: true}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience = lateConfidence, time.Minute
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	written := s.sim.Now()
	start := s.sim.NewGeneration(50 * time.Millisecond)
	r.await("the fast reader in the new set", func(s cdc.Stats) bool { return s.FastHorizon.After(start.Add(100 * time.Millisecond)) })
	s.exec(t, "INSERT INTO "+s.keyspace+`.outbox_messages (aggregate_id, sequence_number, event_id, event_type, event_version, payload,
		command_id, created_at) VALUES (?, 2, ?, 'happened', 1, '{}', ?, ?) USING TIMESTAMP ?`,
		gocql.UUID(r.id), gocql.MustRandomUUID(), gocql.MustRandomUUID(), time.Now(), written.UnixMicro())
	r.put(3)
	r.expect(2, 3)
	if got := r.feed.Stats(); got.Late != 1 {
		t.Errorf("%d rows were late, want 1", got.Late)
	}
}

// The clock of one node is behind by less than the confidence. The fast reader misses what it
// writes, and the safe reader does not.
func TestFeed_NodeWhoseClockIsBehind(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{Nodes: 2}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience = lateConfidence, time.Minute
	r := follow(t, s, config)
	r.session = connectOnly(t, s.sim.Hosts()[0])
	r.put(1)
	r.expect(1)
	s.sim.SkewNode(2, -time.Second)
	slow := &reader{TB: t, server: server{sim: s.sim, session: connectOnly(t, s.sim.Hosts()[1]), keyspace: s.keyspace}, feed: r.feed, id: r.id}
	// A row is not late when the readers were suspended for as long as the clock is behind.
	for next := uint64(2); r.feed.Stats().Late == 0; next += 2 {
		slow.put(next)
		r.put(next + 1)
		r.expect(next, next+1)
	}
}
