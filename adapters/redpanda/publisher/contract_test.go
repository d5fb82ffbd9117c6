package publisher_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/domain/eventsourcing"
	"orderflow/ports/porttest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	porttest.Publisher(t, func(t *testing.T) porttest.PublisherHarness { return harness(t, configOf(cluster)) })
}

func harness(t *testing.T, config redpanda.Config) porttest.PublisherHarness {
	p := topictest.NewPublisher(t, config)
	return porttest.PublisherHarness{
		Publisher: p,
		Published: func(t testing.TB) []eventsourcing.Record { return topictest.ReadRecords(t, config) },
		Close:     p.Close,
	}
}

func TestPublisher_Compression(t *testing.T) {
	t.Parallel()
	for compression, small := range map[redpanda.Compression]bool{
		"": false, redpanda.CompressionNone: false, redpanda.CompressionZstd: true, redpanda.CompressionLZ4: true,
	} {
		t.Run(string(compression), func(t *testing.T) {
			t.Parallel()
			cluster := topictest.NewCluster(t)
			config := configOf(cluster)
			config.Compression = compression
			records := compressible()
			publish(t, topictest.NewPublisher(t, config), records...)
			if diff := cmp.Diff(records, topictest.ReadRecords(t, config)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var bytes int64
			for _, p := range cluster.PartitionInfos(config.Topic.Name) {
				bytes += p.NumBytes
			}
			if payload := int64(len(records[0].Payload)); bytes < payload != small {
				t.Errorf("the topic has %d bytes of a payload of %d", bytes, payload)
			}
		})
	}
}

// compressible returns a record that becomes much smaller, and its successor.
func compressible() []eventsourcing.Record {
	records := topictest.History(2)
	records[0].Payload = []byte(`"` + strings.Repeat("x", 100_000) + `"`)
	return records
}
