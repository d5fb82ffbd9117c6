package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// A model of the log, of two readers that miss and repeat rows like the real ones, and of a process
// that may die. Whatever they do and in whatever order, even during a read of the log, each record
// is committed in the end. And a heartbeat comes after all records that were visible before it was
// sent, as long as the hub drops none.

const (
	aggregates = 3
	// confidence is the longest time, in ticks, after which a row becomes visible.
	confidence = 20
)

type modelRow struct {
	Entry
	stream  int
	visible int // the tick at which readers begin to see it
}

type modelBeat struct {
	heartbeat
	stream int
}

type model struct {
	*rapid.T
	now  int
	log  []modelRow
	head [aggregates]uint64
	// beats holds the heartbeats by their times in milliseconds. A heartbeat is visible at once,
	// and in one stream.
	beats []modelBeat
	roomy bool

	hub       *Hub
	began     time.Time // where its readers started
	fastFrom  [aggregates]int
	safeFrom  [aggregates]int
	sub       *Subscription
	delivered []key // by the subscription
	saved     time.Time
	committed map[key]bool
	finishing bool
	// holes says that a record was released before its predecessor came.
	holes bool

	// tail reads beside the consumer. had holds what its client has. kept and hadThen are the place
	// at which the client was last, and what it had then.
	tail         *Tail
	had, hadThen map[key]bool
	kept         ports.Place
}

func at(tick int) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(tick) * time.Microsecond)
}

// start starts a process.
func (m *model) start() {
	remembered := 1000
	if !m.roomy {
		remembered = m.pick("remembered", 1, 40)
	}
	config := Config{
		Stale: time.Hour, Read: m.read, Now: func() time.Time { return at(m.now) },
		TailRecords: m.pick("tail", 1, 12), TailBytes: 1 << 20, Remembered: remembered, CatchUpRecords: m.pick("page", 1, 6),
	}
	begin := max(0, m.now-confidence)
	m.hub, m.began, m.holes = New(config, at(begin), time.Time{}), at(begin), false
	m.hub.kept = time.Hour
	m.fastFrom, m.safeFrom = [aggregates]int{begin, begin, begin}, [aggregates]int{begin, begin, begin}
	c := &consumer{name: "a", from: m.saved, reach: m.saved, saved: m.saved}
	m.hub.consumers["a"] = c
	m.subscribe()
	m.resume()
}

// resume opens the tail again, where its client was.
func (m *model) resume() {
	if m.kept == "" {
		m.kept = m.hub.placeAt(at(50), 0)
	}
	if m.tail != nil {
		_ = m.tail.Close() // it may be of a process that has died
	}
	var err error
	if m.tail, err = m.hub.OpenTail(m.kept, at(m.now)); err != nil {
		m.Fatal(err)
	}
	m.had = maps.Clone(m.hadThen)
}

// follow takes a page off the tail, if there is one. Its client may then keep its place.
func (m *model) follow() (more bool) {
	page, wait, err := m.tail.poll(context.Background())
	switch {
	case err != nil:
		m.Fatal(err)
	case page != nil && page.Lost != nil:
		m.Fatalf("records are lost: %+v", *page.Lost)
	case page != nil:
		cut := m.pick("the client is cut off after", 0, len(page.Records))
		if m.finishing {
			cut = len(page.Records)
		}
		for _, r := range page.Records[:cut] {
			k := Entry{record: r.Record}.key()
			m.inOrder(k, func(before key) bool { return m.had[before] })
			m.had[k] = true
			m.kept, m.hadThen = r.Place, maps.Clone(m.had)
		}
		if cut < len(page.Records) {
			m.resume()
		} else {
			m.kept, m.hadThen = page.Place, maps.Clone(m.had)
		}
	case wait != nil:
		return false
	default:
		_ = m.tail.readPage(context.Background()) // it may fail
	}
	return true
}

