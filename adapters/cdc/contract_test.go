package cdc_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/adapters/memory"
	"orderflow/ports"
	"orderflow/ports/porttest"
	"orderflow/tests/scyllasim"
	"orderflow/tests/servers"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		options scyllasim.Options
		tune    func(*cdc.Config)
	}{
		"vnodes": {},
		// Many records come from the log, in pages for each consumer.
		"a short tail": {tune: func(c *cdc.Config) { c.TailRecords, c.CatchUpRecords = 20, 200 }},
		"tablets":      {options: scyllasim.Options{Tablets: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness {
				s := simulated(t, v.options, false)
				config := s.config(newOffsets())
				if v.tune != nil {
					v.tune(&config)
				}
				h := harness(t, s, config, memory.New(memory.Options{}))
				if name == "a short tail" {
					// A page is sorted, but the boundary of two pages is not. A later event that is
					// written before an earlier one then comes first, as a gap, which consumers
					// heal. See Limits in the package comment. So writers take turns here.
					h.Store = &turns{EventStore: h.Store}
				}
				return h
			})
		})
	}
}

// turns is a store that writes the events of one append to the outbox before the next append
// begins.
type turns struct {
	ports.EventStore
	mu sync.Mutex
}

func (s *turns) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.EventStore.Append(ctx, a)
}

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	servers.Scylla(t)
	porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness {
		s := real(t)
		config := s.config(newOffsets())
		config.Confidence = 3 * time.Second // a server with other load may need time for a row
		return harness(t, s, config, memory.New(memory.Options{}))
	})
}

func harness(tb testing.TB, s server, config cdc.Config, events *memory.Store) porttest.ChangeFeedHarness {
	feed := run(tb, config)
	outbox := store{Store: events, server: s, appended: feed.Wake}
	return porttest.ChangeFeedHarness{
		Feed: feed, Store: outbox, Pulse: outbox, Close: feed.Close,
		Reopen: func(tb testing.TB) porttest.ChangeFeedHarness {
			if err := feed.Close(); err != nil {
				tb.Fatal(err)
			}
			return harness(tb, s, config, events)
		},
		Expire: feed.Expire, Repeats: true,
		Tuning: porttest.Tuning{Wait: time.Minute, Quiet: 60 * time.Millisecond, Writers: 8, Backlog: 500},
	}
}

func TestContract_tails(t *testing.T) {
	t.Parallel()
	for name, tune := range map[string]func(*cdc.Config){
		"memory": func(*cdc.Config) {},
		// Many records come from the log, in pages for each tail.
		"a short tail": func(c *cdc.Config) { c.TailRecords, c.CatchUpRecords = 20, 200 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.FeedTail(t, func(t *testing.T) porttest.FeedTailHarness {
				s := simulated(t, scyllasim.Options{}, false)
				config := s.config(newOffsets())
				tune(&config)
				return tails(t, harness(t, s, config, memory.New(memory.Options{})))
			})
		})
	}
}

// tails makes a harness of tails from one of consumers. Writers take turns, see [turns].
func tails(tb testing.TB, h porttest.ChangeFeedHarness) porttest.FeedTailHarness {
	tb.Helper()
	return porttest.FeedTailHarness{
		Tails: h.Feed.(ports.FeedTail), Feed: h.Feed, Store: &turns{EventStore: h.Store}, Close: h.Close, Repeats: true, Expire: h.Expire,
		Reopen: func(tb testing.TB) porttest.FeedTailHarness { return tails(tb, h.Reopen(tb)) }, Tuning: h.Tuning,
	}
}
