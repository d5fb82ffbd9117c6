package bench_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

// perSecond is the rate of BenchmarkLatency.
const perSecond = 1000

// senders are the ways of a command into the service.
var senders = []struct {
	name string
	open func(testing.TB, *service) workload.Handle
}{
	{"handler", throughHandler},
	{"http", throughHTTP},
}

// throughHandler sends commands to the command handler.
func throughHandler(_ testing.TB, s *service) workload.Handle {
	return func(ctx context.Context, c order.Command) error {
		_, err := s.commands.Handle(ctx, orders.Request{Command: c})
		return err
	}
}

// throughHTTP sends commands to the API over persistent connections.
func throughHTTP(tb testing.TB, s *service) workload.Handle {
	tb.Helper()
	client := pace.NewClient(s.url(), pace.Window)
	tb.Cleanup(client.Close)
	return client.Handle
}

// BenchmarkLatency measures how long after its due time a command was answered, and was in the read
// models. A command takes a millisecond, so -benchtime=10000x takes ten seconds for each benchmark.
func BenchmarkLatency(b *testing.B) {
	for _, sender := range senders {
		for _, sink := range []string{sinkNone, sinkFile} {
			b.Run(fmt.Sprintf("sender=%s/sink=%s", sender.name, sink), func(b *testing.B) {
				// When one command has reached all views, everything has started.
				first := pace.NewTimeline(1, perSecond, viewNames())
				t := pace.NewTimeline(b.N, perSecond, viewNames())
				s := startService(b, sink, func(view string, orderID uuid.UUID, sequence uint64) {
					first.Shown(view, orderID, sequence)
					t.Shown(view, orderID, sequence)
				})
				send := sender.open(b, s)
				run(b, first, send)
				b.ResetTimer()
				run(b, t, send)
				b.StopTimer()
				report(b, t)
			})
		}
	}
}

// The clock must see every effect on every view.
func TestService_ShowsEveryCommandInEveryView(t *testing.T) {
	t.Parallel()
	const commands = 3 * pace.AtOnce // three commands an order
	for _, sender := range senders {
		t.Run(sender.name, func(t *testing.T) {
			t.Parallel()
			line := pace.NewTimeline(commands, perSecond, viewNames())
			s := startService(t, sinkFile, line.Shown)
			run(t, line, sender.open(t, s))
			if line.Missing() != 0 || line.Answers().At(0) <= 0 || line.SeenByAll().At(0) <= 0 {
				t.Errorf("%d effects are missing", line.Missing())
			}
		})
	}
}

func viewNames() []string {
	var names []string
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// run runs a timeline to its end.
func run(tb testing.TB, t *pace.Timeline, send workload.Handle) {
	tb.Helper()
	if err := t.Run(tb.Context(), send); err != nil {
		tb.Fatal(err)
	}
}

func report(b *testing.B, t *pace.Timeline) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // the rate is fixed
	both := func(name string, q pace.Quantiles) {
		b.ReportMetric(q.At(0.50), name+"-p50-ms")
		b.ReportMetric(q.At(0.99), name+"-p99-ms")
	}
	both("sent", t.Sends())
	both("answered", t.Answers())
	for i, view := range t.Views {
		both(view, t.SeenBy(i))
	}
	both("all-views", t.SeenByAll())
}
