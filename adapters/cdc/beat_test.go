package cdc_test

import (
	"regexp"
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/adapters/scylla"
	"orderflow/tests/scyllasim"
)

// The queries of each reader in the log.
var (
	fastQueries = regexp.MustCompile(`/\* fast \*/`)
	safeQueries = regexp.MustCompile(`/\* safe \*/`)
)

// send sends a heartbeat of one hour ahead. So its age is 0 where it counts, and more where it does
// not.
func (r *reader) send() (at time.Time) {
	r.Helper()
	at = time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	if err := r.beat(r.Context(), at); err != nil {
		r.Fatal(err)
	}
	return at
}

// expectBeat checks that the heartbeat is the next delivery.
func (r *reader) expectBeat(at time.Time) {
	r.Helper()
	if d := r.next(); !d.Beat.Equal(at) {
		r.Fatalf("got event %d of %s, heartbeat %s, want the heartbeat of %s", d.Record.SequenceNumber, d.Record.AggregateID, d.Beat, at)
	}
}

func fastBeat(s cdc.Stats) time.Duration { return s.FastBeat }
func safeBeat(s cdc.Stats) time.Duration { return s.SafeBeat }

func TestBeat_CountsOnlyForTheReaderThatFoundIt(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		broken      *regexp.Regexp
		alive, dead func(cdc.Stats) time.Duration
	}{
		"the fast reader is dead": {fastQueries, safeBeat, fastBeat},
		"the safe reader is dead": {safeQueries, fastBeat, safeBeat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, scyllasim.Options{}, false)
			r := follow(t, s, s.config(newOffsets()))
			heal := s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Pattern: v.broken, Effect: scyllasim.Unavailable, Times: -1})
			r.expectBeat(r.send()) // consumers get it anyway
			r.await("the reader that works", func(s cdc.Stats) bool { return v.alive(s) == 0 })
			if age := v.dead(r.feed.Stats()); age == 0 {
				t.Error("the heartbeat counts for the reader that is dead")
			}
			heal()
			r.await("the other reader", func(s cdc.Stats) bool {
				r.send() // it may skip what the working reader has found in the meantime
				return v.dead(s) == 0
			})
		})
	}
}

func TestBeat_FoundByBothReadersComesOnce(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, true) // and with a postimage
	r := follow(t, s, s.config(newOffsets()))
	r.put(1)
	r.expect(1)
	r.expectBeat(r.send())
	r.await("both readers", func(s cdc.Stats) bool { return s.FastBeat == 0 && s.SafeBeat == 0 })
	r.put(2)
	r.commit(r.expect(2)[0])
	if got := r.feed.Stats(); got.Malformed != 0 || got.Ignored != 0 {
		t.Errorf("%d rows were malformed and %d ignored", got.Malformed, got.Ignored)
	}
}

func TestBeat_WaitsForARecordThatIsHeld(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience = time.Second, time.Minute
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.HeldLog, Late: 200 * time.Millisecond})
	r.put(2, 3)
	at := r.send()
	r.await("the fast reader to have it", func(s cdc.Stats) bool { return s.FastBeat == 0 })
	r.expect(2, 3)
	r.expectBeat(at)
}

func TestBeat_InTheLogIsPassedOverByAConsumerThatIsBehind(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.TailRecords, config.CatchUpRecords = 5, 10
	r := follow(t, s, config)
	const events = 60
	for n := range uint64(events) {
		r.put(n + 1)
		r.send()
	}
	last := r.send()
	for due := uint64(1); ; {
		d := r.next()
		switch {
		case d.Beat.IsZero() && d.Record.SequenceNumber == due:
			due++
			continue
		case d.Beat.IsZero():
			t.Fatalf("got event %d, where %d is due", d.Record.SequenceNumber, due)
		case !d.Beat.Equal(last):
			continue // it need not arrive
		case due != events+1:
			t.Fatalf("the last heartbeat came before event %d", due)
		}
		r.commit(d)
		break
	}
	lag, err := r.feed.Lag(t.Context(), "a")
	if err != nil || !lag.Known || lag.Events != 0 {
		t.Errorf("behind everything the lag is %+v, error %v", lag, err)
	}
	if got := r.feed.Stats(); got.Detached == 0 || got.Malformed != 0 || got.Ignored != 0 {
		t.Errorf("%d times behind the tail, %d rows malformed, %d ignored", got.Detached, got.Malformed, got.Ignored)
	}
}

// The two adapters must agree on the form of a heartbeat, but they cannot share code.
func TestBeat_OfTheStoreIsRead(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	of := scylla.Config{Hosts: sim.Hosts(), Keyspace: "orderflow", Timeout: 10 * time.Second}
	if _, err := scylla.ApplySchema(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	store, err := scylla.Open(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := server{sim: sim, session: connect(t, sim.Hosts()[0]), keyspace: of.Keyspace}
	r := follow(t, s, s.config(newOffsets()))
	for n := range 3 {
		at := time.Now().Add(time.Hour + time.Duration(n)*time.Second)
		if err := store.Beat(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		r.expectBeat(at.Truncate(time.Millisecond))
	}
	r.await("both readers", func(s cdc.Stats) bool { return s.FastBeat == 0 && s.SafeBeat == 0 })
	if got := r.feed.Stats(); got.Malformed != 0 || got.Ignored != 0 || got.Fast+got.Safe != 0 {
		t.Errorf("heartbeats count as rows of another kind: %+v", got)
	}
}
