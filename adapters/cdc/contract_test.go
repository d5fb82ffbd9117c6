package cdc_test

import (
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/adapters/memory"
	"orderflow/ports/porttest"
	"orderflow/tests/scyllasim"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		options scyllasim.Options
		tune    func(*cdc.Config)
	}{
		"vnodes": {},
		// Much comes from the log, through the pages of each consumer.
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
				return harness(t, s, config, memory.New(memory.Options{}))
			})
		})
	}
}

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	hosts(t)
	porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness {
		s := real(t)
		return harness(t, s, s.config(newOffsets()), memory.New(memory.Options{}))
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
		Tuning: porttest.Tuning{Wait: 30 * time.Second, Quiet: 60 * time.Millisecond, Writers: 8, Backlog: 500},
	}
}
