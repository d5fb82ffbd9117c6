package message_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/redpanda/internal/message"
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

// header is a header of a Kafka client.
type header struct {
	Key   string
	Value []byte
}

func headersOf(t testing.TB, r eventsourcing.Record, all bool) []header {
	t.Helper()
	headers, err := message.Headers[header](r, "/orderflow", uuid.Nil, all)
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

func asText(headers []header) [][2]string {
	var all [][2]string
	for _, h := range headers {
		all = append(all, [2]string{h.Key, string(h.Value)})
	}
	return all
}

// Receivers depend on the format, so it is written out here in full.
func TestMessage_LooksLikeThis(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	want := [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", "0198c2a4-0000-7000-8000-000000000001"},
		{"ce_source", "/orderflow"},
		{"ce_type", "order.created"},
		{"ce_subject", "0198c2a4-0000-7000-8000-000000000002"},
		{"ce_time", "2026-01-02T02:04:05.600Z"},
		{"ce_aggregatetype", "order"},
		{"ce_sequence", "00000000000000000012"},
		{"ce_eventversion", "2"},
		{"ce_commandid", "0198c2a4-0000-7000-8000-000000000003"},
		{"ce_correlationid", "0198c2a4-0000-7000-8000-000000000004"},
		{"ce_causationid", "0198c2a4-0000-7000-8000-000000000005"},
		{"content-type", "application/json"},
		{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"tracestate", "a=b"},
	}
	if diff := cmp.Diff(want, asText(headersOf(t, r, false))); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if key, value := message.Key(r), message.Value(r); string(key) != "0198c2a4-0000-7000-8000-000000000002" || string(value) != `{"currency": "EUR"}` {
		t.Errorf("key %s, value %s", key, value)
	}
}

func TestMessage_LeavesOutWhatIsAbsent(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	r.CommandID, r.CorrelationID, r.CausationID, r.Metadata, r.Payload = uuid.Nil, uuid.Nil, uuid.Nil, nil, nil
	for _, h := range asText(headersOf(t, r, true)) {
		switch h[0] {
		case "ce_commandid", "ce_correlationid", "ce_causationid", "traceparent", "tracestate", "metadata", "content-type":
			t.Errorf("there is a header %s: %q", h[0], h[1])
		}
	}
	if message.Value(r) == nil {
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
		for _, h := range asText(headersOf(t, r, false)) {
			if h[0] == "content-type" && h[1] != want {
				t.Errorf("%q is called %s, want %s", payload, h[1], want)
			}
		}
	}
}

func TestMessage_SharesNoMemoryWithTheRecord(t *testing.T) {
	t.Parallel()
	r := fullRecord()
	value := message.Value(r)
	r.Payload[0] = '['
	if !bytes.HasPrefix(value, []byte("{")) {
		t.Errorf("the value became %s", value)
	}
}

func TestMessage_RefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*eventsourcing.Record){
		"no type":            func(r *eventsourcing.Record) { r.EventType = "" },
		"not UTF-8":          func(r *eventsourcing.Record) { r.EventType = "a\xff" },
		"no sequence number": func(r *eventsourcing.Record) { r.SequenceNumber = 0 },
		"aggregate type":     func(r *eventsourcing.Record) { r.AggregateType = "" },
	} {
		r := fullRecord()
		change(&r)
		if _, err := message.Headers[header](r, "/orderflow", uuid.Nil, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
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
				AggregateType: rapid.StringMatching(`[a-z][a-z0-9_-]{0,63}`).Draw(t, "aggregate type"),
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
			headers, err := message.Headers[header](r, "/orderflow", uuid.Nil, whole)
			if err != nil {
				t.Fatal(err)
			}
			got, err := message.Parse(headers, message.Value(r))
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
	set := func(name, value string) func([]header) []header {
		// the last one counts
		return func(all []header) []header { return append(all, header{name, []byte(value)}) }
	}
	drop := func(name string) func([]header) []header {
		return func(all []header) []header {
			return slices.DeleteFunc(all, func(h header) bool { return h.Key == name })
		}
	}
	for name, test := range map[string]struct {
		change func([]header) []header
		want   string
		kind   message.Kind
	}{
		"no CloudEvent":           {drop("ce_specversion"), "ce_specversion", message.Foreign},
		"another version":         {set("ce_specversion", "2.0"), `"2.0"`, message.Foreign},
		"no id":                   {drop("ce_id"), "ce_id", message.Malformed},
		"an id of another kind":   {set("ce_id", "7"), `ce_id: "7" is not a UUID`, message.Malformed},
		"no subject":              {drop("ce_subject"), "ce_subject", message.Malformed},
		"no type":                 {drop("ce_type"), "ce_type: missing", message.Malformed},
		"no time":                 {drop("ce_time"), "ce_time: missing", message.Malformed},
		"no such time":            {set("ce_time", "yesterday"), `ce_time: "yesterday"`, message.Malformed},
		"an aggregate type of no": {set("ce_aggregatetype", "Order!"), `ce_aggregatetype: aggregate type "Order!"`, message.Malformed},
		"an empty aggregate type": {set("ce_aggregatetype", ""), `ce_aggregatetype: aggregate type ""`, message.Malformed},
		"no sequence":             {drop("ce_sequence"), "ce_sequence: missing", message.Malformed},
		"sequence 0":              {set("ce_sequence", "0"), `ce_sequence: "0"`, message.Malformed},
		"no event version":        {drop("ce_eventversion"), "ce_eventversion: missing", message.Malformed},
		"no such version":         {set("ce_eventversion", "two"), `ce_eventversion: "two"`, message.Malformed},
		"a broken command id":     {set("ce_commandid", ""), `ce_commandid: "" is not a UUID`, message.Malformed},
		"broken metadata":         {set("metadata", "{"), "metadata", message.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := fullRecord()
			_, err := message.Parse(test.change(headersOf(t, r, false)), message.Value(r))
			if err == nil || !strings.Contains(err.Error(), test.want) || message.KindOf(err) != test.kind {
				t.Errorf("%v of kind %s, want %q of kind %s", err, message.KindOf(err), test.want, test.kind)
			}
		})
	}
}

