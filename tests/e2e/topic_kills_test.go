package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// killsVariable switches TestIntegrationTopic_survivesKills on and sets the lowest number of
// events. Where integration is required, it runs with 5,000.
const killsVariable = "E2E_TOPIC_EVENTS"

// While events are published, the broker is killed twice and the service once. No event is missing
// in the topic, and none comes before its predecessor.
func TestIntegrationTopic_survivesKills(t *testing.T) {
	t.Parallel()
	wanted := os.Getenv(killsVariable)
	if wanted == "" && os.Getenv("REQUIRE_INTEGRATION") != "1" {
		t.Skipf("%s does not say with how many events; the test starts a broker of its own by scripts/kafka, and kills it", killsVariable)
	}
	events, err := strconv.Atoi(cmp.Or(wanted, "5000"))
	if err != nil {
		t.Fatalf("%s: %v", killsVariable, err)
	}
	began := time.Now()
	tell := func(format string, args ...any) {
		t.Helper()
		t.Logf("%6s %s", time.Since(began).Round(100*time.Millisecond), fmt.Sprintf(format, args...))
	}
	b := startKafka(t)
	data, flags := t.TempDir(), []string{"--sink=redpanda", "--brokers=" + b.address}
	s := start(t, data, flags...)
	o := newOnslaught(s, events)

	o.until(t, events/4)
	b.kafka(t, "kill")
	tell("broker killed, %d events published", o.published)
	var away consumer
	await(t, "the publisher to say that it is failing, and to fall behind", func() bool {
		away = s.consumer(t, topicPublisher)
		return away.State == "failing" && away.Lag.Events > 0
	})
	tell("the publisher is %s, %d events behind", away.State, away.Lag.Events)
	s.call(t, http.StatusOK, "GET", "/readyz", "")
	b.kafka(t, "start")
	tell("broker started")

	o.until(t, events/2)
	s.kill()
	tell("service killed, %d events published", o.published)
	s = start(t, data, flags...)
	o.on(s)
	tell("service started")

	o.until(t, 3*events/4)
	b.kafka(t, "kill")
	tell("broker killed, %d events published", o.published)
	b.kafka(t, "start")
	tell("broker started")

	o.until(t, events)
	tell("%d events published", o.published)
	o.stop()
	await(t, "the publisher to be done", func() bool {
		c := s.consumer(t, topicPublisher)
		return c.State == "running" && c.Lag.Known && c.Lag.Events == 0
	})
	tell("everything published")
	out, status := tool(t, "verify", "topic", "--data="+data, "--patience=1m")
	if status != 0 || !strings.Contains(out, "0 missing, 0 out of order, 0 unknown, 0 scattered") {
		t.Error("the topic is not what the store holds")
	}
	var messages, doubled int
	if counts := regexp.MustCompile(`(\d+) messages, (\d+) doubled`).FindStringSubmatch(out); counts != nil {
		messages, _ = strconv.Atoi(counts[1])
		doubled, _ = strconv.Atoi(counts[2])
	}
	if messages-doubled < events {
		t.Errorf("the topic holds %d events, and %d more messages; want %d", messages-doubled, doubled, events)
	}
	s.stop(t)
}

// topicPublisher is the consumer that publishes to a topic.
const topicPublisher = "redpanda-publisher"

// kafkaBroker is an Apache Kafka of scripts/kafka that can be killed and started again with its
// data.
type kafkaBroker struct{ dir, address string }

func startKafka(t *testing.T) *kafkaBroker {
	t.Helper()
	b := &kafkaBroker{dir: filepath.Join(t.TempDir(), "kafka")}
	t.Cleanup(func() { b.kafka(t, "stop") })
	b.address = b.kafka(t, "start")
	return b
}

// kafka runs a command of the script and returns what it prints.
func (b *kafkaBroker) kafka(t *testing.T, command string) string {
	t.Helper()
	cmd := exec.Command("../../scripts/kafka", command)
	cmd.Env = append(os.Environ(), "KAFKA_DIR="+b.dir)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/kafka %s: %v\n%s", command, err, &log)
	}
	return strings.TrimSpace(string(out))
}

// onslaught is many clients that create and change orders. They are at most a tenth of all events
// ahead of the publisher. So the publisher is busy until the end, and the store is never far ahead
// of a broker that is away.
type onslaught struct {
	service atomic.Pointer[service] // the clients'
	turns   chan struct{}           // one for each command
	clients sync.WaitGroup
	ctx     context.Context
	stop    func()

	// published counts what the publisher has published in all processes. A few more may have been
	// published just before a kill.
	published int
	seen      int // by the current process
}

func newOnslaught(s *service, events int) *onslaught {
	ctx, cancel := context.WithCancel(context.Background())
	o := &onslaught{turns: make(chan struct{}, max(events/10, 100)), ctx: ctx}
	o.stop = func() {
		cancel()
		o.clients.Wait()
	}
	o.service.Store(s)
	o.allow(cap(o.turns))
	for range 32 {
		o.clients.Go(o.client)
	}
	return o
}

// client creates orders and changes each a few times. While the service is away, errors are
// ignored: the store shows what happened.
func (o *onslaught) client() {
	for o.turn() {
		id := uuid.New()
		o.send("POST", "/v1/orders", createBody(id, "ada"))
		for n := 1; n < 10 && o.turn(); n++ {
			o.send("PUT", "/v1/orders/"+id.String()+"/items", fmt.Sprintf(`{"items":[{"sku":"A-1","quantity":%d,"unit_price":1}]}`, n))
		}
	}
}

func (o *onslaught) turn() bool {
	select {
	case <-o.turns:
		return true
	case <-o.ctx.Done():
		return false
	}
}

func (o *onslaught) send(method, path, body string) {
	for {
		s := o.service.Load()
		_, err := s.try(o.ctx, method, path, body)
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		select { // it was killed; wait for the next process
		case <-time.After(10 * time.Millisecond):
		case <-o.ctx.Done():
			return
		}
	}
}

func (o *onslaught) allow(commands int) {
	for range commands {
		select {
		case o.turns <- struct{}{}:
		default:
			return
		}
	}
}

// on gives the clients another process of the service.
func (o *onslaught) on(s *service) {
	o.seen = 0
	o.service.Store(s)
}

// until waits until so many events are published. In the meantime the clients send commands.
func (o *onslaught) until(t *testing.T, events int) {
	t.Helper()
	s, moved := o.service.Load(), time.Now()
	for o.published < events {
		handled := int(s.consumer(t, topicPublisher).Handled)
		if handled > o.seen {
			o.allow(handled - o.seen)
			o.published, o.seen, moved = o.published+handled-o.seen, handled, time.Now()
		}
		if time.Since(moved) > 2*time.Minute {
			t.Fatalf("nothing was published for two minutes, with %d of %d events published", o.published, events)
		}
		<-time.After(20 * time.Millisecond)
	}
}
