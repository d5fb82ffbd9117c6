package porttest

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func changeFeedScenarios() []scenario[ChangeFeedHarness] {
	return slices.Concat([]scenario[ChangeFeedHarness]{
		{"a new consumer has no offset", newConsumer},
		{"seek end lets only later records through", onlyLater},
		{"seek end skips what was not delivered", seekEndSkips},
		{"every field of a record is delivered", everyFieldIsDelivered},
		{"every record of concurrent writers comes, in order", concurrentWriters},
		{"what was refused is not delivered", refusedIsNotDelivered},
		{"next waits and wakes up", nextWakesUp},
		{"a slow consumer holds no writer up and misses nothing", slowConsumer},
		{"a stuck consumer does not hold another one up", stuckConsumer},
		{"a second subscription of a consumer is refused", secondSubscription},
		{"seek end is refused while the consumer is subscribed", seekEndWhileSubscribed},
		{"memory is not shared between consumers", feedMemory},
	}, feedTypeScenarios(), offsetScenarios(), feedEndScenarios(), lagScenarios(), expiryScenarios(), pulseScenarios())
}

// traffic appends to several aggregates in turns: in each round 1 or 2 events to each.
func (t test) traffic(h ChangeFeedHarness, aggregates, rounds int) []eventsourcing.Record {
	t.Helper()
	ids, heads := make([]uuid.UUID, aggregates), make([]uint64, aggregates)
	for i := range ids {
		ids[i] = newID()
	}
	var all []eventsourcing.Record
	for round := range rounds {
		for i, id := range ids {
			records := t.append(h.Store, command(id, heads[i], (round+i)%2+1))
			heads[i] += uint64(len(records))
			all = append(all, records...)
		}
	}
	return all
}

func newConsumer(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "other")
	t.traffic(h, 1, 1)
	if _, err := t.trySubscribe(h, "new"); !errors.Is(err, ports.ErrNoOffset) {
		t.Fatalf("subscribe of a consumer without an offset: error %v, want %v", err, ports.ErrNoOffset)
	}
	t.seekEnd(h, "new")
	t.subscribe(h, "new").expectNothing()
}

func onlyLater(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "early")
	earlier := t.traffic(h, 2, 2)
	t.seekEnd(h, "late")
	later := t.traffic(h, 2, 2)

	late := t.subscribe(h, "late")
	late.expect(later)
	late.expectNothing()
	early := t.subscribe(h, "early")
	early.expect(slices.Concat(earlier, later))
}

func seekEndSkips(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	skipped := t.traffic(h, 2, 2)
	b := t.subscribe(h, "a")
	b.may(skipped)
	b.take(2)
	b.commit(b.deliveries[0])
	b.close()
	t.seekEnd(h, "a")
	b = t.subscribe(h, "a")
	b.expectNothing()
	b.expect(t.traffic(h, 1, 1))
}

func everyFieldIsDelivered(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	a := command(newID(), 0, 4)
	a.Records[0].Metadata = map[string]string{"benutzer": "Zoë 🛒", "no value": ""}
	a.Records[1].Metadata, a.Records[1].CorrelationID, a.Records[1].CausationID = nil, uuid.Nil, uuid.Nil
	a.Records[2].EventType, a.Records[2].EventVersion = "porttest.other", 3
	a.Records[3].Payload = largeJSON()
	t.append(h.Store, a)
	t.subscribe(h, "a").expect(a.Records)
}

// concurrentWriters reads while writers work. Half of the writers have their own aggregate, and the
// others share one.
func concurrentWriters(t test, h ChangeFeedHarness) {
	const each, events = 10, 15
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	shared := newID()
	written := make([][]eventsourcing.Record, t.Writers)
	var early []ports.Delivery
	t.together(t.Writers+1, "writers, and a consumer that gets half of what they write", func(ctx context.Context, i int) error {
		if i == t.Writers {
			for len(early) < t.Writers*events/2 {
				d, err := b.sub.Next(ctx)
				if err != nil {
					return err
				}
				early = append(early, d)
			}
			return nil
		}
		id := shared
		if i%2 == 0 {
			id = newID()
		}
		commands, err := appendInTurn(ctx, h.Store, id, each)
		for _, a := range commands {
			written[i] = append(written[i], a.Records...)
		}
		return err
	})
	b.may(slices.Concat(written...))
	for _, d := range early {
		b.receive(d)
	}
	b.expect(nil)
	b.expectNothing()
}

