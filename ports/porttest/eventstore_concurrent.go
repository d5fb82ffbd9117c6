package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// answer is the result of one of several concurrent appends.
type answer struct {
	ports.Appended
	err error
}

// race makes all appends at the same time.
func (t test) race(store ports.EventStore, appends []ports.Append) []answer {
	t.Helper()
	answers := make([]answer, len(appends))
	t.together(len(appends), "concurrent appends", func(ctx context.Context, i int) error {
		answers[i].Appended, answers[i].err = store.Append(ctx, appends[i])
		return nil
	})
	return answers
}

// oneWinner lets every writer expect the same head, first for a new aggregate and then for one that
// exists.
func oneWinner(t test, h EventStoreHarness) {
	id := newID()
	var history []eventsourcing.Record
	for range 5 {
		attempts := make([]ports.Append, t.Writers)
		for i := range attempts {
			attempts[i] = command(id, uint64(len(history)), i%3+1)
		}
		var winners []ports.Append
		for i, a := range t.race(h.Store, attempts) {
			switch {
			case a.err == nil:
				winners = append(winners, attempts[i])
			case !errors.Is(a.err, ports.ErrVersionConflict):
				t.Fatalf("a writer that lost was told %v, want %v", a.err, ports.ErrVersionConflict)
			}
		}
		if len(winners) != 1 {
			t.Fatalf("%d of %d writers at sequence number %d won, want 1", len(winners), t.Writers, len(history))
		}
		history = append(history, winners[0].Records...)
		t.expectHistory(h.Store, id, history)
	}
}

// eventsAppearTogether reads while a writer appends several events at a time.
func eventsAppearTogether(t test, h EventStoreHarness) {
	const commands, events = 20, 4
	id := newID()
	t.together(2, "a writer and a reader", func(ctx context.Context, i int) error {
		if i == 0 {
			for n := range commands {
				if _, err := h.Store.Append(ctx, command(id, uint64(n*events), events)); err != nil {
					return err
				}
			}
			return nil
		}
		for seen := 0; seen < commands*events; {
			records, err := h.Store.Load(ctx, id, 0)
			if err != nil {
				return err
			}
			if seen = len(records); seen%events != 0 {
				return fmt.Errorf("a reader saw %d records, where each command has %d", seen, events)
			}
		}
		return nil
	})
}

func commandRepeatedAtOnce(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, command(id, 0, 1))
	first := command(id, 1, 1)
	attempts := make([]ports.Append, t.Writers)
	for i := range attempts {
		attempts[i] = again(first, i%3+1)
	}
	answers := t.race(h.Store, attempts)
	var originals []int
	for i, a := range answers {
		t.must("append of a command that is repeated at the same time", a.err)
		if !a.Duplicate {
			originals = append(originals, i)
		}
	}
	if len(originals) != 1 {
		t.Fatalf("%d of %d tries of one command happened, want 1", len(originals), t.Writers)
	}
	history = append(history, attempts[originals[0]].Records...)
	for _, a := range answers {
		t.expectRecords("answer to a command that is repeated at the same time", a.Records, history[1:])
	}
	t.expectHistory(h.Store, id, history)
}

// reloadAndRetry works like commands in production: all writers make progress on one aggregate
// although most attempts lose.
func reloadAndRetry(t test, h EventStoreHarness) {
	const each = 4
	id := newID()
	commands := make([][]ports.Append, t.Writers)
	t.together(t.Writers, "writers that reload and retry", func(ctx context.Context, i int) error {
		var err error
		commands[i], err = appendInTurn(ctx, h.Store, id, each)
		return err
	})
	want := slices.Concat(commands...)
	slices.SortFunc(want, func(a, b ports.Append) int { return int(a.Expected) - int(b.Expected) })
	var history []eventsourcing.Record
	for _, a := range want {
		if a.Expected != uint64(len(history)) {
			t.Fatalf("a writer was told that it won at %d, but %d is due", a.Expected, len(history))
		}
		history = append(history, a.Records...)
	}
	t.expectHistory(h.Store, id, history)
}

// appendInTurn appends so many commands to an aggregate, one after the other, and returns them.
// Other writers may be at work.
func appendInTurn(ctx context.Context, store ports.EventStore, id uuid.UUID, commands int) (done []ports.Append, err error) {
	head := uint64(0)
	for n := range commands {
		a, err := appendUntilItWins(ctx, store, command(id, head, n%2+1))
		if err != nil {
			return done, err
		}
		done = append(done, a)
		head = a.Expected + uint64(len(a.Records))
	}
	return done, nil
}

// appendUntilItWins appends at the last head that the writer knows. It reloads and retries until no
// other writer was faster.
func appendUntilItWins(ctx context.Context, store ports.EventStore, a ports.Append) (ports.Append, error) {
	events := len(a.Records)
	for {
		_, err := store.Append(ctx, a)
		if !errors.Is(err, ports.ErrVersionConflict) {
			return a, err
		}
		history, err := store.Load(ctx, a.AggregateID, 0)
		if err != nil {
			return a, err
		}
		a.Expected = uint64(len(history))
		a = again(a, events)
	}
}

func aggregatesApart(t test, h EventStoreHarness) {
	const each = 5
	ids := make([]uuid.UUID, t.Writers)
	histories := make([][]eventsourcing.Record, t.Writers)
	for i := range ids {
		ids[i] = newID()
	}
	t.together(t.Writers, "writers of an aggregate each", func(ctx context.Context, i int) error {
		for range each {
			a := command(ids[i], uint64(len(histories[i])), i%2+1)
			if _, err := h.Store.Append(ctx, a); err != nil {
				return fmt.Errorf("the only writer of %s: %w", ids[i], err)
			}
			histories[i] = append(histories[i], a.Records...)
		}
		return nil
	})
	for i, id := range ids {
		t.expectHistory(h.Store, id, histories[i])
	}
}

// closedUnderWriters closes the adapter while every writer appends to its own aggregate until it is
// refused.
func closedUnderWriters(t test, h EventStoreHarness) {
	ids := make([]uuid.UUID, t.Writers)
	acknowledged := make([][]eventsourcing.Record, t.Writers)
	appended := make(chan struct{}, 3*t.Writers)
	for i := range ids {
		ids[i] = newID()
	}
	t.together(t.Writers+1, "writers to be refused by a store that was closed", func(ctx context.Context, i int) error {
		if i == t.Writers {
			for range 3 * t.Writers {
				select {
				case <-appended:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return h.Close()
		}
		for {
			a := command(ids[i], uint64(len(acknowledged[i])), 2)
			_, err := h.Store.Append(ctx, a)
			if errors.Is(err, ports.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			acknowledged[i] = append(acknowledged[i], a.Records...)
			select {
			case appended <- struct{}{}:
			default:
			}
		}
	})
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	for i, id := range ids {
		t.expectHistory(h.Store, id, acknowledged[i])
	}
}
