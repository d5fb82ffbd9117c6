package otherdomain_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	orderviews "orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/otherdomain"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stock/views"
)

// The bounds of a round.
const (
	writers  = 4
	commands = 60 // of each writer
	lives    = 5  // of the service: it is killed between them
)

// request is a command of any aggregate, with an id of its own.
type request struct {
	aggregateID, commandID uuid.UUID
	name                   string
	send                   sender
}

// sender sends a command to a service, and returns the headers of what it is told.
type sender = func(ctx context.Context, s *otherdomain.Service) ([]eventsourcing.Header, error)

// client draws the requests for one aggregate type.
type client func(r *rand.Rand) request

func orderClient(ids []uuid.UUID) client {
	return func(r *rand.Rand) request {
		id := ids[r.IntN(len(ids))]
		items := []order.Item{wants(fmt.Sprint("SKU-", r.IntN(3)), 1+r.Int64N(5))}
		var c order.Command
		switch r.IntN(10) {
		case 0, 1, 2:
			c = createOrder(id, items...)
		case 3, 4, 5, 6:
			c = order.UpdateItems{OrderID: id, Items: items}
		case 7:
			c = order.ConfirmOrder{OrderID: id, PaymentReference: "p"}
		case 8:
			c = order.ShipOrder{OrderID: id, Carrier: "c", TrackingNumber: "t"}
		default:
			c = order.CancelOrder{OrderID: id, Reason: "r"}
		}
		commandID := uuid.New()
		var send sender = func(ctx context.Context, s *otherdomain.Service) ([]eventsourcing.Header, error) {
			result, err := s.Orders.Handle(ctx, orders.Request{Command: c, CommandID: commandID})
			return headers(result.Events), err
		}
		return request{id, commandID, c.Name(), send}
	}
}

func itemClient(ids, orderIDs []uuid.UUID) client {
	return func(r *rand.Rand) request {
		at := r.IntN(len(ids))
		var c stock.Command
		switch orderID := orderIDs[r.IntN(len(orderIDs))]; r.IntN(8) {
		case 0, 1, 2:
			c = receive(ids[at], fmt.Sprint("SKU-", at%3), 1+r.Int64N(9))
		case 3, 4, 5, 6:
			c = reserve(ids[at], orderID, 1+r.Int64N(4))
		default:
			c = stock.Release{ItemID: ids[at], OrderID: orderID}
		}
		commandID := uuid.New()
		var send sender = func(ctx context.Context, s *otherdomain.Service) ([]eventsourcing.Header, error) {
			result, err := s.Items.Handle(ctx, inventory.Request{Command: c, CommandID: commandID})
			return headers(result.Events), err
		}
		return request{ids[at], commandID, c.Name(), send}
	}
}

func headers[E any](events []eventsourcing.Envelope[E]) (headers []eventsourcing.Header) {
	for _, e := range events {
		headers = append(headers, e.Header)
	}
	return headers
}

// told is what a client was told of its request in the end. It is nil and false when the client
// does not know.
type told struct {
	request
	acknowledged, refused bool
	events                []eventsourcing.Header
}

// life is one life of the service, from its start to its end.
type life struct {
	service *otherdomain.Service
	dead    atomic.Bool // set before it is killed: no client hears of it any more
	stop    func()
}

// mortal is a publisher that dies with the service.
type mortal struct {
	ports.Publisher
	life *life
}

func (p mortal) Publish(ctx context.Context, record eventsourcing.Record) error {
	if p.life.dead.Load() {
		return ports.ErrUnavailable
	}
	return p.Publisher.Publish(ctx, record)
}

// round is a service that lives several times, while clients write to it and faults disturb it.
type round struct {
	disk disk
	// settles bounds the wait for what must happen in the end.
	settles   time.Duration
	chance    *chance
	published memory.Publisher
	breaks    func(*otherdomain.Config)
	log       logs

	mu         sync.Mutex
	current    *life
	changed    chan struct{} // closed when current changes
	ledger     []told
	violations []string
	summary    string
}

func (r *round) violated(promise, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, promise+": "+fmt.Sprintf(format, args...))
}

