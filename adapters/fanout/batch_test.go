package fanout_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

// sizes returns a handleAll that notes how many records came together and "handled" for each, and
// then waits for hold.
func (j *journal) sizes(into *[]int, hold <-chan struct{}) func(context.Context, []eventsourcing.Record) error {
	return func(_ context.Context, records []eventsourcing.Record) error {
		*into = append(*into, len(records))
		for _, r := range records {
			j.note("handled", r)
		}
		<-hold
		return nil
	}
}

// afterFirst emits the first record. It emits the others while the first one is being handled.
func (j *journal) afterFirst(records []eventsourcing.Record) func(context.Context, emitFunc) error {
	return func(ctx context.Context, emit emitFunc) error {
		for i, r := range records {
			if i == 1 {
				<-time.After(time.Second) // on the clock of the bubble
			}
			if err := emit(ctx, r, func() { j.note("done", r) }); err != nil {
				return nil
			}
			j.note("emitted", r)
		}
		<-ctx.Done()
		return nil
	}
}

func TestRouter_Batches(t *testing.T) {
	t.Parallel()

	t.Run("a record that comes alone goes alone, and what waits goes together", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var (
				j     journal
				sizes []int
				hold  = make(chan struct{})
			)
			ids := newIDs(3)
			r := run(t, fanout.Config{Lanes: 1, Batch: 4, LaneBuffer: 8}, &consumer{
				name: "a", pull: j.afterFirst(interleaved(ids, 4)), handleAll: j.sizes(&sizes, hold),
			})
			<-time.After(2 * time.Second) // the first record is being handled, and eight wait
			if got := j.count("emitted"); got != 9 {
				t.Errorf("emitted %d records, want those of the buffer and one in flight", got)
			}
			close(hold)
			synctest.Wait()
			r.stop()
			if diff := cmp.Diff([]int{1, 4, 4}, sizes[:min(3, len(sizes))]); diff != "" {
				t.Errorf("sizes (-want +got):\n%s", diff)
			}
			want := map[uuid.UUID][]uint64{}
			for _, id := range ids {
				want[id] = numbers(4)
			}
			for _, what := range []string{"handled", "done"} {
				if diff := cmp.Diff(want, j.of(what)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	})

	t.Run("a batch that fails is delivered again as a whole", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			attempts, boom := 0, errors.New("boom")
			records := history(uuid.New(), 6)
			r := run(t, fanout.Config{Lanes: 1, Batch: 8, RetryPause: time.Minute}, &consumer{
				name: "a", pull: j.emitting(records),
				handleAll: func(ctx context.Context, records []eventsourcing.Record) error {
					for _, r := range records {
						j.note("tried", r)
					}
					if attempts++; attempts <= 2 {
						return boom
					}
					return nil
				},
			})
			synctest.Wait()
			if got := j.count("done"); got != 0 {
				t.Errorf("%d records are done after a failure", got)
			}
			<-time.After(5 * time.Minute)
			r.stop()
			if diff := cmp.Diff(map[uuid.UUID][]uint64{records[0].AggregateID: numbers(6)}, j.of("done")); diff != "" {
				t.Errorf("done (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("the number may differ by consumer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var (
				j        journal
				one, all []int
				hold     = make(chan struct{})
			)
			records := history(uuid.New(), 5)
			r := run(t, fanout.Config{Lanes: 1, Batch: 8, BatchOf: func(name string) int {
				if name == "one" {
					return 1
				}
				return 0
			}},
				&consumer{name: "one", pull: j.afterFirst(records), handleAll: j.sizes(&one, hold)},
				&consumer{name: "all", pull: j.afterFirst(records), handleAll: j.sizes(&all, hold)},
			)
			<-time.After(2 * time.Second)
			close(hold)
			synctest.Wait()
			r.stop()
			if diff := cmp.Diff([][]int{{1, 1, 1, 1, 1}, {1, 4}}, [][]int{one, all}); diff != "" {
				t.Errorf("sizes (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("what waits when the router stops is not done", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var (
				j     journal
				sizes []int
				hold  = make(chan struct{})
			)
			records := history(uuid.New(), 5)
			r := run(t, fanout.Config{Lanes: 1, Batch: 8}, &consumer{
				name: "a", pull: j.afterFirst(records), handleAll: j.sizes(&sizes, hold),
			})
			<-time.After(2 * time.Second)
			r.cancel()
			<-time.After(2 * time.Second)
			close(hold)
			r.stop()
			if diff := cmp.Diff(map[uuid.UUID][]uint64{records[0].AggregateID: numbers(1)}, j.of("done")); diff != "" {
				t.Errorf("done (-want +got):\n%s", diff)
			}
		})
	})
}
