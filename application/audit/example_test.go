package audit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/audit"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/ports"
)

// partition is a topic of one partition.
type partition []ports.TopicMessage

func (p partition) Ranges(context.Context) ([]ports.TopicRange, error) {
	return []ports.TopicRange{{End: int64(len(p))}}, nil
}

func (p partition) Read(_ context.Context, r ports.TopicRange, visit func(ports.TopicMessage) error) error {
	for _, m := range p[r.Begin:r.End] {
		if err := visit(m); err != nil {
			return err
		}
	}
	return nil
}

// The publisher has published the first event twice and the second one not at all.
func ExampleAuditor_VerifyTopic() {
	ctx, store, id := context.Background(), memory.New(memory.Options{}), uuid.New()
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})
	for _, c := range []order.Command{
		order.CreateOrder{
			OrderID: id, CustomerID: "ada", Currency: "EUR",
			Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
		},
		order.CancelOrder{OrderID: id, Reason: "too expensive"},
	} {
		if _, err := commands.Handle(ctx, orders.Request{Command: c}); err != nil {
			fmt.Println(err)
		}
	}
	records, err := store.Load(ctx, id, 0)
	if err != nil {
		fmt.Println(err)
	}
	var topic partition
	for offset := range int64(2) {
		topic = append(topic, ports.TopicMessage{Offset: offset, Key: id.String(), Record: records[0]})
	}

	auditor := audit.New(audit.Config{Store: store, Topic: topic})
	report, err := auditor.VerifyTopic(ctx, ports.TopicOptions{From: ports.FromBegin})
	fmt.Printf("%d messages, %d doubled, %d missing, %v\n", report.Messages, report.Doubled, report.Missing, err)
	for _, finding := range report.Shown {
		fmt.Println(finding.Kind, finding.Detail)
	}

	// Output:
	// 2 messages, 1 doubled, 1 missing, <nil>
	// missing event 2 of 2 did not arrive
}
