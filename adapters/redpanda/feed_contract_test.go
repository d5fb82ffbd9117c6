package redpanda_test

import (
	"testing"
	"time"

	"orderflow/adapters/redpanda"
	"orderflow/ports/porttest"
	"orderflow/tests/servers"
)

func TestFeed_Contract(t *testing.T) {
	t.Parallel()
	feedContract(t, newCluster(t).ListenAddrs())
}

func TestFeed_ContractIntegration(t *testing.T) {
	t.Parallel()
	feedContract(t, servers.Kafka(t))
}

func feedContract(t *testing.T, brokers []string) {
	porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness {
		config := newTopic(brokers)
		config.Metadata = true
		return feedHarness(t, feedConfig(config), newShelf(t, config))
	})
}

func feedHarness(t testing.TB, config redpanda.FeedConfig, s *shelf) porttest.ChangeFeedHarness {
	f := newFeed(t, config)
	return porttest.ChangeFeedHarness{
		Feed: f, Store: s, Close: closeBoth(f, s.Store),
		Reopen: func(t testing.TB) porttest.ChangeFeedHarness {
			_ = f.Close()
			return feedHarness(t, config, reopenShelf(s))
		},
		Expire: func() { s.expire(t) },
		Tuning: porttest.Tuning{Wait: bound, Quiet: 300 * time.Millisecond},
	}
}

// reopenShelf returns the same topic and the same histories after a restart.
func reopenShelf(s *shelf) *shelf {
	return &shelf{Store: s.Store.Reopen(), config: s.config, producer: s.producer, admin: s.admin, locks: s.locks}
}
