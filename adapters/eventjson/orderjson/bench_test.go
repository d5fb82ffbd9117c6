package orderjson_test

import (
	"fmt"
	"testing"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/order"
)

func BenchmarkEncode(b *testing.B) {
	for _, bm := range []struct {
		name  string
		event order.Event
	}{
		{"created_2_lines", createdWith(2)},
		{"created_1000_lines", createdWith(order.MaxItems)},
		{"confirmed", order.OrderConfirmed{PaymentReference: "pay-1"}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			codec, e := orderjson.New(), envelope(bm.event)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Encode(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode compares the newest version, which is parsed once, with versions that are upcast
// first.
func BenchmarkDecode(b *testing.B) {
	codec := orderjson.New()
	run := func(name, eventType string, version int, payload []byte) {
		b.Run(name, func(b *testing.B) {
			record := stored(eventType, version, string(payload))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Decode(record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, lines := range []int{2, order.MaxItems} {
		record, err := codec.Encode(envelope(createdWith(lines)))
		if err != nil {
			b.Fatal(err)
		}
		run(fmt.Sprintf("created_%d_lines", lines), record.EventType, record.EventVersion, record.Payload)
	}
	files := corpus(b)
	for _, name := range []string{"order.created.v1.json", "order.created.v2.json", "order.confirmed.v1.json"} {
		run(name, files[name].EventType, files[name].EventVersion, files[name].Payload)
	}
}

func createdWith(lines int) order.OrderCreated {
	e := order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: make([]order.Item, lines)}
	for i := range e.Items {
		e.Items[i] = order.Item{SKU: fmt.Sprintf("BOOK-%d", i), Quantity: 2, UnitPrice: 1250}
	}
	return e
}
