package command_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setup(store ports.EventStore) orders.Commands {
	return orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})
}

func items(quantity int64) []order.Item {
	return []order.Item{{SKU: "A-1", Quantity: quantity, UnitPrice: 1250}}
}

func create(id uuid.UUID) orders.Request {
	return orders.Request{Command: order.CreateOrder{OrderID: id, CustomerID: "c-1", Currency: "EUR", Items: items(1)}}
}

func update(id uuid.UUID, quantity int64) orders.Request {
	return orders.Request{Command: order.UpdateItems{OrderID: id, Items: items(quantity)}}
}

func must(t *testing.T, h orders.Commands, request orders.Request) orders.Result {
	t.Helper()
	result, err := h.Handle(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func history(t *testing.T, store ports.EventStore, id uuid.UUID) []eventsourcing.Record {
	t.Helper()
	records, err := store.Load(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestHandler_Handle(t *testing.T) {
	t.Parallel()

	t.Run("appends what was decided and returns it", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		h := setup(store)
		request := create(id)
		request.CommandID, request.CorrelationID, request.CausationID = uuid.New(), uuid.New(), uuid.New()
		request.Metadata = map[string]string{"user": "ada"}
		got := must(t, h, request)
		if got.AggregateID != id || got.SequenceNumber != 1 || len(got.Events) != 1 {
			t.Fatalf("result = %+v", got)
		}
		want := order.OrderCreated{CustomerID: "c-1", Currency: "EUR", Items: items(1)}
		if diff := cmp.Diff(order.Event(want), got.Events[0].Event); diff != "" {
			t.Error(diff)
		}
		stored := history(t, store, id)
		if diff := cmp.Diff(stored[0].Header, got.Events[0].Header); diff != "" {
			t.Errorf("stored and answered headers differ: %s", diff)
		}
		header := stored[0].Header
		if header.CommandID != request.CommandID || header.CorrelationID != request.CorrelationID || header.CausationID != request.CausationID || header.Metadata["user"] != "ada" {
			t.Errorf("header = %+v", header)
		}
		if len(request.Metadata) != 1 {
			t.Errorf("the caller's metadata was changed to %v", request.Metadata)
		}
	})

	t.Run("makes up a command id and derives the other ids from it", func(t *testing.T) {
		t.Parallel()
		got := must(t, setup(memory.New(memory.Options{})), create(uuid.New())).Events[0]
		if got.CommandID == uuid.Nil || got.CorrelationID != got.CommandID || got.CausationID != got.CommandID {
			t.Errorf("header = %+v", got.Header)
		}
	})

	t.Run("emits nothing for a command that changes nothing", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		h := setup(store)
		must(t, h, create(id))
		must(t, h, update(id, 2))
		got := must(t, h, update(id, 2))
		if got.SequenceNumber != 2 || len(got.Events) != 0 || len(history(t, store, id)) != 2 {
			t.Errorf("result = %+v", got)
		}
	})

	t.Run("refuses by rule, unknown orders as not found, malformed commands before the store is asked", func(t *testing.T) {
		t.Parallel()
		h, id := setup(memory.New(memory.Options{})), uuid.New()
		_, err := h.Handle(t.Context(), update(id, 1))
		if !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("unknown order: %v", err)
		}
		must(t, h, create(id))
		var rule *order.RuleError
		_, err = h.Handle(t.Context(), orders.Request{Command: order.DeliverOrder{OrderID: id}})
		if !errors.As(err, &rule) || rule.Code != order.CodeOrderNotShipped {
			t.Errorf("out of order: %v", err)
		}
		for _, bad := range []orders.Request{{}, update(id, 0), {Command: order.DeliverOrder{}}} {
			_, err := setup(nil).Handle(t.Context(), bad)
			if !errors.As(err, &rule) || !rule.Malformed() {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})

	t.Run("takes effect only at the expected sequence number", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		h := setup(store)
		at := func(r orders.Request, n uint64) orders.Request { r.ExpectedSequence = &n; return r }
		must(t, h, at(create(id), 0))
		for _, wrong := range []uint64{0, 2} {
			_, err := h.Handle(t.Context(), at(update(id, 2), wrong))
			var conflict *ports.VersionConflictError
			if !errors.As(err, &conflict) || *conflict != (ports.VersionConflictError{AggregateID: id, Expected: wrong, Actual: 1}) {
				t.Errorf("at %d: %v", wrong, err)
			}
		}
		if got := must(t, h, at(update(id, 2), 1)); got.SequenceNumber != 2 {
			t.Errorf("result = %+v", got)
		}
	})

	t.Run("never stamps an event earlier than the one before", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		h := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: func() time.Time { return now }, NewID: uuid.New})
		must(t, h, create(id))
		now = now.Add(-time.Hour) // the clock is set back
		must(t, h, update(id, 2))
		records := history(t, store, id)
		if records[1].CreatedAt.Before(records[0].CreatedAt) {
			t.Errorf("%s is before %s", records[1].CreatedAt, records[0].CreatedAt)
		}
	})
}

