package views_test

import (
	"fmt"
	"runtime"
	"testing"

	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// What a cache of states takes for the memory of a state is what it is, within a factor: too little
// would take more memory than the bound, and too much would hold fewer states than there is room
// for. It is measured for states that events have made, and for those that were read.
//
//nolint:paralleltest // other tests would change the heap
func TestKept_SizeIsThatOfItsMemory(t *testing.T) {
	const orders = 2000
	for _, lines := range []int{1, 3, 50} {
		for _, p := range views.All() {
			for name, read := range map[string]bool{"made": false, "read": true} {
				before := heap()
				kept := make([]projection.Kept, orders)
				for i := range kept {
					kept[i] = keptOf(t, p, i, lines, read)
				}
				took := heap() - before
				said := 0
				for i := range kept {
					said += kept[i].Size()
				}
				runtime.KeepAlive(kept)
				ratio := float64(said) / float64(took)
				t.Logf("%s with %d lines, %s: %d bytes, it says %.2f of that", p.Name, lines, name, took/orders, ratio)
				if ratio < 1 || ratio > 2 {
					t.Errorf("%s with %d lines, %s: a state takes %d bytes, but it says %d", p.Name, lines, name, took/orders, said/orders)
				}
			}
		}
	}
}

// keptOf returns the state of order i with so many lines.
func keptOf(t *testing.T, p *projection.Projection, i, lines int, read bool) projection.Kept {
	t.Helper()
	created := order.OrderCreated{CustomerID: fmt.Sprintf("customer-%06d", i), Currency: "EUR"}
	for n := range lines {
		created.Items = append(created.Items, order.Item{SKU: fmt.Sprintf("A-%d", n), Quantity: 1000, UnitPrice: 7999})
	}
	events := history(created, order.OrderConfirmed{PaymentReference: fmt.Sprintf("PAY-%06d", i)})
	step, kept, err := p.Continue(projection.Kept{}, events)
	if err == nil && read {
		kept, err = p.Open(step.State)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// heap returns the bytes of the objects that are in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc) //nolint:gosec // far below the limit
}
