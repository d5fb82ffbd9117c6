package orderjson_test

import (
	"fmt"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
)

// An event of the first version is decoded like one of today, and is encoded in the newest version.
func Example() {
	codec := orderjson.New()
	old := eventsourcing.Record{
		Header:       eventsourcing.Header{AggregateType: "order"},
		EventType:    "order.created",
		EventVersion: 1,
		Payload:      []byte(`{"customer_id":"ada","items":[{"sku":"BOOK-1","qty":2,"price":{"amount":1250,"currency":"EUR"}}]}`),
	}

	event, err := codec.Decode(old)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", event.Event)

	record, err := codec.Encode(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s version %d: %s\n", record.EventType, record.EventVersion, record.Payload)

	// Output:
	// {CustomerID:ada Currency:EUR Items:[{SKU:BOOK-1 Quantity:2 UnitPrice:1250}]}
	// order.created version 3: {"customer_id":"ada","currency":"EUR","items":[{"sku":"BOOK-1","quantity":2,"unit_price":1250}]}
}
