package command_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/snapshot"
	"orderflow/domain/order"
	"orderflow/ports"
)

// shortened returns a handler without a cache that uses snapshots, and what writes them. finder is
// nil or the store.
func shortened(store *memory.Store, version int, finder ports.CommandFinder) (orders.Commands, *snapshot.Keeper) {
	kind := orders.Aggregate(orderjson.New()).Snapshot(finder)
	kind.Version += version
	keeper := snapshot.NewKeeper(snapshot.Config{
		Store: store, History: store, Every: 10, Logger: slog.New(slog.DiscardHandler),
	}, kind)
	return orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Pages: store, Snapshots: keeper.Shelf(command.SnapshotName), Finder: finder,
		Now: time.Now, NewID: uuid.New, Cache: command.NewCache(0),
	}), keeper
}

func write(t testing.TB, keeper *snapshot.Keeper, id uuid.UUID, head uint64) {
	t.Helper()
	if err := keeper.Write(context.Background(), order.Type, id, head); err != nil {
		t.Fatal(err)
	}
}

// long fills a store with an order of that many events, and returns the id of each command.
func long(t testing.TB, store ports.EventStore, id uuid.UUID, events int) []uuid.UUID {
	t.Helper()
	h, commands := setup(store), make([]uuid.UUID, events)
	for i := range events {
		request := update(id, int64(i+2))
		if i == 0 {
			request = create(id)
		}
		commands[i] = uuid.New()
		request.CommandID = commands[i]
		if _, err := h.Handle(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	return commands
}

// finders are without one, and the store itself.
func finders(store *memory.Store) map[string]ports.CommandFinder {
	return map[string]ports.CommandFinder{"every command in the snapshot": nil, "the store finds commands": store}
}

// P10: with a snapshot, a command on a long history folds only the events after the snapshot.
func TestSnapshots_shortenTheFirstCommand(t *testing.T) {
	t.Parallel()
	for name := range finders(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, id := memory.New(memory.Options{}), uuid.New()
			finder := finders(store)[name]
			commands := long(t, store, id, 120)
			cache := command.NewCache(0)
			_, keeper := shortened(store, 0, finder)
			write(t, keeper, id, 100)
			h := orders.NewCommands(orderjson.New(), command.Config{
				Store: store, Pages: store, Snapshots: keeper.Shelf(command.SnapshotName), Finder: finder,
				Now: time.Now, NewID: uuid.New, Cache: cache,
			})
			if got := must(t, h, update(id, 5)); got.SequenceNumber != 121 {
				t.Errorf("result %+v", got)
			}
			if folded := cache.Stats().Folded; folded.Events != 20 {
				t.Errorf("%d events folded, want the 20 after the snapshot", folded.Events)
			}
			repeat(t, h, id, commands)
			if n := len(history(t, store, id)); n != 121 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// repeat sends the commands of long again. Each gets its answer of the first time (P6), and another
// command with its id is refused.
func repeat(t *testing.T, h orders.Commands, id uuid.UUID, commands []uuid.UUID) {
	t.Helper()
	for i, commandID := range commands {
		request := update(id, int64(i+2))
		if i == 0 {
			request = create(id)
		}
		request.CommandID = commandID
		if got := must(t, h, request); got.SequenceNumber != uint64(i+1) || len(got.Events) != 1 {
			t.Fatalf("command %d again: %+v", i, got)
		}
		request.Command = update(id, 9_999).Command
		var reused *ports.CommandIDReusedError
		if _, err := h.Handle(t.Context(), request); !errors.As(err, &reused) {
			t.Fatalf("another command with the id of command %d: %v", i, err)
		}
	}
}

// P10: where the store finds commands, neither a snapshot nor a state in memory grows with the
// history.
func TestSnapshots_areAllOfOneSizeWhereTheStoreFindsCommands(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	cache := command.NewCache(1 << 20)
	config := command.Config{Store: store, Pages: store, Finder: store, Now: time.Now, NewID: uuid.New, Cache: cache, Exclusive: true}
	h := orders.NewCommands(orderjson.New(), config)
	commands := make([]uuid.UUID, 1_500)
	largest := 0
	for i := range commands {
		commands[i] = uuid.New()
		request := update(id, int64(i+2))
		if i == 0 {
			request = create(id)
		}
		request.CommandID = commands[i]
		must(t, h, request)
		largest = max(largest, cache.Stats().Bytes)
	}
	if largest > 20_000 {
		t.Errorf("%d bytes in the cache", largest)
	}
	if folded := cache.Stats().Folded.Events; folded != 0 {
		t.Errorf("%d events folded", folded)
	}
	repeat(t, h, id, commands)
	_, keeper := shortened(store, 0, store)
	for _, head := range []uint64{100, 1_500} {
		write(t, keeper, id, head)
		s, err := store.LoadSnapshot(t.Context(), id, command.SnapshotName, head)
		if err != nil || len(s.Data) == 0 || len(s.Data) > 300 {
			t.Errorf("%d bytes in the snapshot at %d, error %v", len(s.Data), head, err)
		}
	}
}

// A handler that holds every command itself does not use a snapshot that leaves some out.
func TestSnapshots_withoutCommandsAreOfNoUseWithoutAFinder(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	commands := long(t, store, id, 60)
	_, short := shortened(store, 0, store)
	write(t, short, id, 50)
	h, keeper := shortened(store, 0, nil)
	repeat(t, h, id, commands[:1])
	if discarded := keeper.Stats().Discarded[snapshot.UnfitUnreadable]; discarded == 0 {
		t.Error("it was used")
	}
	if n := len(history(t, store, id)); n != 60 {
		t.Errorf("%d events", n)
	}
}

// When the store cannot say whether it has the command, nothing is appended.
func TestHandler_Handle_asksAgainWhenACommandCannotBeFound(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	long(t, store, id, 60)
	_, keeper := shortened(store, 0, store)
	write(t, keeper, id, 50)
	finder := &deaf{CommandFinder: store, err: ports.ErrUnavailable}
	h := orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Pages: store, Snapshots: keeper.Shelf(command.SnapshotName), Finder: finder, Now: time.Now, NewID: uuid.New,
		Cache: command.NewCache(1 << 20), Exclusive: true,
	})
	for range 2 {
		if _, err := h.Handle(t.Context(), update(id, 5)); !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("error %v", err)
		}
	}
	finder.err = nil
	if got := must(t, h, update(id, 5)); got.SequenceNumber != 61 {
		t.Errorf("result %+v", got)
	}
}

// deaf finds nothing while it has an error.
type deaf struct {
	ports.CommandFinder
	err error
}

func (d *deaf) FindCommand(ctx context.Context, id, commandID uuid.UUID) ([]record, error) {
	if d.err != nil {
		return nil, d.err
	}
	return d.CommandFinder.FindCommand(ctx, id, commandID)
}

// A snapshot that does not fit is not used, and counted by the reason. The answer is that of the
// events.
func TestSnapshots_thatDoNotFitAreDiscarded(t *testing.T) {
	t.Parallel()
	const kind = command.SnapshotName
	for name, test := range map[string]struct {
		spoil func(t *testing.T, store *memory.Store, id uuid.UUID, s ports.Snapshot)
		unfit string
	}{
		"another version": {func(t *testing.T, store *memory.Store, id uuid.UUID, _ ports.Snapshot) {
			_, keeper := shortened(store, 1, nil)
			write(t, keeper, id, 90)
		}, snapshot.UnfitVersion},
		"a bit that changed": {func(t *testing.T, store *memory.Store, _ uuid.UUID, s ports.Snapshot) {
			s.Data[len(s.Data)/2] ^= 4
			save(t, store, s)
		}, snapshot.UnfitChecksum},
		"no data": {func(t *testing.T, store *memory.Store, _ uuid.UUID, s ports.Snapshot) {
			s.Data = nil
			save(t, store, s)
		}, snapshot.UnfitChecksum},
		"another place": {func(t *testing.T, store *memory.Store, _ uuid.UUID, s ports.Snapshot) {
			s.SequenceNumber++
			save(t, store, s)
		}, snapshot.UnfitChecksum},
		"another kind of data": {func(t *testing.T, store *memory.Store, id uuid.UUID, _ ports.Snapshot) {
			other := orders.Aggregate(orderjson.New()).Snapshot(nil)
			other.Fold = func([]byte, []record) ([]byte, error) { return []byte("something else"), nil }
			if err := store.DropSnapshots(t.Context(), id, kind, math.MaxUint64); err != nil {
				t.Fatal(err)
			}
			write(t, snapshot.NewKeeper(snapshot.Config{Store: store, History: store, Every: 10}, other), id, 90)
		}, snapshot.UnfitUnreadable},
		"after the head": {func(t *testing.T, store *memory.Store, id uuid.UUID, _ ports.Snapshot) {
			future := memory.New(memory.Options{})
			long(t, future, id, 200)
			save(t, store, newest(t, future, id, 200))
		}, snapshot.UnfitHistory},
		"of another history": {func(t *testing.T, store *memory.Store, id uuid.UUID, _ ports.Snapshot) {
			other := memory.New(memory.Options{})
			long(t, other, id, 100)
			save(t, store, newest(t, other, id, 95))
		}, snapshot.UnfitHistory},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, id := memory.New(memory.Options{}), uuid.New()
			long(t, store, id, 100)
			good := newest(t, store, id, 80)
			test.spoil(t, store, id, good)
			h, keeper := shortened(store, 0, nil)
			if got := must(t, h, update(id, 1)); got.SequenceNumber != 101 {
				t.Errorf("result %+v", got)
			}
			if discarded := keeper.Stats().Discarded; discarded[test.unfit] != 1 {
				t.Errorf("discarded %v, want one for %q", discarded, test.unfit)
			}
			// It is replaced by one that fits.
			write(t, keeper, id, 101)
			before := keeper.Stats().Discarded[test.unfit]
			must(t, h, update(id, 3))
			if keeper.Stats().Discarded[test.unfit] != before {
				t.Error("discarded again")
			}
		})
	}
}

