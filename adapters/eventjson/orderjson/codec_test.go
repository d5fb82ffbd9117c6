package orderjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

func TestDecode_RefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	const item = `{"sku":"A","quantity":1,"unit_price":2}`
	tests := []struct {
		name      string
		eventType string
		version   int
		payload   string
		problem   string // part of the cause
	}{
		{"unknown type", "order.refunded", 1, `{}`, "unknown event type"},
		{"empty type", "", 1, `{}`, "unknown event type"},
		{"type in another case", "Order.Created", 3, `{}`, "unknown event type"},
		{"newer version", "order.delivered", 2, `{}`, "unknown version; known are 1 to 1"},
		{"version 0", "order.created", 0, `{}`, "unknown version; known are 1 to 3"},
		{"negative version", "order.created", -1, `{}`, "unknown version"},

		{"no payload", "order.delivered", 1, ``, "unexpected end"},
		{"cut off payload", "order.confirmed", 1, `{"payment_reference":"p`, "unexpected end"},
		{"no JSON", "order.delivered", 1, "\x00\x01", "invalid character"},
		{"null", "order.delivered", 1, `null`, "null"},
		{"list", "order.delivered", 1, `[]`, "array"},
		{"text", "order.delivered", 1, `"{}"`, "string"},
		{"trailing text", "order.delivered", 1, `{} x`, "after top-level value"},
		{"trailing object", "order.delivered", 1, `{}{}`, "after top-level value"},
		{"trailing NUL", "order.delivered", 1, "{}\x00", "after top-level value"},
		{"nesting too deep", "order.delivered", 1, `{"x":` + strings.Repeat("[", 20_000), "depth"},

		{"no customer", "order.created", 3, `{"currency":"EUR","items":[` + item + `]}`, "customer_id is missing"},
		{"no currency", "order.created", 3, `{"customer_id":"a","items":[` + item + `]}`, "currency is missing"},
		{"no items", "order.created", 3, `{"customer_id":"a","currency":"EUR"}`, "items is missing"},
		{"items null", "order.created", 3, `{"customer_id":"a","currency":"EUR","items":null}`, "items is missing"},
		{"customer null", "order.created", 3, `{"customer_id":null,"currency":"EUR","items":[]}`, "customer_id is missing"},
		{"customer a number", "order.created", 3, `{"customer_id":1,"currency":"EUR","items":[]}`, "customer_id"},
		{"items an object", "order.created", 3, `{"customer_id":"a","currency":"EUR","items":{}}`, "items"},
		{"updated items missing", "order.items_updated", 1, `{}`, "items is missing"},
		{"an item null", "order.items_updated", 1, `{"items":[null]}`, "items[0].sku is missing"},
		{"no sku", "order.items_updated", 1, `{"items":[{"quantity":1,"unit_price":2}]}`, "items[0].sku is missing"},
		{"no quantity", "order.items_updated", 1, `{"items":[` + item + `,{"sku":"B","unit_price":2}]}`, "items[1].quantity is missing"},
		{"no price", "order.items_updated", 1, `{"items":[{"sku":"A","quantity":1}]}`, "items[0].unit_price is missing"},
		{"quantity a text", "order.items_updated", 1, `{"items":[{"sku":"A","quantity":"1","unit_price":2}]}`, "quantity"},
		{"quantity a fraction", "order.items_updated", 1, `{"items":[{"sku":"A","quantity":1.5,"unit_price":2}]}`, "quantity"},
		{"price beyond 64 bits", "order.items_updated", 1, `{"items":[{"sku":"A","quantity":1,"unit_price":9223372036854775808}]}`, "unit_price"},
		{"no payment reference", "order.confirmed", 1, `{}`, "payment_reference is missing"},
		{"no carrier", "order.shipped", 1, `{"tracking_number":"n"}`, "carrier is missing"},
		{"no tracking number", "order.shipped", 1, `{"carrier":"c"}`, "tracking_number is missing"},
		{"no reason", "order.cancelled", 2, `{}`, "reason is missing"},

		{"v1 null", "order.created", 1, `null`, "upcast to version 2: the payload is null"},
		{"v1 cut off", "order.created", 1, `{"customer_id"`, "upcast to version 2: unexpected end"},
		{"v1 without items", "order.created", 1, `{"customer_id":"a"}`, "upcast to version 3: currency is missing"},
		{"v1 without a customer", "order.created", 1, `{"items":[]}`, "upcast to version 3: customer_id is missing"},
		{"v1 item without a quantity", "order.created", 1, `{"customer_id":"a","items":[{"sku":"A","price":{"amount":1,"currency":"EUR"}}]}`, "upcast to version 3: items[0].quantity is missing"},
		{"v1 item without a price", "order.created", 1, `{"customer_id":"a","items":[{"sku":"A","qty":1}]}`, "upcast to version 2: items[0].price.currency is missing"},
		{"v1 item without an amount", "order.created", 1, `{"customer_id":"a","items":[{"sku":"A","qty":1,"price":{"currency":"EUR"}}]}`, "upcast to version 3: items[0].unit_price is missing"},
		{"v1 item without a currency", "order.created", 1, `{"customer_id":"a","items":[{"sku":"A","qty":1,"price":{"amount":1}}]}`, "upcast to version 2: items[0].price.currency is missing"},
		{"v1 in two currencies", "order.created", 1, `{"customer_id":"a","items":[{"sku":"A","qty":1,"price":{"amount":1,"currency":"EUR"}},{"sku":"B","qty":1,"price":{"amount":1,"currency":"USD"}}]}`, "upcast to version 2: items in EUR and in USD"},
		{"v2 without items", "order.created", 2, `{"customer_id":"a","currency":"EUR"}`, "upcast to version 3: items is missing"},
		{"v2 that says quantity", "order.created", 2, `{"customer_id":"a","currency":"EUR","items":[` + item + `]}`, "upcast to version 3: items[0].quantity is missing"},
		{"v3 that says qty", "order.created", 3, `{"customer_id":"a","currency":"EUR","items":[{"sku":"A","qty":1,"unit_price":2}]}`, "items[0].quantity is missing"},
		{"v1 with trailing text", "order.cancelled", 1, `{} x`, "after top-level value"},
	}
	codec := orderjson.New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			record := stored(tt.eventType, tt.version, tt.payload)
			_, err := codec.Decode(record)
			var decode *ports.DecodeError
			if !errors.As(err, &decode) || !errors.Is(err, ports.ErrCorrupt) {
				t.Fatalf("got error %v, want a *ports.DecodeError", err)
			}
			if decode.Err == nil || !strings.Contains(decode.Err.Error(), tt.problem) {
				t.Errorf("got cause %v, want one with %q", decode.Err, tt.problem)
			}
			want := ports.DecodeError{
				EventID: record.EventID, AggregateID: record.AggregateID, SequenceNumber: record.SequenceNumber,
				EventType: tt.eventType, EventVersion: tt.version,
				// A newer program may have written this and can read it. For other defects that is
				// not so.
				Newer: strings.HasPrefix(tt.problem, "unknown event type") || tt.name == "newer version",
			}
			if errors.Is(err, ports.ErrNewer) != want.Newer {
				t.Errorf("%v: is newer: %v, want %v", err, errors.Is(err, ports.ErrNewer), want.Newer)
			}
			if diff := cmp.Diff(want, *decode, cmpopts.IgnoreFields(ports.DecodeError{}, "Err")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecode_ReadsWhatNoCommandCouldCauseToday(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		eventType string
		version   int
		payload   string
		want      order.Event
	}{
		{
			"limits that are exceeded", "order.created", 3,
			`{"customer_id":"","currency":"DEM","items":[{"sku":"a b","quantity":0,"unit_price":-1},{"sku":"a b","quantity":-9223372036854775808,"unit_price":0}]}`,
			order.OrderCreated{Currency: "DEM", Items: []order.Item{{SKU: "a b", UnitPrice: -1}, {SKU: "a b", Quantity: -1 << 63}}},
		},
		{"no lines", "order.items_updated", 1, `{"items":[]}`, order.OrderItemsUpdated{Items: []order.Item{}}},
		{"empty texts", "order.shipped", 1, `{"carrier":"","tracking_number":""}`, order.OrderShipped{}},
		{"control characters", "order.cancelled", 2, `{"reason":"a\nb\u0000"}`, order.OrderCancelled{Reason: "a\nb\x00"}},
		{"no lines, before orders had a currency", "order.created", 1, `{"customer_id":"a","items":[]}`, order.OrderCreated{CustomerID: "a", Currency: "XXX", Items: []order.Item{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := orderjson.New().Decode(stored(tt.eventType, tt.version, tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Event); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

// Fields may be added without a new version, so an unknown field is no error, in any version, at
// any depth.
func TestDecode_IgnoresFieldsItDoesNotKnow(t *testing.T) {
	t.Parallel()
	codec := orderjson.New()
	for name, file := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var payload any
			decoder := json.NewDecoder(bytes.NewReader(file.Payload))
			decoder.UseNumber()
			if err := decoder.Decode(&payload); err != nil {
				t.Fatal(err)
			}
			addUnknown(payload)
			more, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}

			_, want, err := file.event()
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.Decode(stored(file.EventType, file.EventVersion, string(more)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Event); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func addUnknown(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			addUnknown(inner)
		}
		v["added_later"] = map[string]any{"deep": []int{1}}
	case []any:
		for _, inner := range v {
			addUnknown(inner)
		}
	}
}

func TestEncode_RefusesWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event   order.Event
		problem string
	}{
		"nil":                              {nil, "encode <nil>: no event of an order"},
		"a pointer":                        {&order.OrderDelivered{}, "encode *order.OrderDelivered: no event of an order"},
		"a nil pointer":                    {(*order.OrderCreated)(nil), "encode *order.OrderCreated: no event of an order"},
		"another type":                     {struct{ order.OrderDelivered }{}, "no event of an order"},
		"a customer that is not UTF-8":     {order.OrderCreated{CustomerID: "a\xff"}, `encode order.OrderCreated: text "a\xff" is not UTF-8`},
		"a currency that is not UTF-8":     {order.OrderCreated{Currency: "\xff"}, "not UTF-8"},
		"a created sku that is not UTF-8":  {order.OrderCreated{Items: []order.Item{{SKU: "\xff"}}}, "not UTF-8"},
		"an updated sku that is not UTF-8": {order.OrderItemsUpdated{Items: []order.Item{{}, {SKU: "\xff"}}}, "not UTF-8"},
		"a reference that is not UTF-8":    {order.OrderConfirmed{PaymentReference: "\xff"}, "not UTF-8"},
		"a carrier that is not UTF-8":      {order.OrderShipped{Carrier: "\xff"}, "not UTF-8"},
		"a number that is not UTF-8":       {order.OrderShipped{TrackingNumber: "\xff"}, "not UTF-8"},
		"a reason that is not UTF-8":       {order.OrderCancelled{Reason: "\xff"}, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := orderjson.New().Encode(envelope(tt.event))
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("got error %v, want %q", err, tt.problem)
			}
			if errors.Is(err, ports.ErrCorrupt) {
				t.Errorf("%v is a corruption, but nothing was stored", err)
			}
			if diff := cmp.Diff(eventsourcing.Record{}, record); diff != "" {
				t.Errorf("a record came with the error (-want +got):\n%s", diff)
			}
		})
	}
}

// A nil list is encoded as an empty list. If it were left out, the event could never be read again.
func TestEncode_NoLinesAreAnEmptyList(t *testing.T) {
	t.Parallel()
	record, err := orderjson.New().Encode(envelope(order.OrderItemsUpdated{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(record.Payload); got != `{"items":[]}` {
		t.Errorf("got payload %s, want an empty list", got)
	}
}

func TestCodec_PropRoundTrip(t *testing.T) {
	t.Parallel()
	codec := orderjson.New()
	rapid.Check(t, func(t *rapid.T) {
		want := envelope(anyEvent().Draw(t, "event"))
		record, err := codec.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if record.EventVersion != orderjson.Versions()[record.EventType] {
			t.Fatalf("%s was written in version %d", record.EventType, record.EventVersion)
		}
		got, err := codec.Decode(record)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("event (-encoded +decoded):\n%s", diff)
		}
	})
}

// The payloads append their fields by themselves. It must be what encoding/json would write.
func TestEncode_PropWritesWhatJSONWrites(t *testing.T) {
	t.Parallel()
	codec := orderjson.New()
	rapid.Check(t, func(t *rapid.T) {
		event := anyEvent().Draw(t, "event")
		_, payload, err := orderjson.ToPayload(event)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.Encode(envelope(event))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got.Payload) {
			t.Fatalf("got payload %s, want %s", got.Payload, want)
		}
	})
}

// anyEvent draws events and ignores the rules of an order. Strings are valid UTF-8.
func anyEvent() *rapid.Generator[order.Event] {
	text := rapid.String()
	items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Item {
		return order.Item{
			SKU:       text.Draw(t, "sku"),
			Quantity:  rapid.Int64().Draw(t, "quantity"),
			UnitPrice: order.Money(rapid.Int64().Draw(t, "unit price")),
		}
	}), 0, 5)
	return rapid.Custom(func(t *rapid.T) order.Event {
		switch rapid.IntRange(0, 5).Draw(t, "event") {
		case 0:
			return order.OrderCreated{CustomerID: text.Draw(t, "customer"), Currency: order.Currency(text.Draw(t, "currency")), Items: items.Draw(t, "items")}
		case 1:
			return order.OrderItemsUpdated{Items: items.Draw(t, "items")}
		case 2:
			return order.OrderConfirmed{PaymentReference: text.Draw(t, "reference")}
		case 3:
			return order.OrderShipped{Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
		case 4:
			return order.OrderDelivered{}
		default:
			return order.OrderCancelled{Reason: text.Draw(t, "reason")}
		}
	})
}