// runRound runs a round of a service. breaks breaks the service first, unless it is nil.
func runRound(t testing.TB, seed uint64, d disk, settles time.Duration, breaks func(*otherdomain.Config)) (r *round) {
	random := rand.New(rand.NewPCG(seed, 1))
	r = &round{disk: d, settles: settles, chance: newChance(seed), breaks: breaks, changed: make(chan struct{})}
	store := d.open(t)
	r.begin(t, store)
	orderIDs, items := make([]uuid.UUID, 6), make([]uuid.UUID, 6)
	for i := range orderIDs {
		orderIDs[i], items[i] = uuid.New(), uuid.New()
	}
	sent := make(chan struct{}, writers*commands)
	var writing sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	for range writers {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		clients := []client{orderClient(orderIDs), itemClient(items, orderIDs)}
		writing.Go(func() {
			for range commands {
				r.write(ctx, own, clients[own.IntN(2)](own))
				sent <- struct{}{}
			}
		})
	}
	for n := range writers * commands { // what happens depends on how many commands were sent
		select {
		case <-sent:
		case <-ctx.Done():
			r.violated("P2", "the writers did not get through within %s", 2*patience)
		}
		if n%(writers*commands/lives) == writers*commands/lives/2 {
			store = r.kill(t, random)
		}
		if n%17 == 0 {
			r.operate(ctx, random)
		}
	}
	writing.Wait()
	r.settle(t, store)
	return r
}

