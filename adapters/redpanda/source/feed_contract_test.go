package source_test

import (
	"testing"
	"time"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/ports/porttest"
	"orderflow/tests/servers"
)

func TestFeed_Contract(t *testing.T) {
	t.Parallel()
	feedContract(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_ContractIntegration(t *testing.T) {
	t.Parallel()
	feedContract(t, servers.Kafka(t))
}

func feedContract(t *testing.T, brokers []string) {
	porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness {
		config := topictest.NewTopic(brokers)
		config.Metadata = true
		return feedHarness(t, feedConfig(config), topictest.NewShelf(t, config))
	})
}

func feedHarness(t testing.TB, config source.Config, s *topictest.Shelf) porttest.ChangeFeedHarness {
	f := newFeed(t, config)
	return porttest.ChangeFeedHarness{
		Feed: f, Store: s, Close: closeBoth(f, s.Store),
		Reopen: func(t testing.TB) porttest.ChangeFeedHarness {
			_ = f.Close()
			return feedHarness(t, config, s.Reopen())
		},
		Expire: func() { s.Expire(t) },
		Tuning: porttest.Tuning{Wait: topictest.Bound, Quiet: 300 * time.Millisecond},
	}
}
