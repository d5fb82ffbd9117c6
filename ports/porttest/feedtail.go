package porttest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func feedTailScenarios() []scenario[FeedTailHarness] {
	return []scenario[FeedTailHarness]{
		{"a tail from now gets only later records", tailFromNow},
		{"a tail from the earliest place gets everything, and then what follows", tailFromEarliest},
		{"a tail continues after each place without a gap", tailResumes},
		{"places are true after a restart", tailReopened},
		{"live comes once, after all that was there before", tailLive},
		{"a tail gets every field of a record", tailFields},
		{"a tail sees every record of concurrent writers, in order", tailConcurrent},
		{"a slow tail holds nobody up and misses nothing", slowTail},
		{"pages are bounded", tailPages},
		{"a malformed place is refused", tailBadPlace},
		{"tails are no consumers", tailsAreNoConsumers},
		{"an expired place says what is lost, and continues", tailExpired},
		{"an open tail that loses records says so", tailExpiresOpen},
		{"a tail at the end loses nothing", tailExpiresAtEnd},
		{"an ended context ends a blocked tail, which loses nothing", tailCancelled},
		{"closing a tail ends its blocked next", tailClosed},
		{"a closed store has no tails", tailStoreClosed},
		{"memory is not shared between tails", tailMemory},
	}
}

// reader reads one tail and checks each page.
type reader struct {
	test
	h    FeedTailHarness
	tail ports.Tail

	// wanted holds the records that may come, and seen those that came, in their order.
	wanted map[place]eventsourcing.Record
	seen   map[place]bool
	came   []ports.TailRecord
	// last is the place after the last page.
	last ports.Place
	live bool
	lost *ports.TailGap
}

// tail opens a tail. The context of the call ends right after it, but the tail must not end.
func (t test) tail(h FeedTailHarness, after ports.Place) *reader {
	t.Helper()
	tail, err := t.tryTail(h, after)
	t.must("open a tail", err)
	t.Cleanup(func() { // where the error matters, the scenario has already closed
		t.within("a tail to close", func(context.Context) { _ = tail.Close() })
	})
	return &reader{test: t, h: h, tail: tail, wanted: map[place]eventsourcing.Record{}, seen: map[place]bool{}}
}

func (t test) tryTail(h FeedTailHarness, after ports.Place) (tail ports.Tail, err error) {
	t.Helper()
	t.within("a tail to open", func(ctx context.Context) { tail, err = h.Tails.OpenTail(ctx, after) })
	return tail, err
}

func (t test) tailTraffic(h FeedTailHarness, aggregates, rounds int) []eventsourcing.Record {
	t.Helper()
	return t.traffic(ChangeFeedHarness{Store: h.Store}, aggregates, rounds)
}

func (r *reader) may(records []eventsourcing.Record) {
	for _, record := range records {
		r.wanted[placeOf(record)] = record.Clone()
	}
}

// expect reads until the records have come.
func (r *reader) expect(records []eventsourcing.Record) {
	r.Helper()
	r.may(records)
	for slices.ContainsFunc(records, func(record eventsourcing.Record) bool { return !r.seen[placeOf(record)] }) {
		r.read()
	}
}

// expectLive reads until live is reached.
func (r *reader) expectLive() {
	r.Helper()
	for !r.live {
		r.read()
	}
}

// expectNothing checks that Next waits, and that it ends with its context.
func (r *reader) expectNothing() {
	r.Helper()
	for {
		page, err := r.peek()
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		r.must("next of a tail", err)
		if n := len(r.came); r.receive(page) || len(r.came) > n {
			r.Fatalf("a tail was given a page where nothing is due: %d records, live: %t", len(page.Records), page.Live)
		}
	}
}

// peek waits for a page for a short time.
func (r *reader) peek() (page ports.TailPage, err error) {
	r.Helper()
	r.within("next of a tail to end with its context", func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, r.Quiet)
		defer cancel()
		page, err = r.tail.Next(ctx)
	})
	return page, err
}