func save(t testing.TB, store *memory.Store, s ports.Snapshot) {
	t.Helper()
	if err := store.SaveSnapshot(context.Background(), s); err != nil {
		t.Fatal(err)
	}
}

// newest writes a snapshot up to a head and returns it.
func newest(t testing.TB, store *memory.Store, id uuid.UUID, head uint64) ports.Snapshot {
	t.Helper()
	_, keeper := shortened(store, 0, nil)
	write(t, keeper, id, head)
	s, err := store.LoadSnapshot(context.Background(), id, command.SnapshotName, math.MaxUint64)
	if err != nil || s.SequenceNumber != head {
		t.Fatalf("snapshot at %d, want %d: %v", s.SequenceNumber, head, err)
	}
	return s
}

// Any subset of positions with a snapshot, in any mix of versions, whole or damaged, gives the same
// answers and events as none.
func TestSnapshots_PropChangeNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ids := []uuid.UUID{uuid.New(), uuid.New()}
		commands := make([]uuid.UUID, 20)
		for i := range commands {
			commands[i] = uuid.New()
		}
		plain, store := memory.New(memory.Options{}), memory.New(memory.Options{})
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		config := command.Config{Now: func() time.Time { return now }, NewID: uuid.New}
		config.Store = plain
		reference := orders.NewCommands(orderjson.New(), config)
		config.Store, config.Pages = store, store
		if rapid.Bool().Draw(rt, "the store finds commands") {
			config.Finder = store
		}
		finder := config.Finder
		var handlers []orders.Commands
		var keepers []*snapshot.Keeper
		for version := range 2 {
			_, keeper := shortened(store, version, finder)
			config.Snapshots = keeper.Shelf(command.SnapshotName)
			config.Cache = command.NewCache(rapid.SampledFrom([]int{0, 100_000}).Draw(rt, "cache"))
			handlers, keepers = append(handlers, orders.NewCommands(orderjson.New(), config)), append(keepers, keeper)
		}
		send := func(version int, request orders.Request) {
			want, wantErr := reference.Handle(context.Background(), request)
			got, gotErr := handlers[version].Handle(context.Background(), request)
			if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
				rt.Fatalf("%+v: error %v, without snapshots %v", request, gotErr, wantErr)
			}
			if diff := cmp.Diff(want, got, ignoreEventIDs); diff != "" {
				rt.Fatalf("%+v (-without snapshots +with):\n%s", request, diff)
			}
		}
		for _, id := range ids {
			first := create(id)
			first.CommandID = uuid.New()
			send(0, first)
			for i := range rapid.IntRange(30, 45).Draw(rt, "updates") {
				request := update(id, int64(i+2))
				if request.CommandID = uuid.New(); i < len(commands) {
					request.CommandID = commands[i]
				}
				send(0, request)
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "commands") {
			now = now.Add(time.Duration(rapid.Int64Range(-2, 10).Draw(rt, "seconds")) * time.Second)
			id, version := rapid.SampledFrom(ids).Draw(rt, "snapshot of"), rapid.IntRange(0, 1).Draw(rt, "version")
			head, err := store.Load(context.Background(), id, 0)
			if err != nil {
				rt.Fatal(err)
			}
			at := rapid.Uint64Range(1, uint64(len(head))).Draw(rt, "at")
			switch rapid.IntRange(0, 4).Draw(rt, "before") {
			case 0, 1:
				if err := keepers[version].Write(context.Background(), order.Type, id, at); err != nil {
					rt.Fatal(err)
				}
			case 2:
				if err := store.DropSnapshots(context.Background(), id, command.SnapshotName, at); err != nil {
					rt.Fatal(err)
				}
			case 3:
				s, err := store.LoadSnapshot(context.Background(), id, command.SnapshotName, at)
				if err != nil {
					rt.Fatal(err)
				}
				if n := len(s.Data); n > 0 {
					s.Data[rapid.IntRange(0, n-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
					if err := store.SaveSnapshot(context.Background(), s); err != nil {
						rt.Fatal(err)
					}
				}
			}
			send(rapid.IntRange(0, 1).Draw(rt, "handler"), drawRequest(rt, ids, commands))
		}
		for _, id := range ids {
			want, _ := plain.Load(context.Background(), id, 0)
			got, _ := store.Load(context.Background(), id, 0)
			if diff := cmp.Diff(want, got, ignoreEventIDs); diff != "" {
				rt.Fatalf("history (-without snapshots +with):\n%s", diff)
			}
		}
	})
}

