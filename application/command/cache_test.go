package command_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// cached returns a handler with a cache of its own on a store.
func cached(store ports.EventStore, bytes int, exclusive bool) (orders.Commands, *command.Cache) {
	cache := command.NewCache(bytes)
	return orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Now: time.Now, NewID: uuid.New, Cache: cache, Exclusive: exclusive,
	}), cache
}

// counted counts the reads of a store, and fails appends on demand.
type counted struct {
	ports.EventStore
	mu    sync.Mutex
	loads []uint64 // the argument after of each read
	fault fault
}

type fault int

type record = eventsourcing.Record

const (
	noFault        fault = iota
	unknownDone          // the append happens, and its answer is lost
	unknownNotDone       // the append does not happen, and nobody knows
	unavailable
)

func (s *counted) Load(ctx context.Context, id uuid.UUID, after uint64) ([]record, error) {
	s.mu.Lock()
	s.loads = append(s.loads, after)
	s.mu.Unlock()
	return s.EventStore.Load(ctx, id, after)
}

// Append fails only where the append would have been accepted. So it does not matter how often a
// handler tries.
func (s *counted) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	fault := s.fault
	if fault == unknownNotDone || fault == unavailable {
		after, err := s.EventStore.Load(ctx, a.AggregateID, 0)
		if err != nil || uint64(len(after)) != a.Expected {
			fault = noFault
		}
	}
	switch fault {
	case unknownNotDone:
		return ports.Appended{}, ports.ErrOutcomeUnknown
	case unavailable:
		return ports.Appended{}, ports.ErrUnavailable
	}
	appended, err := s.EventStore.Append(ctx, a)
	if err == nil && fault == unknownDone {
		return ports.Appended{}, ports.ErrOutcomeUnknown
	}
	return appended, err
}

func (s *counted) reads() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	loads := s.loads
	s.loads = nil
	return loads
}

// P10: the second command reads nothing, when nobody else can have written.
func TestHandler_Handle_readsNothingOfWhatItKnows(t *testing.T) {
	t.Parallel()
	store, id := &counted{EventStore: memory.New(memory.Options{})}, uuid.New()
	h, cache := cached(store, 1<<20, true)
	must(t, h, create(id))
	for i := range 20 {
		must(t, h, update(id, int64(i+2)))
	}
	same := must(t, h, update(id, 21)) // changes nothing
	_, err := h.Handle(t.Context(), orders.Request{Command: order.DeliverOrder{OrderID: id}})
	if rule := (*order.RuleError)(nil); !errors.As(err, &rule) || same.SequenceNumber != 21 {
		t.Errorf("answers: %v, %+v", err, same)
	}
	if reads := store.reads(); len(reads) != 0 {
		t.Errorf("read after %d", reads)
	}
	want := command.CacheStats{Hits: 22, Misses: 1, States: 1}
	got := cache.Stats()
	if got.Hits != want.Hits || got.Misses != want.Misses || got.States != 1 || got.Bytes < 300 || got.Bytes > 3000 || got.Folded.Events != 0 {
		t.Errorf("stats %+v, want about %+v", got, want)
	}
}

// Where other processes write, a "no" is never answered from memory alone, and a "yes" costs no
// read.
func TestHandler_Handle_neverRefusesFromMemoryAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request func(id uuid.UUID) orders.Request
		want    uint64 // the sequence number of the answer; 0 for a refusal
	}{
		"a refusal": {func(id uuid.UUID) orders.Request {
			return orders.Request{Command: order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: "T"}}
		}, 4},
		"a condition": {func(id uuid.UUID) orders.Request {
			r, head := update(id, 9), uint64(3)
			r.ExpectedSequence = &head
			return r
		}, 0},
		"nothing to change": {func(id uuid.UUID) orders.Request { return update(id, 2) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, id := &counted{EventStore: memory.New(memory.Options{})}, uuid.New()
			h, _ := cached(store, 1<<20, false)
			other := setup(store.EventStore)
			must(t, h, create(id))
			must(t, h, update(id, 2))
			must(t, other, orders.Request{Command: order.ConfirmOrder{OrderID: id, PaymentReference: "P"}})
			store.reads()
			result, err := h.Handle(t.Context(), test.request(id))
			if err == nil && result.SequenceNumber != test.want || err != nil && test.want != 0 {
				t.Errorf("%+v, %v", result, err)
			}
			if reads := store.reads(); len(reads) != 1 || reads[0] != 2 {
				t.Errorf("read after %d, want only what is new", reads)
			}
		})
	}
}