func (m *model) subscribe() {
	c := m.hub.consumers["a"]
	m.sub = &Subscription{hub: m.hub, consumer: c, closed: make(chan struct{})}
	c.open, c.delivered, c.heard, m.delivered = m.sub, 0, m.hub.pulse.last.number, nil
}

func (m *model) pick(what string, low, high int) int {
	return rapid.IntRange(low, high).Draw(m.T, what)
}

func (m *model) write() {
	stream := m.pick("aggregate", 0, aggregates-1)
	for range m.pick("events", 1, 3) {
		m.head[stream]++
		record := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: uuid.UUID{byte(stream + 1)}, SequenceNumber: m.head[stream]}}
		late := max(0, m.pick("late", -2*confidence, confidence-1)) // usually not late
		m.log = append(m.log, modelRow{NewEntry(record, at(m.now)), stream, m.now + late})
	}
	m.now += m.pick("pause", 0, 3)
}

func (m *model) beat() {
	sent := time.UnixMilli(int64(len(m.beats) + 1))
	m.beats = append(m.beats, modelBeat{heartbeat{at: sent, place: at(m.now)}, m.pick("stream of the beat", 0, aggregates-1)})
	m.now += m.pick("pause", 1, 3)
}

// hear shows a reader the heartbeats between two times.
func (m *model) hear(from, to time.Time, by Source, is func(modelBeat) bool) {
	for _, b := range m.beats {
		if b.place.After(from) && !b.place.After(to) && is(b) {
			m.hub.hear(b.heartbeat, by)
		}
	}
}

// heard checks a heartbeat that was delivered.
func (m *model) heard(d *ports.Delivery) {
	place := m.beats[d.Beat.UnixMilli()-1].place
	if want := strconv.Itoa(len(m.delivered)); d.Position.Offset != want {
		m.Fatalf("a heartbeat at %s behind delivery %s", d.Position.Offset, want)
	}
	for _, r := range m.log {
		late := r.at != at(r.visible)
		if m.roomy && !late && !r.at.After(place) && !m.committed[r.key()] && !slices.Contains(m.delivered, r.key()) {
			m.Fatalf("a heartbeat of %s came before event %d of aggregate %d, of %s; %s", show(place), r.record.SequenceNumber, r.stream, show(r.at), m.describe())
		}
	}
}

// rows returns the rows that a reader sees between two times.
func (m *model) rows(from, to time.Time, is func(modelRow) bool) (found []Entry) {
	for _, r := range m.log {
		if r.visible <= m.now && r.at.After(from) && !r.at.After(to) && is(r) {
			found = append(found, r.Entry)
		}
	}
	return found
}

func (m *model) add(entries []Entry, from Source) {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	for _, e := range entries {
		m.hub.add(e, from)
	}
}

// fast reads some streams, which may or may not end a pass.
func (m *model) fast() {
	first := m.pick("first stream", 0, aggregates-1)
	for stream := first; stream < aggregates; stream++ {
		m.hear(at(m.fastFrom[stream]), at(m.now-1), Fast, func(b modelBeat) bool { return b.stream == stream })
		m.add(m.rows(at(m.fastFrom[stream]), at(m.now-1), func(r modelRow) bool { return r.stream == stream }), Fast)
		m.fastFrom[stream] = max(m.fastFrom[stream], m.now-1)
	}
	m.passed(at(min(m.fastFrom[0], m.fastFrom[1], m.fastFrom[2])))
}

// safe reads some streams, which may or may not end a window.
func (m *model) safe() {
	to := m.now - confidence - m.pick("behind", 0, 5)
	first := 0
	if !m.finishing {
		first = m.pick("first stream", 0, aggregates-1)
	}
	for stream := first; stream < aggregates; stream++ {
		if to <= m.safeFrom[stream] {
			continue
		}
		m.hear(at(m.safeFrom[stream]), at(to), Safe, func(b modelBeat) bool { return b.stream == stream })
		m.add(m.rows(at(m.safeFrom[stream]), at(to), func(r modelRow) bool { return r.stream == stream }), Safe)
		m.safeFrom[stream] = to
	}
	m.hub.SafePassed(at(slices.Min(m.safeFrom[:])))
}

