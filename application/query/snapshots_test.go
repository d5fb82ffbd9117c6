package query_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/memory"
	"orderflow/application/query"
	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func rowKeeper(store *memory.Store) *snapshot.Keeper {
	return snapshot.NewKeeper(snapshot.Config{
		Store: store, History: store, Every: 50, Logger: slog.New(slog.DiscardHandler),
	}, query.Snapshot(order.Type, views.OrderReadModel(), codec{}))
}

// shortened returns queries that use the snapshots of a keeper.
func shortened(store *memory.Store, pages ports.HistoryPager, keeper *snapshot.Keeper) *query.Aggregates {
	return query.NewAggregates(query.AggregatesConfig{
		Type: order.Type, Live: live{}, Views: store, Store: pages, Codec: codec{}, Projection: views.OrderReadModel(),
		Snapshots: keeper.Shelf(query.SnapshotName),
	})
}

// P10: however long the history is, a read of the past folds a few hundred events.
func TestOrders_RowAt_beginsAtASnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.happens(t, id(1, 0), changes(2_600)...)
	keeper := rowKeeper(w.store)
	if err := keeper.Write(t.Context(), order.Type, id(1, 0), 2_600); err != nil {
		t.Fatal(err)
	}
	if n := keeper.Stats().Written; n != 5 {
		t.Errorf("%d snapshots, want one for every 500 events", n)
	}
	for _, n := range []int{501, 502, 999, 1_000, 1_001, 2_499, 2_500, 2_501, 2_600} {
		for _, moment := range []ports.Moment{{SequenceNumber: uint64(n)}, {Time: noon.Add(time.Duration(n) * time.Second)}} {
			counted := &reads{HistoryPager: w.store}
			row, err := shortened(w.store, counted, keeper).RowAt(t.Context(), id(1, 0), moment)
			if err != nil || views.OrderReadModel().Table.Get(row, "sequence_number") != int64(n) {
				t.Fatalf("%+v: row %v, %v", moment, row, err)
			}
			if counted.records > 501 {
				t.Errorf("%+v: %d records were read", moment, counted.records)
			}
		}
	}
}

// A history that has no snapshots is folded once.
func TestOrders_RowAt_asksForSnapshots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.happens(t, id(1, 0), changes(1_100)...)
		keeper := rowKeeper(w.store)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- keeper.Run(ctx) }()
		if _, err := shortened(w.store, w.store, keeper).RowAt(t.Context(), id(1, 0), ports.Moment{SequenceNumber: 1_050}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := keeper.Stats().Written; n != 2 {
			t.Errorf("%d snapshots were written", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Whatever snapshots there are, whole or damaged or of another version, and whatever the times of
// the events are, the answer is that of no snapshots.
func TestOrders_RowAt_PropSnapshotsChangeNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w, order1 := newWorld(t), id(1, 0)
		events := changes(rapid.SampledFrom([]int{20, 500, 501, 1_200, 1_600}).Draw(rt, "events"))
		jumps := rapid.MapOfN(rapid.IntRange(0, len(events)), rapid.SampledFrom([]int{-900, -300, -1, 300}), 0, 4).Draw(rt, "jumps of the clock")
		at, times := noon, []time.Time{}
		for i, event := range events {
			at = at.Add(time.Second + time.Duration(jumps[i])*time.Second)
			times = append(times, at)
			record, err := codec{}.Encode(projection.Event{Event: event, Header: eventsourcing.Header{
				AggregateType: order.Type, EventID: uuid.New(), AggregateID: order1, SequenceNumber: uint64(i + 1),
				CommandID: uuid.New(), CreatedAt: at,
			}})
			if err != nil {
				rt.Fatal(err)
			}
			w.append(t, record)
		}
		keeper := rowKeeper(w.store)
		spoil(rt, w.store, keeper, order1, uint64(len(events)))
		queries := shortened(w.store, w.store, keeper)
		for range 12 {
			moment := ports.Moment{SequenceNumber: rapid.Uint64Range(1, uint64(len(events))+2).Draw(rt, "sequence number")}
			if rapid.Bool().Draw(rt, "by time") {
				near := rapid.SampledFrom(times).Draw(rt, "near")
				moment = ports.Moment{Time: near.Add(time.Duration(rapid.IntRange(-1, 1).Draw(rt, "ms")) * time.Millisecond)}
			}
			want, wantErr := w.orders.RowAt(context.Background(), order1, moment)
			got, gotErr := queries.RowAt(context.Background(), order1, moment)
			if diff := cmp.Diff(want, got); diff != "" || fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
				rt.Fatalf("%+v: error %v, without snapshots %v (-without +with):\n%s", moment, gotErr, wantErr, diff)
			}
		}
	})
}

// spoil writes the snapshots of an order, and leaves some as they are, takes some away, and damages
// the others.
func spoil(rt *rapid.T, store *memory.Store, keeper *snapshot.Keeper, id uuid.UUID, head uint64) {
	ctx := context.Background()
	if err := keeper.Write(ctx, order.Type, id, head); err != nil {
		rt.Fatal(err)
	}
	var all []ports.Snapshot
	for atMost := head; atMost > 0; {
		s, err := store.LoadSnapshot(ctx, id, query.SnapshotName, atMost)
		if err != nil {
			rt.Fatal(err)
		}
		if s.SequenceNumber == 0 {
			break
		}
		all, atMost = append(all, s), s.SequenceNumber-1
	}
	if err := store.DropSnapshots(ctx, id, query.SnapshotName, head); err != nil {
		rt.Fatal(err)
	}
	for _, s := range all {
		switch rapid.SampledFrom([]string{"whole", "whole", "none", "version", "damage"}).Draw(rt, "snapshot") {
		case "none":
			continue
		case "version":
			s.Version++
		case "damage":
			s.Data[rapid.IntRange(0, len(s.Data)-1).Draw(rt, "byte")] ^= 4
		}
		if err := store.SaveSnapshot(ctx, s); err != nil {
			rt.Fatal(err)
		}
	}
}
