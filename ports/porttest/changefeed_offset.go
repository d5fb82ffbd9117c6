package porttest

import (
	"context"
	"errors"
	"slices"

	"orderflow/ports"
)

// offsetScenarios are about the meaning of a consumer's offset.
func offsetScenarios() []scenario[ChangeFeedHarness] {
	return []scenario[ChangeFeedHarness]{
		{"what was not committed comes again", crashBeforeCommit},
		{"a consumer resumes behind what it committed", resumeAfterCommit},
		{"an older commit changes nothing", olderCommit},
		{"each consumer has its own offset", ownOffset},
		{"consumers resume after a restart", feedReopened},
	}
}

// crashBeforeCommit is a consumer that dies between an effect and the commit of its offset, twice.
func crashBeforeCommit(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	all := t.traffic(h, 3, 2)
	for range 2 {
		b := t.subscribe(h, "a")
		b.expect(all)
		b.close()
	}
	b := t.subscribe(h, "a")
	b.expect(all)
	b.commitAll()
	b.close()
	t.subscribe(h, "a").expectNothing()
}

// resumeAfterCommit closes and resumes the subscription at every record in turn. More records are
// written while no one is subscribed.
func resumeAfterCommit(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	due := t.traffic(h, 3, 2)
	for round := range 6 {
		b := t.subscribe(h, "a")
		b.may(due)
		b.take(min(4, len(due)))
		last := b.deliveries[round%len(b.deliveries)]
		b.commit(last)
		due = b.uncommitted(due, last)
		b.close()
		due = append(due, t.traffic(h, 1, 1)...)
	}
	b := t.subscribe(h, "a")
	b.expect(due)
	b.expectNothing()
}

func olderCommit(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	b.expect(t.append(h.Store, command(newID(), 0, 12)))
	for _, i := range []int{11, 2, 0, 8} { // 2 and 8 are "greater" than 11 as text
		b.commit(b.deliveries[i])
	}
	b.close()
	b = t.subscribe(h, "a")
	b.expectNothing()
	b.expect(t.traffic(h, 1, 1))
}

func ownOffset(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "a2", "b")
	all := t.traffic(h, 2, 2)
	a := t.subscribe(h, "a")
	a.expect(all)
	a.commitAll()
	a.close()
	t.subscribe(h, "b").expect(all)
	t.subscribe(h, "a2").expect(all)
	t.seekEnd(h, "c")
	t.subscribe(h, "a").expectNothing()
}

func feedReopened(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "half", "none", "all")
	due := t.traffic(h, 3, 2)
	t.subscribe(h, "none").expect(due)
	all := t.subscribe(h, "all")
	all.expect(due)
	all.commitAll()
	half := t.subscribe(h, "half")
	half.expect(due)
	half.commit(half.deliveries[len(due)/2])
	rest := half.uncommitted(due, half.deliveries[len(due)/2])

	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	later := t.traffic(h, 2, 1)
	t.subscribe(h, "none").expect(slices.Concat(due, later))
	t.subscribe(h, "half").expect(slices.Concat(rest, later))
	t.subscribe(h, "all").expect(later)
	if _, err := t.trySubscribe(h, "new"); !errors.Is(err, ports.ErrNoOffset) {
		t.Fatalf("subscribe of a consumer without an offset: error %v, want %v", err, ports.ErrNoOffset)
	}
}

// feedEndScenarios are about contexts that end, subscriptions that close and stores that close.
func feedEndScenarios() []scenario[ChangeFeedHarness] {
	return []scenario[ChangeFeedHarness]{
		{"an ended context stops a call before it does anything", feedCancelled},
		{"an ended context ends a blocked next, which loses nothing", blockedNextCancelled},
		{"closing the subscription ends a blocked next", subscriptionClosed},
		{"closing the store ends a blocked next", storeClosedUnderNext},
		{"a closed store refuses", feedClosed},
	}
}

func feedCalls(h ChangeFeedHarness, b *inbox) []call {
	return []call{
		{"Subscribe", func(ctx context.Context) error { _, err := h.Feed.Subscribe(ctx, "other"); return err }},
		{"SeekEnd", func(ctx context.Context) error { return h.Feed.SeekEnd(ctx, "new") }},
		{"Lag", func(ctx context.Context) error { _, err := h.Feed.Lag(ctx, "other"); return err }},
		{"Next", func(ctx context.Context) error { _, err := b.sub.Next(ctx); return err }},
		{"Commit", func(ctx context.Context) error { return b.sub.Commit(ctx, b.deliveries[0].Position) }},
	}
}

func feedCancelled(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "other")
	all := t.traffic(h, 1, 3)
	b := t.subscribe(h, "a")
	b.may(all)
	b.take(1)
	t.refusesCancelled(feedCalls(h, b)...)

	b.expect(nil) // the record that Next did not return has not been skipped
	b.close()
	t.subscribe(h, "a").expect(all)     // Commit did not commit
	t.subscribe(h, "other").expect(all) // Subscribe left no subscription behind
	if _, err := t.trySubscribe(h, "new"); !errors.Is(err, ports.ErrNoOffset) {
		t.Fatalf("subscribe after a seek end with an ended context: error %v, want %v", err, ports.ErrNoOffset)
	}
}

func blockedNextCancelled(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	for range 3 {
		waiting := b.block()
		waiting.cancel()
		waiting.expectError("its context ended", context.Canceled)
		b.expect(t.traffic(h, 1, 2))
	}
}

func subscriptionClosed(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "b")
	b, other := t.subscribe(h, "a"), t.subscribe(h, "b")
	all := t.traffic(h, 1, 1)
	b.expect(all)
	other.expect(all)
	waiting, untouched := b.block(), other.block()
	b.close()
	waiting.expectError("its subscription was closed", ports.ErrClosed)
	b.close()
	for _, c := range feedCalls(h, b)[3:] {
		var err error
		t.within(c.name+" of a closed subscription", func(ctx context.Context) { err = c.do(ctx) })
		if !errors.Is(err, ports.ErrClosed) {
			t.Fatalf("%s of a closed subscription: error %v, want %v", c.name, err, ports.ErrClosed)
		}
	}
	more := command(newID(), 0, 1)
	other.may(more.Records)
	t.append(h.Store, more)
	untouched.expectDelivery()
	t.subscribe(h, "a").expect(slices.Concat(all, more.Records))
}

func storeClosedUnderNext(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	b := t.subscribe(h, "a")
	waiting := b.block()
	t.close(h)
	waiting.expectError("the store was closed", ports.ErrClosed)
	b.close()
}

func feedClosed(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a", "other")
	b := t.subscribe(h, "a")
	b.may(t.traffic(h, 1, 3))
	b.take(1)
	t.refusesClosed(h, feedCalls(h, b)...)
}
