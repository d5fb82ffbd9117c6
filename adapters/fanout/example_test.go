package fanout_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

// counter is a consumer. Pull reads a feed, and Handle performs the effects.
type counter struct {
	feed []eventsourcing.Record
	done chan uint64
}

func (c counter) Name() string { return "counter" }

func (c counter) Pull(
	ctx context.Context, emit func(ctx context.Context, record eventsourcing.Record, done func()) error,
) error {
	for _, record := range c.feed {
		// done is the place to commit the offset of the record.
		if err := emit(ctx, record, func() { c.done <- record.SequenceNumber }); err != nil {
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

func (c counter) Handle(context.Context, ...eventsourcing.Record) error { return nil }

// The records of one aggregate are handled in order.
func ExampleRouter() {
	order, c := uuid.New(), counter{done: make(chan uint64)}
	for n := range uint64(3) {
		c.feed = append(c.feed, eventsourcing.Record{Header: eventsourcing.Header{AggregateID: order, SequenceNumber: n + 1}})
	}
	router, err := fanout.New(fanout.Config{}, c)
	if err != nil {
		fmt.Println(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- router.Run(ctx) }()
	for range c.feed {
		fmt.Println(<-c.done)
	}
	stop()
	fmt.Println(<-ended)

	// Output:
	// 1
	// 2
	// 3
	// <nil>
}
