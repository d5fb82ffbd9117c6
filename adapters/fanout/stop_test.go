package fanout_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestRouter_Stop(t *testing.T) {
	t.Parallel()

	t.Run("lets what is in flight finish and lets go of what waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const lanes = 16
			records := interleaved(newIDs(200), 3)
			first := make(map[int]uuid.UUID) // the first aggregate of each lane
			for _, r := range records {
				if lane := fanout.LaneOf(r.AggregateID, lanes); first[lane] == uuid.Nil {
					first[lane] = r.AggregateID
				}
			}
			want := make(map[uuid.UUID][]uint64)
			for _, id := range first {
				want[id] = []uint64{1}
			}
			var j journal
			r := run(t, fanout.Config{Lanes: lanes, LaneBuffer: len(records), DrainTimeout: time.Minute},
				&consumer{name: "a", pull: j.emitting(records), handle: func(ctx context.Context, r eventsourcing.Record) error {
					<-time.After(10 * time.Second) // on the clock of the bubble
					if err := ctx.Err(); err != nil {
						return err
					}
					return j.handling(ctx, r)
				}})
			synctest.Wait()
			start := time.Now()
			r.stop()
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("took %s, want 10s: no more than the records in flight need", took)
			}
			for _, what := range []string{"handled", "done"} {
				if diff := cmp.Diff(want, j.of(what)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	})

	t.Run("ends the context of handlers when the drain takes too long", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			var reports atomic.Int64
			r := run(t, fanout.Config{DrainTimeout: time.Minute, OnError: func(string, error) { reports.Add(1) }},
				&consumer{name: "a", pull: j.emitting(interleaved(newIDs(20), 1)), handle: func(ctx context.Context, _ eventsourcing.Record) error {
					<-ctx.Done()
					return ctx.Err()
				}})
			synctest.Wait()
			start := time.Now()
			r.stop()
			if took := time.Since(start); took != time.Minute {
				t.Errorf("took %s, want 1m0s", took)
			}
			if j.count("done") != 0 || reports.Load() != 0 {
				t.Errorf("done %d times, %d reports: want neither", j.count("done"), reports.Load())
			}
		})
	})

	t.Run("ends a Pull that is blocked, and one that passes no context on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var blocked, careless error
			handle := func(ctx context.Context, _ eventsourcing.Record) error { <-ctx.Done(); return ctx.Err() }
			flood := func(result *error, own bool) func(context.Context, emitFunc) error {
				return func(ctx context.Context, emit emitFunc) error {
					if !own {
						ctx = context.Background()
					}
					for i := uint64(1); *result == nil; i++ {
						*result = emit(ctx, newRecord(uuid.Nil, i), func() {})
					}
					return nil
				}
			}
			r := run(t, fanout.Config{},
				&consumer{name: "a", pull: flood(&blocked, true), handle: handle},
				&consumer{name: "b", pull: flood(&careless, false), handle: handle})
			synctest.Wait()
			r.stop()
			if !errors.Is(blocked, context.Canceled) || !errors.Is(careless, context.Canceled) {
				t.Errorf("emit returned %v and %v", blocked, careless)
			}
		})
	})

	t.Run("is not needed to end an emit whose own context ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var emitted error
			handle := func(ctx context.Context, _ eventsourcing.Record) error { <-ctx.Done(); return ctx.Err() }
			r := run(t, fanout.Config{Lanes: 1, LaneBuffer: 1}, &consumer{
				name: "a", handle: handle,
				pull: func(ctx context.Context, emit emitFunc) error {
					short, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					for i := uint64(1); emitted == nil; i++ {
						emitted = emit(short, newRecord(uuid.Nil, i), func() {})
					}
					<-ctx.Done()
					return nil
				},
			})
			<-time.After(time.Second) // on the clock of the bubble
			synctest.Wait()
			if !errors.Is(emitted, context.DeadlineExceeded) {
				t.Errorf("emit returned %v", emitted)
			}
			r.stop()
		})
	})

	t.Run("waits neither for a record that fails nor for a Pull that pauses", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			r := run(t, fanout.Config{RetryPause: time.Hour},
				&consumer{name: "a", pull: j.emitting(history(uuid.New(), 2)), handle: func(context.Context, eventsourcing.Record) error {
					return errors.New("boom")
				}},
				&consumer{name: "b", pull: func(context.Context, emitFunc) error { return errors.New("boom") }, handle: j.handling})
			synctest.Wait()
			start := time.Now()
			r.stop()
			if took := time.Since(start); took != 0 {
				t.Errorf("took %s", took)
			}
		})
	})
}

// The router is stopped at any moment of the work. Whatever was done was handled before, in order
// and without a gap.
func TestRouter_StopAtAnyMoment(t *testing.T) {
	t.Parallel()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	aggregates := newIDs(8)
	records := interleaved(aggregates, 20)
	for round := range rounds {
		var one, two journal
		stopAt := make(chan struct{})
		var handled atomic.Int64
		handle := func(ctx context.Context, r eventsourcing.Record) error {
			if handled.Add(1) == int64(round)%100+1 {
				close(stopAt)
			}
			return one.handling(ctx, r)
		}
		var log bytes.Buffer
		r := run(t, fanout.Config{Lanes: 4, LaneBuffer: 2, Logger: textLogger(&log, slog.LevelInfo)},
			&consumer{name: "one", pull: one.emitting(records), handle: handle},
			&consumer{name: "two", pull: two.emitting(records), handle: two.handling})
		<-stopAt
		r.stop()
		if log.Len() > 0 {
			t.Fatalf("round %d: a normal stop is logged:\n%s", round, log.String())
		}
		for _, j := range []*journal{&one, &two} {
			done := j.of("done")
			if diff := cmp.Diff(j.of("handled"), done); diff != "" {
				t.Fatalf("round %d: handled and done differ (-handled +done):\n%s", round, diff)
			}
			for id, got := range done {
				if diff := cmp.Diff(numbers(len(got)), got); diff != "" {
					t.Fatalf("round %d: %s (-want +got):\n%s", round, id, diff)
				}
			}
		}
	}
}
