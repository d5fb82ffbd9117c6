package redpanda_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"orderflow/adapters/redpanda"
	"orderflow/domain/eventsourcing"
)

func fullRecord() eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        uuid.MustParse("0198c2a4-0000-7000-8000-000000000001"),
			AggregateID:    uuid.MustParse("0198c2a4-0000-7000-8000-000000000002"),
			SequenceNumber: 12,
			CommandID:      uuid.MustParse("0198c2a4-0000-7000-8000-000000000003"),
			CorrelationID:  uuid.MustParse("0198c2a4-0000-7000-8000-000000000004"),
			CausationID:    uuid.MustParse("0198c2a4-0000-7000-8000-000000000005"),
			Metadata: map[string]string{
				"user": "alice", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b",
			},
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("CET", 3600)),
		},
		EventType:    "order.created",
		EventVersion: 2,
		Payload:      []byte(`{"currency": "EUR"}`),
	}
}

// delivered returns m as a receiver gets it.
func delivered(m *kgo.Record) *sarama.ConsumerMessage {
	c := &sarama.ConsumerMessage{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Timestamp: m.Timestamp}
	for _, h := range m.Headers {
		c.Headers = append(c.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return c
}

func headersOf(m *sarama.ConsumerMessage) [][2]string {
	var all [][2]string
	for _, h := range m.Headers {
		all = append(all, [2]string{string(h.Key), string(h.Value)})
	}
	return all
}

// The format is a promise to receivers, so it is written out here in full.
func TestMessage_LooksLikeThis(t *testing.T) {
	t.Parallel()
	produced, err := redpanda.Config{}.NewMessage(fullRecord())
	if err != nil {
		t.Fatal(err)
	}
	m := delivered(produced)
	want := [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", "0198c2a4-0000-7000-8000-000000000001"},
		{"ce_source", "/orderflow"},
		{"ce_type", "order.created"},
		{"ce_subject", "0198c2a4-0000-7000-8000-000000000002"},
		{"ce_time", "2026-01-02T02:04:05.600Z"},
		{"ce_sequence", "00000000000000000012"},
		{"ce_eventversion", "2"},
		{"ce_commandid", "0198c2a4-0000-7000-8000-000000000003"},
		{"ce_correlationid", "0198c2a4-0000-7000-8000-000000000004"},
		{"ce_causationid", "0198c2a4-0000-7000-8000-000000000005"},
		{"content-type", "application/json"},
		{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"tracestate", "a=b"},
	}
	if diff := cmp.Diff(want, headersOf(m)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if m.Topic != "order-events" || string(m.Key) != "0198c2a4-0000-7000-8000-000000000002" || string(m.Value) != `{"currency": "EUR"}` {
		t.Errorf("topic %s, key %s, value %s", m.Topic, m.Key, m.Value)
	}
}

func TestMessage_LeavesOutWhatIsAbsent(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	r.CommandID, r.CorrelationID, r.CausationID, r.Metadata, r.Payload = uuid.Nil, uuid.Nil, uuid.Nil, nil, nil
	produced, err := redpanda.Config{Metadata: true}.NewMessage(r)
	if err != nil {
		t.Fatal(err)
	}
	m := delivered(produced)
	for _, h := range headersOf(m) {
		switch h[0] {
		case "ce_commandid", "ce_correlationid", "ce_causationid", "traceparent", "tracestate", "metadata", "content-type":
			t.Errorf("there is a header %s: %q", h[0], h[1])
		}
	}
	if m.Value == nil {
		t.Error("there is no value, which deletes the order in a compacted topic")
	}
}

func TestMessage_TellsJSONFromBytes(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"a":1}`: "application/json", `null`: "application/json", `{torn`: "application/octet-stream", "\"\xff\"": "application/octet-stream",
	} {
		r := fullRecord()
		r.Payload = []byte(payload)
		produced, err := redpanda.Config{}.NewMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range headersOf(delivered(produced)) {
			if h[0] == "content-type" && h[1] != want {
				t.Errorf("%q is called %s, want %s", payload, h[1], want)
			}
		}
	}
}

func TestMessage_SharesNoMemoryWithTheRecord(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	produced, err := redpanda.Config{}.NewMessage(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Payload[0] = '['
	if m := delivered(produced); !bytes.HasPrefix(m.Value, []byte("{")) {
		t.Errorf("the value became %s", m.Value)
	}
}

func TestMessage_RefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*eventsourcing.Record){
		"no type":            func(r *eventsourcing.Record) { r.EventType = "" },
		"not UTF-8":          func(r *eventsourcing.Record) { r.EventType = "a\xff" },
		"no sequence number": func(r *eventsourcing.Record) { r.SequenceNumber = 0 },
	} {
		r := fullRecord()
		change(&r)
		if _, err := (redpanda.Config{}).NewMessage(r); err == nil || !containsAll(err.Error(), want, r.EventID.String(), r.AggregateID.String()) || isRetryable(err) {
			t.Errorf("%v, want one that says %q and names the event", err, want)
		}
	}
}

func TestRecord_PropComesBackFromItsMessage(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	text := rapid.StringN(1, -1, 100)
	rapid.Check(t, func(t *rapid.T) {
		r := eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       id.Draw(t, "event"), AggregateID: id.Draw(t, "aggregate"), CommandID: id.Draw(t, "command"),
				CorrelationID: id.Draw(t, "correlation"), CausationID: id.Draw(t, "causation"),
				SequenceNumber: rapid.Uint64Range(1, math.MaxUint64).Draw(t, "sequence"),
				Metadata:       rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata"),
				CreatedAt:      time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "created")).UTC(),
			},
			EventType: text.Draw(t, "type"), EventVersion: rapid.IntRange(1, math.MaxInt32).Draw(t, "version"),
			Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		}
		if rapid.Bool().Draw(t, "traced") {
			r.Metadata["traceparent"], r.Metadata["tracestate"] = text.Draw(t, "parent"), text.Draw(t, "state")
		}
		for _, whole := range []bool{true, false} {
			want := r
			if !whole {
				want.Metadata = map[string]string{}
				for _, name := range []string{"traceparent", "tracestate"} {
					if value := r.Metadata[name]; value != "" {
						want.Metadata[name] = value
					}
				}
			}
			produced, err := redpanda.Config{Metadata: whole}.NewMessage(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := redpanda.NewRecord(delivered(produced))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("metadata %t (-want +got):\n%s", whole, diff)
			}
		}
	})
}

func TestRecord_SaysWhatIsWrongWithAMessage(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func([]*sarama.RecordHeader) []*sarama.RecordHeader {
		return func(all []*sarama.RecordHeader) []*sarama.RecordHeader {
			return append(all, &sarama.RecordHeader{Key: []byte(name), Value: []byte(value)}) // the last one counts
		}
	}
	drop := func(name string) func([]*sarama.RecordHeader) []*sarama.RecordHeader {
		return func(all []*sarama.RecordHeader) (kept []*sarama.RecordHeader) {
			for _, h := range all {
				if string(h.Key) != name {
					kept = append(kept, h)
				}
			}
			return kept
		}
	}
	for name, test := range map[string]struct {
		change func([]*sarama.RecordHeader) []*sarama.RecordHeader
		want   string
	}{
		"no CloudEvent":         {drop("ce_specversion"), "ce_specversion"},
		"another version":       {set("ce_specversion", "2.0"), `"2.0"`},
		"no id":                 {drop("ce_id"), "ce_id"},
		"an id of another kind": {set("ce_id", "7"), `ce_id: "7" is not a UUID`},
		"no subject":            {drop("ce_subject"), "ce_subject"},
		"no type":               {drop("ce_type"), "ce_type: missing"},
		"no time":               {drop("ce_time"), "ce_time: missing"},
		"no such time":          {set("ce_time", "yesterday"), `ce_time: "yesterday"`},
		"no sequence":           {drop("ce_sequence"), "ce_sequence: missing"},
		"sequence 0":            {set("ce_sequence", "0"), `ce_sequence: "0"`},
		"no event version":      {drop("ce_eventversion"), "ce_eventversion: missing"},
		"no such version":       {set("ce_eventversion", "two"), `ce_eventversion: "two"`},
		"a broken command id":   {set("ce_commandid", ""), `ce_commandid: "" is not a UUID`},
		"broken metadata":       {set("metadata", "{"), "metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			produced, err := redpanda.Config{}.NewMessage(fullRecord())
			if err != nil {
				t.Fatal(err)
			}
			m := delivered(produced)
			m.Headers = test.change(m.Headers)
			if _, err := redpanda.NewRecord(m); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
