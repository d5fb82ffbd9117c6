package otherdomain_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/embedded"
	"orderflow/adapters/memory"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/otherdomain"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must happen.
const patience = time.Minute

// disk is what is left of a service when it stops.
type disk interface {
	// open opens the store. The one that was open before must be closed.
	open(t testing.TB) otherdomain.Store
	// expire makes the feed of the open store drop what it has.
	expire(t testing.TB)
	close(t testing.TB)
	// crash keeps what a crash at this moment would leave, for the next open. The store itself
	// continues until it is abandoned.
	crash(t testing.TB)
	abandon(t testing.TB)
}

type memoryDisk struct{ store *memory.Store }

func (d *memoryDisk) open(testing.TB) otherdomain.Store {
	d.store = d.store.Reopen()
	return d.store
}

func (d *memoryDisk) expire(testing.TB) { d.store.Expire() }

func (d *memoryDisk) close(testing.TB) { _ = d.store.Close() }

// A store in memory loses nothing while its process lives, so for it a crash is a restart.
func (d *memoryDisk) crash(testing.TB) { _ = d.store.Close() }

func (d *memoryDisk) abandon(testing.TB) {}

type embeddedDisk struct {
	store *embedded.Store
	fs    *vfs.MemFS
	shift atomic.Int64 // of its clock

	crashes uint64
}

func (d *embeddedDisk) open(t testing.TB) otherdomain.Store {
	t.Helper()
	var err error
	d.store, err = embedded.Open(context.Background(), embedded.Options{
		Dir: "data", FS: d.fs, Now: func() time.Time { return time.Now().Add(time.Duration(d.shift.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.store
}

func (d *embeddedDisk) expire(t testing.TB) {
	t.Helper()
	d.shift.Add(int64(48 * time.Hour))
	if err := d.store.Expire(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (d *embeddedDisk) close(t testing.TB) {
	t.Helper()
	if err := d.store.Close(); err != nil {
		t.Error(err)
	}
}

// crash cuts the power: half of what was not synced is there.
func (d *embeddedDisk) crash(testing.TB) {
	d.crashes++
	d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(d.crashes, 3))})
}

func (d *embeddedDisk) abandon(testing.TB) { _ = d.store.Close() }

// disks are empty stores of every kind that runs inside the process.
func disks() map[string]func() disk {
	return map[string]func() disk{
		"memory":   func() disk { return &memoryDisk{store: memory.New(memory.Options{})} },
		"embedded": func() disk { return &embeddedDisk{fs: vfs.NewCrashableMem()} },
	}
}

// onEveryStore runs a test on a world of each kind of store.
func onEveryStore(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	for name, disk := range disks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, disk()))
		})
	}
}

// world is a service, what is left of it when it stops, and the world that its events go to.
type world struct {
	*otherdomain.Service
	t         testing.TB
	disk      disk
	store     otherdomain.Store
	published memory.Publisher
	log       logs
	stop      func()
}

// newWorld opens the store. Nothing runs yet.
func newWorld(t testing.TB, d disk) *world {
	w := &world{t: t, disk: d, stop: func() {}}
	w.store = d.open(t)
	t.Cleanup(func() {
		w.stop()
		d.close(t)
		if t.Failed() {
			t.Logf("the service said:\n%s", w.log.text())
		}
	})
	return w
}

// start runs a service on the store until stop is called.
func (w *world) start(changes ...func(*otherdomain.Config)) {
	w.t.Helper()
	config := otherdomain.Config{
		Store: w.store, Publisher: &w.published, Heartbeat: 20 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	var err error
	if w.Service, err = otherdomain.New(w.t.Context(), config); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	service := w.Service
	go func() { ended <- service.Run(ctx) }()
	w.stop = func() {
		w.stop = func() {}
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

// restart stops the service, closes the store and opens it again.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.disk.close(w.t)
	w.store = w.disk.open(w.t)
}

// ordersOnly makes it a service that does not know stock.
func ordersOnly(c *otherdomain.Config) { c.OrdersOnly = true }

// order sends commands of orders.
func (w *world) order(commands ...order.Command) {
	w.t.Helper()
	for _, c := range commands {
		if _, err := w.Orders.Handle(w.t.Context(), orders.Request{Command: c}); err != nil {
			w.t.Fatalf("%s: %v", c.Name(), err)
		}
	}
}

// item sends commands of stock items.
func (w *world) item(commands ...stock.Command) {
	w.t.Helper()
	for _, c := range commands {
		if _, err := w.Items.Handle(w.t.Context(), inventory.Request{Command: c}); err != nil {
			w.t.Fatalf("%s: %v", c.Name(), err)
		}
	}
}

// settled waits until every consumer has handled everything, and expects every view to be what the
// events say.
func (w *world) settled() ports.VerifyReport {
	w.t.Helper()
	report, err := w.Verifier.Verify(w.t.Context(), patience)
	if err != nil {
		w.t.Fatal(err)
	}
	if report.Differences > 0 {
		w.t.Fatalf("%d differences: %+v", report.Differences, report.Shown)
	}
	return report
}

// await waits until ok reports true. ok also says what it is waiting for.
func (w *world) await(ok func() (is bool, waitsFor string)) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		is, waitsFor := ok()
		if is {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			w.t.Fatalf("waited %s for %s", patience, waitsFor)
		}
	}
}

