package fanout_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestNew(t *testing.T) {
	t.Parallel()
	named := func(name string) fanout.Consumer { return &consumer{name: name} }
	for name, test := range map[string]struct {
		config    fanout.Config
		consumers []fanout.Consumer
	}{
		"refuses two consumers of the same name": {consumers: []fanout.Consumer{named("a"), named("b"), named("a")}},
		"refuses a consumer without a name":      {consumers: []fanout.Consumer{named("")}},
		"refuses negative lanes":                 {config: fanout.Config{Lanes: -1}},
		"refuses a negative buffer":              {config: fanout.Config{LaneBuffer: -1}},
		"refuses a negative pause":               {config: fanout.Config{RetryPause: -1}},
		"refuses a negative drain":               {config: fanout.Config{DrainTimeout: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := fanout.New(test.config, test.consumers...); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRouter_Run(t *testing.T) {
	t.Parallel()

	t.Run("waits without consumers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := run(t, fanout.Config{})
			synctest.Wait()
			select {
			case err := <-r.ended:
				t.Errorf("Run ended by itself: %v", err)
			default:
				r.stop()
			}
		})
	})

	t.Run("returns at once when the context has ended", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			router, err := fanout.New(fanout.Config{}, &consumer{name: "a", pull: j.emitting(nil), handle: j.handling})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			start := time.Now()
			if err := router.Run(ctx); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 0 {
				t.Errorf("took %s", took)
			}
		})
	})

	t.Run("refuses a second time", func(t *testing.T) {
		t.Parallel()
		router, err := fanout.New(fanout.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := router.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := router.Run(ctx); err == nil {
			t.Error("no error")
		}
	})
}

// Many aggregates, many lanes, several consumers, in real time. Each consumer handles every record
// once, in order within each aggregate. It never handles two records of one aggregate at once, and
// never more records than it has lanes.
func TestRouter_KeepsOrderWithinAggregates(t *testing.T) {
	t.Parallel()
	const events = 30
	for _, lanes := range []int{1, 3, 16} {
		t.Run(fmt.Sprintf("with %d lanes", lanes), func(t *testing.T) {
			t.Parallel()
			aggregates := newIDs(50)
			records := interleaved(aggregates, events)
			var consumers []fanout.Consumer
			var journals []*journal
			var left sync.WaitGroup
			for i := range 3 {
				j := &journal{}
				journals = append(journals, j)
				left.Add(len(records))
				c := &consumer{name: fmt.Sprintf("consumer-%d", i), handle: exclusively(t, lanes, j)}
				c.pull = func(ctx context.Context, emit emitFunc) error {
					for _, r := range records {
						done := func() { j.note("done", r); left.Done() }
						if err := emit(ctx, r, done); err != nil {
							return err
						}
					}
					<-ctx.Done()
					return nil
				}
				consumers = append(consumers, c)
			}
			r := run(t, fanout.Config{Lanes: lanes, LaneBuffer: 4}, consumers...)
			left.Wait()
			r.stop()

			want := make(map[uuid.UUID][]uint64)
			for _, a := range aggregates {
				want[a] = numbers(events)
			}
			for i, j := range journals {
				for _, what := range []string{"handled", "done"} {
					if diff := cmp.Diff(want, j.of(what)); diff != "" {
						t.Errorf("consumer %d, %s (-want +got):\n%s", i, what, diff)
					}
				}
			}
		})
	}
}

// exclusively returns a Handle that notes "handled" in j. It fails t when it runs twice at a time
// for one aggregate, or for more than limit records.
func exclusively(t *testing.T, limit int, j *journal) func(context.Context, eventsourcing.Record) error {
	var busy sync.Map
	var inFlight atomic.Int64
	return func(_ context.Context, r eventsourcing.Record) error {
		if n := inFlight.Add(1); n > int64(limit) {
			t.Errorf("%d records at a time, want at most %d", n, limit)
		}
		if _, loaded := busy.LoadOrStore(r.AggregateID, true); loaded {
			t.Errorf("two records of %s at a time", r.AggregateID)
		}
		runtime.Gosched()
		j.note("handled", r)
		busy.Delete(r.AggregateID)
		inFlight.Add(-1)
		return nil
	}
}

