package porttest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func historyPagerScenarios() []scenario[HistoryPagerHarness] {
	return []scenario[HistoryPagerHarness]{
		{"an unknown aggregate has no page", unknownPage},
		{"pages of every size make the history", historyPages},
		{"a page has what was acknowledged before it", pageSeenAtOnce},
		{"histories that are loaded together are those that are loaded one by one", historiesTogether},
		{"a limit below 1 is refused", pageLimits},
		{"an ended context stops a page", pageCancelled},
		{"a closed store refuses a page", pageClosed},
	}
}

func (t test) tryPage(h HistoryPagerHarness, id uuid.UUID, after uint64, limit int) (records []eventsourcing.Record, err error) {
	t.Helper()
	t.within(fmt.Sprintf("page of %s after %d", id, after), func(ctx context.Context) {
		records, err = h.Pager.LoadPage(ctx, id, after, limit)
	})
	return records, err
}

// expectPage checks a page.
func (t test) expectPage(h HistoryPagerHarness, id uuid.UUID, after uint64, limit int, want []eventsourcing.Record) {
	t.Helper()
	got, err := t.tryPage(h, id, after, limit)
	t.must("page", err)
	t.expectRecords(fmt.Sprintf("page of %d after %d", limit, after), got, want)
}

func unknownPage(t test, h HistoryPagerHarness) {
	t.append(h.Store, command(newID(), 0, 3))
	for _, after := range []uint64{0, 1, 1 << 40} {
		t.expectPage(h, newID(), after, 10, nil)
	}
}

func historyPages(t test, h HistoryPagerHarness) {
	id := newID()
	var history []eventsourcing.Record
	for events := range 5 { // the pages need not end where commands end
		history = append(history, t.append(h.Store, command(id, uint64(len(history)), events+1))...)
	}
	t.append(h.Store, command(newID(), 0, 3))
	for limit := 1; limit <= len(history)+1; limit++ {
		for after := range len(history) + 2 {
			from := min(after, len(history))
			t.expectPage(h, id, uint64(after), limit, history[from:min(from+limit, len(history))])
		}
	}
	t.expectPage(h, id, 0, 1<<30, history)
	t.expectPage(h, id, 1<<62, 10, nil)
}

func pageSeenAtOnce(t test, h HistoryPagerHarness) {
	id := newID()
	for head := range uint64(10) {
		t.expectPage(h, id, head, 10, t.append(h.Store, command(id, head, 1)))
	}
}

func historiesTogether(t test, h HistoryPagerHarness) {
	if h.Bulk == nil {
		return
	}
	var from []ports.HistoryFrom
	var want [][]eventsourcing.Record
	for n := range 24 {
		id := newID()
		var history []eventsourcing.Record
		if n%5 > 0 { // else it is unknown
			history = t.append(h.Store, command(id, 0, n%5))
		}
		after := min(n%3, len(history))
		at := (5 * n) % (len(from) + 1) // in no order
		from = slices.Insert(from, at, ports.HistoryFrom{AggregateID: id, After: uint64(after)})
		want = slices.Insert(want, at, history[after:])
	}
	for _, n := range []int{0, 1, len(from)} {
		var got [][]eventsourcing.Record
		var err error
		t.within("LoadAll", func(ctx context.Context) { got, err = h.Bulk.LoadAll(ctx, from[:n]) })
		t.must("load together", err)
		if len(got) != n {
			t.Fatalf("%d histories of %d", len(got), n)
		}
		for i := range got {
			t.expectRecords(fmt.Sprintf("history %d of %d, loaded together,", i, n), got[i], want[i])
		}
	}
}

func pageLimits(t test, h HistoryPagerHarness) {
	id := newID()
	t.append(h.Store, command(id, 0, 1))
	for _, limit := range []int{0, -1} {
		if records, err := t.tryPage(h, id, 0, limit); err == nil {
			t.Fatalf("a page with the limit %d: %d records and no error", limit, len(records))
		}
	}
}

func pageCalls(h HistoryPagerHarness, id uuid.UUID) call {
	return call{"LoadPage", func(ctx context.Context) error { _, err := h.Pager.LoadPage(ctx, id, 0, 1); return err }}
}

func pageCancelled(t test, h HistoryPagerHarness) {
	id := newID()
	t.append(h.Store, command(id, 0, 2))
	t.refusesCancelled(pageCalls(h, id))
}

func pageClosed(t test, h HistoryPagerHarness) {
	id := newID()
	t.append(h.Store, command(id, 0, 2))
	t.refusesClosed(h, pageCalls(h, id))
}
