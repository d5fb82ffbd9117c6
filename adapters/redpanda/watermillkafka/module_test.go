package watermillkafka_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Another module uses this package as its documentation says, and compiles nothing else of the
// service. The go command finds everything in the module cache, because the tests of this module
// need it as well.
func TestAnotherModule_UsesThisPackage(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The versions and sums that `go mod tidy` would choose are those of this module.
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(text))
	}
	write("main.go", billingProgram)
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GONOSUMDB=*")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("mod", "edit", "-module=example.com/billing")
	command("mod", "edit", "-require=orderflow@v0.0.0", "-replace=orderflow="+root)
	command("build", "-o", filepath.Join(dir, "billing"), ".")
	for _, p := range strings.Fields(command("list", "-deps", ".")) {
		switch p {
		case "orderflow/adapters/redpanda/watermillkafka", "orderflow/adapters/redpanda/internal/message",
			"orderflow/domain/eventsourcing", "orderflow/ports", "orderflow/ports/portkit", "orderflow/domain/projection",
			"orderflow/domain/compact":
			continue
		}
		if strings.HasPrefix(p, "orderflow/") || strings.HasPrefix(p, "github.com/twmb/") || strings.HasPrefix(p, "github.com/cockroachdb/") {
			t.Errorf("the other module compiles %s", p)
		}
	}
}

const billingProgram = `package main

import (
	"context"
	"log"
	"os"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/adapters/redpanda/watermillkafka"
)

func main() {
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	logger := watermill.NewStdLogger(false, false)
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: os.Args[1:], ConsumerGroup: "billing", OverwriteSaramaConfig: settings, Unmarshaler: watermillkafka.Unmarshaler{},
	}, logger)
	if err != nil {
		log.Fatal(err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		log.Fatal(err)
	}
	router.AddMiddleware(watermillkafka.Dedupe{Handled: &watermillkafka.Memory{}}.Middleware)
	router.AddConsumerHandler("billing", "order-events", subscriber, func(m *message.Message) error {
		event, err := watermillkafka.EventOf(m)
		log.Print(event.EventType, " of ", event.AggregateType, " ", event.AggregateID)
		return err
	})
	log.Fatal(router.Run(context.Background()))
}
`
