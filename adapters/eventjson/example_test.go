package eventjson_test

import (
	"fmt"

	"orderflow/adapters/eventjson"
)

// An event that was stored in euros is decoded like one of today. It is encoded in cents.
func ExampleCodec() {
	codec := accounts()

	event, err := codec.Decode(record("account", "account.deposited", 1, `{"euros":3}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", event.Event)

	stored, err := codec.Encode(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s version %d: %s\n", stored.EventType, stored.EventVersion, stored.Payload)

	// Output:
	// {cents:300}
	// account.deposited version 2: {"cents":300}
}

// A Mux reads events of several aggregate types.
func ExampleMux() {
	var mux eventjson.Mux
	eventjson.Register(&mux, accounts())
	eventjson.Register(&mux, doors())

	for _, r := range []struct{ aggregateType, eventType, payload string }{
		{"account", "account.closed", `{}`},
		{"door", "door.opened", `{"by":"ada"}`},
		{"car", "car.sold", `{}`},
	} {
		event, err := mux.Decode(record(r.aggregateType, r.eventType, 1, r.payload))
		if err != nil {
			fmt.Println("cannot read", r.eventType)
			continue
		}
		fmt.Printf("%T%+v\n", event.Event, event.Event)
	}

	// Output:
	// eventjson_test.closed{}
	// eventjson_test.opened{by:ada}
	// cannot read car.sold
}

// An upcaster turns the payload of one version into that of the next one.
func ExampleUpcast() {
	type v1 struct {
		Euros int64 `json:"euros"`
	}
	type v2 struct {
		Cents int64 `json:"cents"`
	}
	upcast := eventjson.Upcast(func(old v1) (v2, error) { return v2{Cents: 100 * old.Euros}, nil })

	payload, err := upcast([]byte(`{"euros":3}`))
	fmt.Println(string(payload), err)
	// Output: {"cents":300} <nil>
}
