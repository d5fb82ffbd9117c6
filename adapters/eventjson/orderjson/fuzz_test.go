package orderjson_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/ports"
)

// FuzzDecode checks that Decode returns an event or a *ports.DecodeError for any input. It also
// checks that an event does not change when it is encoded in the newest version and decoded again.
func FuzzDecode(f *testing.F) {
	for _, file := range corpus(f) {
		f.Add(file.EventType, file.EventVersion, []byte(file.Payload))
	}
	f.Add("order.created", 3, []byte(`{"customer_id":"a","customer_id":"b","currency":"EUR","items":[{"sku":"A"}],"items":[{"quantity":1,"unit_price":1}]}`))
	f.Add("order.created", 1, []byte(`{"customer_id":"a","items":[{"sku":"A","qty":1e400,"price":{"amount":-0,"currency":"\ud800"}}]}`))
	f.Add("order.cancelled", 2, []byte("{\"reason\":\"\xff\"}"))

	codec := orderjson.New()
	f.Fuzz(func(t *testing.T, eventType string, version int, payload []byte) {
		decoded, err := codec.Decode(stored(eventType, version, string(payload)))
		if err != nil {
			var decode *ports.DecodeError
			if !errors.As(err, &decode) {
				t.Fatalf("got error %v, want a *ports.DecodeError", err)
			}
			return
		}
		record, err := codec.Encode(decoded)
		if err != nil {
			t.Fatal(err)
		}
		if record.EventType != eventType || record.EventVersion < version {
			t.Fatalf("%s version %d was written as %s version %d", eventType, version, record.EventType, record.EventVersion)
		}
		again, err := codec.Decode(record)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decoded, again); diff != "" {
			t.Fatalf("event (-first +second):\n%s", diff)
		}
	})
}
