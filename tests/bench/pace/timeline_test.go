package pace

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
)

func TestTimeline_NumbersCommandsAsItIssuesThem(t *testing.T) {
	t.Parallel()
	line := NewTimeline(12*AtOnce+7, 1000, nil)
	sequences := map[uuid.UUID]uint64{}
	for n := range line.due {
		orderID := line.command(n).AggregateID()
		sequences[orderID]++
		if got := line.number(line.place[orderID], sequences[orderID]); got != n {
			t.Fatalf("command %d has number %d", n, got)
		}
		if got := line.sequence(n); got != sequences[orderID] {
			t.Fatalf("command %d is event %d of its order, not %d", n, got, sequences[orderID])
		}
	}
}

// Every command is answered after it was sent, and its effect is seen once by every view.
func TestTimeline_FollowsEveryCommandToEveryView(t *testing.T) {
	t.Parallel()
	const commands = 3 * AtOnce // three commands an order
	line := NewTimeline(commands, 100_000, []string{"one", "two"})
	line.Window = 8
	var mu sync.Mutex
	sequences, inFlight, most := map[uuid.UUID]uint64{}, 0, 0
	err := line.Run(t.Context(), func(_ context.Context, c order.Command) error {
		mu.Lock()
		inFlight++
		most = max(most, inFlight)
		sequences[c.AggregateID()]++
		sequence := sequences[c.AggregateID()]
		mu.Unlock()
		line.Shown("one", c.AggregateID(), sequence)
		line.Shown("one", c.AggregateID(), sequence) // again
		line.Shown("two", c.AggregateID(), sequence)
		line.Shown("unknown", c.AggregateID(), sequence)
		mu.Lock()
		inFlight--
		mu.Unlock()
		return nil
	})
	if err != nil || line.Missing() != 0 || most > line.Window {
		t.Fatalf("%v, %d effects were not seen, %d commands were in flight", err, line.Missing(), most)
	}
	for n := range commands {
		if line.sent[n] < line.due[n] || line.acked[n] < line.sent[n] || line.last(n) < line.sent[n] {
			t.Errorf("command %d was due at %v, sent at %v, answered at %v and seen at %v",
				n, line.due[n], line.sent[n], line.acked[n], line.last(n))
		}
	}
	if all, one := line.SeenByAll().At(1), line.SeenBy(0).At(1); all < one {
		t.Errorf("the slowest command was in all views after %v ms, but in one of them after %v", all, one)
	}
}

func TestTimeline_EndsWhenACommandFails(t *testing.T) {
	t.Parallel()
	line := NewTimeline(5*AtOnce, 100_000, []string{"one"})
	err := line.Run(t.Context(), func(context.Context, order.Command) error { return errRefused })
	if !errors.Is(err, errRefused) {
		t.Errorf("got %v", err)
	}
}

var errRefused = errors.New("refused")

func TestQuantiles_AreValuesOfTheSample(t *testing.T) {
	t.Parallel()
	sample := make(Quantiles, 200)
	for i := range sample {
		sample[i] = time.Duration(i+1) * time.Millisecond
	}
	for fraction, want := range map[float64]float64{0: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := sample.At(fraction); got != want {
			t.Errorf("at %v: got %v, want %v", fraction, got, want)
		}
	}
	if got := (Quantiles{}).At(0.5); got != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}
