package embedded_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// model is what a store should hold, in the simplest form.
type model struct {
	store   *embedded.Store
	options embedded.Options
	now     *atomic.Int64

	histories map[uuid.UUID][]eventsourcing.Record
	appends   []ports.Append
	outbox    []eventsourcing.Record
	times     []int64
	// expired is the number of records that are gone from the front of the outbox.
	expired int
	offsets map[string]int
	// open holds the subscriptions, and delivered how far each is.
	open      map[string]ports.Subscription
	delivered map[string]int
	// beats holds how long the outbox was at each heartbeat.
	beats  map[time.Time]int
	states map[uuid.UUID]uint64
}

const modelRetention = time.Hour

// TestStore_PropBehavesLikeItsModel makes random calls, closes and opens the store in between, and
// compares every answer.
func TestStore_PropBehavesLikeItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			now: new(atomic.Int64), histories: map[uuid.UUID][]eventsourcing.Record{}, offsets: map[string]int{},
			open: map[string]ports.Subscription{}, delivered: map[string]int{}, beats: map[time.Time]int{}, states: map[uuid.UUID]uint64{},
		}
		m.options = embedded.Options{
			Dir: "data", FS: vfs.NewMem(), Retention: modelRetention, FeedBytes: 1500,
			Now: func() time.Time { return time.UnixMilli(1_900_000_000_000 + m.now.Load()) },
		}
		m.reopen(t)
		defer func() { must(t, m.store.Close()) }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append again": m.appendAgain, "find": m.find, "beat": m.beat, "load": m.load, "subscribe": m.subscribe, "next": m.next, "commit": m.commit,
			"unsubscribe": m.unsubscribe, "seek end": m.seekEnd, "lag": m.lag, "expire": m.expire, "apply": m.apply, "reopen": m.reopen,
			"": func(*rapid.T) {},
		})
		m.check(t)
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) reopen(t *rapid.T) {
	if m.store != nil {
		must(t, m.store.Close())
	}
	clear(m.open)
	var err error
	m.store, err = embedded.Open(t.Context(), m.options)
	must(t, err)
}

// aggregate draws an aggregate that exists, or a new one.
func (m *model) aggregate(t *rapid.T) uuid.UUID {
	known := slices.SortedFunc(maps.Keys(m.histories), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return rapid.SampledFrom(append(known, uuid.UUID{0: 1, 15: byte(len(known))})).Draw(t, "aggregate")
}

func (m *model) append(t *rapid.T) {
	id := m.aggregate(t)
	head := uint64(len(m.histories[id]))
	expected := head
	if rapid.IntRange(0, 4).Draw(t, "conflict") == 0 {
		expected = rapid.Uint64Range(0, head+2).Draw(t, "expected")
	}
	m.now.Add(rapid.Int64Range(0, modelRetention.Milliseconds()/4).Draw(t, "later"))
	a := command(id, expected, rapid.IntRange(1, 3).Draw(t, "events"))
	got, err := m.store.Append(t.Context(), a)
	if expected != head {
		var conflict *ports.VersionConflictError
		if !errors.As(err, &conflict) || conflict.Actual != head {
			t.Fatalf("append at %d, with the head at %d: error %v", expected, head, err)
		}
		return
	}
	must(t, err)
	if !sameRecords(a.Records, got.Records) || got.Duplicate {
		t.Fatalf("answer %+v", got)
	}
	m.histories[id] = append(m.histories[id], a.Records...)
	m.appends = append(m.appends, a)
	for _, r := range a.Records {
		m.outbox, m.times = append(m.outbox, r), append(m.times, m.now.Load())
	}
}

func (m *model) appendAgain(t *rapid.T) {
	if len(m.appends) == 0 {
		return
	}
	a := rapid.SampledFrom(m.appends).Draw(t, "command")
	// a command at or below the expected head is the caller's to find, see ports.EventStore
	expected := rapid.Uint64Range(0, a.Records[0].SequenceNumber-1).Draw(t, "expected")
	again := command(a.AggregateID, expected, 2)
	again.CommandID = a.CommandID
	for i := range again.Records {
		again.Records[i].CommandID = a.CommandID
	}
	got, err := m.store.Append(t.Context(), again)
	must(t, err)
	if !sameRecords(a.Records, got.Records) || !got.Duplicate {
		t.Fatalf("answer %+v", got)
	}
}

// find finds a command, wherever it is in its history.
func (m *model) find(t *rapid.T) {
	if len(m.appends) == 0 {
		return
	}
	a := rapid.SampledFrom(m.appends).Draw(t, "command")
	got, err := m.store.FindCommand(t.Context(), a.AggregateID, a.CommandID)
	must(t, err)
	if !sameRecords(a.Records, got) {
		t.Fatalf("found %+v", got)
	}
	none, err := m.store.FindCommand(t.Context(), a.AggregateID, newID())
	must(t, err)
	if len(none) > 0 {
		t.Fatalf("found %+v for a command that nobody sent", none)
	}
}

func (m *model) beat(t *rapid.T) {
	at := time.UnixMilli(int64(len(m.beats))).UTC()
	must(t, m.store.Beat(t.Context(), at))
	m.beats[at] = len(m.outbox)
}

func (m *model) load(t *rapid.T) {
	id := m.aggregate(t)
	want := m.histories[id]
	after := rapid.IntRange(0, len(want)+1).Draw(t, "after")
	got, err := m.store.Load(t.Context(), id, uint64(after))
	must(t, err)
	if !sameRecords(want[min(after, len(want)):], got) {
		t.Fatalf("%d records after %d of %d", len(got), after, len(want))
	}
}

func (m *model) consumer(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "b\x00"}).Draw(t, "consumer")
}

