package embedded_test

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/application/consumer"
	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// progressing is the effect that keeps the table of the tests.
type progressing struct{}

func (progressing) Apply(_ context.Context, _ []byte, records []eventsourcing.Record) (ports.Change, error) {
	return progress(records[len(records)-1]), nil
}

// TestDamage_StopsAConsumerForTheDamagedAggregateOnly runs a real consumer on a store with a row of
// each kind damaged.
func TestDamage_StopsAConsumerForTheDamagedAggregateOnly(t *testing.T) {
	t.Parallel()
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), FeedBytes: 1})
	c := consumer.New(consumer.Config{
		Name: view.Consumer, Version: 1, Effect: progressing{}, Table: table,
		Store: store, Feed: store, Views: store, Registry: store, Parking: store, Skips: store,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Backoff: failure.Backoff{First: time.Microsecond, Max: time.Millisecond},
	})
	run := func(until func() bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- c.Pull(ctx, func(ctx context.Context, record eventsourcing.Record, done func()) error {
				err := c.Handle(ctx, record)
				if err == nil {
					done()
				}
				return err
			})
		}()
		for !until() {
			runtime.Gosched() // there is no signal for all of it
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	// intact, one whose state is damaged, one whose row of the outbox is, and one whose event is.
	var ids [4]uuid.UUID
	for i := range ids {
		ids[i] = newID()
		mustAppend(t, store.Store, command(ids[i], 0, 2))
	}
	state := func(id uuid.UUID) uint64 {
		s, err := store.State(t.Context(), view, id)
		if err != nil {
			return 0
		}
		return s.SequenceNumber
	}
	run(func() bool {
		return !slices.ContainsFunc(ids[:], func(id uuid.UUID) bool { return state(id) != 2 })
	})

	for _, id := range ids {
		mustAppend(t, store.Store, command(id, 2, 2))
	}
	mustDamage(t, store.Store,
		layout.StateKey(view, ids[1]),
		layout.OutboxKey(14), // the fourth event of ids[2]
		layout.OutboxKey(15), layout.EventKey(ids[3], 3),
	)
	run(func() bool {
		parked, err := store.Parked(t.Context(), view.Consumer, "", 10)
		lag, lagErr := store.Lag(t.Context(), view.Consumer)
		return err == nil && lagErr == nil && lag.Events == 0 && len(parked.Aggregates) > 0 && state(ids[0]) == 4 && state(ids[1]) == 4 && state(ids[2]) == 4
	})
	parked, err := store.Parked(t.Context(), view.Consumer, "", 10)
	if err != nil || len(parked.Aggregates) != 1 || parked.Aggregates[0].AggregateID != ids[3] || state(ids[3]) != 2 {
		t.Errorf("parked %+v, error %v; the damaged one is at %d", parked, err, state(ids[3]))
	}
}
