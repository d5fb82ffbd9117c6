package cdc_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// settle waits until the safe reader has passed a time.
func (r *reader) settle(after time.Time) {
	r.Helper()
	r.await("the safe reader", func(s cdc.Stats) bool { return s.SafeHorizon.After(after) })
}

func TestOffset_NeverPassesWhatIsNotCommittedAndAdvancesWhileIdle(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	r := follow(t, s, s.config(saved))
	r.put(1)
	between := time.Now()
	r.put(2, 3)
	written := time.Now()
	got := r.expect(1, 2, 3)
	r.commit(got[0])
	// enough time for the readers and for several saves
	r.settle(written.Add(200 * time.Millisecond))
	if at := saved.at("a"); at.After(between.Add(time.Second)) || at.After(written) {
		t.Errorf("the offset is %s, with a record of about %s not committed", at, between)
	}
	r.commit(got[2])
	await(t, "the offset to pass what was committed, with nothing new to commit", func() bool { return saved.at("a").After(written) })
	idle := time.Now()
	await(t, "the offset to advance while idle", func() bool { return saved.at("a").After(idle) })
}

func TestOffset_NeverPassesTheSafeReader(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	config := s.config(saved)
	config.SafeDelay, config.Stale = time.Hour, 3*time.Hour // it is slow
	r := follow(t, s, config)
	start := saved.at("a")
	for n := range uint64(50) {
		r.put(n + 1)
		r.commit(r.expect(n + 1)[0])
	}
	r.await("some saves", func(s cdc.Stats) bool { return s.FastPasses > 50 })
	if at := saved.at("a"); at.After(start) {
		t.Errorf("the offset has moved from %s to %s, and the safe reader is at %s", start, at, r.feed.Stats().SafeHorizon)
	}
}

func TestOffset_AnotherProcessGoesOnFromIt(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	first := follow(t, s, s.config(saved))
	first.put(1, 2, 3, 4, 5, 6)
	first.commit(first.expect(1, 2, 3)[2])
	written := time.Now()
	first.settle(written)

	// The first feed is not closed, as after a crash.
	second := &reader{TB: t, server: s, feed: run(t, s.config(saved)), id: first.id}
	second.subscribe()
	due := uint64(4)
	for due <= 6 {
		switch n := second.next().Record.SequenceNumber; {
		case n == due:
			due++
		case n > due:
			t.Fatalf("got event %d, where %d is due", n, due)
		}
	}
	second.put(7)
	second.expect(7)
}

func TestOffset_ThatAnotherProcessHasMovedWins(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{GenerationAge: 2 * time.Hour}, false)
	saved := newOffsets()
	r := follow(t, s, s.config(saved))
	r.put(1)
	r.commit(r.expect(1)[0])
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.feed.Close(); err != nil { // otherwise it would move the offset itself
		t.Fatal(err)
	}
	again := &reader{TB: t, server: s, feed: run(t, s.config(saved)), id: r.id}
	again.subscribe()
	again.put(2)
	for again.next().Record.SequenceNumber != 2 {
	}
	if err := again.sub.Close(); err != nil {
		t.Fatal(err)
	}
	long := gocql.MinTimeUUID(time.Now().Add(-time.Hour))
	if err := saved.SaveOffsets(t.Context(), "a", map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(long)}); err != nil {
		t.Fatal(err)
	}
	again.subscribe()
	again.expect(1, 2)

	saved.forget("a")
	if err := again.sub.Close(); err != nil {
		t.Fatal(err)
	}
	saved.forget("a")
	if _, err := again.feed.Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrNoOffset) {
		t.Errorf("subscribe of a consumer whose offset was removed: error %v, want %v", err, ports.ErrNoOffset)
	}
}

func TestOffset_IsSavedWhenThatWorksAgain(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	r := follow(t, s, s.config(saved))
	r.put(1)
	r.commit(r.expect(1)[0])
	down := errors.New("down")
	saved.fail(down)
	r.await("a failed save", func(s cdc.Stats) bool { return s.SaveFailures > 0 })
	if lag, err := r.feed.Lag(t.Context(), "b"); err != nil || lag.Known {
		t.Errorf("lag of a consumer whose offset cannot be read: %+v, %v, want none that is known", lag, err)
	}
	saved.fail(nil)
	now := time.Now()
	await(t, "the offset to be saved", func() bool { return saved.at("a").After(now) })
}

func TestOpen_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	for name, change := range map[string]func(*cdc.Config){
		"no session":                           func(c *cdc.Config) { c.Session = nil },
		"no keyspace":                          func(c *cdc.Config) { c.Keyspace = "" },
		"no offsets":                           func(c *cdc.Config) { c.Offsets = nil },
		"a lag that is never known for safety": func(c *cdc.Config) { c.Stale = c.Confidence },
		"a lag that is never known for haste":  func(c *cdc.Config) { c.Fresh = c.GenerationDelay },
		"a safe reader that is not safe":       func(c *cdc.Config) { c.Confidence = c.FastDelay },
		"a log that expires before it is read": func(c *cdc.Config) { c.Retention = c.Confidence },
	} {
		config := s.config(newOffsets())
		change(&config)
		if _, err := cdc.Open(t.Context(), config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