// A command that begins an order reads nothing when there is none, and otherwise once. Whatever is
// there, the answer is that of a handler that reads first.
func TestHandler_Handle_beginsWithoutARead(t *testing.T) {
	t.Parallel()
	head := uint64(0)
	for name, test := range map[string]struct {
		before  func(t *testing.T, other orders.Commands, request orders.Request)
		request func(*orders.Request)
		reads   int
		check   func(t *testing.T, result orders.Result, err error)
	}{
		"nothing is there": {
			reads: 0,
			check: func(t *testing.T, result orders.Result, err error) {
				if err != nil || result.SequenceNumber != 1 {
					t.Errorf("%+v, %v", result, err)
				}
			},
		},
		"nothing should be there": {
			request: func(r *orders.Request) { r.ExpectedSequence = &head },
			reads:   0,
			check: func(t *testing.T, result orders.Result, err error) {
				if err != nil || result.SequenceNumber != 1 {
					t.Errorf("%+v, %v", result, err)
				}
			},
		},
		"something should be there": {
			request: func(r *orders.Request) { three := uint64(3); r.ExpectedSequence = &three },
			reads:   1,
			check: func(t *testing.T, _ orders.Result, err error) {
				if conflict := (*ports.VersionConflictError)(nil); !errors.As(err, &conflict) || conflict.Actual != 0 {
					t.Errorf("error %v", err)
				}
			},
		},
		"it is malformed by a rule of the order": {
			request: func(r *orders.Request) {
				c := r.Command.(order.CreateOrder)
				c.Items = nil
				r.Command = c
			},
			check: func(t *testing.T, _ orders.Result, err error) {
				if rule := (*order.RuleError)(nil); !errors.As(err, &rule) {
					t.Errorf("error %v", err)
				}
			},
		},
		"the same command was there": {
			before: func(t *testing.T, other orders.Commands, request orders.Request) {
				must(t, other, request)
				must(t, other, update(request.Command.AggregateID(), 2))
			},
			reads: 0,
			check: func(t *testing.T, result orders.Result, err error) {
				if err != nil || result.SequenceNumber != 1 || len(result.Events) != 1 {
					t.Errorf("%+v, %v", result, err)
				}
			},
		},
		"another command with its id was there": {
			before: func(t *testing.T, other orders.Commands, request orders.Request) {
				c := request.Command.(order.CreateOrder)
				c.CustomerID = "somebody"
				request.Command = c
				must(t, other, request)
			},
			reads: 0,
			check: func(t *testing.T, _ orders.Result, err error) {
				if reused := (*ports.CommandIDReusedError)(nil); !errors.As(err, &reused) {
					t.Errorf("error %v", err)
				}
			},
		},
		"another order is there": {
			before: func(t *testing.T, other orders.Commands, request orders.Request) {
				request.CommandID = uuid.New()
				c := request.Command.(order.CreateOrder)
				c.CustomerID = "somebody"
				request.Command = c
				must(t, other, request)
			},
			reads: 1,
			check: func(t *testing.T, _ orders.Result, err error) {
				if rule := (*order.RuleError)(nil); !errors.As(err, &rule) {
					t.Errorf("error %v", err)
				}
			},
		},
	} {
		for _, exclusive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exclusive=%t", name, exclusive), func(t *testing.T) {
				t.Parallel()
				store := &counted{EventStore: memory.New(memory.Options{})}
				h, _ := cached(store, 1<<20, exclusive)
				request := create(uuid.New())
				request.CommandID = uuid.New()
				if test.before != nil {
					test.before(t, setup(store.EventStore), request)
				}
				if test.request != nil {
					test.request(&request)
				}
				result, err := h.Handle(t.Context(), request)
				test.check(t, result, err)
				if reads := store.reads(); len(reads) != test.reads {
					t.Errorf("read after %d, want %d reads", reads, test.reads)
				}
			})
		}
	}
}

// A lost race is decided again after one read of what is new.
func TestHandler_Handle_aConflictReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	store, id := &counted{EventStore: memory.New(memory.Options{})}, uuid.New()
	h, _ := cached(store, 1<<20, false)
	must(t, h, create(id))
	must(t, setup(store.EventStore), update(id, 5))
	store.reads()
	if got := must(t, h, update(id, 6)); got.SequenceNumber != 3 {
		t.Errorf("result %+v", got)
	}
	if reads := store.reads(); len(reads) != 1 || reads[0] != 1 {
		t.Errorf("read after %d, want after 1", reads)
	}
}

// A history that is shorter than the one in memory is another history, for example that of a backup
// that was restored.
func TestHandler_Handle_beginsAgainOnAnotherHistory(t *testing.T) {
	t.Parallel()
	inner, id := memory.New(memory.Options{}), uuid.New()
	store := &counted{EventStore: inner}
	h, _ := cached(store, 1<<20, false)
	must(t, h, create(id))
	must(t, h, update(id, 2))
	store.EventStore = memory.New(memory.Options{})
	must(t, setup(store.EventStore), create(id))
	if got := must(t, h, update(id, 3)); got.SequenceNumber != 2 {
		t.Errorf("result %+v", got)
	}
}

