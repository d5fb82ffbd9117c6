// Command seed fills the directory of an embedded store with orders, for measurements of a large
// one. It appends the whole life of an order at once, without the command path: so a million orders
// take about a minute. The views are empty: the service fills them when it starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

// writers is how many orders are appended at once. They share their syncs.
const writers = 256

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	data := flag.String("data", "", "directory of the embedded store")
	count := flag.Int("orders", 1_000_000, "how many orders; three have ten events together")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store, err := embedded.Open(ctx, embedded.Options{Dir: *data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	start := time.Now()
	// each order is one command of this workload
	orders := workload.Create()
	err = orders.Drive(ctx, writers, *count, func(ctx context.Context, create order.Command) error {
		request, err := life(create.AggregateID())
		if err != nil {
			return err
		}
		_, err = store.Append(ctx, request)
		return err
	})
	fmt.Printf("%d orders in %v\n", *count, time.Since(start).Round(time.Second))
	return err
}

// life returns the events of an order: three, and four of every third one.
func life(orderID uuid.UUID) (ports.Append, error) {
	commands := workload.Life()
	request := ports.Append{AggregateID: orderID, CommandID: workload.NewID()}
	steps := []int{0, 2, 3} // create, confirm, ship
	if orderID[15]%3 == 0 {
		steps = append(steps, 4) // deliver
	}
	var state order.Order
	var events []order.Event
	for _, step := range steps {
		decided, err := order.Decide(state, commands.Command(orderID, step))
		if err != nil {
			return request, err
		}
		for _, e := range decided {
			state = order.Evolve(state, e)
		}
		events = append(events, decided...)
	}
	cause := eventsourcing.Cause{
		AggregateType: order.Type, AggregateID: orderID, CommandID: request.CommandID,
		CorrelationID: request.CommandID, At: time.Now(),
	}
	codec := orderjson.New()
	for _, e := range eventsourcing.Stamp(cause, 0, events, workload.NewID) {
		record, err := codec.Encode(e)
		if err != nil {
			return request, err
		}
		request.Records = append(request.Records, record)
	}
	return request, nil
}