func TestRouter_StuckRecord(t *testing.T) {
	t.Parallel()

	t.Run("holds up neither other lanes nor other consumers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const lanes, buffer, events = 4, 8, 6
			stuck, free := apart(lanes)
			records := interleaved([]uuid.UUID{stuck, free}, events)
			var slow, quick journal
			release := make(chan struct{})
			r := run(t, fanout.Config{Lanes: lanes, LaneBuffer: buffer},
				&consumer{name: "slow", pull: slow.emitting(records), handle: func(ctx context.Context, r eventsourcing.Record) error {
					if r.AggregateID == stuck {
						<-release
					}
					return slow.handling(ctx, r)
				}},
				&consumer{name: "quick", pull: quick.emitting(records), handle: quick.handling})
			synctest.Wait()
			if diff := cmp.Diff(map[uuid.UUID][]uint64{free: numbers(events)}, slow.of("done")); diff != "" {
				t.Errorf("done while one lane is stuck (-want +got):\n%s", diff)
			}
			everything := map[uuid.UUID][]uint64{stuck: numbers(events), free: numbers(events)}
			if diff := cmp.Diff(everything, quick.of("done")); diff != "" {
				t.Errorf("done by the other consumer (-want +got):\n%s", diff)
			}
			close(release)
			synctest.Wait()
			if diff := cmp.Diff(everything, slow.of("done")); diff != "" {
				t.Errorf("done after the lane came free (-want +got):\n%s", diff)
			}
			r.stop()
		})
	})

	t.Run("blocks its own Pull when its lane is full", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const lanes, buffer, events = 4, 8, 100
			stuck := uuid.New()
			var slow, quick journal
			release := make(chan struct{})
			r := run(t, fanout.Config{Lanes: lanes, LaneBuffer: buffer},
				&consumer{name: "slow", pull: slow.emitting(history(stuck, events)), handle: func(ctx context.Context, r eventsourcing.Record) error {
					<-release
					return slow.handling(ctx, r)
				}},
				&consumer{name: "quick", pull: quick.emitting(history(stuck, events)), handle: quick.handling})
			synctest.Wait()
			if got := slow.count("emitted"); got != buffer+1 {
				t.Errorf("emitted %d records, want those of the buffer and one in flight: %d", got, buffer+1)
			}
			if got := quick.count("done"); got != events {
				t.Errorf("the other consumer did %d of %d", got, events)
			}
			close(release)
			synctest.Wait()
			if diff := cmp.Diff(map[uuid.UUID][]uint64{stuck: numbers(events)}, slow.of("done")); diff != "" {
				t.Errorf("done (-want +got):\n%s", diff)
			}
			r.stop()
		})
	})
}

// Each consumer handles as many records at once as it has lanes, by its own number or by that of
// all.
func TestRouter_LanesOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var records []eventsourcing.Record
		for range 400 {
			records = append(records, history(uuid.New(), 1)...)
		}
		release := make(chan struct{})
		inHand := map[string]*atomic.Int64{"wide": {}, "usual": {}}
		holding := func(name string) *consumer {
			var j journal
			return &consumer{name: name, pull: j.emitting(records), handle: func(context.Context, eventsourcing.Record) error {
				inHand[name].Add(1)
				<-release
				return nil
			}}
		}
		lanes := map[string]int{"wide": 8}
		r := run(t, fanout.Config{Lanes: 2, LaneBuffer: 400, LanesOf: func(name string) int { return lanes[name] }}, holding("wide"), holding("usual"))
		synctest.Wait()
		if wide, usual := inHand["wide"].Load(), inHand["usual"].Load(); wide != 8 || usual != 2 {
			t.Errorf("%d and %d records are in hand, want 8 and 2", wide, usual)
		}
		close(release)
		r.stop()
	})
}

func TestLaneOf(t *testing.T) {
	t.Parallel()
	const lanes, each = 16, 400
	random := func() uuid.UUID { return uuid.New() }
	sequential := uint32(0)
	for name, newID := range map[string]func() uuid.UUID{
		"time ordered ids": func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		"random ids":       random,
		"ids that differ in the last bytes": func() uuid.UUID {
			sequential++
			return uuid.UUID{13: byte(sequential >> 16), 14: byte(sequential >> 8), 15: byte(sequential)}
		},
		"ids that differ in the first bytes": func() uuid.UUID {
			sequential++
			return uuid.UUID{0: byte(sequential >> 16), 1: byte(sequential >> 8), 2: byte(sequential)}
		},
	} {
		// Not parallel: the ids come from a shared counter.
		t.Run("spreads "+name+" evenly", func(t *testing.T) {
			var counts [lanes]int
			for range lanes * each {
				counts[fanout.LaneOf(newID(), lanes)]++
			}
			for lane, n := range counts {
				if n < each*3/4 || n > each*5/4 { // five standard deviations
					t.Errorf("lane %d got %d of %d, want about %d", lane, n, lanes*each, each)
				}
			}
		})
	}
}
