package filling_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// world is a view, what it stands on, and what an operator and other work do beside it.
type world struct {
	store    *memory.Store
	view     *filling.View
	p        *projection.Projection
	remember int
	ids      []uuid.UUID
	// histories are what the event store has. future are the events that are not appended yet.
	histories, future map[uuid.UUID][]eventsourcing.Record
	// poison are the events that cannot be read at the moment. skipped are those that are skipped.
	poison, skipped map[uuid.UUID]uint64
	// parked are the aggregates whose records are left out.
	parked map[uuid.UUID]bool
	fail   failing
	reads  int
}

type failing int

const (
	never failing = iota
	before
	after
)

var errBroken = errors.New("broken")

// State implements ports.ViewStore.
func (w *world) State(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
	w.reads++
	return w.store.State(ctx, view, id)
}

// Apply implements ports.ViewStore. It fails when that is due, before or after it has applied the
// changes. A failure in between applies the first one only.
func (w *world) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	fail := w.fail
	w.fail = never
	switch fail {
	case before:
		return errBroken
	case after:
		_ = w.store.Apply(ctx, view, changes[:1]...)
		return errBroken
	default:
		return w.store.Apply(ctx, view, changes...)
	}
}

// Decode implements ports.Decoder.
func (w *world) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	if w.poison[r.AggregateID] == r.SequenceNumber {
		return eventsourcing.Envelope[any]{}, &ports.DecodeError{AggregateID: r.AggregateID, Err: errBroken}
	}
	return orderjson.NewMux().Decode(r)
}

// Skipped implements filling.Skips.
func (w *world) Skipped(id uuid.UUID, sequence uint64) bool { return w.skipped[id] == sequence }

// RefreshSkips implements filling.Skips.
func (w *world) RefreshSkips(context.Context, uuid.UUID) error { return nil }

func (w *world) id() ports.ViewID { return ports.ViewID{Consumer: w.p.Name, Generation: 1} }

// begin begins a new life: nothing is in memory.
func (w *world) begin() {
	w.view = filling.NewView(filling.Config{
		View: w.id(), Effect: filling.Project(w.p, w), Table: w.p.Table, Store: w.store, Views: w, Skips: w,
		Repairer: w.store, Remember: w.remember, Logger: slog.New(slog.DiscardHandler),
	})
}

func newWorld(t *rapid.T) *world {
	w := &world{
		store:     memory.New(memory.Options{}),
		histories: map[uuid.UUID][]eventsourcing.Record{}, future: map[uuid.UUID][]eventsourcing.Record{},
		p:        rapid.SampledFrom(views.All()).Draw(t, "projection"),
		remember: rapid.SampledFrom([]int{0, 30_000, 1 << 20}).Draw(t, "remember"),
		poison:   map[uuid.UUID]uint64{}, skipped: map[uuid.UUID]uint64{}, parked: map[uuid.UUID]bool{},
	}
	at := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	for range rapid.IntRange(1, 3).Draw(t, "orders") {
		id := uuid.New()
		w.ids = append(w.ids, id)
		events := []order.Event{order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: drawItems(t)}}
		for range rapid.IntRange(0, 6).Draw(t, "updates") {
			events = append(events, order.OrderItemsUpdated{Items: drawItems(t)})
		}
		events = append(events, order.OrderConfirmed{PaymentReference: "p"}, order.OrderCancelled{Reason: "r"})
		for i, event := range events {
			at = at.Add(time.Hour)
			r, err := orderjson.New().Encode(eventsourcing.Envelope[order.Event]{Header: eventsourcing.Header{
				EventID: uuid.New(), AggregateType: order.Type, AggregateID: id, SequenceNumber: uint64(i) + 1,
				CommandID: uuid.New(), CreatedAt: at,
			}, Event: event})
			if err != nil {
				t.Fatal(err)
			}
			w.future[id] = append(w.future[id], r)
		}
		w.append(t, id)
	}
	w.begin()
	return w
}

