package orderjson_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// counting counts how often it decodes.
type counting struct {
	ports.Decoder
	calls int
}

// Decode implements ports.Decoder.
func (c *counting) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	c.calls++
	return c.Decoder.Decode(r)
}

// What consumers get of an event that was encoded in this process is what they would decode, and
// nobody decodes it. An event that names a subject is decoded each time.
func TestRemembering_PropGivesWhatWouldBeDecoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		decoder := &counting{Decoder: orderjson.NewMux()}
		memo := eventjson.NewMemo(decoder)
		codec := eventjson.Remembering(orderjson.New(), memo)
		for range rapid.IntRange(1, 5).Draw(t, "events") {
			e := envelope(anyEvent().Draw(t, "event"))
			e.EventID = uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			subject := rapid.Bool().Draw(t, "names a subject")
			if subject {
				e.Metadata = map[string]string{ports.MetadataSubject: "ada"}
			}
			record, err := codec.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			want, err := orderjson.NewMux().Decode(record)
			if err != nil {
				t.Fatal(err)
			}
			payload := append([]byte(nil), record.Payload...)
			for i := range record.Payload { // the record is the caller's
				record.Payload[i] = 'x'
			}
			record.Payload, decoder.calls = payload, 0
			got, err := memo.Decode(record)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%v (-decoded +remembered):\n%s", err, diff)
			}
			if calls := decoder.calls; (calls == 1) != subject {
				t.Fatalf("decoded %d times, names a subject: %v", calls, subject)
			}
		}
	})
}