// read reads a page.
func (r *reader) read() {
	r.Helper()
	var page ports.TailPage
	var err error
	r.within("a page of a tail", func(ctx context.Context) { page, err = r.tail.Next(ctx) })
	r.must("next of a tail", err)
	r.receive(page)
}

// receive checks a page, and reports whether it says something besides its records.
func (r *reader) receive(page ports.TailPage) bool {
	r.Helper()
	if page.Lost == nil && len(page.Records) == 0 && !page.Live && !r.h.Repeats {
		r.Fatalf("a tail was given a page with nothing in it")
	}
	if page.Lost != nil {
		if r.lost != nil {
			r.Fatalf("a tail was told twice that records are lost: %+v and %+v", *r.lost, *page.Lost)
		}
		r.lost = page.Lost
	}
	for _, record := range page.Records {
		r.receiveRecord(record)
	}
	if page.Live && r.live {
		r.Fatalf("a tail was told twice that it is live")
	}
	r.live = r.live || page.Live
	checkPlace(r.test, page.Place)
	r.last = page.Place
	return page.Lost != nil || page.Live
}

func (r *reader) receiveRecord(got ports.TailRecord) {
	r.Helper()
	at := placeOf(got.Record)
	checkPlace(r.test, got.Place)
	want, wanted := r.wanted[at]
	if !wanted || r.seen[at] {
		if !r.h.Repeats {
			r.Fatalf("a tail was given %s, which must not come (it came before: %t)", at, r.seen[at])
		}
		return
	}
	r.expectRecords("what a tail was given", []eventsourcing.Record{got.Record}, []eventsourcing.Record{want})
	before := place{at.aggregateID, at.sequence - 1}
	if _, wanted := r.wanted[before]; wanted && !r.seen[before] {
		r.Fatalf("a tail was given %s before its predecessor", at)
	}
	r.seen[at] = true
	r.came = append(r.came, got)
}

func checkPlace(t test, p ports.Place) {
	t.Helper()
	bad := func(c rune) bool { return c <= ' ' || c > '~' }
	if p == ports.PlaceNow || p == ports.PlaceEarliest || len(p) > 64 || strings.ContainsFunc(string(p), bad) {
		t.Fatalf("%q cannot be a place", p)
	}
}

func tailFromNow(t test, h FeedTailHarness) {
	t.tailTraffic(h, 2, 2)
	r := t.tail(h, ports.PlaceNow)
	later := t.tailTraffic(h, 2, 2)
	r.expect(later)
	r.expectLive()
	r.expectNothing()
	r.expect(t.tailTraffic(h, 1, 1))
}

func tailFromEarliest(t test, h FeedTailHarness) {
	earlier := t.tailTraffic(h, 3, 2)
	r := t.tail(h, ports.PlaceEarliest)
	r.expect(earlier)
	r.expectLive()
	r.expect(t.tailTraffic(h, 2, 2))
	r.expectNothing()
	if r.lost != nil {
		t.Fatalf("a tail from the earliest place was told that records are lost")
	}
}

func tailResumes(t test, h FeedTailHarness) {
	all := t.tailTraffic(h, 3, 3)
	first := t.tail(h, ports.PlaceEarliest)
	first.expect(all)
	for i, stop := range first.came {
		r := t.tail(h, stop.Place)
		var rest []eventsourcing.Record
		for _, next := range first.came[i+1:] {
			rest = append(rest, next.Record)
		}
		r.expect(rest)
		r.expectLive()
		r.expectNothing()
		if r.lost != nil {
			t.Fatalf("a tail that continues was told that records are lost")
		}
	}
	first.expectLive()
	later := t.tailTraffic(h, 1, 2)
	again := t.tail(h, first.last)
	again.expect(later)
	again.expectLive()
}

func tailReopened(t test, h FeedTailHarness) {
	all := t.tailTraffic(h, 3, 2)
	first := t.tail(h, ports.PlaceEarliest)
	first.expect(all)
	first.expectLive()
	half, end := first.came[len(all)/2], first.last
	var rest []eventsourcing.Record
	for _, next := range first.came[len(all)/2+1:] {
		rest = append(rest, next.Record)
	}
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	later := t.tailTraffic(h, 2, 2)
	t.tail(h, half.Place).expect(slices.Concat(rest, later))
	t.tail(h, end).expect(later)
	t.tail(h, ports.PlaceEarliest).expect(slices.Concat(all, later))
}

