package e2e_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/tests/scyllasim"
	"orderflow/tests/servers"
)

// brokersHere starts a broker in this process.
func brokersHere(t *testing.T) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

// dropTopic deletes the topic of a test.
func dropTopic(t *testing.T, brokers []string, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames = []string{topic}
	named := kmsg.NewDeleteTopicsRequestTopic()
	named.Topic = &topic
	request.Topics = append(request.Topics, named)
	if _, err := request.RequestWith(context.Background(), client); err != nil {
		t.Errorf("drop topic %s: %v", topic, err)
	}
}

func TestTopic_isWhatTheStoreHolds(t *testing.T) {
	t.Parallel()
	topicIsWhatTheStoreHolds(t, brokersHere(t))
}

func TestIntegrationTopic_isWhatTheStoreHolds(t *testing.T) {
	t.Parallel()
	topicIsWhatTheStoreHolds(t, servers.Kafka(t))
}

func topicIsWhatTheStoreHolds(t *testing.T, brokers []string) {
	topic := "e2e-" + uuid.NewString()
	t.Cleanup(func() { dropTopic(t, brokers, topic) })
	flags := []string{"--brokers=" + strings.Join(brokers, ","), "--topic=" + topic}
	data := t.TempDir()
	s := start(t, data, append(flags, "--sink=redpanda")...)
	if out, status := tool(t, "demo", "--orders=40", "--seed=1", "--data="+data); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	s.kill()
	s = start(t, data, append(flags, "--sink=redpanda")...)
	if out, status := tool(t, "demo", "--orders=10", "--seed=2", "--data="+data); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	for _, from := range []string{"begin", "0", "3"} {
		out, status := tool(t, "verify", "topic", "--data="+data, "--patience=1m", "--from="+from)
		if status != 0 || !strings.Contains(out, "0 missing, 0 out of order, 0 unknown, 0 scattered") || from != "3" && !strings.Contains(out, "50 orders") {
			t.Errorf("verify topic from %s: exit status %d\n%s", from, status, out)
		}
	}
	if described := s.call(t, http.StatusOK, "GET", "/asyncapi.yaml", "").text; !strings.HasPrefix(described, "asyncapi: 3.") {
		t.Errorf("/asyncapi.yaml begins with %.40q", described)
	}
	s.stop(t)

	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	foreign := kgo.KeyStringRecord("k", "hello")
	foreign.Topic = topic
	if err := producer.ProduceSync(t.Context(), foreign).FirstErr(); err != nil {
		t.Fatal(err)
	}
	// Now without a service: the command knows the topic of the last service.
	out, status := tool(t, "verify", "topic", "--data="+data)
	if status != 3 || !strings.Contains(out, "0 missing, 0 out of order, 1 unknown") || !strings.Contains(out, "not a CloudEvent") {
		t.Errorf("verify topic with a foreign message: exit status %d\n%s", status, out)
	}
	topicless := t.TempDir() // a directory whose service had no topic
	if out, status := tool(t, "demo", "--orders=1", "--sink=none", "--data="+topicless); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	for _, bad := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"--data=" + topicless, "--sink=none"}, 1, "knows no topic"},
		{[]string{"--data=" + data, "--sink=none", flags[0], "--topic=nowhere"}, 1, "no such topic"},
		{[]string{"--data=" + data, "--sink=none", "--brokers=127.0.0.1:1"}, 1, "cannot be reached"},
		{[]string{"--data=" + data, "--from=end"}, 2, "neither begin nor an offset"},
		{[]string{"--data=" + topicless, "--sink=redpanda"}, 2, "brokers: none given"},
		{[]string{"--data=" + data, "--source=redpanda", flags[0]}, 2, "--store=scylla"},
	} {
		if out, status := tool(t, append([]string{"verify", "topic"}, bad.args...)...); status != bad.status || !strings.Contains(out, bad.text) {
			t.Errorf("verify topic %v: exit status %d, want %d and %q\n%s", bad.args, status, bad.status, bad.text, out)
		}
	}
}

