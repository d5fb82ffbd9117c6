package aggregateapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
)

// What these documents write themselves is what encoding/json writes for them, byte for byte.
func TestAppendJSON_isWhatTheStandardLibraryWrites(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(t *rapid.T) (id uuid.UUID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		return id
	})
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 <>&"\\/'\x00-\x1f\x7f]{0,20}`), rapid.Just("\u2028\xff"))
	event := rapid.Custom(func(t *rapid.T) aggregateapi.EventDocument {
		data, err := json.Marshal(rapid.MapOf(text, text).Draw(t, "data"))
		if err != nil {
			t.Fatal(err)
		}
		return aggregateapi.EventDocument{
			EventID: id.Draw(t, "event"), AggregateID: id.Draw(t, "aggregate"), AggregateType: text.Draw(t, "type"),
			SequenceNumber: rapid.Uint64().Draw(t, "sequence"), EventType: text.Draw(t, "event type"),
			EventVersion: rapid.IntRange(1, 1000).Draw(t, "version"), CommandID: id.Draw(t, "command"),
			CorrelationID: id.Draw(t, "correlation"), CausationID: id.Draw(t, "causation"),
			Metadata: rapid.MapOf(text, text).Draw(t, "metadata"), CreatedAt: text.Draw(t, "at"), Data: data,
		}
	})
	same := func(t *rapid.T, document endpoint.Appender) {
		t.Helper()
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(document); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(document.AppendJSON(nil))+"\n"); diff != "" {
			t.Errorf("(-encoding/json +AppendJSON):\n%s", diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(event, 0, 3).Draw(t, "events")
		if events == nil {
			events = []aggregateapi.EventDocument{}
		}
		same(t, aggregateapi.CommandDocument{
			Aggregate:      endpoint.Name(id.Draw(t, "id"), rapid.OneOf(rapid.Just("order"), text).Draw(t, "type")),
			SequenceNumber: rapid.Uint64().Draw(t, "sequence"), Events: events,
		})
		same(t, aggregateapi.EventsDocument{Events: events, NextAfter: rapid.Uint64Range(0, 3).Draw(t, "next")})
	})
}
