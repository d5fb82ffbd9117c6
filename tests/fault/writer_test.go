package fault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

// fate is what a client finally knows of a command.
type fate int

const (
	// acknowledged means that the command was answered.
	acknowledged fate = iota
	// never means that the command was refused, or that no attempt was applied.
	never
	// unknown means that the client gave up before it got an answer.
	unknown
)

// entry is what the clients know of one command id.
type entry struct {
	request orders.Request
	// told are the errors that the client got, for a message.
	told   []string
	fate   fate
	result orders.Result // of an acknowledged one
}

// ledger is what all clients know.
type ledger struct {
	mu      sync.Mutex
	entries map[uuid.UUID]*entry
	// tries counts the attempts, and answers their results.
	tries   int
	answers map[string]int
}

// writer is a client that sends commands for orders that it shares with others.
type writer struct {
	*rand.Rand
	cluster *cluster
	ledger  *ledger
	orders  []uuid.UUID
	// created are the orders that this writer knows to exist.
	created map[uuid.UUID]bool
}

// write sends all commands of the writer.
func (w *writer) write(ctx context.Context) {
	for range w.cluster.schedule.Commands {
		w.think(ctx)
		w.cluster.commandSent(ctx)
		request := w.request()
		if w.IntN(10) == 0 {
			w.twiceAtOnce(ctx, request)
			continue
		}
		e := w.send(ctx, w.Rand, request, true)
		w.ledger.add(e)
		w.created[request.Command.AggregateID()] = w.created[request.Command.AggregateID()] || len(e.result.Events) > 0
		if e.fate == acknowledged && w.IntN(5) == 0 {
			w.repeat(ctx, e)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// think waits a moment, so that the rest of the service gets time between commands.
func (w *writer) think(ctx context.Context) { pause(ctx, time.Duration(w.IntN(20))*time.Millisecond) }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// client says how a request is made.
type client struct {
	// alone reports whether no other client makes the same request.
	alone bool
	// insists reports whether the client asks again until it gets an answer.
	insists bool
	// answered, unless nil, is called after each answer.
	answered func()
}

// send asks until it gets an answer or gives up.
func (w *writer) send(ctx context.Context, r *rand.Rand, request orders.Request, alone bool) *entry {
	return w.ask(ctx, r, request, client{alone: alone, insists: r.IntN(4) != 0})
}

// ask makes a request as the client does. It returns what the client then knows.
func (w *writer) ask(ctx context.Context, r *rand.Rand, request orders.Request, c client) *entry {
	e := &entry{request: request, fate: never}
	for newer := 0; ; {
		p, err := w.cluster.pick(ctx, r.IntN(plan.Processes))
		if err != nil {
			e.fate = unknown
			return e
		}
		asked := time.Now()
		e.result, err = w.try(ctx, r, p, request)
		w.ledger.count(err)
		if err != nil {
			e.told = append(e.told, p.name+": "+err.Error())
		}
		if c.answered != nil {
			c.answered()
		}
		var rule *order.RuleError
		switch {
		case err == nil:
			if c.alone && e.fate == never {
				w.notBefore(e, asked)
			}
			e.fate = acknowledged
			return e
		case errors.As(err, &rule), errors.Is(err, ports.ErrNotFound), errors.Is(err, ports.ErrVersionConflict):
			// also after attempts with an unknown outcome: they would have been found, or have lost
			// the race
			e.fate = never
			return e
		case errors.Is(err, ports.ErrUnavailable): // this attempt was not applied
		case errors.Is(err, ports.ErrNewer): // the process is too old for the order
			if newer++; newer == mostNewer {
				return e
			}
		case errors.Is(err, ports.ErrOutcomeUnknown), errors.Is(err, errDied), errors.Is(err, errGaveUp):
			e.fate = unknown
		default:
			w.cluster.violated("P2", "command %s on %s was answered with no known error: %v", request.CommandID, request.Command.AggregateID(), err)
			e.fate = unknown
			return e
		}
		if !c.insists || ctx.Err() != nil {
			return e
		}
		pause(ctx, time.Duration(1+r.IntN(20))*time.Millisecond)
	}
}

// mostNewer is how often a client asks processes that are too old.
const mostNewer = 5

// notBefore checks that the events of a command are not older than the attempt that was
// acknowledged. The client was told that all earlier attempts were not applied (P1).
func (w *writer) notBefore(e *entry, asked time.Time) {
	if events := e.result.Events; len(events) > 0 && events[0].CreatedAt.Before(eventsourcing.Timestamp(asked)) {
		w.cluster.violated("P1", "command %s on %s was not applied, its client was told, and is there since before it was sent again: %q",
			e.request.CommandID, e.result.AggregateID, e.told)
	}
}

// try sends a request once. Sometimes the client waits only a short time.
func (w *writer) try(ctx context.Context, r *rand.Rand, p *process, request orders.Request) (orders.Result, error) {
	if r.IntN(20) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(50))*time.Millisecond)
		defer cancel()
	}
	result, err := w.cluster.handle(ctx, p, request)
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", errGaveUp, err)
	}
	return result, err
}