// tailLive opens tails between appends. What was there before comes before live, and what comes
// later does not.
func tailLive(t test, h FeedTailHarness) {
	t.tail(h, ports.PlaceNow).expectLive()
	t.tail(h, ports.PlaceEarliest).expectLive()
	earlier := t.tailTraffic(h, 2, 2)
	r := t.tail(h, ports.PlaceEarliest)
	now := t.tail(h, ports.PlaceNow)
	later := t.tailTraffic(h, 2, 2)
	r.may(slices.Concat(earlier, later))
	r.expectLive()
	for _, record := range earlier {
		if !r.seen[placeOf(record)] {
			t.Fatalf("a tail is live before it was given %s", placeOf(record))
		}
	}
	if !h.Repeats { // otherwise the end of the feed is a time
		for _, record := range later {
			if r.seen[placeOf(record)] {
				t.Fatalf("a tail was given %s before it was live, but it was appended later", placeOf(record))
			}
		}
	}
	r.expect(later)
	now.may(later)
	now.expectLive()
	now.expect(later)
	now.expectNothing()
}

func tailFields(t test, h FeedTailHarness) {
	a := command(newID(), 0, 3)
	a.Records[0].Metadata = map[string]string{"benutzer": "Zoë 🛒", "no value": ""}
	a.Records[1].EventType, a.Records[1].EventVersion, a.Records[1].Metadata = "porttest.other", 3, nil
	a.Records[2].Payload = largeJSON()
	t.append(h.Store, a)
	t.tail(h, ports.PlaceEarliest).expect(a.Records)
	later := t.tail(h, ports.PlaceNow)
	b := ofType(command(newID(), 0, 2), "stock-item")
	t.append(h.Store, b)
	later.expect(b.Records)
}

func tailConcurrent(t test, h FeedTailHarness) {
	const each = 10
	r := t.tail(h, ports.PlaceNow)
	shared := newID()
	written := make([][]eventsourcing.Record, t.Writers)
	t.together(t.Writers, "writers", func(ctx context.Context, i int) error {
		id := shared
		if i%2 == 0 {
			id = newID()
		}
		commands, err := appendInTurn(ctx, h.Store, id, each)
		for _, a := range commands {
			written[i] = append(written[i], a.Records...)
		}
		return err
	})
	r.expect(slices.Concat(written...))
	r.expectLive()
	r.expectNothing()
}

func slowTail(t test, h FeedTailHarness) {
	slow, stuck, working := t.tail(h, ports.PlaceNow), t.tail(h, ports.PlaceNow), t.tail(h, ports.PlaceNow)
	slow.expect(t.tailTraffic(h, 1, 1))
	stuck.may(nil)
	each := max(1, t.Backlog/t.Writers)
	written := make([][]eventsourcing.Record, t.Writers)
	t.together(t.Writers, "writers that a slow tail must not hold up", func(ctx context.Context, i int) error {
		id := newID()
		for head := range uint64(each) {
			a := command(id, head, 1)
			if _, err := h.Store.Append(ctx, a); err != nil {
				return err
			}
			written[i] = append(written[i], a.Records...)
		}
		return nil
	})
	all := slices.Concat(written...)
	working.h.Repeats = true // it got the first traffic, too
	working.expect(all)
	slow.expect(all)
	slow.expectLive()
	slow.expectNothing()
}

