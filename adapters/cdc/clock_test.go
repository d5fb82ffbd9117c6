package cdc_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// The clock of the process jumps ahead. What is written from then on is not taken for read, and an
// offset is never ahead of the servers.
func TestFeed_ClockThatJumpsAhead(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	config := s.config(saved)
	var skew atomic.Int64
	config.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	skew.Store(int64(time.Hour))
	jumped := s.sim.Now()
	r.await("the safe reader to read on", func(s cdc.Stats) bool { return s.SafeHorizon.After(jumped) })
	r.put(2)
	r.commit(r.expect(2)[0])
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.feed.SeekEnd(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if at, now := saved.at("a"), s.sim.Now(); at.After(now) {
		t.Errorf("the offset is at %s, and on the servers it is %s", at, now)
	}
	if at, now := r.feed.Stats().SafeHorizon, s.sim.Now(); at.After(now) {
		t.Errorf("the safe reader has read up to %s, and on the servers it is %s", at, now)
	}
}

// The clock of the process jumps ahead by more than the log keeps rows. While that lasts everything
// has expired, and no longer; no offset is ahead of the servers.
func TestFeed_ClockThatJumpsBeyondTheRetention(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	config := s.config(saved)
	config.Retention = time.Minute
	var skew atomic.Int64
	config.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	skew.Store(int64(time.Hour))
	if _, err := r.sub.Next(t.Context()); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("next: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	asked := s.sim.QueryCount("system_schema.tables", scyllasim.KindSelect)
	await(t, "looks at how long the log keeps rows", func() bool {
		return s.sim.QueryCount("system_schema.tables", scyllasim.KindSelect) > asked+1
	})
	if err := r.feed.SeekEnd(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if at, now := saved.at("a"), s.sim.Now(); at.After(now) {
		t.Errorf("the offset is at %s, and on the servers it is %s", at, now)
	}
	skew.Store(0)
	r.put(2)
	r.subscribe()
	r.expect(2)
}

// A feed that is opened while the clock of the process is ahead starts at the end of the log.
func TestFeed_OpenedWhileTheClockIsAhead(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Now = func() time.Time { return time.Now().Add(time.Hour) }
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
}

// The clock of the process jumps ahead and is corrected. The fast reader goes back with it.
func TestFeed_FastReaderGoesBackWithTheClock(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	// so what comes was found by the fast reader
	config.Confidence, config.Stale = time.Minute, time.Hour
	var skew atomic.Int64
	config.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	r := follow(t, s, config)
	r.put(1)
	r.commit(r.expect(1)[0])
	skew.Store(int64(time.Hour))
	r.await("the fast reader to jump", func(stats cdc.Stats) bool { return stats.FastHorizon.After(s.sim.Now()) })
	skew.Store(0)
	r.await("the fast reader to go back", func(stats cdc.Stats) bool { return !stats.FastHorizon.After(s.sim.Now()) })
	r.put(2)
	r.expect(2)
}
