// Package workload is the work of the benchmarks: commands for orders, and goroutines that send
// them. Orderflow, raw Pebble and the peers get the same commands, so that their figures can be
// compared.
//
// Every order belongs to one goroutine at a time, so no command conflicts with another one.
package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/domain/order"
)

// Workload is a sequence of commands that every order gets, one after the other. Each command emits
// one event.
type Workload struct {
	// Name is short and has no spaces, because it becomes a part of the name of a benchmark.
	Name string
	// Length is the number of commands.
	Length  int
	command func(orderID uuid.UUID, step int) order.Command
}

// Create creates one order after the other, with three items each.
func Create() Workload { return Workload{Name: "create", Length: 1, command: life} }

// Life takes each order from its creation to its delivery: create, update, confirm, ship, deliver.
// Every command after the first has a history to load.
func Life() Workload { return Workload{Name: "life", Length: 5, command: life} }

// All returns the workloads.
func All() []Workload { return []Workload{Create(), Life()} }

// Command returns command number step, from 0, for an order.
func (w Workload) Command(orderID uuid.UUID, step int) order.Command { return w.command(orderID, step) }

func life(orderID uuid.UUID, step int) order.Command {
	switch step {
	case 0:
		return order.CreateOrder{OrderID: orderID, CustomerID: "customer-" + orderID.String()[:8], Currency: "EUR", Items: []order.Item{
			{SKU: "KEYBOARD-DE", Quantity: 1, UnitPrice: 7999},
			{SKU: "MOUSE-2.4G", Quantity: 2, UnitPrice: 2450},
			{SKU: "USB-C_CABLE", Quantity: 5, UnitPrice: 699},
		}}
	case 1:
		return order.UpdateItems{OrderID: orderID, Items: []order.Item{
			{SKU: "KEYBOARD-DE", Quantity: 2, UnitPrice: 7999},
			{SKU: "MOUSE-2.4G", Quantity: 2, UnitPrice: 2450},
			{SKU: "HEADSET-7", Quantity: 1, UnitPrice: 12900},
		}}
	case 2:
		return order.ConfirmOrder{OrderID: orderID, PaymentReference: "PAY-" + orderID.String()[:13]}
	case 3:
		return order.ShipOrder{OrderID: orderID, Carrier: "DHL", TrackingNumber: "JJD0003-" + orderID.String()[:13]}
	default:
		return order.DeliverOrder{OrderID: orderID}
	}
}

// NewID returns a time-ordered id, as the service does.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Handle handles one command durably.
type Handle = func(ctx context.Context, command order.Command) error

// Drive starts writers goroutines that handle n commands together, as fast as they can. A writer
// sends an order all commands of w before it takes the next order. The first error of handle stops
// all writers and is returned.
func (w Workload) Drive(ctx context.Context, writers, n int, handle Handle) error {
	var claimed atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range writers {
		group.Go(func() error {
			for ctx.Err() == nil {
				before := int(claimed.Add(int64(w.Length))) - w.Length
				if before >= n {
					break
				}
				orderID := NewID()
				for step := range min(w.Length, n-before) {
					command := w.Command(orderID, step)
					if err := handle(ctx, command); err != nil {
						return fmt.Errorf("%s: %w", command.Name(), err)
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Bench measures how fast writers goroutines handle b.N commands, and how much time of the
// processors the process takes for one. That time depends less on what else the machine does.
func (w Workload) Bench(b *testing.B, writers int, handle Handle) {
	b.Helper()
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	err := w.Drive(b.Context(), writers, b.N, handle)
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/command")
}

// cpuTime returns the time of the processors that the process has taken, in the kernel and outside.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
