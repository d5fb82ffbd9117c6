package bench_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/personal"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

// BenchmarkSealed measures what it costs to seal personal data: the lives of orders, of which two
// commands in five have personal fields, from 64 writers. With path=append a command ends when it
// is durable, with path=service when every view has it. The customers are a thousand, whose keys
// are in memory, or each order has a customer of its own, who needs a key.
func BenchmarkSealed(b *testing.B) {
	for _, path := range []struct {
		name string
		run  func(b *testing.B, sealed bool, known int)
	}{{"append", appendSealed}, {"service", serveSealed}} {
		for _, customers := range []struct {
			name  string
			known int
		}{{"known", 1000}, {"new", 0}} {
			for _, system := range []string{"plain", "sealed"} {
				b.Run(fmt.Sprintf("path=%s/customers=%s/system=%s", path.name, customers.name, system), func(b *testing.B) {
					path.run(b, system == "sealed", customers.known)
				})
			}
		}
	}
}

func appendSealed(b *testing.B, sealed bool, known int) {
	store, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	config := command.Config{
		Store: store, Now: time.Now, NewID: workload.NewID, Cache: command.NewCache(64 << 20), Exclusive: true,
		Pages: store, Finder: store,
	}
	codec := orderjson.New()
	if sealed {
		ring := openKeyring(b)
		config.Subjects, codec = ring, codec.Sealed(eventjson.NewSeal(ring))
	}
	h := orders.NewCommands(codec, config)
	handle := ofCustomers(known, func(ctx context.Context, c order.Command) error {
		_, err := h.Handle(ctx, orders.Request{Command: c})
		return err
	})
	spent := cpuTime()
	workload.Life().Bench(b, manyWriters, handle)
	b.ReportMetric(float64((cpuTime()-spent).Microseconds())/float64(b.N), "cpu-us/command")
}

func serveSealed(b *testing.B, sealed bool, known int) {
	const flatOut = 1e6
	first := pace.NewTimeline(1, perSecond, viewNames())
	t := pace.NewTimeline(b.N, flatOut, viewNames())
	t.Window = manyWriters
	s := &service{}
	if sealed {
		s.keyring = openKeyring(b)
	}
	s.start(b, sinkNone, func(view string, orderID uuid.UUID, sequence uint64) {
		first.Shown(view, orderID, sequence)
		t.Shown(view, orderID, sequence)
	})
	handle := ofCustomers(known, throughHandler(b, s))
	run(b, first, handle)
	b.ResetTimer()
	spent := cpuTime()
	run(b, t, handle)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	b.ReportMetric(float64((cpuTime()-spent).Microseconds())/float64(b.N), "cpu-us/command")
}

// openKeyring opens keys in a directory of their own.
func openKeyring(tb testing.TB) *personal.Keyring {
	tb.Helper()
	keys, err := embedded.OpenKeys(tb.Context(), embedded.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := keys.Close(); err != nil {
			tb.Error(err)
		}
	})
	serviceKey := make([]byte, personal.KeyBytes)
	_, _ = rand.Read(serviceKey) // it never fails
	ring, err := personal.NewKeyring(serviceKey, keys, time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

// ofCustomers gives each order one of the known customers, or with 0 one of its own.
func ofCustomers(known int, handle workload.Handle) workload.Handle {
	return func(ctx context.Context, c order.Command) error {
		if create, ok := c.(order.CreateOrder); ok {
			create.CustomerID = "customer-" + create.OrderID.String()
			if known > 0 {
				create.CustomerID = fmt.Sprint("customer-", binary.BigEndian.Uint32(create.OrderID[12:])%uint32(known))
			}
			c = create
		}
		return handle(ctx, c)
	}
}

// The benchmark must seal when it says so, or its ratio has no meaning.
func TestSealedService_sealsAndTheOtherOneDoesNot(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		line := pace.NewTimeline(5*pace.AtOnce, perSecond, viewNames())
		s := &service{}
		if sealed {
			s.keyring = openKeyring(t)
		}
		s.start(t, sinkNone, line.Shown)
		run(t, line, ofCustomers(10, throughHandler(t, s)))
		fields, subjects := 0, map[string]bool{}
		for cursor := ports.Cursor(""); ; {
			page, err := s.store.ListOutbox(t.Context(), cursor, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				fields += strings.Count(string(r.Payload), `"$sealed"`)
				subjects[r.Metadata[ports.MetadataSubject]] = true
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		// a life has three personal texts
		if want := 3 * pace.AtOnce; sealed != (fields == want) || sealed != (len(subjects) == 10) {
			t.Errorf("sealed %v: %d sealed fields of %d subjects", sealed, fields, len(subjects))
		}
	}
}