// The cache keeps to its bound, and drops what was used least recently.
func TestCache_KeepsToItsBound(t *testing.T) {
	t.Parallel()
	const bound = 32 << 10
	store := &counted{EventStore: memory.New(memory.Options{})}
	h, cache := cached(store, bound, true)
	ids := make([]uuid.UUID, 100)
	for i := range ids {
		ids[i] = uuid.New()
		must(t, h, create(ids[i]))
		must(t, h, update(ids[0], int64(i+2))) // always in use
		if s := cache.Stats(); s.Bytes > bound || s.Bytes < 0 {
			t.Fatalf("%d bytes", s.Bytes)
		}
	}
	s := cache.Stats()
	if s.Evictions == 0 || s.States == 0 || int(s.Evictions)+s.States != len(ids) {
		t.Errorf("stats %+v", s)
	}
	store.reads()
	must(t, h, update(ids[0], 1000))
	must(t, h, update(ids[99], 1000))
	if reads := store.reads(); len(reads) != 0 {
		t.Errorf("the newest were dropped")
	}
	must(t, h, update(ids[1], 1000))
	if reads := store.reads(); len(reads) != 1 {
		t.Errorf("an old one is still there")
	}
}

// One history must not push out everything else.
func TestCache_KeepsNothingThatIsTooLarge(t *testing.T) {
	t.Parallel()
	store, id := &counted{EventStore: memory.New(memory.Options{})}, uuid.New()
	h, cache := cached(store, 16<<10, true)
	many := create(id)
	lines := make([]order.Item, order.MaxItems)
	for i := range lines {
		lines[i] = order.Item{SKU: fmt.Sprint("SKU-", i), Quantity: 1}
	}
	many.Command = order.CreateOrder{OrderID: id, CustomerID: "c", Currency: "EUR", Items: lines}
	must(t, h, many)
	if s := cache.Stats(); s.States != 0 || s.Bytes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// What was dropped does not come back, not even from a command that was in progress.
func TestCache_DropIsFinal(t *testing.T) {
	t.Parallel()
	inner, id := memory.New(memory.Options{}), uuid.New()
	var cache *command.Cache
	store := &hooked{EventStore: inner}
	h, cache := cached(store, 1<<20, true)
	must(t, h, create(id))
	store.append = func(ctx context.Context, a ports.Append) (ports.Appended, error) {
		cache.Drop(id)
		return inner.Append(ctx, a)
	}
	must(t, h, update(id, 2))
	if s := cache.Stats(); s.States != 0 || s.Bytes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// Whatever else happens, a handler with a cache gives the answers of one without: among conflicts
// with other handlers, unknown outcomes, evictions, drops and restarts.
func TestHandler_PropACacheChangesNoAnswer(t *testing.T) {
	t.Parallel()
	for _, exclusive := range []bool{false, true} {
		t.Run(fmt.Sprintf("exclusive=%t", exclusive), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { sameAnswers(rt, exclusive) })
		})
	}
}

func sameAnswers(rt *rapid.T, exclusive bool) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	plain := &counted{EventStore: memory.New(memory.Options{})}
	subject := &counted{EventStore: memory.New(memory.Options{})}
	config := command.Config{Store: plain, Now: func() time.Time { return now }, NewID: uuid.New}
	reference := orders.NewCommands(orderjson.New(), config)
	size := rapid.SampledFrom([]int{0, 2_000, 5_000, 1 << 20}).Draw(rt, "bytes")
	config.Store, config.Exclusive = subject, exclusive
	if rapid.Bool().Draw(rt, "the store finds commands") {
		config.Finder = subject.EventStore.(*memory.Store)
	}
	processes := 3
	if exclusive {
		processes = 1
	}
	caches, handlers := make([]*command.Cache, processes), make([]orders.Commands, processes)
	start := func(i int) {
		caches[i] = command.NewCache(size)
		config.Cache = caches[i]
		handlers[i] = orders.NewCommands(orderjson.New(), config)
	}
	for i := range processes {
		start(i)
	}
	ids, commands := make([]uuid.UUID, 3), make([]uuid.UUID, 12)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for i := range commands {
		commands[i] = uuid.New()
	}
	for range rapid.IntRange(1, 60).Draw(rt, "commands") {
		now = now.Add(time.Duration(rapid.Int64Range(-2, 10).Draw(rt, "seconds")) * time.Second)
		process := rapid.IntRange(0, processes-1).Draw(rt, "process")
		switch rapid.IntRange(0, 9).Draw(rt, "before") {
		case 0:
			caches[process].Drop(rapid.SampledFrom(ids).Draw(rt, "dropped"))
		case 1:
			start(process)
		}
		request := drawRequest(rt, ids, commands)
		fault := fault(rapid.IntRange(0, 9).Draw(rt, "fault"))
		plain.fault, subject.fault = fault, fault
		want, wantErr := reference.Handle(context.Background(), request)
		got, gotErr := handlers[process].Handle(context.Background(), request)
		if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			rt.Fatalf("%+v: error %v, without a cache %v", request, gotErr, wantErr)
		}
		if diff := cmp.Diff(want, got, ignoreEventIDs); diff != "" {
			rt.Fatalf("%+v (-without a cache +with):\n%s", request, diff)
		}
	}
	for _, id := range ids {
		want, _ := plain.EventStore.Load(context.Background(), id, 0)
		got, _ := subject.EventStore.Load(context.Background(), id, 0)
		if diff := cmp.Diff(want, got, ignoreEventIDs); diff != "" {
			rt.Fatalf("history (-without a cache +with):\n%s", diff)
		}
	}
}