func (m *model) passed(horizon time.Time) { m.hub.FastPassed(horizon, horizon) }

// patience ends for what is held. Nothing is known of the order of records after a hole, unless the
// predecessor was in the log before this process started.
func (m *model) patience() {
	for _, r := range m.log {
		if _, came := m.hub.known.get(r.key()); !came && r.at.After(m.began) {
			m.holes = true
		}
	}
	m.hub.releaseDue(time.Now().Add(time.Hour))
}

// inOrder checks that a record comes after its predecessor.
func (m *model) inOrder(k key, had func(key) bool) {
	before := key{k.aggregateID, k.sequence - 1}
	if m.roomy && !m.holes && before.sequence > 0 && !had(before) {
		m.Fatalf("event %d of aggregate %d came before its predecessor; %s", k.sequence, k.aggregateID[0]-1, m.describe())
	}
}

// read returns a page of the log. Anything may happen while it is read.
func (m *model) read(_ context.Context, from, to time.Time) ([]Entry, time.Time, error) {
	if m.pick("fail", 0, 9) == 0 {
		return nil, to, context.DeadlineExceeded
	}
	m.some("before the read")
	page := m.rows(from, to, func(modelRow) bool { return true })
	for len(page) > m.hub.config.CatchUpRecords && to.Sub(from) > cdclog.Tick {
		to = from.Add((to.Sub(from) / 2).Truncate(cdclog.Tick))
		page = m.rows(from, to, func(modelRow) bool { return true })
	}
	m.some("after the read")
	return page, to, nil
}

// some lets a few things happen.
func (m *model) some(when string) {
	if m.finishing {
		return
	}
	for range m.pick("steps "+when, 0, 3) {
		rapid.SampledFrom([]func(){m.write, m.beat, m.fast, m.safe, m.patience}).Draw(m.T, "step")()
	}
}

// next takes a delivery if there is one. Otherwise it reads a page.
func (m *model) next() (more bool) {
	delivery, wait, err := m.sub.poll(context.Background())
	switch {
	case err != nil:
		m.Fatal(err)
	case delivery != nil && !delivery.Beat.IsZero():
		m.heard(delivery)
	case delivery != nil:
		k := Entry{record: delivery.Record}.key()
		m.inOrder(k, func(before key) bool { return m.committed[before] || slices.Contains(m.delivered, before) })
		m.delivered = append(m.delivered, k)
	case wait != nil:
		return false
	default:
		_ = m.sub.readPage(context.Background()) // it may fail
	}
	return true
}

func (m *model) commit() {
	c := m.sub.consumer
	n := m.pick("committed", 0, len(m.delivered))
	c.commit(uint64(n))
	for _, k := range m.delivered[:n] {
		m.committed[k] = true
	}
}

func (m *model) save() {
	if offset := m.hub.offset(m.sub.consumer); offset.After(m.saved) {
		m.saved = offset
	}
}

func (m *model) resubscribe() {
	if err := m.sub.Close(); err != nil {
		m.Fatal(err)
	}
	m.some("while closed")
	m.subscribe()
}

// finish makes everything visible, read, delivered and committed.
func (m *model) finish() {
	m.finishing = true
	m.beats = append(m.beats, modelBeat{heartbeat{at: time.UnixMilli(int64(len(m.beats) + 1)), place: at(m.now)}, 0})
	m.now += 3 * confidence
	for range 3 {
		m.fastAll()
		m.safe()
		m.patience()
		m.now += confidence
	}
	for m.next() {
	}
	for m.follow() {
	}
	for _, r := range m.log {
		if !m.had[r.key()] {
			m.Fatalf("event %d of aggregate %d never came to the tail; %s", r.record.SequenceNumber, r.stream, m.describe())
		}
	}
	if !m.tail.live {
		m.Fatalf("the tail was never live; %s", m.describe())
	}
	if c := m.sub.consumer; c.heard != m.hub.pulse.last.number || !m.hub.pulse.last.at.Equal(m.beats[len(m.beats)-1].at) {
		m.Fatalf("the last heartbeat was not delivered; %s", m.describe())
	}
	for _, k := range m.delivered {
		m.committed[k] = true
	}
	for _, r := range m.log {
		if !m.committed[r.key()] {
			m.Fatalf("event %d of aggregate %d was never committed; %s", r.record.SequenceNumber, r.stream, m.describe())
		}
	}
}