func tailPages(t test, h FeedTailHarness) {
	id := newID()
	var all []eventsourcing.Record
	for head := uint64(0); head < 2*ports.MaxTailRecords+50; head += 50 {
		all = append(all, t.append(h.Store, command(id, head, 50))...)
	}
	large := newID()
	for head := range uint64(8) {
		a := command(large, head, 1)
		a.Records[0].Payload = largeJSON()
		all = append(all, t.append(h.Store, a)...)
	}
	r := t.tail(h, ports.PlaceEarliest)
	r.may(all)
	for len(r.came) < len(all) {
		var page ports.TailPage
		var err error
		t.within("a page of a tail", func(ctx context.Context) { page, err = r.tail.Next(ctx) })
		t.must("next of a tail", err)
		size := 0
		for i, record := range page.Records {
			if i < len(page.Records)-1 {
				size += len(record.Record.Payload)
			}
		}
		if len(page.Records) > ports.MaxTailRecords || size > ports.MaxTailBytes {
			t.Fatalf("a page has %d records, and %d bytes before its last one", len(page.Records), size)
		}
		r.receive(page)
	}
}

func tailBadPlace(t test, h FeedTailHarness) {
	all := t.tailTraffic(h, 1, 2)
	r := t.tail(h, ports.PlaceEarliest)
	r.expect(all)
	r.expectLive()
	for _, bad := range []ports.Place{
		"?", "no place", "\x00", "-1", "+1", "01", "1.0", "Earliest", "99999999999999999999999", r.last + "0000000", r.last + " ",
		ports.Place(strings.Repeat("9", 1000)),
	} {
		if _, err := t.tryTail(h, bad); !errors.Is(err, ports.ErrBadCursor) {
			t.Errorf("a tail after %q: error %v, want %v", bad, err, ports.ErrBadCursor)
		}
	}
}

// tailsAreNoConsumers has consumers beside tails: the tails change nothing for them.
func tailsAreNoConsumers(t test, h FeedTailHarness) {
	feed := ChangeFeedHarness{Feed: h.Feed, Store: h.Store, Repeats: h.Repeats, Tuning: h.Tuning}
	t.seekEnd(feed, "a", "idle")
	r := t.tail(h, ports.PlaceNow)
	all := t.tailTraffic(h, 2, 2)
	r.expect(all)
	r.expectLive()
	t.expectLag(feed, "idle", len(all))
	stuck := t.tail(h, ports.PlaceEarliest)
	a := t.subscribe(feed, "a")
	a.expect(all)
	a.commitAll()
	t.expectLag(feed, "a", 0)
	t.expectLag(feed, "idle", len(all))
	stuck.expectLive0()
	for _, name := range []string{"", "tail", "new"} {
		if _, err := t.trySubscribe(feed, name); !errors.Is(err, ports.ErrNoOffset) {
			t.Fatalf("subscribe %q after tails were opened: error %v, want %v", name, err, ports.ErrNoOffset)
		}
	}
}

// expectLive0 reads until live, whatever comes before.
func (r *reader) expectLive0() {
	r.Helper()
	r.h.Repeats = true
	r.expectLive()
}

func tailExpired(t test, h FeedTailHarness) {
	if h.Expire == nil {
		t.Log("absent: this feed cannot be made to expire, so expiry is not tested")
		return
	}
	all := t.tailTraffic(h, 2, 2)
	first := t.tail(h, ports.PlaceEarliest)
	first.expect(all)
	first.expectLive()
	old := first.came[0].Place
	h.Expire()
	later := t.tailTraffic(h, 2, 2)
	r := t.tail(h, old)
	r.may(all) // a feed that has not dropped them yet may deliver them
	r.expect(later)
	r.expectLive()
	if r.lost == nil || r.lost.From == r.lost.To {
		t.Fatalf("a tail from an expired place was not told what is lost: %+v", r.lost)
	}
	checkPlace(t, r.lost.From)
	checkPlace(t, r.lost.To)
	again := t.tail(h, r.lost.To)
	again.may(all)
	again.expect(later)
	if again.lost != nil && !h.Repeats { // otherwise the end of what expires is a time, which moves
		t.Fatalf("the place from which a tail continues has expired: %+v", again.lost)
	}
	earliest := t.tail(h, ports.PlaceEarliest)
	earliest.may(all)
	earliest.expect(later)
	if earliest.lost != nil {
		t.Fatalf("a tail from the earliest place was told that records are lost: %+v", earliest.lost)
	}
}