// append appends the next event of an order, if there is one.
func (w *world) append(t *rapid.T, id uuid.UUID) {
	if len(w.future[id]) == 0 {
		return
	}
	r := w.future[id][0]
	w.future[id] = w.future[id][1:]
	_, err := w.store.Append(context.Background(), ports.Append{
		AggregateID: id, CommandID: r.CommandID, Expected: r.SequenceNumber - 1, Records: []eventsourcing.Record{r},
	})
	if err == nil {
		w.histories[id], err = w.store.Load(context.Background(), id, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func drawItems(t *rapid.T) []order.Item {
	skus := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 1, 3, rapid.ID).Draw(t, "skus")
	items := make([]order.Item, len(skus))
	for i, sku := range skus {
		items[i] = order.Item{SKU: sku, Quantity: rapid.Int64Range(1, 3).Draw(t, "quantity"), UnitPrice: 100}
	}
	return items
}

// draw draws records as a feed may deliver them: mostly the next one, but also again, and with
// gaps. Those of parked aggregates are left out, as the consumer does.
func (w *world) draw(t *rapid.T, most int) (records []eventsourcing.Record) {
	for range rapid.IntRange(1, most).Draw(t, "records") {
		id := rapid.SampledFrom(w.ids).Draw(t, "order")
		history := w.histories[id]
		r := history[min(w.sequence(t, id), uint64(len(history)-1))]
		if rapid.IntRange(0, 4).Draw(t, "elsewhere") == 0 {
			r = rapid.SampledFrom(history).Draw(t, "record")
		}
		if !w.parked[id] {
			records = append(records, r)
		}
	}
	return records
}

// The view equals the fold, whatever happens in whatever order: single records and batches, effects
// that fail before or after they are stored, events that cannot be read, parking, retrying,
// skipping and taking that back, background checks, rebuilds, repairs, resets and new lives.
func TestView_PropEqualsTheFoldWhateverIsInMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		ctx := context.Background()
		one := func(t *rapid.T) uuid.UUID { return rapid.SampledFrom(w.ids).Draw(t, "order") }
		t.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"append": func(t *rapid.T) { w.append(t, one(t)) },
			"handle": func(t *rapid.T) {
				for _, r := range w.draw(t, 1) {
					if _, err := w.view.Handle(ctx, r); err != nil && w.poison[r.AggregateID] != 0 {
						w.parked[r.AggregateID] = true
					}
				}
			},
			"handle several": func(t *rapid.T) {
				if records := w.draw(t, 6); len(records) > 0 {
					_, _, _ = w.view.HandleAll(ctx, records)
				}
			},
			"the store fails": func(t *rapid.T) { w.fail = rapid.SampledFrom([]failing{before, after}).Draw(t, "when") },
			"an event becomes unreadable": func(t *rapid.T) {
				id := one(t)
				w.poison[id] = rapid.Uint64Range(1, uint64(len(w.histories[id]))).Draw(t, "which")
			},
			"an event becomes readable": func(t *rapid.T) { delete(w.poison, one(t)) },
			"retry": func(t *rapid.T) {
				id := one(t)
				if _, err := w.view.BringUpToEnd(ctx, id); err == nil {
					delete(w.parked, id)
				}
			},
			"skip": func(t *rapid.T) {
				// the order may be parked for that event, or an operator has decided it before
				id := one(t)
				if at := w.sequence(t, id); w.skipped[id] == 0 && at < uint64(len(w.histories[id])) {
					w.skipped[id] = at + 1
				}
			},
			"unskip": func(t *rapid.T) {
				id := one(t)
				sequence := w.skipped[id]
				if sequence == 0 || w.poison[id] != 0 {
					return
				}
				delete(w.skipped, id)
				if w.sequence(t, id) >= sequence {
					w.fail = never
					if err := w.view.Repair(ctx, id, nil); err != nil {
						t.Fatal(err)
					}
				}
			},
			"check in the background": func(t *rapid.T) {
				id := one(t)
				head := ports.Head{AggregateID: id, SequenceNumber: uint64(len(w.histories[id]))}
				_, _ = w.view.BringUp(ctx, head)
			},
			"take":   func(t *rapid.T) { _ = w.view.Take(ctx, w.histories[one(t)]) },
			"repair": func(t *rapid.T) { _ = w.view.Repair(ctx, one(t), nil) },
			"reset": func(t *rapid.T) {
				if err := w.store.DropView(ctx, w.id(), w.p.Table); err != nil {
					t.Fatal(err)
				}
				w.begin()
			},
			"a new life": func(*rapid.T) { w.begin() },
		})
		clear(w.poison)
		w.fail = never
		for _, id := range w.ids {
			for len(w.future[id]) > 0 {
				w.append(t, id)
			}
			history := w.histories[id]
			if _, err := w.view.Handle(ctx, history[len(history)-1]); err != nil {
				t.Fatal(err)
			}
			if at := w.sequence(t, id); at != uint64(len(history)) {
				t.Fatalf("%s is at %d of %d", id, at, len(history))
			}
		}
		w.check(t)
	})
}

func (w *world) sequence(t *rapid.T, id uuid.UUID) uint64 {
	state, err := w.store.State(context.Background(), w.id(), id)
	if err != nil {
		t.Fatal(err)
	}
	return state.SequenceNumber
}

// check compares the rows of each order with the fold of the events that the view has handled.
func (w *world) check(t *rapid.T) {
	page, err := w.store.Rows(context.Background(), ports.RowQuery{View: w.id(), Table: w.p.Table, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[uuid.UUID][]projection.Row{}, map[uuid.UUID][]projection.Row{}
	for _, row := range page.Rows {
		id, _ := w.p.Table.OwnerOf(row)
		got[id] = append(got[id], row)
	}
	for id, history := range w.histories {
		var events []projection.Event
		for _, r := range history[:w.sequence(t, id)] {
			if w.skipped[id] == r.SequenceNumber {
				continue
			}
			e, err := orderjson.NewMux().Decode(r)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
		step, err := w.p.Advance(nil, events)
		if err != nil {
			t.Fatal(err)
		}
		if len(step.Put) > 0 {
			want[id] = step.Put
		}
	}
	for _, rows := range []map[uuid.UUID][]projection.Row{got, want} {
		for _, of := range slices.Collect(maps.Values(rows)) {
			slices.SortFunc(of, func(a, b projection.Row) int { return cmpText(a[0], b[0]) })
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-fold +view):\n%s", w.p.Name, diff)
	}
}

func cmpText(a, b any) int {
	x, _ := a.(string)
	y, _ := b.(string)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}

// The next events of an order cost no read, whether their state is held open or as it is stored.
// Without memory each of them costs one.
func TestView_RemembersAggregatesInMotion(t *testing.T) {
	t.Parallel()
	const stored = 16 << 10 // an open state is more than a sixteenth of its half
	for remember, want := range map[int]int{0: 3, stored: 1, 1 << 20: 1} {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(t)
			w.remember = remember
			w.begin()
			w.append(t, w.ids[0])
			w.append(t, w.ids[0])
			for _, r := range w.histories[w.ids[0]] {
				if _, err := w.view.Handle(context.Background(), r); err != nil {
					t.Fatal(err)
				}
			}
			if w.reads != want {
				t.Fatalf("%d reads with %d bytes, want %d", w.reads, remember, want)
			}
		})
	}
}
