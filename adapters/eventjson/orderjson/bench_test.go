package orderjson_test

import (
	"crypto/cipher"
	"fmt"
	"testing"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/order"
	"orderflow/ports"
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

// BenchmarkSealed measures an event with two personal fields, open and sealed. The cipher is in
// memory, as it is for CacheFor after the first use of its subject.
func BenchmarkSealed(b *testing.B) {
	aead, err := oneKey{}.SubjectCipher("", true)
	if err != nil {
		b.Fatal(err)
	}
	e := envelope(order.OrderShipped{Carrier: "DHL", TrackingNumber: "JJD0003-018f4e5a-0000"})
	e.Metadata = map[string]string{ports.MetadataSubject: "5f0c6937456a4b4a0eaa43d6d671932b"}
	for name, codec := range map[string]*eventjson.Codec[order.Event]{
		"open": orderjson.New(), "sealed": orderjson.New().Sealed(eventjson.NewSeal(inMemory{aead})),
	} {
		record, err := codec.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Encode(e); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Decode(record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// inMemory is a cipher that is at hand.
type inMemory struct{ cipher.AEAD }

func (m inMemory) SubjectCipher(ports.Subject, bool) (cipher.AEAD, error) {
	return m.AEAD, nil
}

func createdWith(lines int) order.OrderCreated {
	e := order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: make([]order.Item, lines)}
	for i := range e.Items {
		e.Items[i] = order.Item{SKU: fmt.Sprintf("BOOK-%d", i), Quantity: 2, UnitPrice: 1250}
	}
	return e
}