var ignoreEventIDs = cmp.FilterPath(func(p cmp.Path) bool {
	return strings.HasSuffix(p.String(), "EventID")
}, cmp.Ignore())

// drawRequest draws a command. Command ids come from few, so that they are often used again, for
// the same command and for others.
func drawRequest(rt *rapid.T, ids, commands []uuid.UUID) orders.Request {
	id := rapid.SampledFrom(ids).Draw(rt, "order")
	n := rapid.Int64Range(1, 4).Draw(rt, "quantity")
	all := []order.Command{
		create(id).Command,
		update(id, n).Command,
		update(id, n+1).Command,
		update(id, 0).Command, // malformed
		order.ConfirmOrder{OrderID: id, PaymentReference: "P"},
		order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: fmt.Sprint(n)},
		order.CancelOrder{OrderID: id, Reason: "R"},
	}
	weights := []int{0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6}
	request := orders.Request{
		Command:   all[rapid.SampledFrom(weights).Draw(rt, "command")],
		CommandID: rapid.SampledFrom(commands).Draw(rt, "command id"),
	}
	if rapid.IntRange(0, 3).Draw(rt, "fresh command id") > 0 {
		request.CommandID = uuid.New()
	}
	if rapid.IntRange(0, 4).Draw(rt, "conditional") == 0 {
		head := rapid.Uint64Range(0, 8).Draw(rt, "expected")
		request.ExpectedSequence = &head
	}
	return request
}

// Many clients and several processes at once. P1 and P6 hold as without a cache.
func TestHandler_Handle_cachesUnderConcurrency(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	handlers := make([]orders.Commands, 3)
	for i := range handlers {
		handlers[i], _ = cached(store, 4_000, false)
	}
	must(t, handlers[0], create(id))
	var clients sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]uuid.UUID{}
	for i := range 30 {
		clients.Go(func() {
			request := update(id, int64(i+2))
			request.CommandID = uuid.New()
			for attempt := range 4 {
				result, err := handlers[(i+attempt)%3].Handle(t.Context(), request)
				if errors.Is(err, ports.ErrVersionConflict) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if len(result.Events) == 0 {
					t.Errorf("command %d changed nothing", i)
					return
				}
				mu.Lock()
				if other, taken := seen[result.SequenceNumber]; taken && other != request.CommandID {
					t.Errorf("two commands were told %d", result.SequenceNumber)
				}
				seen[result.SequenceNumber] = request.CommandID
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if records := history(t, store, id); len(records) != 1+len(seen) {
		t.Errorf("%d events of %d commands", len(records), len(seen))
	}
}

// After Clear there is nothing of what was there before, also not of what a handler had taken out.
func TestCache_ClearIsFinal(t *testing.T) {
	t.Parallel()
	inner, id, other := memory.New(memory.Options{}), uuid.New(), uuid.New()
	var cache *command.Cache
	store := &hooked{EventStore: inner}
	h, cache := cached(store, 1<<20, true)
	must(t, h, create(id))
	must(t, h, create(other))
	store.append = func(ctx context.Context, a ports.Append) (ports.Appended, error) {
		cache.Clear()
		return inner.Append(ctx, a)
	}
	must(t, h, update(id, 2))
	if s := cache.Stats(); s.States != 0 || s.Bytes != 0 {
		t.Errorf("stats %+v", s)
	}
	store.append = nil
	must(t, h, update(id, 3))
	if s := cache.Stats(); s.States != 1 {
		t.Errorf("stats %+v", s)
	}
}