func refusedIsNotDelivered(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	id := newID()
	first := command(id, 0, 2)
	all := t.append(h.Store, first)
	t.expectConflict(h.Store, command(id, 0, 1), 2)
	t.expectConflict(h.Store, command(id, 3, 1), 2)
	t.expectDuplicate(h.Store, again(first, 3), first.Records)
	if _, err := t.tryAppend(h.Store, ports.Append{AggregateID: id, Expected: 2, CommandID: newID()}); err == nil {
		t.Fatalf("append without records was accepted")
	}
	attempts := make([]ports.Append, t.Writers)
	for i := range attempts {
		attempts[i] = command(id, 2, 2)
	}
	for i, answer := range t.race(h.Store, attempts) {
		if answer.err == nil {
			all = append(all, attempts[i].Records...)
		}
	}
	b := t.subscribe(h, "a")
	b.expect(all)
	b.expectNothing()
}

func nextWakesUp(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	b.expectNothing()
	id := newID()
	for head := range uint64(5) {
		next := command(id, head, 1)
		b.may(next.Records)
		waiting := b.block()
		t.append(h.Store, next)
		waiting.expectDelivery()
	}
}

// slowConsumer appends far more records than an adapter may keep in memory for a consumer that does
// not read.
func slowConsumer(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "slow")
	slow := t.subscribe(h, "slow")
	slow.expect(t.traffic(h, 1, 1))

	each := max(1, t.Backlog/t.Writers)
	written := make([][]eventsourcing.Record, t.Writers)
	t.together(t.Writers, "writers that a slow consumer must not hold up", func(ctx context.Context, i int) error {
		id := newID()
		for head := range uint64(each) {
			a := command(id, head, 1)
			if _, err := h.Store.Append(ctx, a); err != nil {
				return err
			}
			written[i] = append(written[i], a.Records...)
		}
		return nil
	})
	slow.expect(slices.Concat(written...))
	slow.expectNothing()
}

// stuckConsumer has three consumers: one never calls Next, one got a record and never commits it,
// and one works.
func stuckConsumer(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "idle", "stuck", "working")
	idle, stuck, working := t.subscribe(h, "idle"), t.subscribe(h, "stuck"), t.subscribe(h, "working")
	all := t.traffic(h, 3, 1)
	stuck.may(all)
	stuck.take(1)
	working.expect(all)
	for range 5 {
		more := t.traffic(h, 3, 5)
		working.expect(more)
		working.commitAll()
		all = append(all, more...)
	}
	stuck.expect(all)
	idle.expect(all)
}

func secondSubscription(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	first := t.subscribe(h, "a")
	if _, err := t.trySubscribe(h, "a"); err == nil {
		t.Fatalf("a second subscription of one consumer was accepted")
	}
	t.subscribe(h, "b")
	all := t.traffic(h, 1, 2)
	first.expect(all)
	first.commitAll()
	first.close()
	t.subscribe(h, "a").expectNothing()
}

func seekEndWhileSubscribed(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	all := t.traffic(h, 2, 2)
	var err error
	t.within("seek end for a subscribed consumer", func(ctx context.Context) { err = h.Feed.SeekEnd(ctx, "a") })
	if err == nil {
		t.Fatalf("seek end of a consumer with an open subscription was accepted")
	}
	b.expect(all)
	b.close()
	t.subscribe(h, "a").expect(all)
}

func feedMemory(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	all := t.traffic(h, 2, 1)
	a, b := t.subscribe(h, "a"), t.subscribe(h, "b")
	a.expect(all)
	for _, d := range a.deliveries {
		scribble([]eventsourcing.Record{d.Record})
	}
	b.expect(all)
	a.close()
	t.subscribe(h, "a").expect(all)
	for _, r := range all {
		t.expectHistory(h.Store, r.AggregateID, ofAggregate(all, r.AggregateID))
	}
}

func ofAggregate(records []eventsourcing.Record, id uuid.UUID) []eventsourcing.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r eventsourcing.Record) bool { return r.AggregateID != id })
}