// transact writes to the topic what others may: messages in transactions, one of them aborted,
// whose markers are no events.
func transact(t *testing.T, brokers []string, topic string) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID("e2e-"+uuid.NewString()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for n := range 24 { // something in every partition
			foreign := kgo.KeyStringRecord(strconv.Itoa(n), "hello")
			foreign.Topic = topic
			if err := producer.ProduceSync(t.Context(), foreign).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
}

// scyllaHere starts a ScyllaDB in this process.
func scyllaHere(t *testing.T) []string {
	t.Helper()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim.Hosts()
}

func TestSource_processesShareThePartitions(t *testing.T) {
	t.Parallel()
	shareThePartitions(t, scyllaHere(t), brokersHere(t), func(s *service) { s.stop(t) })
}

func TestIntegrationSource_processesShareThePartitions(t *testing.T) {
	t.Parallel()
	// the group notices only after a while
	shareThePartitions(t, scyllaHere(t), servers.Kafka(t), (*service).kill)
}

func TestIntegrationScyllaSource_processesShareThePartitions(t *testing.T) {
	t.Parallel()
	shareThePartitions(t, servers.Scylla(t), servers.Kafka(t), (*service).kill)
}

// shareThePartitions runs the projections of one store in two processes. Then one process ends, and
// the other one runs all.
func shareThePartitions(t *testing.T, nodes, brokers []string, end func(*service)) {
	hosts, keyspace := strings.Join(nodes, ","), "e2e_"+strings.ReplaceAll(uuid.NewString(), "-", "")
	t.Cleanup(func() { dropKeyspace(t, hosts, keyspace) })
	t.Cleanup(func() { dropTopic(t, brokers, keyspace) })
	flags := []string{
		"--store=scylla", "--scylla-hosts=" + hosts, "--scylla-keyspace=" + keyspace, "--source=redpanda",
		"--brokers=" + strings.Join(brokers, ","), "--topic=" + keyspace, "--group-prefix=" + keyspace + ".",
	}
	if out, status := tool(t, append([]string{"schema", "apply"}, flags[:3]...)...); status != 0 {
		t.Fatalf("schema apply: exit status %d\n%s", status, out)
	}
	first := start(t, t.TempDir(), append(flags, "--sink=redpanda")...)
	second := start(t, t.TempDir(), append(flags, "--sink=none")...)
	work := func(seed string) {
		t.Helper()
		if out, status := tool(t, "demo", "--orders=60", "--seed="+seed, "--url="+first.url); status != 0 {
			t.Fatalf("demo: exit status %d\n%s", status, out)
		}
		if out, status := tool(t, "verify", "--url="+first.url, "--patience=1m"); status != 0 {
			t.Errorf("verify: exit status %d\n%s", status, out)
		}
	}
	handled := func(s *service) (events int) {
		var answer struct {
			Consumers []struct {
				Name    string `json:"name"`
				Handled int    `json:"handled"`
			} `json:"consumers"`
		}
		s.call(t, http.StatusOK, "GET", "/v1/consumers", "").into(t, &answer)
		for _, c := range answer.Consumers {
			if c.Name == "order-read-model" {
				events = c.Handled
			}
		}
		return events
	}
	work("0")
	transact(t, brokers, keyspace)
	await(t, "the consumers to get past what others wrote, markers included", func() bool {
		for _, name := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"} {
			if c := first.consumer(t, name); !c.Lag.Known || c.Lag.Events > 0 {
				return false
			}
		}
		return true
	})
	seed := 0
	// the group needs some time to agree on its members
	await(t, "both processes to handle events", func() bool {
		seed++
		work(strings.Repeat("1", seed))
		return handled(first) > 0 && handled(second) > 0
	})
	if out, status := tool(t, "consumers", "rebuild", "order-read-model", "--url="+second.url); status != 0 || !strings.Contains(out, "is live") {
		t.Errorf("rebuild: exit status %d\n%s", status, out)
	}
	one, other := handled(first), handled(second)
	await(t, "both processes to handle events after the rebuild", func() bool {
		seed++
		work(strings.Repeat("1", seed))
		return handled(first) > one && handled(second) > other
	})
	end(second)
	work("2")
	// What others have written is there and is unknown; nothing of ours is missing.
	out, status := tool(t, "verify", "topic", "--url="+first.url, "--patience=1m")
	if status != 3 || !strings.Contains(out, "0 missing, 0 out of order, 72 unknown, 0 scattered") {
		t.Errorf("verify topic: exit status %d\n%s", status, out)
	}
	first.stop(t)
}

// A service reads a topic that another store fills. Its consumers stop and say why, and what to do.
// With --accept-loss they pass over what their store does not have.
func TestSource_anotherStore(t *testing.T) {
	t.Parallel()
	hosts, brokers := strings.Join(scyllaHere(t), ","), strings.Join(brokersHere(t), ",")
	topic := "e2e-" + uuid.NewString()
	flags := func(more ...string) []string {
		keyspace := "e2e_" + strings.ReplaceAll(uuid.NewString(), "-", "")
		store := []string{"--store=scylla", "--scylla-hosts=" + hosts, "--scylla-keyspace=" + keyspace}
		if out, status := tool(t, append([]string{"schema", "apply"}, store...)...); status != 0 {
			t.Fatalf("schema apply: exit status %d\n%s", status, out)
		}
		return append(append(store, "--brokers="+brokers, "--topic="+topic, "--source=redpanda", "--group-prefix="+keyspace+"."), more...)
	}
	publishing := start(t, t.TempDir(), flags("--sink=redpanda")...)
	reads := flags("--sink=none")
	reading := start(t, t.TempDir(), reads...)
	text := func() string { return reading.call(t, http.StatusOK, "GET", "/v1/consumers", "").text }
	await(t, "the reading consumers to run", func() bool { return strings.Count(text(), `"state":"running"`) >= 4 })
	if out, status := tool(t, "demo", "--orders=10", "--url="+publishing.url); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	// Each tries again and again. While it does, it is running for a moment.
	var out string
	await(t, "the consumers to stop at events of another store", func() bool {
		out = text()
		return strings.Count(out, "the topic "+topic+" has events of store ") >= 4
	})
	if strings.Count(out, "--accept-loss") < 4 || strings.Count(out, `"state":"failing"`) < 4 {
		t.Errorf("the consumers do not say what to do: %s", out)
	}
	if out, status := tool(t, "verify", "--url="+publishing.url, "--patience=1m"); status != 0 {
		t.Errorf("verify of the store that publishes: exit status %d\n%s", status, out)
	}
	reading.stop(t)
	reading = start(t, t.TempDir(), append(reads, "--accept-loss")...)
	await(t, "the consumers to pass over the events", func() bool {
		for _, name := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"} {
			if c := reading.consumer(t, name); !c.Lag.Known || c.Lag.Events > 0 {
				return false
			}
		}
		return true
	})
	if out, status := tool(t, "verify", "--url="+reading.url, "--patience=1m"); status != 0 {
		t.Errorf("verify: exit status %d\n%s", status, out)
	}
	reading.stop(t)
	publishing.stop(t)
}
