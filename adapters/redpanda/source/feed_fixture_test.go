package source_test

import (
	"errors"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
)

func newTopicReader(t testing.TB, config redpanda.Config) *source.TopicReader {
	t.Helper()
	reader, err := source.NewTopicReader(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return reader
}

// feedConfig returns a configuration for brokers in this process.
func feedConfig(config redpanda.Config) source.Config {
	return source.Config{
		Config: config, GroupPrefix: config.Topic.Name + ".",
		Heartbeat: 20 * time.Millisecond, CommitInterval: 5 * time.Millisecond, HandOver: topictest.Bound, FetchWait: 10 * time.Millisecond,
	}
}

func newFeed(t testing.TB, config source.Config) *source.Feed {
	t.Helper()
	f, err := source.NewFeed(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// closeBoth is for a harness of a feed and its store.
func closeBoth(f *source.Feed, s *memory.Store) func() error {
	return func() error { return errors.Join(f.Close(), s.Close()) }
}