// Topics keep messages as long as their retention says, so messages of an earlier version must
// always be readable. That version wrote no aggregate type.
func TestRecord_ReadsWhatAnEarlierVersionWrote(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/messages-dec7198.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	read := 0
	for lines := bufio.NewScanner(file); lines.Scan(); read++ {
		var m struct {
			Key     string
			Headers []struct{ Key, Value string }
			Value   string
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		var headers []header
		texts := make(map[string]string)
		for _, h := range m.Headers {
			headers = append(headers, header{h.Key, []byte(h.Value)})
			texts[h.Key] = h.Value
		}
		r, err := message.Parse(headers, []byte(m.Value))
		if err != nil || r.AggregateType != "order" || r.AggregateID.String() != m.Key || r.EventType != texts["ce_type"] ||
			r.EventID.String() != texts["ce_id"] || string(r.Payload) != m.Value {
			t.Errorf("message %d: %+v, %v", read, r, err)
		}
		// When it is published again it is the same message, except for the type that it has now.
		again := asText(headersOf(t, r, texts["metadata"] != ""))
		var want [][2]string
		for _, h := range m.Headers {
			if want = append(want, [2]string{h.Key, h.Value}); h.Key == "ce_time" {
				want = append(want, [2]string{"ce_aggregatetype", "order"})
			}
		}
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", read, diff)
		}
	}
	if read < 17 {
		t.Errorf("%d messages were read", read)
	}
}

// The store is after the other attributes. Messages without it are those of earlier versions.
func TestMessage_SaysWhichStore(t *testing.T) {
	t.Parallel()
	store := uuid.MustParse("0198c2a4-0000-7000-8000-000000000006")
	headers, err := message.Headers[header](fullRecord(), "/orderflow", store, false)
	if err != nil {
		t.Fatal(err)
	}
	all := asText(headers)
	if want := [2]string{"ce_storeid", store.String()}; all[12] != want {
		t.Errorf("header %v, want %v, in %v", all[12], want, all)
	}
	if got := message.StoreOf(headers); got != store {
		t.Errorf("store %s, want %s", got, store)
	}
	got, err := message.Parse(headers, nil)
	if err != nil || got.EventID != fullRecord().EventID {
		t.Errorf("parsed %+v, %v", got, err)
	}
	for name, without := range map[string][]header{
		"no header": headersOf(t, fullRecord(), false), "no id": {{Key: "ce_storeid", Value: []byte("x")}},
	} {
		if got := message.StoreOf(without); got != uuid.Nil {
			t.Errorf("%s: store %s", name, got)
		}
	}
}

// The values of all headers share one piece of memory.
func TestHeaders_takeLittleMemory(t *testing.T) { // not parallel: it counts allocations
	r := fullRecord()
	got := testing.AllocsPerRun(100, func() { headersOf(t, r, false) })
	if got > 4 { // the headers and their values
		t.Errorf("%v allocations", got)
	}
}