// P6.
func TestHandler_Handle_sameCommandID(t *testing.T) {
	t.Parallel()

	t.Run("gives the same answer and no second event, whatever happened since", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		h := setup(store)
		must(t, h, create(id))
		request, head := update(id, 2), uint64(1)
		request.CommandID, request.ExpectedSequence = uuid.New(), &head
		first := must(t, h, request)
		must(t, h, update(id, 3))
		must(t, h, orders.Request{Command: order.CancelOrder{OrderID: id, Reason: "changed my mind"}})

		// also after a restart, and although the command would be refused by now
		again := must(t, setup(store), request)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error(diff)
		}
		if n := len(history(t, store, id)); n != 4 {
			t.Errorf("%d events", n)
		}
	})

	t.Run("for another command is refused", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		h := setup(store)
		request := create(id)
		request.CommandID = uuid.New()
		must(t, h, request)
		request.Command = order.UpdateItems{OrderID: id, Items: items(5)}
		_, err := h.Handle(t.Context(), request)
		var reused *ports.CommandIDReusedError
		if !errors.As(err, &reused) || reused.AggregateID != id || reused.CommandID != request.CommandID {
			t.Errorf("err = %v", err)
		}
	})

	t.Run("from many clients at once causes one event", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		// two processes: they share no queue
		handlers := []orders.Commands{setup(store), setup(store)}
		must(t, handlers[0], create(id))
		request := update(id, 7)
		request.CommandID = uuid.New()
		results := make([]orders.Result, 40)
		var clients sync.WaitGroup
		for i := range results {
			clients.Go(func() {
				var err error
				if results[i], err = handlers[i%2].Handle(t.Context(), request); err != nil {
					t.Error(err)
				}
			})
		}
		clients.Wait()
		for _, r := range results[1:] {
			if diff := cmp.Diff(results[0], r); diff != "" {
				t.Fatal(diff)
			}
		}
		if n := len(history(t, store, id)); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}