// begin starts a life.
func (r *round) begin(t testing.TB, store otherdomain.Store) {
	l := &life{}
	config := otherdomain.Config{
		Store: faultyStore{store, r.chance}, Publisher: faultyPublisher{mortal{&r.published, l}, r.chance},
		Heartbeat: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	if r.breaks != nil {
		r.breaks(&config)
	}
	var service *otherdomain.Service
	for service == nil {
		var err error
		if service, err = otherdomain.New(t.Context(), config); err != nil && !errors.Is(err, ports.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	l.service, l.stop = service, func() {
		cancel()
		if err := <-ended; err != nil {
			r.violated("the round", "the service has ended: %v", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = l
	close(r.changed)
	r.changed = make(chan struct{})
}

// alive waits for a life.
func (r *round) alive(ctx context.Context) *life {
	for {
		r.mu.Lock()
		l, changed := r.current, r.changed
		r.mu.Unlock()
		if l != nil && !l.dead.Load() {
			return l
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// kill ends a life at once, opens the store as a crash has left it, and begins another life.
// Sometimes the feed has dropped its records meanwhile.
func (r *round) kill(t testing.TB, random *rand.Rand) otherdomain.Store {
	l := r.alive(t.Context())
	l.dead.Store(true) // from here on, the client does not get an acknowledgement
	r.disk.crash(t)
	l.stop()
	r.disk.abandon(t)
	store := r.disk.open(t)
	if random.IntN(3) == 0 {
		r.disk.expire(t)
	}
	r.begin(t, store)
	return store
}

// write sends a request until its client gets an answer, or gives up.
func (r *round) write(ctx context.Context, random *rand.Rand, q request) {
	mine := told{request: q}
	insists := random.IntN(5) > 0
	for again := true; again; {
		l := r.alive(ctx)
		if l == nil {
			break
		}
		events, err := q.send(ctx, l.service)
		var refused eventsourcing.Refused
		switch {
		case l.dead.Load():
		case err == nil && mine.acknowledged:
			if diff := cmp.Diff(mine.events, events); diff != "" && len(mine.events) > 0 {
				r.violated("P6", "%s %s has two answers (-first +second):\n%s", q.name, q.commandID, diff)
			}
			again = false
		case err == nil:
			mine.acknowledged, mine.events = true, events
			again = random.IntN(4) == 0 // the same a second time
			r.look(ctx, random, l.service, events)
		case errors.As(err, &refused), errors.Is(err, ports.ErrNotFound), errors.Is(err, ports.ErrVersionConflict):
			mine.refused = !mine.acknowledged || len(mine.events) == 0
			if mine.acknowledged && len(mine.events) > 0 {
				r.violated("P6", "%s %s was acknowledged, and repeated it gets: %v", q.name, q.commandID, err)
			}
			again = false
		case errors.Is(err, ports.ErrUnavailable), errors.Is(err, ports.ErrOutcomeUnknown), errors.Is(err, ports.ErrClosed):
			again = insists
		default:
			r.violated("P2", "%s %s was answered with no known error: %v", q.name, q.commandID, err)
			again = false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ledger = append(r.ledger, mine)
}

// look waits a little for a list that has what was written, so that consumers do some work between
// commands. Whether it comes in time does not matter: the consumer may be paused.
func (r *round) look(ctx context.Context, random *rand.Rand, s *otherdomain.Service, events []eventsourcing.Header) {
	if len(events) == 0 || random.IntN(2) == 0 {
		return
	}
	table := "orders_by_sku"
	if events[0].AggregateType == stock.Type {
		table = "reservations_by_sku"
	}
	last := events[len(events)-1]
	_ = s.Lists.Await(ctx, table, last.AggregateID, last.SequenceNumber, 30*time.Millisecond)
}

// operate does what operators do, without coordination between them. What is not possible now is
// not done.
func (r *round) operate(ctx context.Context, random *rand.Rand) {
	l := r.alive(ctx)
	if l == nil {
		return
	}
	names := append(ofOrders(), "stock-levels", "reservations-by-sku", "reserved-by-order")
	name := names[random.IntN(len(names))]
	switch random.IntN(3) {
	case 0:
		_ = l.service.Consumers.Pause(ctx, name)
	case 1:
		_ = l.service.Consumers.Resume(ctx, name)
	default:
		_ = l.service.Consumers.Rebuild(ctx, name, ports.RebuildRequest{})
	}
}

// settle ends the faults, waits until everything is as it must be in the end, and checks it.
func (r *round) settle(t testing.TB, store otherdomain.Store) {
	l := r.current
	r.chance.off.Store(true)
	defer func() {
		l.stop()
		r.disk.close(t)
	}()
	ctx := t.Context()
	for _, c := range l.service.Consumers {
		if err := l.service.Consumers.Resume(ctx, c.Name()); err != nil {
			r.violated("the round", "resume %s: %v", c.Name(), err)
		}
	}
	report, err := l.service.Verifier.Verify(ctx, r.settles)
	if err != nil {
		r.violated("the round", "verify: %v", err)
		return
	}
	for _, d := range report.Shown {
		r.violated("P3", "%s of %s: %s", d.Consumer, d.AggregateID, d.Detail)
	}
	histories := map[uuid.UUID][]eventsourcing.Record{}
	for _, entry := range r.ledger {
		if histories[entry.aggregateID] == nil {
			if histories[entry.aggregateID], err = store.Load(ctx, entry.aggregateID, 0); err != nil {
				r.violated("the round", "%v", err)
			}
		}
	}
	r.summary = fmt.Sprintf("%d commands, %d events of %d aggregates, published %d times; %d calls made to fail",
		len(r.ledger), report.Events, report.Aggregates, len(r.published.Published()), r.chance.hits.Load())
	r.checkHistories(histories)
	r.checkLedger(histories)
	r.checkPublished(histories)
	r.checkStates(ctx, store, l.service, histories)
}

// checkHistories expects every history to have no gap and one type (P1), and every command in it
// once (P6).
func (r *round) checkHistories(histories map[uuid.UUID][]eventsourcing.Record) {
	for id, history := range histories {
		if err := eventsourcing.CheckHistory(history, id, 0); err != nil {
			r.violated("P1", "%v", err)
		}
		seen := map[uuid.UUID]bool{}
		for i, record := range history {
			if first := i == 0 || history[i-1].CommandID != record.CommandID; first && seen[record.CommandID] {
				r.violated("P6", "command %s is in the history of %s twice", record.CommandID, id)
			}
			seen[record.CommandID] = true
		}
	}
}

// checkLedger expects that what clients were told is there (P2).
func (r *round) checkLedger(histories map[uuid.UUID][]eventsourcing.Record) {
	for _, entry := range r.ledger {
		var there []eventsourcing.Header
		for _, record := range eventsourcing.ByCommand(histories[entry.aggregateID], entry.commandID) {
			there = append(there, record.Header)
		}
		switch {
		case entry.acknowledged && len(entry.events) > 0:
			if diff := cmp.Diff(entry.events, there); diff != "" {
				r.violated("P2", "%s %s is not there as it was acknowledged (-told +there):\n%s", entry.name, entry.commandID, diff)
			}
		case entry.refused && len(there) > 0:
			r.violated("P2", "%s %s was refused, and is there", entry.name, entry.commandID)
		}
	}
}

// checkPublished expects every event to be published, for the first time in order, and nothing else
// (P2, P3).
func (r *round) checkPublished(histories map[uuid.UUID][]eventsourcing.Record) {
	first := map[uuid.UUID][]eventsourcing.Record{}
	seen := map[uuid.UUID]bool{}
	for _, record := range r.published.Published() {
		if !seen[record.EventID] {
			seen[record.EventID] = true
			first[record.AggregateID] = append(first[record.AggregateID], record)
		}
	}
	for id, history := range histories {
		if diff := cmp.Diff(history, first[id]); diff != "" && len(history)+len(first[id]) > 0 {
			r.violated("P3", "published of %s (-stored +published):\n%s", id, diff)
		}
	}
}

// checkStates expects consumers to have nothing about aggregates whose type they do not take.
func (r *round) checkStates(
	ctx context.Context, store otherdomain.Store, s *otherdomain.Service, histories map[uuid.UUID][]eventsourcing.Record,
) {
	for _, p := range slices.Concat(orderviews.All(), views.All()) {
		for id, history := range histories {
			if len(history) == 0 || p.Takes(history[0].AggregateType) {
				continue
			}
			state, err := store.State(ctx, s.Consumers.LiveView(p.Name), id)
			if err != nil || state.SequenceNumber > 0 {
				r.violated("types", "%s has a state of the %s %s: %+v, %v", p.Name, history[0].AggregateType, id, state, err)
			}
		}
	}
}