// errGaveUp is the error of a client that did not wait for the answer.
var errGaveUp = errors.New("the client gave up")

// repeat sends an answered request again and checks that the answer is the same (P6).
func (w *writer) repeat(ctx context.Context, e *entry) {
	if len(e.result.Events) == 0 {
		return // it emitted no event and is decided again
	}
	for newer := 0; ; {
		p, err := w.cluster.pick(ctx, w.IntN(plan.Processes))
		if err != nil {
			return
		}
		again, err := w.cluster.handle(ctx, p, e.request)
		switch {
		case err == nil:
			w.same(e, again)
			return
		case ctx.Err() != nil:
			return
		case errors.Is(err, ports.ErrNewer):
			if newer++; newer == mostNewer {
				return
			}
		case !errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, ports.ErrOutcomeUnknown) && !errors.Is(err, errDied):
			w.cluster.violated("P6", "command %s on %s was acknowledged, and repeated it gets: %v", e.request.CommandID, e.result.AggregateID, err)
			return
		}
	}
}

func (w *writer) same(e *entry, again orders.Result) {
	if diff := cmp.Diff(e.result, again); diff != "" {
		w.cluster.violated("P6", "command %s on %s has two answers (-first +second):\n%s", e.request.CommandID, e.result.AggregateID, diff)
	}
}

// twiceAtOnce sends one request from two clients at once. Their answers must not contradict each
// other (P6). One may be refused before the other one is accepted.
func (w *writer) twiceAtOnce(ctx context.Context, request orders.Request) {
	var both [2]*entry
	var group sync.WaitGroup
	for i := range both {
		r := rand.New(rand.NewPCG(w.Uint64(), 0))
		group.Go(func() { both[i] = w.send(ctx, r, request, false) })
	}
	group.Wait()
	if len(both[0].result.Events) > 0 && len(both[1].result.Events) > 0 {
		w.same(both[0], both[1].result)
	}
	// The client that knows most knows what finally happened.
	slices.SortStableFunc(both[:], func(a, b *entry) int { return rank(a) - rank(b) })
	w.ledger.add(both[0])
}

// rank orders what two clients know of one command: that it happened, that it may have happened,
// that it did not happen.
func rank(e *entry) int {
	switch {
	case len(e.result.Events) > 0:
		return 0
	case e.fate == unknown:
		return 1
	default:
		return 2
	}
}

// request draws a command. Some commands name the head at which they must take effect.
func (w *writer) request() orders.Request {
	request := orders.Request{Command: w.command(), CommandID: w.uuid()}
	if w.IntN(8) == 0 {
		expected := uint64(w.IntN(4))
		request.ExpectedSequence = &expected
	}
	return request
}

func (w *writer) command() order.Command {
	id := w.orders[w.IntN(len(w.orders))]
	items := make([]order.Item, 1+w.IntN(3))
	for i := range items {
		items[i] = order.Item{SKU: fmt.Sprintf("sku-%d-%d", i, w.IntN(3)), Quantity: 1 + w.Int64N(9), UnitPrice: order.Money(w.Int64N(1000))}
	}
	n := w.IntN(60)
	if !w.created[id] {
		n = w.IntN(8)
	}
	switch {
	case n < 4:
		return order.CreateOrder{OrderID: id, CustomerID: fmt.Sprint("customer-", w.IntN(3)), Currency: "EUR", Items: items}
	case n < 52:
		return order.UpdateItems{OrderID: id, Items: items}
	case n < 54:
		return order.ConfirmOrder{OrderID: id, PaymentReference: "payment"}
	case n < 57:
		return order.ShipOrder{OrderID: id, Carrier: "carrier", TrackingNumber: "number"}
	case n < 59:
		return order.DeliverOrder{OrderID: id}
	default:
		return order.CancelOrder{OrderID: id, Reason: "reason"}
	}
}

func (w *writer) uuid() uuid.UUID { return drawUUID(w.Rand) }

// drawUUID returns an id that the seed decides.
func drawUUID(r *rand.Rand) (id uuid.UUID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func (l *ledger) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[e.request.CommandID] = e
}

func (l *ledger) count(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries++
	for name, value := range map[string]error{
		"conflict": ports.ErrVersionConflict, "unknown": ports.ErrOutcomeUnknown, "unavailable": ports.ErrUnavailable, "died": errDied,
		"cancelled": errGaveUp, "newer": ports.ErrNewer,
	} {
		if errors.Is(err, value) {
			l.answers[name]++
			return
		}
	}
	if err == nil {
		l.answers["acknowledged"]++
	} else {
		l.answers["refused"]++
	}
}
