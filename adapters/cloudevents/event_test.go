package cloudevents_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
)

// Receivers depend on the format, so the line is written out here in full.
func TestPublisher_WritesThisLine(t *testing.T) {
	t.Parallel()
	record := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        uuid.MustParse("0198c2a4-0000-7000-8000-000000000001"),
			AggregateID:    uuid.MustParse("0198c2a4-0000-7000-8000-000000000002"),
			SequenceNumber: 12,
			CommandID:      uuid.MustParse("0198c2a4-0000-7000-8000-000000000003"),
			CorrelationID:  uuid.MustParse("0198c2a4-0000-7000-8000-000000000004"),
			CausationID:    uuid.MustParse("0198c2a4-0000-7000-8000-000000000005"),
			Metadata:       map[string]string{"user": "alice"},
			CreatedAt:      time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("CET", 3600)),
		},
		EventType:    "order.created",
		EventVersion: 2,
		Payload:      []byte(`{"currency": "EUR", "note": "<ü>"}`),
	}
	want := `{"specversion":"1.0",` +
		`"id":"0198c2a4-0000-7000-8000-000000000001",` +
		`"source":"/orderflow",` +
		`"type":"order.created",` +
		`"subject":"0198c2a4-0000-7000-8000-000000000002",` +
		`"time":"2026-01-02T02:04:05.600Z",` +
		`"sequence":"00000000000000000012",` +
		`"eventversion":2,` +
		`"aggregatetype":"order",` +
		`"commandid":"0198c2a4-0000-7000-8000-000000000003",` +
		`"correlationid":"0198c2a4-0000-7000-8000-000000000004",` +
		`"causationid":"0198c2a4-0000-7000-8000-000000000005",` +
		`"datacontenttype":"application/json",` +
		`"data":{"currency": "EUR", "note": "<ü>"}}` + "\n"
	if diff := cmp.Diff(want, string(encoded(t, record))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPublisher_Data(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ payload, want string }{
		"an object is embedded as it is":    {`{"a": [1, 2.50, 1e3]}`, `"datacontenttype":"application/json","data":{"a": [1, 2.50, 1e3]}}`},
		"a string is JSON":                  {`"text"`, `"datacontenttype":"application/json","data":"text"}`},
		"null is JSON":                      {`null`, `"datacontenttype":"application/json","data":null}`},
		"line breaks are removed":           {"{\r\n \"a\":\n1}\n", `"datacontenttype":"application/json","data":{ "a":1}}`},
		"escaped line breaks stay":          {`"a\nb"`, `"datacontenttype":"application/json","data":"a\nb"}`},
		"what is not JSON is base64":        {"{torn", `"datacontenttype":"application/octet-stream","data_base64":"e3Rvcm4="}`},
		"two values are base64":             {"{}\n{}", `"datacontenttype":"application/octet-stream","data_base64":"e30Ke30="}`},
		"JSON that is not UTF-8 is base64":  {"\"\xff\"", `"datacontenttype":"application/octet-stream","data_base64":"Iv8i"}`},
		"an empty payload is no data":       {"", `"causationid":"00000000-0000-0000-0000-000000000001"}`},
		"whitespace alone is not JSON":      {" ", `"data_base64":"IA=="}`},
		"a payload cannot leave its object": {`1},"id":"x"`, `"data_base64":"MX0sImlkIjoieCI="}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := newRecord(uuid.New(), 1)
			record.CausationID = uuid.UUID{15: 1}
			record.Payload = []byte(test.payload)
			line := string(encoded(t, record))
			if !json.Valid([]byte(line)) || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, test.want+"\n") {
				t.Errorf("line %q\nmust end with %q", line, test.want)
			}
		})
	}
}

func TestPublisher_Attributes(t *testing.T) {
	t.Parallel()

	t.Run("sequence numbers sort as strings", func(t *testing.T) {
		t.Parallel()
		var last string
		for _, n := range []uint64{1, 9, 10, 99, 1_000_000, math.MaxInt64, math.MaxUint64} {
			var e event
			if err := json.Unmarshal(encoded(t, newRecord(uuid.New(), n)), &e); err != nil {
				t.Fatal(err)
			}
			if e.Sequence <= last {
				t.Errorf("%q does not come after %q", e.Sequence, last)
			}
			last = e.Sequence
		}
	})

	t.Run("absent ids are left out", func(t *testing.T) {
		t.Parallel()
		record := newRecord(uuid.New(), 1)
		record.CommandID, record.CorrelationID, record.CausationID = uuid.Nil, uuid.Nil, uuid.Nil
		line := string(encoded(t, record))
		for _, name := range []string{"commandid", "correlationid", "causationid", uuid.Nil.String()} {
			if strings.Contains(line, name) {
				t.Errorf("%s is in %s", name, line)
			}
		}
	})

	t.Run("text is escaped", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		p := cloudevents.NewWriter(&out, cloudevents.Config{Source: "/a\"b\n"})
		record := newRecord(uuid.New(), 1)
		record.EventType = "c\"d\n"
		publish(t, p, record)
		closePublisher(t, p)
		var e event
		if err := json.Unmarshal(out.Bytes(), &e); err != nil || e.Source != "/a\"b\n" || e.Type != "c\"d\n" {
			t.Errorf("%s: %v", out.Bytes(), err)
		}
	})
}

func TestPublisher_LargeEvents(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := cloudevents.NewWriter(&out, cloudevents.Config{})
	record := newRecord(uuid.New(), 1)
	record.Payload = []byte(`""`)
	room := cloudevents.MaxEvent - len(encoded(t, record))
	text := strings.Repeat("x", room+1)

	record.Payload = []byte(`"` + text + `"`)
	if err := p.Publish(context.Background(), record); err == nil || isRetryable(err) || out.Len() > 0 {
		t.Errorf("an event of one byte too much: error %v, %d bytes written", err, out.Len())
	}
	record.Payload = []byte(`"` + text[1:] + `"`)
	publish(t, p, record)
	if out.Len() != cloudevents.MaxEvent {
		t.Errorf("the largest event has %d bytes, want %d", out.Len(), cloudevents.MaxEvent)
	}
	closePublisher(t, p)
}

// Ids and numbers have their usual form, and unusual names are still JSON.
func TestPublisher_WritesNamesAndIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := func(label string) (id uuid.UUID) {
			copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
			return id
		}
		record := newRecord(id("event"), rapid.Uint64().Draw(t, "sequence"))
		record.AggregateID, record.CommandID = id("aggregate"), id("command")
		record.EventType = rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z.<>&"\\]{1,20}`)).Draw(t, "type")
		line, err := cloudevents.Encode(record)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ID, Type, Subject, Sequence string
			CommandID                   string `json:"commandid"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		command := record.CommandID.String()
		if record.CommandID == uuid.Nil {
			command = ""
		}
		want := []string{
			record.EventID.String(), record.EventType, record.AggregateID.String(), fmt.Sprintf("%020d", record.SequenceNumber), command,
		}
		if diff := cmp.Diff(want, []string{got.ID, got.Type, got.Subject, got.Sequence, got.CommandID}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestEncode_takesLittleMemory(t *testing.T) { // not parallel: it counts allocations
	record := newRecord(uuid.New(), 1)
	record.CommandID, record.CorrelationID, record.CausationID = uuid.New(), uuid.New(), uuid.New()
	record.Payload = []byte(`{"currency":"EUR"}`)
	got := testing.AllocsPerRun(100, func() {
		if _, err := cloudevents.Encode(record); err != nil {
			t.Fatal(err)
		}
	})
	if got > 4 { // the line, the source, and what the check of the payload needs
		t.Errorf("%v allocations", got)
	}
}
