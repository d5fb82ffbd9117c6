package pulse_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/pulse"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// rig is a store with a pacemaker, a consumer and a monitor.
type rig struct {
	store   *memory.Store
	monitor *pulse.Monitor
	// dead makes the reader deliver nothing. deaf makes it deliver no heartbeats.
	dead, deaf atomic.Bool
	// effect is how long the effect of each event takes.
	effect time.Duration
}

const consumer = "a"

// start runs a rig in a bubble, until the test ends.
func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{store: memory.New(memory.Options{}), monitor: pulse.NewMonitor(pulse.MonitorConfig{})}
	if err := r.store.SeekEnd(t.Context(), consumer); err != nil {
		t.Fatal(err)
	}
	sub, err := r.store.Subscribe(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	p := pulse.NewPacemaker(pulse.PacemakerConfig{Pulse: r.store})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- p.Run(ctx) }()
	go func() { done <- r.consume(ctx, sub) }()
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	synctest.Wait()
	return r
}

// consume is a consumer's loop, with the effects in it.
func (r *rig) consume(ctx context.Context, sub ports.Subscription) error {
	defer r.monitor.Stopped(consumer)
	for {
		r.monitor.Waiting(consumer)
		d, err := sub.Next(ctx)
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		case r.dead.Load(), r.deaf.Load() && !d.Beat.IsZero():
		case d.Beat.IsZero():
			r.monitor.Delivered(consumer)
			time.Sleep(r.effect)
		default:
			r.monitor.Arrived(consumer, d.Beat)
			r.monitor.Passed(consumer, d.Beat)
		}
	}
}

func (r *rig) write(t *testing.T, events int) {
	t.Helper()
	a := ports.Append{AggregateID: uuid.New(), CommandID: uuid.New()}
	for n := range events {
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: a.AggregateID, SequenceNumber: uint64(n + 1), CommandID: a.CommandID, CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "happened", EventVersion: 1, Payload: []byte("{}"),
		})
	}
	if _, err := r.store.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// look checks a condition of the consumer continuously for a while.
func (r *rig) look(t *testing.T, during time.Duration, as func(age time.Duration, known, silent bool) bool) {
	t.Helper()
	const step = 50 * time.Millisecond
	for start := time.Now(); time.Since(start) < during; after(step) {
		age, known := r.monitor.Age(consumer, time.Now())
		if silent := r.monitor.Silent(consumer, time.Now()); !as(age, known, silent) {
			t.Fatalf("after %s the age is %s, known %t, silent %t", time.Since(start), age, known, silent)
		}
	}
}

func healthy(age time.Duration, known, silent bool) bool { return age == 0 && known && !silent }

func TestMonitor(t *testing.T) {
	t.Parallel()

	inBubble(t, "an idle consumer has no age and is not silent", func(t *testing.T) {
		start(t).look(t, time.Minute, healthy)
	})

	inBubble(t, "a consumer that works is as an idle one", func(t *testing.T) {
		r := start(t)
		for range 100 {
			r.write(t, 3)
			r.look(t, 300*time.Millisecond, healthy)
		}
	})

	inBubble(t, "a dead reader is silent two heartbeats later, and its consumer's age grows", func(t *testing.T) {
		r := start(t)
		after(5 * time.Second) // the sixth heartbeat has just come
		died := time.Now()
		r.dead.Store(true)
		r.look(t, 2*time.Second, healthy)
		r.look(t, time.Second, func(_ time.Duration, _, silent bool) bool { return !silent })
		after(50 * time.Millisecond)
		r.look(t, time.Minute, func(age time.Duration, known, silent bool) bool {
			return known && silent && age == time.Since(died)
		})
		r.dead.Store(false)
		after(time.Second)
		r.look(t, time.Minute, healthy)
	})

	inBubble(t, "a consumer that is behind is not silent, and its age is how far", func(t *testing.T) {
		r := start(t)
		after(500 * time.Millisecond)
		r.effect = 100 * time.Millisecond
		r.write(t, 200) // 20 seconds of work, after the heartbeat of half a second ago
		written := time.Now()
		r.look(t, 19*time.Second, func(age time.Duration, known, silent bool) bool {
			since := time.Since(written) + 500*time.Millisecond
			return known && !silent && (since <= 2*time.Second || age == since)
		})
		after(2 * time.Second)
		r.look(t, time.Minute, healthy)
	})

	inBubble(t, "a consumer that gets events and no heartbeats, far behind, is not silent", func(t *testing.T) {
		r := start(t)
		r.effect = 500 * time.Millisecond
		r.deaf.Store(true)
		r.write(t, 100)
		r.look(t, 49*time.Second, func(_ time.Duration, known, silent bool) bool { return known && !silent })
		if age, _ := r.monitor.Age(consumer, time.Now()); age < 49*time.Second {
			t.Errorf("the age is %s, with no heartbeat for 49 seconds", age)
		}
		r.deaf.Store(false)
		after(3 * time.Second)
		r.look(t, time.Minute, healthy)
	})

	inBubble(t, "a consumer whose effect hangs is old and not silent", func(t *testing.T) {
		r := start(t)
		r.effect = time.Minute
		r.write(t, 1)
		r.look(t, 59*time.Second, func(_ time.Duration, known, silent bool) bool { return known && !silent })
		if age, _ := r.monitor.Age(consumer, time.Now()); age < 58*time.Second {
			t.Errorf("the age is %s, with an effect of a minute", age)
		}
		after(3 * time.Second)
		r.look(t, 10*time.Second, healthy)
	})
}

