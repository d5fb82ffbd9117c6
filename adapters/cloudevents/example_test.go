package cloudevents_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
)

// Each event is one line of JSON: a CloudEvent in structured mode.
func ExampleNewWriter() {
	var out bytes.Buffer
	publisher := cloudevents.NewWriter(&out, cloudevents.Config{Source: "/example"})
	err := publisher.Publish(context.Background(), eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        uuid.MustParse("018f4e9a-0000-7000-8000-000000000002"),
			AggregateID:    uuid.MustParse("018f4e9a-0000-7000-8000-000000000001"),
			SequenceNumber: 1,
			CreatedAt:      time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC),
		},
		EventType: "order.created", EventVersion: 3, Payload: []byte(`{"customer_id":"ada"}`),
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := publisher.Close(); err != nil {
		fmt.Println(err)
	}

	var event struct{ ID, Source, Type, Subject, Sequence string }
	if err := json.Unmarshal(out.Bytes(), &event); err != nil {
		fmt.Println(err)
	}
	fmt.Println(event.Type, event.Source, event.Sequence)
	fmt.Println(event.ID, event.Subject)

	// Output:
	// order.created /example 00000000000000000001
	// 018f4e9a-0000-7000-8000-000000000002 018f4e9a-0000-7000-8000-000000000001
}
