package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func mustDamage(t *testing.T, store *embedded.Store, keys ...[]byte) {
	t.Helper()
	for _, key := range keys {
		if err := store.Damage(key); err != nil {
			t.Fatal(err)
		}
	}
}

// expectDamage expects so many rows to be counted, each of them logged once.
func expectDamage(t *testing.T, store *embedded.Store, logged *lines, want int) {
	t.Helper()
	if n := store.Stats().DamagedRows; n != uint64(want) {
		t.Errorf("%d damaged rows were counted, want %d", n, want)
	}
	if n := strings.Count(logged.String(), "a stored row cannot be read"); n != want {
		t.Errorf("%d damaged rows were logged, want %d: %s", n, want, logged)
	}
}

// delivered reads so many records of a subscription.
func delivered(t *testing.T, sub ports.Subscription, n int) (records []eventsourcing.Record) {
	t.Helper()
	for range n {
		records = append(records, mustNext(t, sub).Record)
	}
	return records
}

// stub is the record that replaces an event that cannot be read.
func stub(r eventsourcing.Record) eventsourcing.Record {
	return eventsourcing.Record{Header: eventsourcing.Header{AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber}}
}

func withoutTime(records []eventsourcing.Record) []eventsourcing.Record {
	records = slices.Clone(records)
	for i := range records {
		if records[i].EventType == "" {
			records[i].CreatedAt = time.Time{}
		}
	}
	return records
}

// TestDamage_OfTheOutboxIsMadeGoodFromTheEventStore damages rows of the outbox at random. Every
// consumer gets every event, in order, from wherever it starts.
func TestDamage_OfTheOutboxIsMadeGoodFromTheEventStore(t *testing.T) {
	t.Parallel()
	logged := new(lines)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), FeedBytes: 1, Logger: logged.logger()})
	for _, consumer := range []string{"a", "b", "late"} {
		mustSeekEnd(t, store.Store, consumer)
	}
	late := mustSubscribe(t, store.Store, "late")
	var want []eventsourcing.Record
	heads := map[uuid.UUID]uint64{}
	rng := rand.New(rand.NewPCG(1, 2))
	ids := []uuid.UUID{newID(), newID(), newID(), newID()}
	for range 300 {
		id := ids[rng.IntN(len(ids))]
		a := command(id, heads[id], 1+rng.IntN(3))
		heads[id] += uint64(len(a.Records))
		want = append(want, mustAppend(t, store.Store, a)...)
	}
	damaged := map[uint64]bool{1: true, uint64(len(want)): true}
	for range 100 {
		damaged[1+rng.Uint64N(uint64(len(want)))] = true
	}
	for position := range damaged {
		mustDamage(t, store.Store, layout.OutboxKey(position))
	}

	for name, sub := range map[string]ports.Subscription{
		"a": mustSubscribe(t, store.Store, "a"), "b": mustSubscribe(t, store.Store, "b"), "late": late,
	} {
		if d := diff(want, delivered(t, sub, len(want))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	expectDamage(t, store.Store, logged, len(damaged))
	if c, err := readEvents(store.Store); err != nil || !sameRecords(want, c.Outbox) {
		t.Errorf("%d rows of the outbox are listed, want %d, error %v", len(c.Outbox), len(want), err)
	}
	if lag, err := store.Lag(t.Context(), "a"); err != nil || lag.Events != uint64(len(want)) {
		t.Errorf("lag %+v, error %v", lag, err)
	}
}

// TestDamage_OfAnEventIsThatOfItsAggregate damages an event in both places. The feed continues, and
// names it.
func TestDamage_OfAnEventIsThatOfItsAggregate(t *testing.T) {
	t.Parallel()
	logged := new(lines)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), FeedBytes: 1, Logger: logged.logger()})
	mustSeekEnd(t, store.Store, "consumer")
	hit, intact := command(newID(), 0, 3), command(newID(), 0, 2)
	want := append(mustAppend(t, store.Store, hit), mustAppend(t, store.Store, intact)...)
	mustDamage(t, store.Store, layout.OutboxKey(2), layout.EventKey(hit.AggregateID, 2))
	want[1] = stub(want[1])
	got := withoutTime(delivered(t, mustSubscribe(t, store.Store, "consumer"), len(want)))
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	if d := diff(intact.Records, mustLoad(t, store.Store, intact.AggregateID)); d != "" {
		t.Error(d)
	}
	if _, err := store.Load(t.Context(), hit.AggregateID, 0); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("error %v, want %v", err, ports.ErrCorrupt)
	}
	for name, list := range map[string]func(context.Context, ports.Cursor, int) (ports.RecordPage, error){"events": store.ListEvents, "outbox": store.ListOutbox} {
		records, err := readList(list)
		if err != nil || len(records) != len(want) {
			t.Fatalf("%s: %d records, error %v", name, len(records), err)
		}
		for _, r := range withoutTime(records) {
			if !slices.ContainsFunc(want, func(w eventsourcing.Record) bool { return diff(w, r) == "" }) {
				t.Errorf("%s: %+v is listed", name, r)
			}
		}
	}
}