// P1. Many clients update one order at the same time. The history ends with 1..n, and each client
// is told what really happened to its command.
func TestHandler_Handle_oneOrderManyClients(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	handlers := []orders.Commands{setup(store), setup(store), setup(store)}
	must(t, handlers[0], create(id))
	var mu sync.Mutex
	won := map[uint64]int64{} // sequence number → quantity
	var clients sync.WaitGroup
	for i := range 200 {
		clients.Go(func() {
			quantity := int64(i + 2)
			result, err := handlers[i%3].Handle(t.Context(), update(id, quantity))
			if errors.Is(err, ports.ErrVersionConflict) {
				return // told that it lost
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			won[result.SequenceNumber] = quantity
		})
	}
	clients.Wait()
	records := history(t, store, id)
	if len(records) != 1+len(won) {
		t.Errorf("%d events for %d successes", len(records), len(won))
	}
	if len(won) < 150 {
		t.Errorf("only %d of 200 got through", len(won))
	}
	for _, r := range records[1:] {
		event, err := orderjson.New().Decode(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := event.Event.(order.OrderItemsUpdated).Items[0].Quantity; got != won[r.SequenceNumber] {
			t.Errorf("event %d has quantity %d, its client was told %d", r.SequenceNumber, got, won[r.SequenceNumber])
		}
	}
}

func TestHandler_Handle_noHeadOfLineBlockingBetweenOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := uuid.New(), uuid.New()
		gate := make(chan struct{})
		store := &hooked{EventStore: memory.New(memory.Options{}), load: func(id uuid.UUID) {
			if id == slow {
				<-gate
			}
		}}
		h := setup(store)
		done := make(chan error, 2)
		for range 2 {
			go func() { _, err := h.Handle(t.Context(), create(slow)); done <- err }()
		}
		synctest.Wait()
		must(t, h, create(quick)) // if it waited, this would be a deadlock

		// One of the two commands is being handled and the other waits for it. The waiting one can
		// be cancelled.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Handle(ctx, create(slow)); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that left while it waited: %v", err)
		}
		close(gate)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestHandler_Handle_storeErrors(t *testing.T) {
	t.Parallel()

	t.Run("an unknown outcome that happened is answered, also when the client has left", func(t *testing.T) {
		t.Parallel()
		ctx, leave := context.WithCancel(t.Context())
		inner := memory.New(memory.Options{})
		store := &hooked{EventStore: inner, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			if _, err := inner.Append(ctx, a); err != nil {
				return ports.Appended{}, err
			}
			leave()
			return ports.Appended{}, fmt.Errorf("append: %w", ports.ErrOutcomeUnknown)
		}}
		result, err := setup(store).Handle(ctx, create(uuid.New()))
		if err != nil || result.SequenceNumber != 1 || len(result.Events) != 1 {
			t.Errorf("result = %+v, %v", result, err)
		}
	})

	t.Run("an unknown outcome that did not happen stays unknown and is not retried", func(t *testing.T) {
		t.Parallel()
		calls := 0
		store := &hooked{EventStore: memory.New(memory.Options{}), append: func(context.Context, ports.Append) (ports.Appended, error) {
			calls++
			return ports.Appended{}, fmt.Errorf("append: %w", ports.ErrOutcomeUnknown)
		}}
		_, err := setup(store).Handle(t.Context(), create(uuid.New()))
		if !errors.Is(err, ports.ErrOutcomeUnknown) || calls != 1 {
			t.Errorf("err = %v after %d appends", err, calls)
		}
	})

	t.Run("a race that is lost again and again ends as a conflict, in bounded time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			calls, began := 0, time.Now()
			store := &hooked{EventStore: memory.New(memory.Options{}), append: func(_ context.Context, a ports.Append) (ports.Appended, error) {
				calls++
				return ports.Appended{}, &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected, Actual: a.Expected + 1}
			}}
			_, err := setup(store).Handle(t.Context(), create(uuid.New()))
			if !errors.Is(err, ports.ErrVersionConflict) || calls < 2 || calls > 50 || time.Since(began) > 5*time.Second {
				t.Errorf("err = %v after %d appends in %s", err, calls, time.Since(began))
			}
		})
	})

	t.Run("other errors pass through at once", func(t *testing.T) {
		t.Parallel()
		for _, want := range []error{ports.ErrUnavailable, ports.ErrCorrupt, context.Canceled} {
			calls := 0
			store := &hooked{EventStore: memory.New(memory.Options{}), append: func(context.Context, ports.Append) (ports.Appended, error) {
				calls++
				return ports.Appended{}, want
			}}
			if _, err := setup(store).Handle(t.Context(), create(uuid.New())); !errors.Is(err, want) || calls != 1 {
				t.Errorf("err = %v after %d appends, want %v", err, calls, want)
			}
		}
	})

	t.Run("a history that cannot be decoded is corrupt, and nothing is appended to it", func(t *testing.T) {
		t.Parallel()
		store, id := memory.New(memory.Options{}), uuid.New()
		record := eventsourcing.Record{
			Header:    eventsourcing.Header{AggregateType: "order", EventID: uuid.New(), AggregateID: id, SequenceNumber: 1, CommandID: uuid.New(), CreatedAt: eventsourcing.Timestamp(time.Now())},
			EventType: "order.teleported", EventVersion: 1, Payload: []byte(`{}`),
		}
		if _, err := store.Append(t.Context(), ports.Append{AggregateID: id, CommandID: record.CommandID, Records: []eventsourcing.Record{record}}); err != nil {
			t.Fatal(err)
		}
		_, err := setup(store).Handle(t.Context(), update(id, 2))
		var decode *ports.DecodeError
		if !errors.As(err, &decode) || decode.EventType != "order.teleported" || !slices.Equal(history(t, store, id)[0].Payload, record.Payload) {
			t.Errorf("err = %v", err)
		}
	})
}

// hooked is an event store with a hook before Load and a hook that replaces Append.
type hooked struct {
	ports.EventStore
	load   func(uuid.UUID)
	append func(context.Context, ports.Append) (ports.Appended, error)
}

func (s *hooked) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if s.load != nil {
		s.load(id)
	}
	return s.EventStore.Load(ctx, id, after)
}

func (s *hooked) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if s.append != nil {
		return s.append(ctx, a)
	}
	return s.EventStore.Append(ctx, a)
}
