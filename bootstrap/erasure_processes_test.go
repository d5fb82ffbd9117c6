package bootstrap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/scylla"
	"orderflow/application/personal"
	"orderflow/bootstrap"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// inTopic returns everything that a topic has: keys, headers and values.
func inTopic(t *testing.T, brokers []string, topic string, highest int64) string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all strings.Builder
	for read := int64(0); read < highest; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d of %d records: %v", read, highest, err)
		}
		for record := range fetches.RecordsAll() {
			read++
			fmt.Fprintf(&all, "%s %s %s\n", record.Key, record.Headers, record.Value)
		}
	}
	return all.String()
}

// Two processes on ScyllaDB have a customer's key in memory when one of them erases the customer.
// The other one may use the key for CacheFor. The views are written again only after that, so
// nothing remains: not in a view, a state, a snapshot, the outbox, an export, the topic.
func TestErasure_withAnotherProcessOnScylla(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	cluster := newCluster(t)
	c := withKey(t)
	c.Store, c.Scylla.Hosts, c.Scylla.Keyspace = bootstrap.StoreScylla, sim.Hosts(), "erasure"
	c.Sink, c.Redpanda.Brokers, c.Redpanda.Topic.Partitions = "redpanda", cluster.ListenAddrs(), 3
	c.RollbackGrace = time.Millisecond // an erasure waits for the end of the former generations
	if _, err := scylla.ApplySchema(t.Context(), c.Scylla); err != nil {
		t.Fatal(err)
	}
	first, stopFirst := run(t, c, io.Discard)
	other := c
	other.Data = t.TempDir()
	second, stopSecond := run(t, other, io.Discard)
	ids, commands := canaries("ann", 1)
	bobsIDs, bobs := canaries("bob", 2)
	submit(t, first, append(commands, bobs...))
	// order is placed and cancelled by the second process, which then has the key in memory
	placed := 0
	order := func() (status int, text string) {
		id := fmt.Sprintf("018f4e5a-0000-7000-8000-0000002%05d", placed)
		placed++
		const items = `"items":[{"sku":"A","quantity":1,"unit_price":5}]`
		status, text = send(t, second, "POST /v1/orders", `{"order_id":"`+id+`","customer_id":"ann","currency":"EUR",`+items+`}`)
		if status < 300 {
			ids = append(ids, id)
			status, text = send(t, second, "POST /v1/orders/"+id+"/cancel", `{"reason":"reason-`+canary+`"}`)
		}
		if status >= 300 && (status != http.StatusConflict || !strings.Contains(text, "subject_erased")) {
			t.Fatalf("%d %s", status, text)
		}
		return status, text
	}
	if status, text := order(); status >= 300 {
		t.Fatalf("%d %s", status, text)
	}
	settled(t, first)
	if _, text := send(t, second, "GET /v1/orders/"+ids[0], ""); !strings.Contains(text, canary) {
		t.Fatalf("the second process shows %s", text)
	}

	if status, text := send(t, first, "POST /v1/customers/ann/erase", `{"reason":"r","force":true}`); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	// the key is in memory for a while
	for status := 0; status < 300; time.Sleep(50 * time.Millisecond) {
		if status, _ = order(); placed > 10_000 {
			t.Fatal("the other process goes on to seal")
		}
	}
	var end struct {
		State, Waits         string
		RequestedAt, EndedAt time.Time
	}
	for deadline := time.Now().Add(5 * time.Minute); end.State != "done"; time.Sleep(50 * time.Millisecond) {
		_, text := send(t, second, "GET /v1/customers/ann/erasure", "")
		text = strings.NewReplacer("requested_at", "RequestedAt", "ended_at", "EndedAt").Replace(text)
		if err := json.Unmarshal([]byte(text), &end); err != nil || time.Now().After(deadline) {
			t.Fatalf("%s, %v", text, err)
		}
	}
	if took := end.EndedAt.Sub(end.RequestedAt); took < personal.CacheFor {
		t.Errorf("the erasure took %s, and the other process may use the key for %s", took, personal.CacheFor)
	}
	settled(t, second)
	for _, app := range []*bootstrap.App{first, second} {
		nowhere(t, app, ids, bobsIDs)
		if status, _ := order(); status != http.StatusConflict {
			t.Errorf("a new order: %d", status)
		}
	}
	if _, text := send(t, second, "GET /v1/orders/"+bobsIDs[0], ""); !strings.Contains(text, canary) {
		t.Errorf("the order of another customer is %s", text)
	}
	highest := int64(0)
	for _, partition := range cluster.PartitionInfos("order-events") {
		highest += partition.HighWatermark
	}
	if text := inTopic(t, cluster.ListenAddrs(), "order-events", highest); strings.Contains(text, canary) ||
		!strings.Contains(text, "subject.erasure_requested") {
		t.Errorf("published is %s", text)
	}
	stopFirst()
	stopSecond()
	store, err := scylla.Open(t.Context(), c.Scylla)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	statesHaveNone(t, store, ids)
}

// statesHaveNone looks for the canary in every state and snapshot of orders.
func statesHaveNone(t *testing.T, store interface {
	ports.ViewStore
	ports.Snapshots
}, ids []string,
) {
	t.Helper()
	states := 0
	for _, text := range ids {
		id := uuid.MustParse(text)
		for _, consumer := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"} {
			for generation := range 5 {
				state, err := store.State(t.Context(), ports.ViewID{Consumer: consumer, Generation: generation + 1}, id)
				if err != nil || strings.Contains(string(state.Data), canary) {
					t.Errorf("the state of %s has a canary: %q, %v", consumer, state.Data, err)
				}
				if len(state.Data) > 0 {
					states++
				}
			}
		}
		snapshot, err := store.LoadSnapshot(t.Context(), id, "command", 1<<62)
		if err != nil || strings.Contains(string(snapshot.Data), canary) {
			t.Errorf("snapshot at %d: %q, %v", snapshot.SequenceNumber, snapshot.Data, err)
		}
	}
	if states == 0 {
		t.Error("there are no states")
	}
}