// TestDamage_OfABlockOfTheOutbox flips a bit on the disk, which takes a whole block of a table with
// it.
func TestDamage_OfABlockOfTheOutbox(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	options := embedded.Options{Dir: "data", FS: mem}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	mustSeekEnd(t, store, "consumer")
	var want []eventsourcing.Record
	for range 200 {
		a := command(newID(), 0, 1)
		a.Records[0].Payload = make([]byte, 500)
		for i := range a.Records[0].Payload {
			a.Records[0].Payload[i] = byte(rand.Uint32())
		}
		want = append(want, mustAppend(t, store, a)...)
	}
	mustClose(t, store)
	// which writes the log to a table
	if store, err = embedded.Open(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	all := filesOf(t, mem)
	hits := 0
	for name, content := range all {
		if strings.HasSuffix(name, ".sst") {
			// The outbox sorts after the events.
			if at := bytes.LastIndex(content, want[100].Payload[100:300]); at > 0 {
				content[at] ^= 1
				hits++
			}
		}
	}
	logged := new(lines)
	again := open(t, nil, embedded.Options{Dir: "data", FS: all.fs(t, "", nil), Logger: logged.logger()})
	if d := diff(want, delivered(t, mustSubscribe(t, again.Store, "consumer"), len(want))); d != "" {
		t.Error(d)
	}
	if n := again.Stats().DamagedRows; hits != 1 || n == 0 || n > 100 {
		t.Errorf("%d rows of %d damaged blocks were counted: %s", n, hits, logged)
	}
	if c, err := readEvents(again.Store); err != nil || !sameRecords(want, c.Outbox) {
		t.Errorf("%d rows of the outbox are listed, want %d, error %v", len(c.Outbox), len(want), err)
	}
}

// TestDamage_OfAHeadOrACommandIsMadeGoodFromTheHistory damages what an append reads. The command
// and those of the same group work as without the damage.
func TestDamage_OfAHeadOrACommandIsMadeGoodFromTheHistory(t *testing.T) {
	t.Parallel()
	logged := new(lines)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), Logger: logged.logger()})
	first, other := command(newID(), 0, 2), command(newID(), 0, 1)
	mustAppend(t, store.Store, first)
	mustAppend(t, store.Store, other)
	heads := func() map[uuid.UUID]ports.Head {
		page, err := store.ScanHeads(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		found := map[uuid.UUID]ports.Head{}
		for _, h := range page.Heads {
			found[h.AggregateID] = h
		}
		return found
	}
	before := heads()
	mustDamage(t, store.Store, layout.HeadKey(first.AggregateID), layout.CommandKey(first.AggregateID, first.CommandID))
	if d := diff(before, heads()); d != "" {
		t.Error(d)
	}
	if d := diff(first.Records, mustLoad(t, store.Store, first.AggregateID)); d != "" {
		t.Error(d)
	}
	if got, err := store.Append(t.Context(), first); err != nil || !got.Duplicate || diff(first.Records, got.Records) != "" {
		t.Errorf("a repeated command: %+v, error %v", got, err)
	}
	if got, err := store.FindCommand(t.Context(), first.AggregateID, first.CommandID); err != nil || diff(first.Records, got) != "" {
		t.Errorf("found %+v, error %v", got, err)
	}
	if _, err := store.Append(t.Context(), command(first.AggregateID, 1, 1)); !errors.Is(err, ports.ErrVersionConflict) {
		t.Errorf("error %v, want %v", err, ports.ErrVersionConflict)
	}
	expectDamage(t, store.Store, logged, 2)
	mustAppend(t, store.Store, command(first.AggregateID, 2, 1))
	mustAppend(t, store.Store, command(other.AggregateID, 1, 1))
	if c, err := readEvents(store.Store); err != nil || c.checkOutbox() != nil {
		t.Errorf("%v, %v", err, c.checkOutbox())
	}
}

