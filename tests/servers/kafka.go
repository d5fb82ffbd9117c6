package servers

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaImage = "docker.redpanda.com/redpandadata/redpanda:v25.3.1"
	kafkaFlags = "redpanda start --mode dev-container --smp 1 --memory 1G" +
		" --kafka-addr 0.0.0.0:{port} --advertise-kafka-addr {address}:{port}"
)

var kafka = server{
	variable: "KAFKA_BROKERS", imageVariable: "ORDERFLOW_TEST_KAFKA_IMAGE", flagsVariable: "ORDERFLOW_TEST_KAFKA_FLAGS",
	image: kafkaImage, flags: kafkaFlags, hint: " (scripts/kafka run sets it)", ready: kafkaReady,
}

// kafkaBrokers finds Redpanda or Kafka once for all tests.
var kafkaBrokers = sync.OnceValues(kafka.find)

// Kafka returns the addresses of brokers on which topics can be created. A test must use only its
// own topics, and delete them.
func Kafka(tb testing.TB) []string {
	tb.Helper()
	return kafka.need(tb, kafkaBrokers)
}

// kafkaReady waits until the brokers answer and know the controller.
func kafkaReady(ctx context.Context, brokers ...string) error {
	return await(ctx, func() error { return kafkaAnswers(ctx, brokers) })
}

func kafkaAnswers(ctx context.Context, brokers []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	metadata, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err == nil && metadata.Controller < 0 {
		err = errors.New("there is no controller yet")
	}
	return err
}
