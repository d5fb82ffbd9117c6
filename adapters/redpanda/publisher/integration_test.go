package publisher_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports/porttest"
	"orderflow/tests/servers"
)

// realConfig returns a configuration for a real broker, with a new topic that is deleted at the
// end.
func realConfig(t *testing.T) redpanda.Config {
	t.Helper()
	config := redpanda.Config{
		Brokers: servers.Kafka(t),
		Topic:   redpanda.Topic{Name: "test-" + uuid.NewString(), Partitions: 4},
		Timeout: topictest.Bound, // some of these tests do not retry
	}
	admin := topictest.NewAdmin(t, config.Brokers)
	t.Cleanup(func() {
		if _, err := admin.DeleteTopic(context.Background(), config.Topic.Name); err != nil {
			t.Log(err) // a test that published nothing has no topic
		}
	})
	return config
}

func TestIntegration_Contract(t *testing.T) {
	t.Parallel()
	porttest.Publisher(t, func(t *testing.T) porttest.PublisherHarness { return harness(t, realConfig(t)) })
}

func TestIntegration_Compression(t *testing.T) {
	t.Parallel()
	for _, compression := range []redpanda.Compression{redpanda.CompressionZstd, redpanda.CompressionLZ4} {
		t.Run(string(compression), func(t *testing.T) {
			t.Parallel()
			config := realConfig(t)
			config.Compression = compression
			records, p := compressible(), topictest.NewPublisher(t, config)
			for _, r := range records {
				if err := publishUntilTaken(t, p, r); err != nil {
					t.Fatal(err)
				}
			}
			if doubled := expectTopic(t, config, records); doubled > 0 {
				t.Logf("%d events are doubled", doubled)
			}
		})
	}
}