// A command of many events may lie across two parts that are read, or across a snapshot. It is one
// command all the same.
func TestSnapshots_ofACommandThatIsReadInTwoParts(t *testing.T) {
	t.Parallel()
	for name := range finders(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, id, commandID := memory.New(memory.Options{}), uuid.New(), uuid.New()
			long(t, store, id, 495)
			var records []record
			for i := range 10 {
				r := slices.Clone(history(t, store, id)[494:])[0]
				r.EventID, r.CommandID, r.SequenceNumber = uuid.New(), commandID, uint64(496+i)
				r.Metadata = nil
				records = append(records, r)
			}
			if _, err := store.Append(t.Context(), ports.Append{AggregateID: id, Expected: 495, CommandID: commandID, Records: records}); err != nil {
				t.Fatal(err)
			}
			h, keeper := shortened(store, 0, finders(store)[name])
			for _, at := range []uint64{0, 495, 496, 500, 504, 505} { // 0: without a snapshot
				if err := store.DropSnapshots(t.Context(), id, command.SnapshotName, math.MaxUint64); err != nil {
					t.Fatal(err)
				}
				write(t, keeper, id, at)
				request := update(id, 3)
				request.CommandID = commandID
				if got := must(t, h, request); got.SequenceNumber != 505 || len(got.Events) != 10 {
					t.Errorf("snapshot at %d: sequence number %d with %d events", at, got.SequenceNumber, len(got.Events))
				}
			}
		})
	}
}