func tailExpiresOpen(t test, h FeedTailHarness) {
	if h.Expire == nil {
		t.Log("absent: this feed cannot be made to expire, so expiry is not tested")
		return
	}
	t.tailTraffic(h, 1, 1)
	r := t.tail(h, ports.PlaceEarliest)
	r.expectLive0()
	r.h.Repeats = h.Repeats
	gone := t.tailTraffic(h, 2, 2)
	h.Expire()
	later := t.tailTraffic(h, 2, 2)
	r.may(gone)
	r.expect(later)
	if r.lost == nil {
		t.Fatalf("an open tail was not told that records are lost")
	}
	r.expectNothing()
}

func tailExpiresAtEnd(t test, h FeedTailHarness) {
	if h.Expire == nil {
		t.Log("absent: this feed cannot be made to expire, so expiry is not tested")
		return
	}
	all := t.tailTraffic(h, 1, 1)
	r := t.tail(h, ports.PlaceEarliest)
	r.expect(all)
	r.expectLive()
	h.Expire()
	r.expectNothing()
	r.expect(t.tailTraffic(h, 1, 1))
	if r.lost != nil {
		t.Fatalf("a tail at the end was told that records are lost: %+v", r.lost)
	}
}

func tailCancelled(t test, h FeedTailHarness) {
	r := t.tail(h, ports.PlaceNow)
	r.expectLive()
	t.refusesCancelled(
		call{"OpenTail", func(ctx context.Context) error { _, err := h.Tails.OpenTail(ctx, ports.PlaceNow); return err }},
		call{"Next", func(ctx context.Context) error { _, err := r.tail.Next(ctx); return err }},
	)
	for range 3 {
		r.expectNothing()
		r.expect(t.tailTraffic(h, 1, 1))
	}
	all := t.tailTraffic(h, 1, 2)
	t.refusesCancelled(call{"Next", func(ctx context.Context) error { _, err := r.tail.Next(ctx); return err }})
	r.expect(all)
}

// blockTail calls Next in the background. The channel gets its error.
func (r *reader) block() <-chan error {
	blocked := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		_, err := r.tail.Next(context.WithoutCancel(r.Context()))
		blocked <- err
	}()
	<-started
	return blocked
}

func (r *reader) expectClosed(blocked <-chan error) {
	r.Helper()
	var err error
	r.within("a blocked Next of a tail to end", func(context.Context) { err = <-blocked })
	if !errors.Is(err, ports.ErrClosed) {
		r.Fatalf("next of a closed tail: error %v, want %v", err, ports.ErrClosed)
	}
}

func tailClosed(t test, h FeedTailHarness) {
	r, other := t.tail(h, ports.PlaceNow), t.tail(h, ports.PlaceNow)
	r.expectLive()
	blocked := r.block()
	for range 2 {
		t.within("a tail to close", func(context.Context) { t.must("close a tail", r.tail.Close()) })
	}
	r.expectClosed(blocked)
	r.expectClosed(r.block())
	other.expect(t.tailTraffic(h, 1, 1))
}

func tailStoreClosed(t test, h FeedTailHarness) {
	r := t.tail(h, ports.PlaceNow)
	r.expectLive()
	blocked := r.block()
	t.refusesClosed(h,
		call{"OpenTail", func(ctx context.Context) error { _, err := h.Tails.OpenTail(ctx, ports.PlaceNow); return err }},
		call{"Next", func(ctx context.Context) error { _, err := r.tail.Next(ctx); return err }},
	)
	r.expectClosed(blocked)
}

func tailMemory(t test, h FeedTailHarness) {
	all := t.tailTraffic(h, 2, 1)
	a, b := t.tail(h, ports.PlaceEarliest), t.tail(h, ports.PlaceEarliest)
	a.expect(all)
	for _, record := range a.came {
		scribble([]eventsourcing.Record{record.Record})
	}
	b.expect(all)
	t.tail(h, ports.PlaceEarliest).expect(all)
}
