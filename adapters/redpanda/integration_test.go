package redpanda_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"orderflow/adapters/redpanda"
	"orderflow/ports/porttest"
	"orderflow/tests/servers"
)

// realConfig returns a configuration for a real broker, with a topic of its own that is deleted in the end.
func realConfig(t *testing.T) redpanda.Config {
	t.Helper()
	config := redpanda.Config{
		Brokers: servers.Kafka(t),
		Topic:   redpanda.Topic{Name: "test-" + uuid.NewString(), Partitions: 4},
		Timeout: bound, // not all of these tests try again
	}
	t.Cleanup(func() {
		settings, err := config.Sarama()
		if err != nil {
			t.Error(err)
			return
		}
		admin, err := sarama.NewClusterAdmin(config.Brokers, settings)
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close()
		if err := admin.DeleteTopic(config.Topic.Name); err != nil {
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
			records, p := compressible(), newPublisher(t, config)
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
