package source_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// An event of another store stops the consumer, which does not lose it: the offset stays before it,
// also for the next subscription. Events of this store, and those of earlier versions, are
// delivered.
func TestFeed_StopsAtEventsOfAnotherStore(t *testing.T) {
	t.Parallel()
	config := topictest.NewTopic(topictest.NewCluster(t).ListenAddrs())
	config.Topic.Partitions = 1
	s := topictest.NewShelf(t, config)
	own, other := uuid.New(), uuid.New()
	errOther := errors.New("published by another store")
	settings := feedConfig(config)
	settings.Store = own
	refuses := true
	settings.Admit = func(_ context.Context, store uuid.UUID, event eventsourcing.Record) error {
		if store != other || event.EventID == uuid.Nil {
			t.Errorf("asked for event %s of store %s", event.EventID, store)
		}
		if refuses {
			return errOther
		}
		return nil
	}
	f := newFeed(t, settings)
	seekEnd(t, f)
	events := topictest.History(4)
	for i, store := range []uuid.UUID{uuid.Nil, own, other, own} {
		from := config
		from.Store = store
		m, err := topictest.NewMessage(from, events[i])
		if err != nil {
			t.Fatal(err)
		}
		s.Send(t, m)
	}
	sub := subscribe(t, f)
	for _, want := range events[:2] {
		d := nextOf(t, sub)
		if d.Record.EventID != want.EventID {
			t.Fatalf("event %s, want %s", d.Record.EventID, want.EventID)
		}
		commit(t, sub, d.Position)
	}
	for range 2 {
		if d, err := sub.Next(topictest.Within(t)); !errors.Is(err, errOther) {
			t.Fatalf("delivery %v, error %v, want %v", d.Position, err, errOther)
		}
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	awaitLag(t, f, ports.Lag{Known: true, Events: 2})
	again := subscribe(t, f)
	if _, err := again.Next(topictest.Within(t)); !errors.Is(err, errOther) {
		t.Fatalf("a new subscription: error %v, want %v", err, errOther)
	}
	refuses = false
	for _, want := range events[2:] {
		d := nextOf(t, again)
		if d.Record.EventID != want.EventID {
			t.Fatalf("event %s, want %s", d.Record.EventID, want.EventID)
		}
		commit(t, again, d.Position)
	}
}