func (m *model) fastAll() {
	for stream := range aggregates {
		m.hear(at(m.fastFrom[stream]), at(m.now-1), Fast, func(b modelBeat) bool { return b.stream == stream })
		m.add(m.rows(at(m.fastFrom[stream]), at(m.now-1), func(r modelRow) bool { return r.stream == stream }), Fast)
		m.fastFrom[stream] = m.now - 1
	}
	m.passed(at(m.now - 1))
}

func (m *model) describe() string {
	c := m.sub.consumer
	return fmt.Sprintf("now %d, attached %t, next %d, tail %d to %d", m.now, c.attached, c.next, m.hub.first, m.hub.end())
}

func TestHub_PropEveryRecordIsCommittedInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{T: t, now: 100, saved: at(50), committed: map[key]bool{}, hadThen: map[key]bool{}, roomy: rapid.Bool().Draw(t, "roomy")}
		m.start()
		steps := map[string]func(){
			"write": m.write, "write more": m.write, "beat": m.beat, "fast": m.fast, "safe": m.safe, "patience": m.patience, "commit": m.commit, "save": m.save,
			"next": func() { m.next() },
			"drain": func() {
				for range 20 {
					m.next()
				}
			},
			"close": m.resubscribe, "crash": m.start, "follow": func() { m.follow() }, "resume": m.resume,
		}
		names := []string{"write", "write more", "beat", "fast", "safe", "patience", "commit", "save", "next", "drain", "close", "crash", "follow", "resume"}
		for range m.pick("steps", 1, 80) {
			steps[rapid.SampledFrom(names).Draw(t, "step")]()
		}
		m.finish()
	})
}

// The safe reader may pass a record that is held because its predecessor is unknown, and the
// process may die at that moment.
func TestHub_OffsetStaysBeforeAHeldRecord(t *testing.T) {
	t.Parallel()
	h := New(Config{TailRecords: 10, TailBytes: 1 << 20, Remembered: 10, Patience: time.Hour}, at(0), time.Time{})
	c := &consumer{name: "a"}
	h.seekEnd(c)
	h.add(NewEntry(numberedRecord(1, 5), at(10)), Safe)
	h.SafePassed(at(20))
	if got := h.offset(c); !got.Before(at(10)) {
		t.Errorf("the offset is %s, and a record of %s is held", got, at(10))
	}
	h.add(NewEntry(numberedRecord(1, 4), at(11)), Safe)
	if h.heldCount != 2 {
		t.Errorf("%d records are held, want 2", h.heldCount)
	}
	h.releaseDue(time.Now().Add(2 * time.Hour))
	if h.heldCount != 0 || len(h.held) != 0 || len(h.tail) != 2 || h.tail[0].record.SequenceNumber != 4 {
		t.Errorf("after the patience %d are held, and the tail is %v", h.heldCount, h.tail)
	}
}

// Both readers have found a record and the hub has dropped it, before the safe reader has passed
// it. Nothing would deliver it again.
func TestPage_HasWhatTheHubForgot(t *testing.T) {
	t.Parallel()
	h := New(Config{TailRecords: 10, TailBytes: 1 << 20, Remembered: 1, Patience: time.Hour}, at(0), time.Time{})
	forgotten, known, toCome := NewEntry(numberedRecord(1, 1), at(10)), NewEntry(numberedRecord(2, 1), at(11)), NewEntry(numberedRecord(3, 1), at(12))
	h.add(forgotten, Fast)
	h.add(forgotten, Safe)
	h.add(known, Fast)
	c := &consumer{name: "a", from: at(0)}
	h.take(c, []Entry{forgotten, known, toCome}, h.end())
	var got []key
	for _, e := range c.page {
		got = append(got, e.key())
	}
	if want := []key{forgotten.key(), known.key()}; !slices.Equal(got, want) {
		t.Errorf("the page has %v, want %v", got, want)
	}
}