// TestDamage_OfAllThatAnAggregateHasIsItsOwn damages head and events of an aggregate. Its commands
// fail; those in the same group do not.
func TestDamage_OfAllThatAnAggregateHasIsItsOwn(t *testing.T) {
	t.Parallel()
	store := open(t, nil, embedded.Options{Dir: t.TempDir()})
	hit := command(newID(), 0, 1)
	mustAppend(t, store.Store, hit)
	mustDamage(t, store.Store, layout.HeadKey(hit.AggregateID), layout.EventKey(hit.AggregateID, 1))
	results := make(chan error, 21)
	go func() { results <- second(store.Append(context.Background(), command(hit.AggregateID, 1, 1))) }()
	for range 20 {
		go func() { results <- second(store.Append(context.Background(), command(newID(), 0, 1))) }()
	}
	failed := 0
	for range 21 {
		if err := <-results; err != nil {
			failed++
			if !errors.Is(err, ports.ErrCorrupt) {
				t.Errorf("error %v, want %v", err, ports.ErrCorrupt)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d appends failed, want that to the damaged aggregate", failed)
	}
	if page, err := store.ScanHeads(t.Context(), "", 100); err != nil || len(page.Heads) != 21 {
		t.Errorf("%d heads, error %v", len(page.Heads), err)
	}
}

// TestDamage_OfWhatAConsumerKeeps damages what a consumer keeps about one aggregate, and its
// offset.
func TestDamage_OfWhatAConsumerKeeps(t *testing.T) {
	t.Parallel()
	logged := new(lines)
	store := open(t, nil, embedded.Options{Dir: t.TempDir(), Logger: logged.logger()})
	hit, intact := command(newID(), 0, 2).Records, command(newID(), 0, 1).Records
	for _, r := range append(slices.Clone(hit), intact...) {
		if err := store.Apply(t.Context(), view, progress(r)); err != nil {
			t.Fatal(err)
		}
		parked := ports.ParkedAggregate{Consumer: view.Consumer, AggregateID: r.AggregateID, AggregateType: "order", SequenceNumber: 1}
		skip := ports.Skip{Consumer: view.Consumer, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, Reason: "a reason"}
		if err := errors.Join(store.Park(t.Context(), parked), store.RecordSkip(t.Context(), skip)); err != nil {
			t.Fatal(err)
		}
	}
	mustSeekEnd(t, store.Store, view.Consumer)
	id := hit[0].AggregateID
	row, err := layout.RowKey(view, table, []any{"all", id})
	if err != nil {
		t.Fatal(err)
	}
	mustDamage(t, store.Store, layout.StateKey(view, id), row, layout.ParkedKey(view.Consumer, id),
		layout.SkipKey(view.Consumer, id, 2), layout.OffsetKey(view.Consumer))

	rows := func() map[uuid.UUID]int64 {
		page, err := store.Rows(t.Context(), ports.RowQuery{View: view, Table: table, Prefix: []any{"all"}, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		found := map[uuid.UUID]int64{}
		for _, row := range page.Rows {
			found[row[1].(uuid.UUID)] = row[2].(int64)
		}
		return found
	}
	if d := diff(map[uuid.UUID]int64{intact[0].AggregateID: 1}, rows()); d != "" {
		t.Errorf("a list with a damaged row: %s", d)
	}
	point := ports.RowQuery{View: view, Table: table, Prefix: []any{"all", id}, Limit: 1}
	if _, err := store.Rows(t.Context(), point); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("the damaged row itself: error %v, want %v", err, ports.ErrCorrupt)
	}
	if _, err := store.State(t.Context(), view, id); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("the damaged state: error %v, want %v", err, ports.ErrCorrupt)
	}
	parked, err := store.Parked(t.Context(), view.Consumer, "", 10)
	if err != nil || len(parked.Aggregates) != 2 || !slices.ContainsFunc(parked.Aggregates, func(p ports.ParkedAggregate) bool {
		return p.AggregateID == id && p.Kind == ports.FailureStore && strings.Contains(p.Error, "cannot be read")
	}) {
		t.Errorf("parked: %+v, error %v", parked, err)
	}
	skips, err := store.Skips(t.Context(), ports.SkipQuery{Consumer: view.Consumer, Limit: 10})
	if err != nil || len(skips.Skips) != 3 || !slices.ContainsFunc(skips.Skips, func(s ports.Skip) bool {
		return s.AggregateID == id && s.SequenceNumber == 2 && strings.Contains(s.Reason, "cannot be read")
	}) {
		t.Errorf("skips: %+v, error %v", skips, err)
	}
	if _, err := store.Subscribe(t.Context(), view.Consumer); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("a damaged offset: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	if lag, err := store.Lag(t.Context(), view.Consumer); err != nil || lag.Known {
		t.Errorf("the lag of a damaged offset is %+v, error %v", lag, err)
	}

	// What repairs each of them: write it again.
	if err := store.Apply(t.Context(), view, progress(hit[1])); err != nil {
		t.Fatal(err)
	}
	mustSeekEnd(t, store.Store, view.Consumer)
	mustSubscribe(t, store.Store, view.Consumer)
	if d := diff(map[uuid.UUID]int64{id: 2, intact[0].AggregateID: 1}, rows()); d != "" {
		t.Error(d)
	}
	expectDamage(t, store.Store, logged, 5)
}
