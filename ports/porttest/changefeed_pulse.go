package porttest

import (
	"context"
	"slices"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// pulseScenarios are about heartbeats.
func pulseScenarios() []scenario[ChangeFeedHarness] {
	scenarios := []scenario[ChangeFeedHarness]{
		{"a heartbeat comes behind what was acknowledged before it", beatComesBehind},
		{"a heartbeat wakes a blocked next", beatWakesUp},
		{"a heartbeat reaches everybody who is subscribed and nobody who comes later", beatReachesSubscribed},
		{"a heartbeat is no lag", beatIsNoLag},
		{"a commit of a heartbeat commits what came before it and no more", beatCommits},
		{"the newest heartbeat reaches a consumer that did not read for a while", beatsPileUp},
		{"heartbeats come in between and disturb nothing", beatsBetween},
		{"an ended context stops a heartbeat", beatCancelled},
	}
	for i, s := range scenarios {
		scenarios[i].run = func(t test, h ChangeFeedHarness) {
			if h.Pulse == nil {
				t.Log("absent: this feed has no heartbeats, so they are not tested")
				return
			}
			s.run(t, h)
		}
	}
	return scenarios
}

// beatTime returns the time of the n-th heartbeat of a scenario.
func beatTime(n int) time.Time {
	return time.Date(2030, time.January, 2, 3, 4, 5, 678_000_000, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

// beat sends the n-th heartbeat. It may come to the given inboxes, after everything that they have
// expected so far.
func (t test) beat(h ChangeFeedHarness, n int, inboxes ...*inbox) {
	t.Helper()
	for _, b := range inboxes {
		before := make([]place, 0, len(b.wanted))
		for at := range b.wanted {
			before = append(before, at)
		}
		b.mayBeat[beatTime(n).UnixMilli()] = before
	}
	var err error
	t.within("a heartbeat to be sent", func(ctx context.Context) { err = h.Pulse.Beat(ctx, beatTime(n)) })
	t.must("beat", err)
}

// receiveBeat checks a heartbeat.
func (b *inbox) receiveBeat(d ports.Delivery) {
	b.Helper()
	before, sent := b.mayBeat[d.Beat.UnixMilli()]
	switch {
	case !sent:
		b.Fatalf("%s was given a heartbeat of %s, which must not come", b.consumer, d.Beat)
	case d.Beat.Location() != time.UTC:
		b.Fatalf("%s was given a heartbeat of %s, which is not in UTC", b.consumer, d.Beat)
	case !empty(d.Record):
		b.Fatalf("%s was given a heartbeat with the record %s in it", b.consumer, placeOf(d.Record))
	}
	for _, at := range before {
		if !b.seen[at] {
			b.Fatalf("%s was given a heartbeat before %s, which was acknowledged before it was sent", b.consumer, at)
		}
	}
	b.beats = append(b.beats, d)
}

func empty(r eventsourcing.Record) bool {
	return placeOf(r) == place{} && r.EventType == "" && len(r.Payload) == 0
}

// expectBeat reads until the n-th heartbeat, or a later one, has come, and returns it.
func (b *inbox) expectBeat(n int) ports.Delivery {
	b.Helper()
	for i := 0; ; i++ {
		if i < len(b.beats) {
			if !b.beats[i].Beat.Before(beatTime(n)) {
				return b.beats[i]
			}
			continue
		}
		d, err := b.next()
		b.must("next of "+b.consumer+", which a heartbeat is due to", err)
		b.receive(d)
		i = -1
	}
}

func beatComesBehind(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	for n := range 6 {
		if n%3 != 0 { // otherwise the feed is idle
			b.may(t.traffic(h, 3, 2))
		}
		t.beat(h, n, b)
		b.expectBeat(n)
	}
	b.expect(nil)
	b.expectNothing()
}

func beatWakesUp(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	for n := range 3 {
		waiting := b.block()
		t.beat(h, n, b)
		t.await("a blocked Next to be woken by a heartbeat", waiting.done)
		waiting.cancel()
		t.must("blocked next of a", waiting.err)
		b.receive(waiting.delivery)
		b.expectBeat(n)
	}
}

func beatReachesSubscribed(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b", "stuck", "later")
	a, b := t.subscribe(h, "a"), t.subscribe(h, "b")
	stuck := t.subscribe(h, "stuck")
	all := t.traffic(h, 2, 1)
	for _, i := range []*inbox{a, b, stuck} {
		i.may(all)
	}
	t.beat(h, 1, a, b, stuck)
	a.expectBeat(1)
	b.expectBeat(1)
	a.commitAll()
	a.close()
	t.subscribe(h, "a").expectNothing()
	later := t.subscribe(h, "later")
	later.expect(all)
	later.expectNothing()
	stuck.expectBeat(1)
}

func beatIsNoLag(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	a := t.subscribe(h, "a")
	t.beat(h, 1, a)
	t.beat(h, 2, a)
	t.expectLag(h, "b", 0)
	a.expectBeat(2)
	t.expectLag(h, "a", 0)
	all := t.traffic(h, 2, 2)
	a.may(all)
	t.beat(h, 3, a)
	t.expectLag(h, "a", len(all))
	a.expectBeat(3)
	t.expectLag(h, "a", len(all))
	a.commitAll()
	t.expectLag(h, "a", 0)
	t.expectLag(h, "b", len(all))
}

func beatCommits(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	t.beat(h, 1, b)
	b.commitBeat(b.expectBeat(1)) // a commit of no record
	all := t.traffic(h, 3, 2)
	b.may(all)
	t.beat(h, 2, b)
	later := t.traffic(h, 3, 2)
	b.may(later)
	heartbeat := b.expectBeat(2)
	left := slices.DeleteFunc(slices.Concat(all, later), func(r eventsourcing.Record) bool { return b.seen[placeOf(r)] })
	b.commitBeat(heartbeat)
	b.close()

	b = t.subscribe(h, "a")
	b.expect(left)
	b.expectNothing()
}

// commitBeat commits a heartbeat.
func (b *inbox) commitBeat(d ports.Delivery) {
	b.Helper()
	var err error
	b.within("commit of a heartbeat by "+b.consumer, func(ctx context.Context) { err = b.sub.Commit(ctx, d.Position) })
	b.must("commit of a heartbeat by "+b.consumer, err)
}

func beatsPileUp(t test, h ChangeFeedHarness) {
	const last = 60
	t.seekEnd(h, "a", "reads")
	b, reads := t.subscribe(h, "a"), t.subscribe(h, "reads")
	for n := range last + 1 {
		more := t.traffic(h, 1, 1)
		b.may(more)
		reads.may(more)
		t.beat(h, n, b, reads)
		reads.expectBeat(n)
	}
	b.expectBeat(last)
}

// beatsBetween lets writers send heartbeats between their appends. Two consumers read everything,
// and one of them subscribes again.
func beatsBetween(t test, h ChangeFeedHarness) {
	const each, writers = 20, 4
	t.seekEnd(h, "a", "b")
	a, b := t.subscribe(h, "a"), t.subscribe(h, "b")
	for n := range each * writers {
		a.mayBeat[beatTime(n).UnixMilli()], b.mayBeat[beatTime(n).UnixMilli()] = nil, nil
	}
	written := make([][]eventsourcing.Record, writers)
	t.together(writers, "writers with a pulse", func(ctx context.Context, i int) error {
		id := newID()
		for head := range uint64(each) {
			next := command(id, head, 1)
			if _, err := h.Store.Append(ctx, next); err != nil {
				return err
			}
			written[i] = append(written[i], next.Records...)
			if head%4 != 3 {
				continue
			}
			if err := h.Pulse.Beat(ctx, beatTime(i*each+int(head))); err != nil {
				return err
			}
		}
		return nil
	})
	all := slices.Concat(written...)
	a.expect(all)
	t.beat(h, each*writers, a)
	a.expectBeat(each * writers)

	b.may(all)
	b.take(len(all) / 2)
	b.commitAll()
	left := slices.DeleteFunc(slices.Clone(all), func(r eventsourcing.Record) bool { return b.seen[placeOf(r)] })
	b.close()
	b = t.subscribe(h, "b")
	b.expect(left)
	b.expectNothing()
}

func beatCancelled(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	t.refusesCancelled(call{"Beat", func(ctx context.Context) error { return h.Pulse.Beat(ctx, beatTime(1)) }})
	b.expectNothing()
	t.beat(h, 3, b)
	b.expectBeat(3)
}
