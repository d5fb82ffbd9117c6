package bench_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order/views"
	"orderflow/tests/bench/workload"
)

// interval is the time from one command to the next, unless a timeline has its own.
const interval = time.Second / 1000

// stalled is how long the views may take after the last command before the measurement fails.
const stalled = time.Minute

// senders are the ways of a command into the service.
var senders = []struct {
	name string
	open func(testing.TB, *service) workload.Handle
}{
	{"handler", throughHandler},
	{"http", throughHTTP},
}

// BenchmarkLatency measures how long after its due time a command was answered, and was in the read
// models. A command takes a millisecond, so -benchtime=10000x takes ten seconds for each benchmark.
func BenchmarkLatency(b *testing.B) {
	for _, sender := range senders {
		for _, sink := range []string{sinkNone, sinkFile} {
			b.Run(fmt.Sprintf("sender=%s/sink=%s", sender.name, sink), func(b *testing.B) {
				// When one command has reached all views, everything has started.
				first, t := newTimeline(1, viewNames()), newTimeline(b.N, viewNames())
				s := startService(b, sink, func(view string, orderID uuid.UUID, sequence uint64) {
					first.shown(view, orderID, sequence)
					t.shown(view, orderID, sequence)
				})
				send := sender.open(b, s)
				first.run(b, send)
				b.ResetTimer()
				t.run(b, send)
				b.StopTimer()
				t.report(b)
			})
		}
	}
}

// The bookkeeping of the measurement must be right: every command is answered, and then seen by
// every view.
func TestTimeline_FollowsEveryCommandToEveryView(t *testing.T) {
	t.Parallel()
	const commands = 3 * atOnce // three commands an order
	for _, sender := range senders {
		t.Run(sender.name, func(t *testing.T) {
			t.Parallel()
			line := newTimeline(commands, viewNames())
			s := startService(t, sinkFile, line.shown)
			line.run(t, sender.open(t, s))

			for n := range commands {
				if line.sent[n] < line.due[n] || line.acked[n] <= line.sent[n] {
					t.Errorf("command %d was due at %v, sent at %v and answered at %v", n, line.due[n], line.sent[n], line.acked[n])
				}
				for i, view := range line.views {
					if seen := time.Duration(line.seen[i][n].Load()); seen <= line.sent[n] {
						t.Errorf("command %d was sent at %v and in %s at %v", n, line.sent[n], view, seen)
					}
				}
			}
			for i, view := range line.views {
				if all, one := line.seenByAll().at(1), line.seenBy(i).at(1); all < one {
					t.Errorf("the slowest command was in all views after %v ms, but in %s after %v", all, view, one)
				}
			}
		})
	}
}

func TestTimeline_NumbersCommandsAsItIssuesThem(t *testing.T) {
	t.Parallel()
	line := newTimeline(12*atOnce+7, nil)
	sequences := map[uuid.UUID]uint64{}
	for n := range line.due {
		orderID := line.command(n).AggregateID()
		sequences[orderID]++
		if got := line.number(line.place[orderID], sequences[orderID]); got != n {
			t.Fatalf("command %d has number %d", n, got)
		}
	}
}

func TestQuantiles_AreValuesOfTheSample(t *testing.T) {
	t.Parallel()
	sample := make(quantiles, 200)
	for i := range sample {
		sample[i] = time.Duration(i+1) * time.Millisecond
	}
	for fraction, want := range map[float64]float64{0: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := sample.at(fraction); got != want {
			t.Errorf("at %v: got %v, want %v", fraction, got, want)
		}
	}
}

func viewNames() []string {
	var names []string
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// run sends every command when it is due and the one before it on the same order was answered, and
// waits until all views have all of them.
func (t *timeline) run(tb testing.TB, send workload.Handle) {
	tb.Helper()
	ctx, cancel := context.WithCancelCause(tb.Context())
	defer cancel(nil)
	var sending sync.WaitGroup
	defer sending.Wait()

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.start = time.Now()
	for n := range t.due {
		t.due[n] = time.Duration(n+1) * t.interval
		pause(t.due[n] - t.now())
		t.sent[n] = t.now()
		sending.Go(func() {
			t.waitForPrevious(n)
			if err := send(ctx, t.command(n)); err != nil {
				cancel(fmt.Errorf("command %d: %w", n, err))
			}
			t.answer(n)
		})
	}
	sending.Wait()
	giveUp := time.AfterFunc(stalled, func() { cancel(errors.New("the views do not follow")) })
	defer giveUp.Stop()
	select {
	case <-t.complete:
	case <-ctx.Done():
	}
	if err := context.Cause(ctx); err != nil {
		tb.Fatal(err)
	}
}

func (t *timeline) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // the rate is fixed
	both := func(name string, q quantiles) {
		b.ReportMetric(q.at(0.50), name+"-p50-ms")
		b.ReportMetric(q.at(0.99), name+"-p99-ms")
	}
	both("sent", t.sends())
	both("answered", t.answers())
	for i, view := range t.views {
		both(view, t.seenBy(i))
	}
	both("all-views", t.seenByAll())
}