// A page of the log turns out to be too large, and ends early. Records that come while it is read
// are behind its end. They come with the next pages, after their predecessors, and once.
func TestPage_CutShortLeavesWhatComesMeanwhileToTheNextOnes(t *testing.T) {
	t.Parallel()
	const all, each = 12, 3 // each at a tick of its own, and the last half comes during the read
	var h *Hub
	come := 0
	comes := func(upTo int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for ; come < upTo; come++ {
			h.add(NewEntry(numberedRecord(1, uint64(come+1)), at(come+1)), Fast)
		}
	}
	read := func(_ context.Context, from, to time.Time) (page []Entry, end time.Time, err error) {
		comes(all)
		for n := 1; n <= all; n++ {
			if e := NewEntry(numberedRecord(1, uint64(n)), at(n)); e.at.After(from) && !e.at.After(to) && len(page) < each {
				page, end = append(page, e), e.at
			}
		}
		return page, end, nil
	}
	h = New(Config{
		TailRecords: 2, TailBytes: 1 << 20, Remembered: 100, CatchUpRecords: each, Patience: time.Hour, Read: read,
		Now: func() time.Time { return at(all) },
	}, at(0), time.Time{})
	comes(all / 2)
	h.add(NewEntry(numberedRecord(2, 1), at(all)), Fast) // the first page is to go as far as that
	c := &consumer{name: "a", from: at(0), reach: at(0)}
	h.consumers["a"] = c
	sub, err := h.Subscribe("a")
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for len(got) <= all {
		d, wait, err := sub.poll(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case d != nil && d.Record.AggregateID == (uuid.UUID{1}):
			got = append(got, d.Record.SequenceNumber)
		case d == nil && wait != nil:
			if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			return
		case d == nil:
			if err := sub.readPage(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Errorf("got %v, which is too much", got)
}

func TestPage_IsInOrder(t *testing.T) {
	t.Parallel()
	page := []Entry{
		NewEntry(numberedRecord(1, 3), at(5)), NewEntry(numberedRecord(2, 8), at(2)), NewEntry(numberedRecord(1, 2), at(7)), NewEntry(numberedRecord(2, 9), at(2)), NewEntry(numberedRecord(1, 1), at(1)),
	}
	arrange(page)
	var got []key
	for _, e := range page {
		got = append(got, e.key())
	}
	one, two := uuid.UUID{1}, uuid.UUID{2}
	want := []key{{one, 1}, {two, 8}, {two, 9}, {one, 2}, {one, 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func numberedRecord(aggregate byte, sequence uint64) eventsourcing.Record {
	return eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", AggregateID: uuid.UUID{aggregate}, SequenceNumber: sequence}}
}

// An order that is used regularly, among many others, is not dropped, and its events are not held.
func TestHub_RemembersWhatIsInUse(t *testing.T) {
	t.Parallel()
	const remembered = 100
	h := New(Config{TailRecords: 10, TailBytes: 1 << 20, Remembered: remembered, Patience: time.Hour}, at(0), time.Time{})
	busy, tick := uuid.UUID{1}, 0
	add := func(id uuid.UUID, sequence uint64) {
		tick++
		h.add(NewEntry(eventsourcing.Record{Header: eventsourcing.Header{AggregateID: id, SequenceNumber: sequence}}, at(tick)), Fast)
	}
	for n := range uint64(50) {
		add(busy, n+1)
		for range remembered / 2 { // others, which come once
			add(uuid.New(), 1)
		}
	}
	if h.stats.Held != 0 || h.heldCount != 0 {
		t.Errorf("%d events of an order that is in use were held, although each came behind the one before", h.stats.Held)
	}
}
