package redpanda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.yaml.in/yaml/v3"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/tests/servers"
)

type object = map[string]any

// description is the AsyncAPI document.
type description struct {
	root     object
	compiler *jsonschema.Compiler
}

func readDescription(t testing.TB) *description {
	t.Helper()
	d := &description{compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(redpanda.AsyncAPI(), &d.root); err != nil {
		t.Fatal(err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft7) // the schemas of AsyncAPI are a superset of it
	d.compiler.AssertFormat()
	text, err := json.Marshal(d.root) // as a validator of JSON expects it
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource("asyncapi.json", document); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *description) messages() object {
	return d.root["components"].(object)["messages"].(object)
}

// schema compiles the part of the document at a path of names.
func (d *description) schema(t testing.TB, path ...string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile("asyncapi.json#/" + strings.Join(path, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check returns how a message differs from its description.
func (d *description) check(t testing.TB, name string, m *kgo.Record) error {
	t.Helper()
	headers := make(object, len(m.Headers))
	for _, h := range m.Headers {
		if _, twice := headers[h.Key]; twice {
			return fmt.Errorf("header %s comes twice", h.Key)
		}
		headers[h.Key] = string(h.Value)
	}
	if err := d.schema(t, "components", "messages", name, "headers").Validate(headers); err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	payload, err := jsonschema.UnmarshalJSON(strings.NewReader(string(m.Value)))
	if err != nil {
		return err
	}
	if err := d.schema(t, "components", "messages", name, "payload").Validate(payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	if err := d.schema(t, "components", "messages", name, "bindings", "kafka", "key").Validate(string(m.Key)); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

// newestEvents returns one event of every type, as the codec writes it now. The corpus says which
// types there are.
func newestEvents(t testing.TB) (records []eventsourcing.Record) {
	t.Helper()
	items := []order.Item{{SKU: "A-1", Quantity: 2, UnitPrice: 1250}, {SKU: "B_2.x", Quantity: 10_000, UnitPrice: 0}}
	for _, e := range []order.Event{
		order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: items},
		order.OrderItemsUpdated{Items: items[:1]},
		order.OrderConfirmed{PaymentReference: "pay-1"},
		order.OrderShipped{Carrier: "DHL", TrackingNumber: "1Z"},
		order.OrderDelivered{},
		order.OrderCancelled{Reason: "再見"},
	} {
		r, err := orderjson.New().Encode(eventsourcing.Envelope[order.Event]{Header: topictest.History(1)[0].Header, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// everyEvent returns one event of every type and version that was ever written, and those that are
// written now.
func everyEvent(t testing.TB) []eventsourcing.Record {
	t.Helper()
	files, err := filepath.Glob("../eventjson/*json/testdata/corpus/*.json")
	if err != nil || len(files) < 11 {
		t.Fatalf("%d files in the corpus, %v", len(files), err)
	}
	records := newestEvents(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var stored struct {
			EventType    string          `json:"event_type"`
			EventVersion int             `json:"event_version"`
			Payload      json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(text, &stored); err != nil {
			t.Fatal(err)
		}
		r := topictest.History(1)[0]
		r.EventType, r.EventVersion, r.Payload = stored.EventType, stored.EventVersion, stored.Payload
		r.AggregateType, _, _ = strings.Cut(stored.EventType, ".")
		records = append(records, r)
	}
	// One event has only the required fields, and one has all fields.
	bare, full := newestEvents(t)[0], newestEvents(t)[0]
	bare.CommandID, bare.CorrelationID, bare.CausationID = uuid.Nil, uuid.Nil, uuid.Nil
	full.Metadata = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b", "user": "ann"}
	return append(records, bare, full)
}

func header(m *kgo.Record, name string) string {
	for _, h := range m.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// publishedMessages publishes records and reads them with a client that does not know this package.
func publishedMessages(t *testing.T, brokers []string, records []eventsourcing.Record) []*kgo.Record {
	t.Helper()
	config := topictest.NewTopic(brokers)
	config.Metadata = true
	topictest.NewShelf(t, config) // for the topic, and its end
	topictest.PublishInTime(t, topictest.NewPublisher(t, config), records...)
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(config.Topic.Name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), topictest.Bound)
	defer cancel()
	var messages []*kgo.Record
	for len(messages) < len(records) {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d messages came: %v", len(messages), len(records), err)
		}
		messages = append(messages, fetches.Records()...)
	}
	return messages
}

// Every event of every version that was ever written is published as the document says, and matches
// exactly one of its messages.
func TestAsyncAPI_DescribesWhatIsPublished(t *testing.T) {
	t.Parallel()
	describes(t, topictest.NewCluster(t).ListenAddrs())
}

func TestAsyncAPI_DescribesWhatIsPublishedIntegration(t *testing.T) {
	t.Parallel()
	describes(t, servers.Kafka(t))
}

func describes(t *testing.T, brokers []string) {
	d := readDescription(t)
	described := make(map[string]bool)
	for _, m := range publishedMessages(t, brokers, everyEvent(t)) {
		var as []string
		var errs []string
		for name := range d.messages() {
			if err := d.check(t, name, m); err == nil {
				as = append(as, name)
			} else {
				errs = append(errs, fmt.Sprintf("%s: %v", name, err))
			}
		}
		what := header(m, "ce_type") + " version " + header(m, "ce_eventversion")
		if len(as) != 1 {
			t.Errorf("%s is described by %v\n%s\n%s", what, as, m.Value, strings.Join(errs, "\n"))
			continue
		}
		described[as[0]] = true
		if name := d.messages()[as[0]].(object)["name"]; name != header(m, "ce_type") {
			t.Errorf("%s is described as %v", what, name)
		}
		if string(m.Key) != header(m, "ce_subject") {
			t.Errorf("%s: the key is %s, the subject %s", what, m.Key, header(m, "ce_subject"))
		}
	}
	for name := range d.messages() {
		if !described[name] {
			t.Errorf("nothing is published as %s", name)
		}
	}
}

// Messages of earlier versions are in the topic as long as it keeps them, so the document must
// describe them.
func TestAsyncAPI_DescribesWhatAnEarlierVersionPublished(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("internal/message/testdata/messages-dec7198.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	d := readDescription(t)
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var stored struct {
			Key     string
			Headers []struct{ Key, Value string }
			Value   string
		}
		if err := json.Unmarshal([]byte(line), &stored); err != nil {
			t.Fatal(err)
		}
		m := &kgo.Record{Key: []byte(stored.Key), Value: []byte(stored.Value)}
		for _, h := range stored.Headers {
			m.Headers = append(m.Headers, kgo.RecordHeader{Key: h.Key, Value: []byte(h.Value)})
		}
		as := 0
		for name := range d.messages() {
			if d.check(t, name, m) == nil {
				as++
			}
		}
		if as != 1 {
			t.Errorf("message %d, %s version %s, is described %d times", i, header(m, "ce_type"), header(m, "ce_eventversion"), as)
		}
	}
}

// The channel of the document is the topic that the publisher creates by default.
func TestAsyncAPI_Channel(t *testing.T) {
	t.Parallel()
	d := readDescription(t)
	if version := d.root["asyncapi"]; version != "3.0.0" {
		t.Errorf("AsyncAPI %v", version)
	}
	channel := d.root["channels"].(object)["orderEvents"].(object)
	if channel["address"] != redpanda.DefaultTopic {
		t.Errorf("address %v, want %s", channel["address"], redpanda.DefaultTopic)
	}
	offered := channel["messages"].(object)
	if want, got := slices.Sorted(maps.Keys(d.messages())), slices.Sorted(maps.Keys(offered)); !slices.Equal(want, got) {
		t.Errorf("the channel has %v, described are %v", got, want)
	}
	for name, ref := range offered {
		if got := ref.(object)["$ref"]; got != "#/components/messages/"+name {
			t.Errorf("message %s is %v", name, got)
		}
	}
}

// The schemas refuse wrong messages.
func TestAsyncAPI_RefusesOtherMessages(t *testing.T) {
	t.Parallel()
	d := readDescription(t)
	const name = "orderCreatedV3"
	record := newestEvents(t)[0]
	made := func() *kgo.Record {
		m, err := topictest.NewMessage(redpanda.Config{Store: uuid.New()}, record)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if err := d.check(t, name, made()); err != nil {
		t.Fatal(err)
	}
	required := d.root["components"].(object)["schemas"].(object)["headers"].(object)["required"].([]any)
	if len(required) != 9 {
		t.Errorf("%d headers are required", len(required))
	}
	for _, missing := range required {
		m := made()
		m.Headers = slices.DeleteFunc(m.Headers, func(h kgo.RecordHeader) bool { return h.Key == missing })
		if d.check(t, name, m) == nil {
			t.Errorf("a message without %s passes", missing)
		}
	}
	for key, value := range map[string]string{
		"ce_specversion": "0.3", "ce_id": "1", "ce_source": "", "ce_type": "order.lost", "ce_subject": "1", "ce_aggregatetype": "stock_item", "ce_time": "yesterday",
		"ce_sequence": "1", "ce_eventversion": "2", "content-type": "text/plain", "ce_commandid": "", "ce_correlationid": "x", "ce_causationid": "x", "ce_storeid": "x",
	} {
		m := made()
		for i := range m.Headers {
			if m.Headers[i].Key == key {
				m.Headers[i].Value = []byte(value)
			}
		}
		if d.check(t, name, m) == nil {
			t.Errorf("a message with %s %q passes", key, value)
		}
	}
	for _, payload := range []string{
		`[]`, `{}`, `{"customer_id":"a","currency":"EUR"}`, `{"customer_id":"a","currency":"eur","items":[]}`,
		`{"customer_id":"a","currency":"EUR","items":[{"sku":"A","quantity":0,"unit_price":1}]}`,
		`{"customer_id":"a","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":1.5}]}`,
		`{"customer_id":"a","currency":"EUR","items":[{"sku":"A","qty":1,"unit_price":1}]}`,
	} {
		m := made()
		m.Value = []byte(payload)
		if d.check(t, name, m) == nil {
			t.Errorf("a message with %s passes", payload)
		}
	}
	m := made()
	m.Key = []byte("k")
	if d.check(t, name, m) == nil {
		t.Error("a message with another key passes")
	}
}