// statuses returns the statuses of all consumers, by name.
func (w *world) statuses() map[string]ports.ConsumerStatus {
	byName := map[string]ports.ConsumerStatus{}
	for _, s := range w.Consumers.Consumers(context.Background()) {
		byName[s.Name] = s
	}
	return byName
}

// history returns the history of one aggregate.
func (w *world) history(id uuid.UUID) []eventsourcing.Record {
	w.t.Helper()
	records, err := w.store.Load(w.t.Context(), id, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return records
}

// raw appends an event that no command causes.
func (w *world) raw(aggregateType string, id uuid.UUID, eventType string, version int, payload string) eventsourcing.Record {
	w.t.Helper()
	head := uint64(len(w.history(id)))
	r := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: aggregateType, EventID: uuid.New(), AggregateID: id, SequenceNumber: head + 1, CommandID: uuid.New(),
			CreatedAt: eventsourcing.Timestamp(time.Now()),
		},
		EventType: eventType, EventVersion: version, Payload: []byte(payload),
	}
	_, err := w.store.Append(w.t.Context(), ports.Append{
		AggregateID: id, Expected: head, CommandID: r.CommandID, Records: []eventsourcing.Record{r},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// publishedOf returns what was published of one aggregate, without repetitions.
func (w *world) publishedOf(id uuid.UUID) (events []eventsourcing.Record) {
	for _, r := range w.published.Published() {
		again := slices.ContainsFunc(events, func(e eventsourcing.Record) bool { return e.EventID == r.EventID })
		if r.AggregateID == id && !again {
			events = append(events, r)
		}
	}
	return events
}

// logs keeps what a service logs.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*logs)(nil)

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Commands.

func createOrder(id uuid.UUID, items ...order.Item) order.CreateOrder {
	return order.CreateOrder{OrderID: id, CustomerID: "ada", Currency: "EUR", Items: items}
}

func wants(sku string, quantity int64) order.Item {
	return order.Item{SKU: sku, Quantity: quantity, UnitPrice: 100}
}

func receive(id uuid.UUID, sku string, quantity int64) stock.Receive {
	return stock.Receive{ItemID: id, SKU: sku, Quantity: quantity, Reference: "note-1"}
}

func reserve(id, orderID uuid.UUID, quantity int64) stock.Reserve {
	return stock.Reserve{ItemID: id, OrderID: orderID, Quantity: quantity}
}

func mustBe(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// deaf is a store whose feed delivers nothing.
type deaf struct{ otherdomain.Store }

func (d deaf) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	sub, err := d.Store.Subscribe(ctx, consumer)
	return silent{sub}, err
}

type silent struct{ ports.Subscription }

func (silent) Next(ctx context.Context) (ports.Delivery, error) {
	<-ctx.Done()
	return ports.Delivery{}, ctx.Err()
}

// state returns what a consumer keeps of one aggregate.
func (w *world) state(consumer string, id uuid.UUID) ports.ViewState {
	w.t.Helper()
	state, err := w.store.State(w.t.Context(), w.Consumers.LiveView(consumer), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

// replace makes a view wrong.
func (w *world) replace(consumer string, change ports.Change) {
	w.t.Helper()
	if err := w.store.Replace(w.t.Context(), w.Consumers.LiveView(consumer), change, change.State.SequenceNumber); err != nil {
		w.t.Fatal(err)
	}
}