func TestMonitor_KnowsNothingOfAConsumerThatDoesNotRun(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	m := pulse.NewMonitor(pulse.MonitorConfig{Now: func() time.Time { return now }})
	unknown := func(when string) {
		t.Helper()
		age, known := m.Age(consumer, now.Add(time.Hour))
		arrived, passed := m.Last(consumer)
		if known || age != 0 || m.Silent(consumer, now.Add(time.Hour)) || !arrived.IsZero() || !passed.IsZero() {
			t.Errorf("%s: age %s, known %t, heartbeats %s and %s", when, age, known, arrived, passed)
		}
	}
	m.Arrived(consumer, now)
	m.Passed(consumer, now)
	unknown("before it ran")
	m.Waiting(consumer)
	m.Arrived(consumer, now)
	m.Passed(consumer, now)
	if _, known := m.Age(consumer, now); !known {
		t.Error("the age is not known with a heartbeat that passed")
	}
	m.Stopped(consumer)
	m.Passed(consumer, now) // something was still in progress
	m.Delivered(consumer)
	unknown("after it stopped")
	m.Waiting(consumer)
	if _, known := m.Age(consumer, now); known {
		t.Error("the age is known from before it stopped")
	}
	if !m.Silent(consumer, now.Add(time.Hour)) {
		t.Error("a consumer that got nothing for an hour since it runs again is not silent")
	}
}

func TestMonitor_TakesNoticeInAnyOrder(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	m := pulse.NewMonitor(pulse.MonitorConfig{Interval: time.Minute, Allowance: time.Second, Now: func() time.Time { return now }})
	m.Waiting(consumer)
	for _, ago := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		m.Arrived(consumer, now.Add(-ago))
		m.Passed(consumer, now.Add(-ago))
	}
	if arrived, passed := m.Last(consumer); !arrived.Equal(now.Add(-time.Minute)) || !passed.Equal(arrived) {
		t.Errorf("the last heartbeats are %s and %s, want that of a minute ago", arrived, passed)
	}
	for later, want := range map[time.Duration]time.Duration{0: 0, time.Second: 0, 2 * time.Second: 62 * time.Second, -time.Hour: 0} {
		if age, known := m.Age(consumer, now.Add(later)); !known || age != want {
			t.Errorf("%s later the age is %s, known %t, want %s", later, age, known, want)
		}
	}
	m.Waiting(consumer)
	now = now.Add(2 * time.Minute)
	m.Waiting(consumer) // again, as after an error
	if m.Silent(consumer, now.Add(time.Second)) {
		t.Error("it is silent before the time is over")
	}
	if !m.Silent(consumer, now.Add(2*time.Second)) {
		t.Error("errors make it seem alive")
	}
}
