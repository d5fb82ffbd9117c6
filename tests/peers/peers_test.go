package peers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hallgren/eventsourcing"
	"go.uber.org/goleak"

	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manyWriters is the higher of the two measured numbers of writers.
const manyWriters = 64

// BenchmarkPeers measures every system with every workload, with one writer and with many. A system
// is opened once and is warm when it is measured: its connections are open and its statements are
// prepared.
func BenchmarkPeers(b *testing.B) {
	for _, w := range workload.All() {
		for _, s := range systems {
			b.Run(fmt.Sprintf("workload=%s/system=%s", w.Name, s.name), func(b *testing.B) {
				handle := s.open(b).handle
				if err := w.Drive(b.Context(), manyWriters, 8*manyWriters, handle); err != nil {
					b.Fatal(err)
				}
				for _, writers := range []int{1, manyWriters} {
					b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { w.Bench(b, writers, handle) })
				}
			})
		}
	}
}

// A system that does less than the others would be faster, so each must show that it stores
// everything.
func TestSystems_StoreEveryEventAndItsMessage(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			system, orderID := s.open(t), workload.NewID()
			life := workload.Life()
			for step := range life.Length {
				if err := system.handle(t.Context(), life.Command(orderID, step)); err != nil {
					t.Fatal(err)
				}
			}
			stored, outbox := system.events(t, orderID.String())
			if stored != life.Length {
				t.Errorf("%d events are stored, want %d", stored, life.Length)
			}
			if want := life.Length; system.hasOutbox && outbox != want {
				t.Errorf("%d events are in the outbox, want %d", outbox, want)
			}
		})
	}
}

// Every system refuses a command that does not fit the history.
func TestSystems_DecideOnTheHistory(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			system, orderID := s.open(t), workload.NewID()
			create := workload.Create().Command(orderID, 0)
			if err := system.handle(t.Context(), create); err != nil {
				t.Fatal(err)
			}
			var refused *order.RuleError
			if err := system.handle(t.Context(), order.DeliverOrder{OrderID: orderID}); !errors.As(err, &refused) {
				t.Errorf("delivered before shipped: got %v, want a refusal", err)
			}
		})
	}
}

// When two writers expect the same head, the second one writes nothing.
func TestSystems_RefuseAStaleWrite(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			system, orderID := s.open(t), workload.NewID()
			first, second := system.write(t, orderID), system.write(t, orderID)
			if err := first(); err != nil {
				t.Fatal(err)
			}
			if err := second(); !errors.Is(err, ports.ErrVersionConflict) && !errors.Is(err, eventsourcing.ErrConcurrency) {
				t.Errorf("got %v, want a conflict", err)
			}
			if stored, outbox := system.events(t, orderID.String()); stored != 1 || outbox > 1 {
				t.Errorf("%d events are stored and %d are in the outbox, want one", stored, outbox)
			}
		})
	}
}
