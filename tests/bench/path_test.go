package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// manyWriters is the higher of the two measured numbers of writers.
const manyWriters = 64

// BenchmarkPath measures the whole command path beside raw Pebble.
func BenchmarkPath(b *testing.B) {
	systems := []struct {
		name string
		open func(b *testing.B, w workload.Workload) workload.Handle
	}{
		{"orderflow", func(b *testing.B, _ workload.Workload) workload.Handle { return openEmbedded(b, b.TempDir()) }},
		{"pebble", func(b *testing.B, w workload.Workload) workload.Handle { return openPebble(b, recordCommits(b, w)) }},
	}
	for _, w := range workload.All() {
		for _, s := range systems {
			b.Run(fmt.Sprintf("workload=%s/system=%s", w.Name, s.name), func(b *testing.B) {
				handle := s.open(b, w)
				for _, writers := range []int{1, manyWriters} {
					b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { w.Bench(b, writers, handle) })
				}
			})
		}
	}
}

// openEmbedded opens an embedded store and returns the command path on it.
func openEmbedded(tb testing.TB, dir string) workload.Handle {
	tb.Helper()
	handle := openCommands(tb, dir)
	return func(ctx context.Context, c order.Command) error {
		_, err := handle(ctx, c)
		return err
	}
}

// openCommands is openEmbedded for a caller who needs the results.
func openCommands(tb testing.TB, dir string) func(context.Context, order.Command) (orders.Result, error) {
	tb.Helper()
	store, err := embedded.Open(tb.Context(), embedded.Options{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	h := orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Now: time.Now, NewID: workload.NewID, Cache: command.NewCache(64 << 20), Exclusive: true,
		Pages: store, Finder: store,
	})
	return func(ctx context.Context, c order.Command) (orders.Result, error) {
		return h.Handle(ctx, orders.Request{Command: c})
	}
}

// The bytes that Pebble writes must be those that the store writes; otherwise the ratio has no
// meaning.
func TestRecordCommits_HoldsBothCopiesOfTheEvent(t *testing.T) {
	t.Parallel()
	life := workload.Life()
	commits := recordCommits(t, life)
	if len(commits) != life.Length {
		t.Fatalf("%d commits, want %d", len(commits), life.Length)
	}
	for name, c := range commits {
		bodies, numbered := map[string]int{}, 0
		for _, w := range c.writes {
			if len(w.value) > 9 {
				bodies[string(w.value[9:])]++
			}
			if len(w.inKey) == 0 {
				numbered++
			}
		}
		if numbered != 1 {
			t.Errorf("%s: %d keys are without the order id, want that of the outbox", name, numbered)
		}
		twice := 0
		for _, n := range bodies {
			if n == 2 {
				twice++
			}
		}
		if twice != 1 {
			t.Errorf("%s: no value is written twice, to the history and to the outbox", name)
		}
	}
}

// Ids that stay the same from commit to commit compress better than those of real events.
func TestCommit_HasIdsOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range recordCommits(t, workload.Life()) {
		other := c.ids.another(workload.NewID())
		for _, w := range c.writes {
			key, value := bytes.Clone(w.key), bytes.Clone(w.value)
			other.replace(key, w.inKey)
			other.replace(value, w.inValue)
			for id := range c.ids {
				if bytes.Contains(key, c.ids[id][:]) || bytes.Contains(value, c.ids[id][:]) {
					t.Errorf("%s: a commit has the id %s of another one", name, c.ids[id])
				}
			}
		}
	}
}