func (m *model) subscribe(t *rapid.T) {
	consumer := m.consumer(t)
	sub, err := m.store.Subscribe(t.Context(), consumer)
	offset, known := m.offsets[consumer]
	switch {
	case m.open[consumer] != nil:
		if err == nil {
			t.Fatal("a second subscription was given")
		}
	case !known:
		m.wants(t, err, ports.ErrNoOffset)
	case offset < m.expired:
		m.wants(t, err, ports.ErrOffsetExpired)
	default:
		must(t, err)
		m.open[consumer], m.delivered[consumer] = sub, offset
	}
}

func (m *model) wants(t *rapid.T, got, want error) {
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

func (m *model) next(t *rapid.T) {
	consumer := m.consumer(t)
	sub, at := m.open[consumer], m.delivered[consumer]
	if sub == nil || at == len(m.outbox) && at >= m.expired {
		return // it would block
	}
	d, err := sub.Next(t.Context())
	for ; err == nil && !d.Beat.IsZero(); d, err = sub.Next(t.Context()) {
		if after, sent := m.beats[d.Beat]; !sent || after > at || d.Position != (ports.Position{Offset: strconv.Itoa(at)}) {
			t.Fatalf("heartbeat %+v at %d, sent behind %d", d, at, after)
		}
	}
	if at < m.expired {
		m.wants(t, err, ports.ErrOffsetExpired)
		return
	}
	must(t, err)
	if !sameRecords(m.outbox[at:at+1], []eventsourcing.Record{d.Record}) || d.Position != (ports.Position{Offset: strconv.Itoa(at + 1)}) {
		t.Fatalf("delivered %+v at %d", d, at+1)
	}
	m.delivered[consumer]++
}

func (m *model) commit(t *rapid.T) {
	consumer := m.consumer(t)
	sub := m.open[consumer]
	if sub == nil {
		return
	}
	at := rapid.IntRange(0, m.delivered[consumer]+1).Draw(t, "position")
	err := sub.Commit(t.Context(), ports.Position{Offset: fmt.Sprint(at)})
	if at > m.delivered[consumer] {
		if err == nil {
			t.Fatal("a commit of what was not delivered was accepted")
		}
		return
	}
	must(t, err)
	m.offsets[consumer] = max(m.offsets[consumer], at)
}

func (m *model) unsubscribe(t *rapid.T) {
	consumer := m.consumer(t)
	if sub := m.open[consumer]; sub != nil {
		must(t, sub.Close())
		delete(m.open, consumer)
	}
}

func (m *model) seekEnd(t *rapid.T) {
	consumer := m.consumer(t)
	err := m.store.SeekEnd(t.Context(), consumer)
	if m.open[consumer] != nil {
		if err == nil {
			t.Fatal("an offset was moved under a subscription")
		}
		return
	}
	must(t, err)
	m.offsets[consumer] = len(m.outbox)
}

func (m *model) lag(t *rapid.T) {
	consumer := m.consumer(t)
	got, err := m.store.Lag(t.Context(), consumer)
	must(t, err)
	want := ports.Lag{}
	if offset, known := m.offsets[consumer]; known && offset >= m.expired {
		want = ports.Lag{Known: true, Events: uint64(len(m.outbox) - offset)}
		if want.Events > 0 {
			want.Age = time.Duration(m.now.Load()-m.times[offset]) * time.Millisecond
		}
	}
	if got != want {
		t.Fatalf("lag %+v, want %+v", got, want)
	}
}

func (m *model) expire(t *rapid.T) {
	must(t, m.store.Expire(t.Context()))
	for m.expired < len(m.outbox) && m.times[m.expired] < m.now.Load()-modelRetention.Milliseconds() {
		m.expired++
	}
}

// apply changes a view of an aggregate that has events, as every consumer does. The store relies on
// it: it does not look for the state of an aggregate whose first event it has just appended.
func (m *model) apply(t *rapid.T) {
	id := m.aggregate(t)
	if len(m.histories[id]) == 0 {
		t.Skip("it has no events")
	}
	sequence := rapid.Uint64Range(1, 10).Draw(t, "sequence")
	r := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: id, SequenceNumber: sequence}}
	must(t, m.store.Apply(t.Context(), view, progress(r)))
	m.states[id] = max(m.states[id], sequence)
}

// check compares everything at the end.
func (m *model) check(t *rapid.T) {
	m.reopen(t)
	must(t, second(m.store.SaveConsumer(t.Context(), ports.ConsumerRecord{Name: view.Consumer})))
	c, err := read(m.store)
	must(t, err)
	if len(c.Heads) != len(m.histories) || len(c.Events) != len(m.outbox) || !sameRecords(c.Outbox, m.outbox[m.expired:]) {
		t.Fatalf("%d heads, %d events, %d in the outbox; want %d, %d, %d",
			len(c.Heads), len(c.Events), len(c.Outbox), len(m.histories), len(m.outbox), len(m.outbox)-m.expired)
	}
	for id, history := range m.histories {
		got, err := m.store.Load(t.Context(), id, 0)
		if err != nil || !sameRecords(got, history) || c.Heads[id] != uint64(len(history)) {
			t.Fatalf("%d records of %s at %d, want %d, error %v", len(got), id, c.Heads[id], len(history), err)
		}
	}
	for id, want := range m.states {
		got, err := m.store.State(t.Context(), view, id)
		if err != nil || got.SequenceNumber != want || c.Rows[id] != int64(want) {
			t.Fatalf("state %+v, row %d of %s, want %d, error %v", got, c.Rows[id], id, want, err)
		}
	}
}
