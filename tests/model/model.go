package model

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Store keeps everything that a model stores.
type Store interface {
	ports.EventStore
	filling.Scanner
	ports.ChangeFeed
	consumer.Views
	ports.ViewReader
	ports.ConsumerRegistry
	ports.ParkingLot
	ports.SkipLog
}

// Domain says on what a model runs.
type Domain struct {
	// Open returns an empty store and a function that closes it at the end of the test.
	Open func(t testing.TB) (Store, func())
	// Aggregates draws the ids of a few aggregates. It returns a function that sends a random
	// command to one of them. A refusal is not an error.
	Aggregates  func(rt *rapid.T, config command.Config) (send func(rt *rapid.T) (uuid.UUID, error))
	Projections []*projection.Projection
	Codec       ports.Decoder
}

// history is a few aggregates in a store, with their records in the order in which they were
// committed.
type history struct {
	store   Store
	ids     []uuid.UUID
	records []eventsourcing.Record
}

// draw sends random commands to a few aggregates.
func (d Domain) draw(rt *rapid.T, t testing.TB) history {
	store, closeStore := d.Open(t)
	rt.Cleanup(closeStore)
	h := history{store: store}
	clock := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	send := d.Aggregates(rt, command.Config{
		Store: store,
		// Hours pass, so that aggregates are created on different days.
		Now:   func() time.Time { clock = clock.Add(37 * time.Minute); return clock },
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Cache: command.NewCache(1 << 20), Exclusive: rapid.Bool().Draw(rt, "exclusive"),
	})
	heads := map[uuid.UUID]uint64{}
	for range rapid.IntRange(1, 25).Draw(rt, "commands") {
		id, err := send(rt)
		if err != nil {
			rt.Fatal(err)
		}
		records, err := store.Load(context.Background(), id, heads[id])
		if err != nil {
			rt.Fatal(err)
		}
		if heads[id] == 0 && len(records) > 0 {
			h.ids = append(h.ids, id)
		}
		heads[id] += uint64(len(records))
		h.records = append(h.records, records...)
	}
	return h
}

// firstGeneration makes the first generation of every view the live one.
type firstGeneration struct{}

func (firstGeneration) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: 1}
}

// VersionOf implements ports.LiveViews.
func (firstGeneration) VersionOf(ports.ViewID) int { return 0 }
