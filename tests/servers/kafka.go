package servers

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

const (
	kafkaImage = "docker.redpanda.com/redpandadata/redpanda:v25.3.1"
	kafkaFlags = "redpanda start --mode dev-container --smp 1 --memory 1G" +
		" --kafka-addr 0.0.0.0:{port} --advertise-kafka-addr {address}:{port}"
)

// kafkaBrokers finds Redpanda or Kafka once for all tests.
var kafkaBrokers = sync.OnceValues(func() ([]string, error) {
	if brokers := os.Getenv("KAFKA_BROKERS"); brokers != "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		list := strings.Split(brokers, ",")
		return list, kafkaReady(ctx, list...)
	}
	address, err := container{
		image: cmp.Or(os.Getenv("ORDERFLOW_TEST_KAFKA_IMAGE"), kafkaImage),
		flags: cmp.Or(os.Getenv("ORDERFLOW_TEST_KAFKA_FLAGS"), kafkaFlags),
		ready: func(ctx context.Context, address string) error { return kafkaReady(ctx, address) },
	}.start()
	if err != nil {
		return nil, fmt.Errorf("KAFKA_BROKERS is not set (scripts/kafka run sets it), and %w", err)
	}
	return []string{address}, nil
})

// Kafka returns where brokers are that topics can be created on. A test must keep to topics of its own, and delete them.
func Kafka(tb testing.TB) []string {
	tb.Helper()
	brokers, err := kafkaBrokers()
	if err != nil && os.Getenv("KAFKA_BROKERS") != "" {
		tb.Fatalf("KAFKA_BROKERS is set: %v", err) // not the same as having none
	}
	if err != nil {
		missing(tb, err)
	}
	return brokers
}

// kafkaReady waits until the brokers answer and know who the controller is.
func kafkaReady(ctx context.Context, brokers ...string) error {
	for {
		err := kafkaAnswers(brokers)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in %s: %w", patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func kafkaAnswers(brokers []string) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Metadata.Retry.Max = 0
	client, err := sarama.NewClient(brokers, config)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // it has answered
	_, err = client.Controller()
	return err
}
