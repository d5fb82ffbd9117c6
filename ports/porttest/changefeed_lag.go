package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/ports"
)

// lagScenarios are about the lag of a consumer.
func lagScenarios() []scenario[ChangeFeedHarness] {
	return []scenario[ChangeFeedHarness]{
		{"lag is unknown without an offset", lagUnknown},
		{"lag counts what is not committed", lagCounts},
		{"the age of a lag is that of its oldest record", lagAge},
	}
}

func (t test) lag(h ChangeFeedHarness, consumer string) (lag ports.Lag) {
	t.Helper()
	var err error
	t.within("lag of "+consumer, func(ctx context.Context) { lag, err = h.Feed.Lag(ctx, consumer) })
	t.must("lag of "+consumer, err)
	return lag
}

// awaitLag polls until the lag is as expected.
func (t test) awaitLag(h ChangeFeedHarness, consumer, what string, as func(ports.Lag) bool) ports.Lag {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for start := time.Now(); ; <-again.C {
		lag := t.lag(h, consumer)
		if as(lag) {
			return lag
		}
		if time.Since(start) > t.Wait {
			t.Fatalf("waited %s for: lag of %s with %s; it is %+v", t.Wait, consumer, what, lag)
		}
	}
}

func (t test) expectLagUnknown(h ChangeFeedHarness, consumer string) {
	t.Helper()
	t.awaitLag(h, consumer, "nothing known", func(l ports.Lag) bool { return l == ports.Lag{} })
}

func (t test) expectLag(h ChangeFeedHarness, consumer string, events int) {
	t.Helper()
	t.awaitLag(h, consumer, fmt.Sprintf("%d events and an age to match", events), func(l ports.Lag) bool {
		return l.Known && l.Events == uint64(events) && l.Age >= 0 && (events > 0 || l.Age == 0)
	})
}

func lagUnknown(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "other")
	t.traffic(h, 1, 1)
	t.expectLagUnknown(h, "a")
	t.seekEnd(h, "a")
	t.expectLag(h, "a", 0)
}

func lagCounts(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	t.expectLag(h, "a", 0)
	all := t.traffic(h, 3, 2)
	t.expectLag(h, "a", len(all)) // known without a subscription
	a := t.subscribe(h, "a")
	a.expect(all)
	t.expectLag(h, "a", len(all)) // a delivered record is not a handled one
	half := a.deliveries[len(all)/2]
	a.commit(half)
	t.expectLag(h, "a", len(a.uncommitted(all, half)))
	a.commitAll()
	t.expectLag(h, "a", 0)
	t.expectLag(h, "b", len(all))
	t.traffic(h, 1, 1)
	t.expectLag(h, "a", 1)
	a.close()
	t.expectLag(h, "a", 1)
	t.seekEnd(h, "a")
	t.expectLag(h, "a", 0)
}

// lagAge waits until a record is old, adds a new one, and commits the old one.
func lagAge(t test, h ChangeFeedHarness) {
	// times are in milliseconds, and may come from another clock
	const old, tolerance = 60 * time.Millisecond, 20 * time.Millisecond
	t.seekEnd(h, "a")
	id, start := newID(), time.Now()
	first := t.append(h.Store, command(id, 0, 1))
	t.awaitLag(h, "a", "an age that grows", func(l ports.Lag) bool { return l.Events == 1 && l.Age >= old })
	if lag, most := t.lag(h, "a"), time.Since(start)+tolerance; lag.Age > most {
		t.Fatalf("the lag's age is %s, but its record was appended at most %s ago", lag.Age, most)
	}

	young := time.Now()
	second := t.append(h.Store, command(id, 1, 1))
	lag := t.awaitLag(h, "a", "2 events", func(l ports.Lag) bool { return l.Events == 2 })
	if lag.Age < old-tolerance {
		t.Fatalf("the lag's age went down to %s with a record of at least %s in it", lag.Age, old)
	}
	b := t.subscribe(h, "a")
	b.expect(slices.Concat(first, second))
	b.commit(b.deliveries[0])
	lag = t.awaitLag(h, "a", "1 event", func(l ports.Lag) bool { return l.Events == 1 })
	if most := time.Since(young) + tolerance; lag.Age > most {
		t.Fatalf("the lag's age is %s, but what is left was appended at most %s ago", lag.Age, most)
	}
	b.commit(b.deliveries[1])
	t.expectLag(h, "a", 0)
}

// expiryScenarios are about records that the feed has dropped.
func expiryScenarios() []scenario[ChangeFeedHarness] {
	scenarios := []scenario[ChangeFeedHarness]{
		{"an expired offset is refused until seek end", expiredOffset},
		{"next says when records expired before it got to them", expiredSubscription},
		{"a consumer at the end does not expire", expiryAtEnd},
	}
	for i, s := range scenarios {
		scenarios[i].run = func(t test, h ChangeFeedHarness) {
			if h.Expire == nil {
				t.Log("absent: this feed cannot be made to expire, so expiry is not tested")
				return
			}
			s.run(t, h)
		}
	}
	return scenarios
}

func expiredOffset(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	t.traffic(h, 2, 2)
	h.Expire()
	t.traffic(h, 2, 2)
	if _, err := t.trySubscribe(h, "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Fatalf("subscribe at an expired offset: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	t.expectLagUnknown(h, "a")

	t.seekEnd(h, "a")
	t.expectLag(h, "a", 0)
	b := t.subscribe(h, "a")
	b.expectNothing()
	b.expect(t.traffic(h, 2, 1))
	if _, err := t.trySubscribe(h, "b"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Fatalf("subscribe at another expired offset: error %v, want %v", err, ports.ErrOffsetExpired)
	}
}

// expiredSubscription lets all records expire while a consumer has read one of many. Records that
// the feed has already fetched for it may still come, but none after a gap.
func expiredSubscription(t test, h ChangeFeedHarness) {
	const events = 50
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	id := newID()
	for head := uint64(0); head < uint64(t.Backlog); head += events {
		b.may(t.append(h.Store, command(id, head, events)))
	}
	b.take(1)
	h.Expire()
	b.may(t.append(h.Store, command(id, uint64(len(b.wanted)), 1)))
	for {
		d, err := b.next()
		if err != nil {
			if !errors.Is(err, ports.ErrOffsetExpired) {
				t.Fatalf("next behind what expired: error %v, want %v", err, ports.ErrOffsetExpired)
			}
			break
		}
		b.receive(d)
	}
	t.expectLagUnknown(h, "a")
	b.close()
	if _, err := t.trySubscribe(h, "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Fatalf("subscribe at an expired offset: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	t.seekEnd(h, "a")
	t.subscribe(h, "a").expect(t.traffic(h, 2, 1))
}

func expiryAtEnd(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b", "c")
	a, c := t.subscribe(h, "a"), t.subscribe(h, "c")
	all := t.traffic(h, 2, 2)
	for _, b := range []*inbox{a, c, t.subscribe(h, "b")} {
		b.expect(all)
		b.commitAll()
		if b != a {
			b.close()
		}
	}
	h.Expire()
	t.expectLag(h, "b", 0)
	later := t.traffic(h, 2, 1)
	a.expect(later)                   // subscribed all the time
	t.subscribe(h, "b").expect(later) // subscribed again
	t.seekEnd(h, "c")
	t.subscribe(h, "c").expectNothing()
}
